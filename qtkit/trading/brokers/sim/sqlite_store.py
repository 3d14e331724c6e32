"""The broker's book in one SQLite file: it outlives our process, and the machine losing power."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

import msgspec

from qtkit.core.errors import BrokerUnavailable, DataError, FolderLocked
from qtkit.core.files import make_folder, open_file
from qtkit.trading.brokers.sim.records import (
    BookChange,
    BookState,
    Holding,
    News,
    Opening,
    OrderRow,
)
from qtkit.trading.brokers.sim.store import Step

__all__ = ["SqliteBook"]

_APPLICATION = 0x71746B42  # "qtkB": says in the file's header whose it is
_SCHEMA = 1
_RUNBOOK = "See runbooks/broker-book-damaged.md"
_TABLES = (
    """CREATE TABLE account (id INTEGER PRIMARY KEY CHECK (id = 1), cash TEXT NOT NULL,
        confirmed INTEGER NOT NULL, opening TEXT)""",
    """CREATE TABLE orders (number INTEGER PRIMARY KEY, order_id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL, row TEXT NOT NULL)""",
    "CREATE TABLE holdings (symbol TEXT PRIMARY KEY, row TEXT NOT NULL)",
    "CREATE TABLE news (seq INTEGER PRIMARY KEY, row TEXT NOT NULL)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_SCHEMA}",
    "INSERT INTO account VALUES (1, '0', 0, NULL)",
)
# Seconds to wait for another process that writes the book. Copying or looking takes less; a step of
# the strategy counts as late after ten.
_PATIENCE = 2.0
_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_Row = TypeVar("_Row", Opening, OrderRow, Holding, News)


class SqliteBook:
    """A durable book.

    Each step is one transaction, synced to the disk before `commit` returns (write-ahead log,
    ``synchronous=FULL``). One thread at a time.

    Parameters
    ----------
    path
        The file; it and its folder are made when they are missing.
    on_commit
        Called after each step is kept.

    Attributes
    ----------
    retries
        Whether somebody tries again when another process holds the file: it is raised as
        `BrokerUnavailable` then, and else as `FolderLocked`. Either way nothing has happened.
    """

    def __init__(self, path: Path, *, on_commit: Callable[[], None] | None = None) -> None:
        self.on_commit = on_commit
        self.path = path
        self.retries = False
        self._connection: sqlite3.Connection | None = None

    def load(self) -> BookState:
        """Return everything in the book, an empty state for a new one.

        Raises
        ------
        DataError
            If the file is damaged, is not such a book, or another version wrote it.
        FolderLocked, BrokerUnavailable
            If another process holds it.
        """
        with self._guarded(), self._transaction() as db:
            found = db.execute("SELECT cash, confirmed, opening FROM account").fetchone()
            if found is None:
                raise self._damaged("the account's own row is missing")
            cash, confirmed, opening = found
            return BookState(
                opening=None if opening is None else self._decoded(opening, Opening),
                cash=Decimal(cash),
                confirmed=confirmed,
                orders=self._rows("SELECT row FROM orders ORDER BY number", OrderRow),
                holdings=self._rows("SELECT row FROM holdings ORDER BY symbol", Holding),
                news=self._rows("SELECT row FROM news ORDER BY seq", News),
            )

    def commit(self, step: Step) -> None:
        """Keep a step: all of it or nothing.

        Raises
        ------
        DataError
            If the disk did not take it; the book is as it was.
        FolderLocked, BrokerUnavailable
            If another process holds it; the book is as it was.
        """
        with self._guarded(), self._transaction() as db:
            _write(db, step())
        if self.on_commit is not None:
            self.on_commit()

    def close(self) -> None:
        """Let go of the file; `load` opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Begin to write, also to read: what is read could be written by us alone then."""
        db = self._opened()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _opened(self) -> sqlite3.Connection:
        """Return the connection, opening and checking the file first if need be."""
        if self._connection is None:
            make_folder(self.path.parent)
            # SQLite gives its side files the mode of the book
            os.close(open_file(self.path, os.O_RDWR | os.O_CREAT))
            db = sqlite3.connect(
                self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
            self._connection = db
        return self._connection

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make the tables of a new file; refuse one that is damaged or not ours."""
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("BEGIN IMMEDIATE")
            for statement in _TABLES:
                db.execute(statement)
            db.execute("COMMIT")
        db.execute("PRAGMA synchronous = FULL")
        (application,) = db.execute("PRAGMA application_id").fetchone()
        if application != _APPLICATION:
            raise DataError(
                f"{self.path.name} is an SQLite file, but not a broker's book (application id "
                f"{application:#x}, expected {_APPLICATION:#x}). Move it away or name another "
                f"account. {_RUNBOOK}"
            )
        (schema,) = db.execute("PRAGMA user_version").fetchone()
        if schema != _SCHEMA:
            raise DataError(
                f"{self.path.name} was written in format {schema}, this version reads format "
                f"{_SCHEMA}. Use the version that wrote it. {_RUNBOOK}"
            )
        (health,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if health != "ok":
            raise self._damaged(health)

    def _rows(self, query: str, kind: type[_Row]) -> tuple[_Row, ...]:
        """Return a table's rows, decoded."""
        decoder = msgspec.json.Decoder(kind)
        return tuple(self._decoded(row, kind, decoder) for (row,) in self._opened().execute(query))

    def _decoded(
        self, row: str, kind: type[_Row], decoder: msgspec.json.Decoder[_Row] | None = None
    ) -> _Row:
        """Return one decoded row; one that does not read is damage."""
        try:
            return (decoder or msgspec.json.Decoder(kind)).decode(row)
        except (msgspec.DecodeError, RecursionError) as problem:
            raise self._damaged(f"a row of kind {kind.__name__} does not read: {problem}") from None

    def _damaged(self, what: object) -> DataError:
        """Return the error for a file that cannot be trusted."""
        return DataError(f"{self.path.name} is damaged ({what}). No order leaves. {_RUNBOOK}")

    def _held(self) -> BrokerUnavailable | FolderLocked:
        """Return the error for a file that another process holds."""
        what = (
            f"another process holds the broker's book {self.path}, and {_PATIENCE:g} s were not "
            "enough for it to let go"
        )
        if self.retries:
            return BrokerUnavailable(f"{what}; nothing was sent, and it is tried again")
        return FolderLocked(
            f"{what}. End what has the file open (an SQLite shell, a copy, a backup), then start "
            "again. See runbooks/folder-locked.md"
        )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn what SQLite says into what the reader does next."""
        try:
            yield
        except sqlite3.OperationalError as problem:
            code: int | None = getattr(problem, "sqlite_errorcode", None)
            if code is None:
                # not SQLite's but Python's: a text in it is no UTF-8
                raise self._damaged(problem) from problem
            if code & 0xFF in _HELD:
                raise self._held() from None
            raise DataError(
                f"{self.path.name} cannot be read or written ({problem}). Check disk space, "
                f"permissions, and that no other process holds it. {_RUNBOOK}"
            ) from problem
        except (sqlite3.DatabaseError, InvalidOperation) as problem:
            raise self._damaged(problem) from problem


def _write(db: sqlite3.Connection, change: BookChange) -> None:
    """Put a step into the running transaction."""
    db.execute(
        "UPDATE account SET cash = ?, confirmed = ?, opening = coalesce(?, opening)",
        (
            str(change.cash),
            change.confirmed,
            None if change.opening is None else _text(change.opening),
        ),
    )
    for row in change.orders:
        db.execute(
            "INSERT INTO orders VALUES (?, ?, ?, ?) ON CONFLICT (number)"
            " DO UPDATE SET status = excluded.status, row = excluded.row",
            (row.number, row.order.order_id, row.status, _text(row)),
        )
    for holding in change.holdings:
        db.execute(
            "INSERT INTO holdings VALUES (?, ?)"
            " ON CONFLICT (symbol) DO UPDATE SET row = excluded.row",
            (holding.symbol, _text(holding)),
        )
    db.executemany("INSERT INTO news VALUES (?, ?)", [(n.seq, _text(n)) for n in change.news])


def _text(row: msgspec.Struct) -> str:
    """Return a row as JSON text."""
    return msgspec.json.encode(row).decode()
