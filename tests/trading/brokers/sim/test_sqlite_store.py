"""The durable book: what survives, and what is refused."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from qtkit.core.errors import BrokerUnavailable, DataError, FolderLocked
from qtkit.testing import at
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.records import BookChange, Holding
from qtkit.trading.brokers.sim.sqlite_store import SqliteBook
from tests.trading.brokers.sim_world import SHARE, D, bars_of, clock_at, market_of, order

ROWS = [(f"09:3{i}", 10.0, 10.5, 9.5, 10.0, 10_000.0) for i in range(1, 4)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a book with an account, a filled order and an open one."""
    file = tmp_path / "account" / "broker.sqlite"
    broker = broker_on(file)
    broker.open_account(D(100_000), {SHARE: D(500)})
    broker.connect()
    broker.submit(order(1, 1_000))
    broker.submit(order(2, 1_000, "9.20"))
    broker._clock.set(at("09:31"))  # type: ignore[attr-defined]
    broker.poll_fills()
    broker.close()
    return file


def broker_on(file: Path) -> SimBroker:
    market = market_of({SHARE: bars_of(ROWS)})
    return SimBroker(book=SqliteBook(file), market=market, clock=clock_at("09:30"))


def edited(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_everything_reads_back_equal(path: Path) -> None:
    book = SqliteBook(path)
    state = book.load()
    book.close()
    assert state.cash == D("89995.00")
    assert [(r.number, r.status, r.reserved) for r in state.orders] == [
        (1, "filled", D(0)),
        (2, "accepted", D("11005.00")),
    ]
    assert [(h.symbol, h.quantity) for h in state.holdings] == [(SHARE, D(1_500))]
    assert [lot.quantity for lot in state.holdings[0].lots] == [D(1_000)]
    assert len(state.news) == 1


def test_the_book_syncs_every_step_to_the_disk(path: Path) -> None:
    book = SqliteBook(path)
    db = book._opened()
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    book.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment, where an operator's book waits two seconds."""
    monkeypatch.setattr("qtkit.trading.brokers.sim.sqlite_store._PATIENCE", 0.05)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("retries", [True, False])
@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "PRAGMA locking_mode = EXCLUSIVE"])
def test_a_book_that_another_process_holds_is_no_damage(
    path: Path, lock: str, *, retries: bool
) -> None:
    book = SqliteBook(path)
    book.retries = retries
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(lock)
        other.execute("UPDATE account SET cash = cash")
        with pytest.raises(BrokerUnavailable if retries else FolderLocked):
            book.commit(lambda: BookChange(cash=D(1), confirmed=0))
    assert book.load().cash == D("89995.00")
    book.close()


def test_a_book_that_is_let_go_in_time_takes_the_step(path: Path) -> None:
    book = SqliteBook(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.1, other.execute, ["ROLLBACK"])
    release.start()
    book.commit(lambda: BookChange(cash=D(1), confirmed=0))
    release.join()
    other.close()
    assert book.load().cash == D(1)
    book.close()


def test_a_step_that_fails_half_way_leaves_nothing(path: Path) -> None:
    book = SqliteBook(path)
    before = book.load()
    repeated = BookChange(
        cash=D(1),
        confirmed=9,
        holdings=(Holding(symbol=SHARE, quantity=D(1)),),
        news=before.news,  # these numbers are taken
    )
    with pytest.raises(DataError, match="damaged"):
        book.commit(lambda: repeated)
    assert book.load() == before
    book.close()


@pytest.mark.usefixtures("impatient")
def test_a_broker_that_cannot_keep_a_step_says_so_and_forgets_it(path: Path) -> None:
    broker = broker_on(path)
    broker.connect()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(FolderLocked):
            broker.submit(order(3, 100))
        other.execute("ROLLBACK")
    with pytest.raises(BrokerUnavailable):
        broker.poll_fills()
    broker.connect()
    assert broker.find("A-000003") is None
    broker.close()


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_torn_file_is_refused_and_left_as_it_is(path: Path, keep: float) -> None:
    whole = path.read_bytes()
    torn = whole[: int(len(whole) * keep)]
    path.write_bytes(torn)
    with pytest.raises(DataError, match=r"runbooks/broker-book-damaged\.md"):
        broker_on(path).connect()
    assert path.read_bytes() == torn


@pytest.mark.parametrize("text", [b"\xff\xfe{}", b"[" * 100_000], ids=["no utf-8", "too deep"])
def test_a_row_that_cannot_be_read_is_damage(path: Path, text: bytes) -> None:
    row = f"CAST(x'{text.hex()}' AS TEXT)"
    edited(path, f"UPDATE orders SET row = {row} WHERE number = 2")  # noqa: S608 - made above

    with pytest.raises(DataError, match=r"runbooks/broker-book-damaged\.md"):
        SqliteBook(path).load()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broker.sqlite"
    file.write_text("this is not a book " * 100)
    with pytest.raises(DataError, match=r"broker\.sqlite is damaged .*not a database"):
        broker_on(file).connect()


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broker.sqlite"
    edited(file, "CREATE TABLE songs (title TEXT)")
    with pytest.raises(DataError, match="not a broker's book"):
        broker_on(file).connect()


def test_a_newer_format_is_refused(path: Path) -> None:
    edited(path, "PRAGMA user_version = 2")
    with pytest.raises(DataError, match="written in format 2, this version reads"):
        broker_on(path).connect()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM account", "own row is missing"),
        ("UPDATE account SET cash = '89995.01'", "cash is 89995.01, opening and fills"),
        ("UPDATE account SET cash = 'much'", "damaged"),
        ("UPDATE orders SET row = '{}' WHERE number = 1", "OrderRow does not read"),
        ('DELETE FROM "orders" WHERE number=1', "not numbered without holes"),
        ("DELETE FROM news", "order A-000001 executed 1000, its fills make 0"),
        (
            'UPDATE holdings SET row = replace(row, \'"quantity":"1500"\', \'"quantity":"1600"\')',
            "600000.SH is 1600 shares, opening and",
        ),
        ("DROP TABLE news", "no such table: news"),
    ],
)
def test_a_book_that_does_not_add_up_is_refused(path: Path, statement: str, found: str) -> None:
    edited(path, statement)
    broker = broker_on(path)
    with pytest.raises(DataError, match=r"broker-book-damaged\.md") as caught:
        broker.connect()
    assert found in str(caught.value)
    broker.close()


def test_looking_for_an_account_makes_an_empty_book(tmp_path: Path) -> None:
    broker = broker_on(tmp_path / "new" / "broker.sqlite")
    assert not broker.has_account
    broker.close()
