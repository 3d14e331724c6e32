"""Whether an account's files tell one story: record, chain, journals, broker's book, folders.

Each was written by another hand at another moment, so that what one of them lost shows in the
others. What is missing counts as a loss, never as a beginning. Files that only repeat what a
journal says are written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from qtkit.core.errors import DataError
from qtkit.core.file_reader import plain_bytes, read_object, what_is_there
from qtkit.core.paths import AccountFolder, OutputRoot, SessionFolder, write_atomic
from qtkit.core.render import json_text
from qtkit.journal.reader import read_journal
from qtkit.model.events import SessionStarted
from qtkit.runtime.account_chain import (
    Chain,
    ChainedSession,
    book_digest,
    file_digest,
    note_length,
    read_chain,
)
from qtkit.runtime.session_reader import Reading, break_point_again, read_session
from qtkit.trading.brokers.protocol import BrokerFill
from qtkit.trading.brokers.sim.account import audited
from qtkit.trading.brokers.sim.records import BookState
from qtkit.trading.brokers.sim.sqlite_store import SqliteBook

__all__ = ["audit", "remains_of"]

_ACCOUNT = "runbooks/account-damaged.md"
_JOURNAL = "runbooks/journal-corrupt.md"
_BOOK = "runbooks/broker-book-damaged.md"
_ORDER = re.compile(r"q(\d{6,})")
_SIMULATED = "sim"  # the broker whose book is a file of the account
_SMALLEST_BOOK = 512  # bytes: one page of the smallest size


class Problem(NamedTuple):
    """What does not fit, and the page that says how to come back."""

    page: str
    sentence: str


def audit(account: AccountFolder, record: dict[str, Any]) -> Reading | None:
    """Return the account's newest journal, read; None for an account that never traded.

    Files that can be are rebuilt; nothing else is written.

    Parameters
    ----------
    record
        What the account was opened with.

    Raises
    ------
    DataError
        If its files do not tell one story: with everything that does not fit, and the runbook.
    JournalCorrupt
        If the newest journal cannot be trusted.
    """
    chain, put_away = read_chain(account), _put_away(account)
    sessions = list(chain.sessions.values())
    problems = [*_record_problems(account, record, sessions), *_unlisted(account, chain, put_away)]
    newest, lost = _newest(sessions)
    problems += lost
    reading = None
    if newest is not None and not problems:
        earlier = sessions[: sessions.index(newest)]
        reading = read_session(newest.folder, newest.lines)
        problems += _length_problems(newest, reading)
        problems += _opening_problems(record, earlier, reading)
        problems += _file_problems(newest, put_away)
        problems += _earlier_problems(earlier, put_away)
    if not problems:
        problems += _book_problems(account, newest, reading, begun=bool(sessions))
    if problems:
        raise _not_one_story(account, problems)
    if reading is None or newest is None:
        return None
    return replace(reading, rebuilt=tuple(_rebuilt(account, newest, reading)))


def _not_one_story(account: AccountFolder, problems: list[Problem]) -> DataError:
    sentences = "; ".join(problem.sentence for problem in problems)
    pages = " and ".join(dict.fromkeys(problem.page for problem in problems))
    return DataError(
        f"account {account.name!r} does not add up, and nothing was started: {sentences}. "
        f"See {pages}"
    )


def remains_of(account: AccountFolder) -> list[str]:
    """Return what is left of an account whose record is not there."""
    files = (account.chain, account.broker_book)
    found = [path.name for path in files if what_is_there(path) != "nothing"]
    own = [] if found else _own_sessions(account, Chain(), _put_away(account))
    return found + [f"session {name}" for name in own]


def _put_away(account: AccountFolder) -> frozenset[str]:
    """Return what an operator has put away on purpose: session ids, and ``<id>/<file>``."""
    try:
        content = plain_bytes(account.put_away, f"See {_ACCOUNT}")
    except FileNotFoundError:
        return frozenset()
    return frozenset(line.strip() for line in content.decode("utf-8", "replace").splitlines())


# --- the record and the folders --------------------------------------------------------------


def _record_problems(
    account: AccountFolder, record: dict[str, Any], sessions: list[ChainedSession]
) -> Iterator[Problem]:
    if record["name"] != account.name:
        yield Problem(_ACCOUNT, f"{account.record.name} is of account {record['name']!r}")
    noted = [session.account for session in sessions if session.account]
    if noted and noted[-1] != file_digest(account.record):
        yield Problem(
            _ACCOUNT, f"{account.record.name} is not as it was when the last session began"
        )


def _unlisted(account: AccountFolder, chain: Chain, put_away: frozenset[str]) -> Iterator[Problem]:
    for name in _own_sessions(account, chain, put_away):
        yield Problem(
            _ACCOUNT,
            f"session {name} is of this account, and {account.chain.name} does not list it (where "
            f"it is not to count any more, write its id into {account.put_away.name} beside it)",
        )


def _own_sessions(account: AccountFolder, chain: Chain, put_away: frozenset[str]) -> Iterator[str]:
    """Yield the sessions beside an account that name it, and that its chain does not know."""
    mode, known = account.path.parent, {*chain.sessions, *chain.restarted, *put_away}
    if mode.parent.name != "accounts":
        return
    place = OutputRoot(mode.parent.parent).sessions(mode.name)
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.name not in known and _is_of(SessionFolder(path), account.name):
            yield path.name


def _is_of(folder: SessionFolder, account: str) -> bool:
    """Whether a session says that it traded on an account; what cannot be read says nothing."""
    try:
        opening = next(read_journal(folder.journal)).event
    except (DataError, OSError, StopIteration):
        opening = None
    if isinstance(opening, SessionStarted):
        return account in {opening.account, folder.session_id}
    try:
        metadata = read_object(folder.metadata, "an object", "")
    except (DataError, OSError):
        return False
    return metadata.get("account") == account and folder.status.exists()


# --- journals --------------------------------------------------------------------------------


def _newest(sessions: list[ChainedSession]) -> tuple[ChainedSession | None, list[Problem]]:
    """Return the newest session that has begun, and what says that a journal was lost."""
    for session in reversed(sessions):
        lost = _lost_journal(session)
        if lost or _has_lines(session.folder):
            return session, lost
    return None, []


def _has_lines(folder: SessionFolder) -> bool:
    """Whether a journal has a whole line."""
    try:
        return b"\n" in plain_bytes(folder.journal, f"See {_JOURNAL}")
    except FileNotFoundError:
        return False


def _lost_journal(session: ChainedSession) -> list[Problem]:
    """Return what says that a journal had lines, where it has none."""
    folder, name = session.folder, session.folder.session_id
    if not folder.path.is_dir():
        return [Problem(_ACCOUNT, f"the folder of session {name} is missing: {folder.path}")]
    if _has_lines(folder):
        return []
    others = [p.name for p in (folder.status, folder.break_point, folder.trades) if p.exists()]
    if not session.lines and not others:
        return []  # the power went before its first line
    why = f"it had {session.lines} lines" if session.lines else f"{', '.join(others)} is there"
    state = "empty" if folder.journal.exists() else "missing"
    return [Problem(_JOURNAL, f"the journal of session {name} is {state}, and {why}")]


def _length_problems(session: ChainedSession, reading: Reading) -> Iterator[Problem]:
    """Yield it if a journal is shorter than it was, longer than its end, or another one."""
    what, there = f"the journal of session {session.folder.session_id}", reading.chain.lines
    if there < session.lines or (session.ended and there != session.lines):
        yield Problem(_JOURNAL, f"{what} has {there} lines, and it had {session.lines}")
        return
    link = reading.marked_link
    if session.lines and link != session.link:
        yield Problem(
            _JOURNAL,
            f"{what} was written anew: the link of line {session.lines} is {link}, "
            f"expected {session.link}",
        )
    known = _lines_seen(session.folder)
    if known > there:
        status = session.folder.status.name
        yield Problem(_JOURNAL, f"{what} has {there} lines, and {status} knows of {known}")


def _lines_seen(folder: SessionFolder) -> int:
    """Return how many lines of a journal its status has seen; 0 where it cannot be read."""
    try:
        lines = read_object(folder.status, "an object", "").get("journal_lines", 0)
    except (DataError, FileNotFoundError):
        return 0
    return lines if isinstance(lines, int) else 0


def _opening_problems(
    record: dict[str, Any], earlier: list[ChainedSession], reading: Reading
) -> Iterator[Problem]:
    """Yield it if a journal does not follow the one before it."""
    opening, name = reading.status.opening, reading.folder.session_id
    if opening is None:
        yield Problem(_JOURNAL, f"the journal of session {name} does not begin with a session")
        return
    begun = [session for session in earlier if session.lines]
    if begun and begun[-1].ended and begun[-1].link != opening.predecessor:
        yield Problem(
            _JOURNAL,
            f"session {name} follows a journal that ended with {opening.predecessor or 'nothing'}, "
            f"and the one before it ended with {begun[-1].link}",
        )
    cash, currency = Decimal(record["opening_cash"]), record["currency"]
    book = opening.opening
    if not opening.predecessor and (book.cash, book.currency) != (cash, currency):
        yield Problem(
            _ACCOUNT,
            f"account.json says that it was opened with {cash} {currency}, and the first journal "
            f"with {book.cash} {book.currency}",
        )


def _earlier_problems(
    sessions: list[ChainedSession], put_away: frozenset[str]
) -> Iterator[Problem]:
    """Yield what is not as it was of journals that nothing is read from any more."""
    for session in sessions:
        journal, name = session.folder.journal, session.folder.session_id
        if name in put_away or not session.lines:
            continue
        size = journal.stat().st_size if journal.is_file() else 0
        if not size or (session.ended and size != session.size):
            state = f"has {size} bytes" if journal.exists() else f"is missing ({journal})"
            yield Problem(
                _ACCOUNT,
                f"the journal of the earlier session {name} {state}, expected "
                f"{session.size or 'some'} bytes (where the session was put away on purpose, "
                "write its id into put_away.txt in the account's folder)",
            )


# --- the files beside a journal --------------------------------------------------------------


def _file_problems(session: ChainedSession, put_away: frozenset[str]) -> Iterator[Problem]:
    """Yield the files written once that are not as they were."""
    folder = session.folder
    for path in (folder.metadata, folder.config):
        expected, name = session.files.get(path.name, ""), f"{folder.session_id}/{path.name}"
        if expected and file_digest(path) != expected and name not in put_away:
            state = "is not as it was written" if path.exists() else "is missing"
            yield Problem(
                _ACCOUNT,
                f"{path} {state} (where its loss is known and accepted, write {name} into "
                "put_away.txt in the account's folder)",
            )
    for path in (folder.status, folder.break_point):
        found = what_is_there(path)
        if found not in {"file", "nothing"}:
            yield Problem(_ACCOUNT, f"{path} is {found}, expected a plain file")


def _rebuilt(account: AccountFolder, session: ChainedSession, reading: Reading) -> Iterator[str]:
    """Write anew what only repeats the newest journal; yield the names."""
    folder = reading.folder
    if _is_other_status(folder, reading):
        if reading.ended:  # else the return writes it
            write_atomic(folder.status, json_text(reading.status_json()))
        yield folder.status.name
    expected = session.files.get(folder.break_point.name, "")
    if reading.ended and expected and file_digest(folder.break_point) != expected:
        write_atomic(folder.break_point, break_point_again(folder))
        yield folder.break_point.name
    if reading.ended and not session.ended:
        note_length(account, folder, reading.chain.lines, reading.chain.link, ended=True)
        yield account.chain.name


def _is_other_status(folder: SessionFolder, reading: Reading) -> bool:
    """Whether a status says something else than its journal; of a crash any that reads will do."""
    try:
        found = read_object(folder.status, "an object", "")
    except (DataError, FileNotFoundError):
        return True
    if not reading.ended:
        return False
    expected = msgspec.json.decode(json_text(reading.status_json()))
    return any(found.get(name) != value for name, value in expected.items())


# --- the broker's book -----------------------------------------------------------------------


def _book_problems(
    account: AccountFolder,
    newest: ChainedSession | None,
    reading: Reading | None,
    *,
    begun: bool,
) -> Iterator[Problem]:
    """Yield where the simulated broker's book and the journals know different things."""
    name = account.broker_book.name
    if reading is not None and _broker_of(reading) != _SIMULATED:
        return  # another broker keeps its book itself; reconciliation asks for it
    found = _book_there(account.broker_book)
    if reading is not None and newest is not None:
        if found:
            what = "missing" if found == "nothing" else found
            yield Problem(_BOOK, f"the broker's book {name} is {what}")
            return
        state = _book_state(account)
        yield from _book_against(state, reading)
        if newest.book and newest.book != book_digest(account):
            yield Problem(_BOOK, f"{name} is not as it was when the last session ended")
    elif found not in {"", "empty", "nothing"}:
        yield Problem(_BOOK, f"the broker's book {name} is {found}, expected a file")
    elif not found:
        state = _book_state(account)
        if state.orders or (state.opening is not None and not begun):
            yield Problem(
                _ACCOUNT,
                f"{name} knows an account with {len(state.orders)} orders, and there is no "
                "journal of it",
            )


