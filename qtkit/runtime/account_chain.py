"""`sessions.jsonl`: an account's sessions, oldest first, and what is known of each journal's end.

A session's first line says where its folder is; a *mark* says how long its journal was, and which
link its last line had, when somebody last looked: after each start, and after the end.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace

from qtkit.core.errors import DataError
from qtkit.core.file_reader import plain_bytes, what_is_there
from qtkit.core.paths import AccountFolder, SessionFolder, append_line, on_disk, write_atomic
from qtkit.journal import Journal
from qtkit.trading.brokers.sim.sqlite_store import SqliteBook

__all__ = [
    "Chain",
    "ChainedSession",
    "book_digest",
    "file_digest",
    "forget_sessions",
    "mark_session",
    "note_length",
    "note_session",
    "read_chain",
    "sessions_of",
]

_ADVICE = "See runbooks/account-damaged.md"
_EXPECTED = "one JSON object a line, with the session's id and its folder"


class _Line(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    session: str = ""
    folder: str = ""  # on a session's first line: where it is
    account: str = ""  # with it: digest of account.json
    lines: int = 0  # in a mark: the journal's length, and
    link: str = ""  # the link of its last line then
    size: int = 0  # bytes, where the session has ended
    ended: bool = False
    files: dict[str, str] = {}  # digests of the files that are written once
    book: str = ""  # digest of the simulated broker's book, where the session has ended
    restarted: tuple[str, ...] = ()  # sessions of before the account was cleared
    check: str = ""  # digest of the line without this


@dataclass(slots=True, kw_only=True)
class ChainedSession:
    """One session of an account, and what is known of it.

    Attributes
    ----------
    lines, link
        The journal has at least so many lines, and this link on the last of them.
    ended
        Whether it has exactly so many.
    """

    folder: SessionFolder
    account: str = ""
    lines: int = 0
    link: str = ""
    size: int = 0
    ended: bool = False
    files: dict[str, str] = field(default_factory=dict)
    book: str = ""


@dataclass(slots=True)
class Chain:
    """An account's sessions by id, oldest first, and those of before it was cleared."""

    sessions: dict[str, ChainedSession] = field(default_factory=dict)
    restarted: tuple[str, ...] = ()


def read_chain(account: AccountFolder) -> Chain:
    """Return the chain; a torn last line is left out.

    Raises
    ------
    DataError
        If a line is no line of a chain.
    """
    try:
        content = plain_bytes(account.chain, _ADVICE)
    except FileNotFoundError:
        return Chain()
    chain, root = Chain(), _root(account)
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            break
        try:
            _take(chain, _checked(msgspec.json.decode(line, type=_Line)), root)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as problem:
            raise DataError(
                f"{account.chain} line {number} is damaged ({problem}), expected {_EXPECTED}. "
                f"{_ADVICE}"
            ) from None
    return chain


def _checked(line: _Line) -> _Line:
    """Return a line that is as it was written; those of earlier versions carry no digest."""
    if line.check and line.check != _check_of(line):
        raise ValueError(f"its digest was {line.check}, expected {_check_of(line)}")
    return line


def _check_of(line: _Line) -> str:
    return sha256(msgspec.json.encode(replace(line, check=""))).hexdigest()[:16]


def _text(line: _Line) -> str:
    return msgspec.json.encode(replace(line, check=_check_of(line))).decode()


def _take(chain: Chain, line: _Line, root: Path) -> None:
    """Take a line into account; raises ValueError if it does not fit those before it."""
    if line.restarted:
        chain.sessions, chain.restarted = {}, line.restarted
        return
    known = chain.sessions.get(line.session)
    if line.folder:
        folder = SessionFolder(root / line.folder)
        if known is not None or folder.session_id != line.session:
            raise ValueError(f"session {line.session!r} is in {line.folder!r}")
        chain.sessions[line.session] = ChainedSession(folder=folder, account=line.account)
    elif known is None or line.lines < max(known.lines, 1) or known.ended:
        raise ValueError(f"it is no mark of session {line.session!r}")
    else:
        known.lines, known.link, known.size = line.lines, line.link, line.size
        known.ended, known.files, known.book = line.ended, line.files, line.book


def sessions_of(account: AccountFolder) -> list[SessionFolder]:
    """Return the account's sessions, oldest first; raises as `read_chain`."""
    return [session.folder for session in read_chain(account).sessions.values()]


def note_session(account: AccountFolder, session: SessionFolder) -> None:
    """Add a session to the account's chain; the chain points, the journals tell."""
    place, root = session.path.resolve(), _root(account)
    text = str(place.relative_to(root)) if place.is_relative_to(root) else str(place)
    line = _Line(session=session.session_id, folder=text, account=file_digest(account.record))
    _append(account.chain, line)


def mark_session(
    account: AccountFolder, session: SessionFolder, journal: Journal, *, ended: bool = False
) -> None:
    """Note how far a session's journal has come; all of that is on disk.

    Parameters
    ----------
    ended
        Whether the session has ended; the broker is closed then, and is not asked any more.
    """
    note_length(account, session, *journal.synced, ended=ended)


def note_length(
    account: AccountFolder, session: SessionFolder, lines: int, link: str, *, ended: bool
) -> None:
    """Note how long a session's journal is, and the files beside it as they are."""
    known = read_chain(account).sessions.get(session.session_id)
    if known is None or known.ended or not lines:
        return
    files = [session.metadata, session.config, *((session.break_point,) if ended else ())]
    digests = {file.name: file_digest(file) for file in files if file.is_file()}
    line = _Line(
        session=session.session_id,
        lines=lines,
        link=link,
        size=session.journal.stat().st_size if ended else 0,
        ended=ended,
        files=digests,
        book=book_digest(account) if ended else "",
    )
    _append(account.chain, line)


def forget_sessions(account: AccountFolder) -> None:
    """Begin the chain anew; it names the sessions of before."""
    chain = read_chain(account)
    gone = (*chain.restarted, *chain.sessions)
    if gone:
        write_atomic(account.chain, _text(_Line(restarted=gone)) + "\n")


def file_digest(path: Path) -> str:
    """Return 16 hex digits of a file's SHA-256; "" if there is no plain file."""
    if what_is_there(path) != "file":
        return ""
    return sha256(path.read_bytes()).hexdigest()[:16]


def book_digest(account: AccountFolder) -> str:
    """Return 16 hex digits of the SHA-256 of what the broker's book says; "" if there is none."""
    if not account.broker_book.is_file():
        return ""
    book = SqliteBook(account.broker_book)
    try:
        return sha256(msgspec.json.encode(book.load())).hexdigest()[:16]
    finally:
        book.close()


def _root(account: AccountFolder) -> Path:
    return account.path.resolve().parents[2]


def _append(path: Path, line: _Line) -> None:
    """Append a line and return when it is on disk; half a line of a crash is cut off before."""
    new = not path.exists()
    if not new:
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)
    append_line(path, _text(line))
    on_disk(path)
    if new:
        on_disk(path.parent)