def _broker_of(reading: Reading) -> str:
    """Return the name of the broker that a session traded with."""
    opening = reading.status.opening
    return str(opening.settings.get("broker", _SIMULATED)) if opening else _SIMULATED


def _book_there(path: Path) -> str:
    """Return "" where a book is there, and else what is there instead."""
    found = what_is_there(path)
    if found != "file":
        return found
    size = path.stat().st_size
    # SQLite takes a file of a byte for a new book
    return "" if size >= _SMALLEST_BOOK else f"{size} bytes long" if size else "empty"


def _book_state(account: AccountFolder) -> BookState:
    book = SqliteBook(account.broker_book)
    try:
        return audited(book.load())
    finally:
        book.close()


def _book_against(state: BookState, reading: Reading) -> Iterator[Problem]:
    if state.opening is None:
        yield Problem(_BOOK, "the broker's book has no account, and the journals trade on one")
        return
    theirs = {row.order.order_id for row in state.orders}
    numbers = [int(match[1]) for name in theirs if (match := _ORDER.fullmatch(name))]
    last = reading.state.next_order - 1
    if numbers and max(numbers) > last:
        yield Problem(
            _JOURNAL,
            f"the broker's book knows orders up to number {max(numbers)}, and the journal of "
            f"session {reading.folder.session_id} up to {last}",
        )
    fills = {n.event.fill_id for n in state.news if isinstance(n.event, BrokerFill)}
    lost = sorted((reading.accepted - theirs) | (reading.filled - fills))
    if lost:
        yield Problem(
            _BOOK,
            f"the broker's book does not know {len(lost)} orders and fills of session "
            f"{reading.folder.session_id}; the first is {lost[0]}",
        )
