"""The kill switch from outside: a file that stops trading, and a request that lifts it again.

Neither needs an engine. The file is looked at before every order and at every turn of the loop; the
request is carried out, and journalled, by the next start. Whatever is damaged keeps the switch on.
"""

from __future__ import annotations

import os
from contextlib import suppress
from errno import EISDIR
from pathlib import Path
from threading import get_native_id
from typing import NamedTuple

import msgspec

from qtkit.core.clock import wall_time
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.file_reader import plain_bytes, what_is_there
from qtkit.core.files import open_file, write_atomic
from qtkit.core.paths import AccountFolder, SessionFolder
from qtkit.journal import read_journal, summarise
from qtkit.journal.codec import START
from qtkit.model.events import KillSwitchSet, SessionStarted
from qtkit.runtime.account_chain import sessions_of
from qtkit.trading.engine.command_queue import Answer, Command, CommandQueue
from qtkit.trading.risk.kill_file import KillRequest, kill_file_is_there, set_aside

__all__ = [
    "LiftRequest",
    "ask_lift",
    "asked_lift",
    "drop_kill_file",
    "hand_over_lift",
    "kill_mark",
    "last_link",
    "set_kill_file",
    "switch_is_on",
]


_MOST_NAMES = 20  # accounts that a sentence lists


class KillMark(NamedTuple):
    """What a kill file was like when somebody read it."""

    inode: int
    size: int
    changed: int  # nanoseconds


class LiftRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody wants the next start to lift the kill switch."""

    by: str
    why: str
    at: str
    link: str  # of the account's last journal line then: of what is lifted, and of nothing later

    def __post_init__(self) -> None:
        """Refuse a request that does not say who and why."""
        if not (self.by.strip() and self.why.strip() and self.link):
            raise ValueError("by, why and link must say something")


def set_kill_file(account: AccountFolder, *, by: str, why: str, at: str = "") -> bool:
    """Stop an account's trading; a request to lift the switch is withdrawn.

    Each call adds a line to the file, so that nobody's reason is lost. No link is followed.

    Parameters
    ----------
    at
        When it was asked for, ISO; "": now.

    Returns
    -------
    bool
        Whether who and why could be written; without them the file stops trading as well.

    Raises
    ------
    ConfigError
        If there is no such account.
    OSError
        If not even an empty file can be made: stop the engine's process instead.
    """
    if not _is_account(account):
        raise ConfigError(no_account(account))
    request = KillRequest(by=by, why=why, at=at or wall_time().isoformat())
    line = msgspec.json.encode(request) + b"\n"
    written = True
    try:
        _add_line(account.kill_file, line)
    except OSError:
        # a full disk takes no text; whatever is there stops trading as well
        written = False
        _touch(account.kill_file)
    with suppress(IsADirectoryError):  # a folder of that name asks for nothing
        account.lift_request.unlink(missing_ok=True)
    return written


def _add_line(path: Path, line: bytes) -> None:
    """Make the file with a line in it, or add the line; a link in its place becomes a file."""
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        _make_with(path, line)
        return
    except OSError:
        if not path.is_symlink():
            raise
        write_atomic(path, line)
        return
    try:
        size = os.fstat(file).st_size
        # what was made by hand may have no line end
        ended = size == 0 or os.pread(file, 1, size - 1) == b"\n"
        os.write(file, line if ended else b"\n" + line)
        os.fsync(file)
        is_kept = _is_open_as(path, file)
    finally:
        os.close(file)
    if not is_kept:
        # somebody who lifts the switch took the file away, and may not have seen the line
        _add_line(path, line)


def _is_open_as(path: Path, file: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.lstat(path), os.fstat(file))
    return False


def _touch(path: Path) -> None:
    """Make the file, or change its time, so that nobody who read it before takes it away."""
    try:
        os.utime(path, follow_symlinks=False)
    except FileNotFoundError:
        os.close(open_file(path, os.O_WRONLY | os.O_CREAT))
    except OSError:
        # it is somebody else's, and there
        return


def _make_with(path: Path, line: bytes) -> None:
    """Make the file whole; where somebody else made it meanwhile, add the line."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{get_native_id()}.draft")
    write_atomic(draft, line)
    try:
        os.link(draft, path)
    except FileExistsError:
        _add_line(path, line)
    except OSError:
        # a file system without links
        write_atomic(path, line)
    finally:
        draft.unlink(missing_ok=True)


def _is_account(account: AccountFolder) -> bool:
    """Whether a folder is an account's; what a link leads to must look like one."""
    if not account.path.is_symlink():
        return account.path.is_dir()
    return any(path.exists() for path in (account.record, account.chain, account.lock))


def no_account(account: AccountFolder) -> str:
    """Return the sentence about an account that is not there."""
    beside = account.path.parent
    known = sorted(p.name for p in beside.iterdir())[:_MOST_NAMES] if beside.is_dir() else []
    if account.path.is_symlink():
        return (
            f"{account.path} is a link, and {os.path.realpath(account.path)} is no account, so "
            "nothing was changed; name the account itself"
        )
    return (
        f"there is no account {account.name!r} of mode {beside.name}, so nothing was changed "
        f"(there are: {', '.join(known) or 'none'}); check the name, --mode and --root"
    )


def kill_mark(account: AccountFolder) -> KillMark | None:
    """Return what the file is like now; None if there is none.

    What a lift that did not end had set aside is put back first.
    """
    _put_back(account.kill_file)
    return _mark(account.kill_file)


def _mark(path: Path) -> KillMark | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return KillMark(found.st_ino, found.st_size, found.st_mtime_ns)


def drop_kill_file(account: AccountFolder, seen: KillMark | None) -> bool:
    """Remove the file if it is as it was; return whether there was one.

    Parameters
    ----------
    seen
        What it was like when somebody decided to lift the switch. It is set aside, where it stops
        trading as well, looked at, and put back if a reason came in since.

    Raises
    ------
    ConfigError
        If it is another one now, or cannot be removed: the switch stays on.
    """
    path, aside = account.kill_file, set_aside(account.kill_file)
    if not os.path.lexists(path):
        return False
    try:
        if path.is_dir() and not path.is_symlink():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        path.rename(aside)
        if _mark(aside) == seen:
            aside.unlink()
            return True
        _put_back(path)
    except OSError as problem:
        raise ConfigError(
            f"{path} cannot be removed ({problem.strerror}); the kill switch stays on until it is"
        ) from None
    raise ConfigError(
        f"{path} was changed while the kill switch was lifted, so it stays on; read who wants it "
        "on, and lift it again"
    )


def _put_back(path: Path) -> None:
    """Make the kill file what it was before somebody set it aside; what came in since stays."""
    aside = set_aside(path)
    if not os.path.lexists(aside):
        return
    try:
        os.link(aside, path, follow_symlinks=False)
    except FileExistsError:
        with suppress(OSError):
            if what_is_there(aside) == "file":
                _add_line(path, aside.read_bytes())
    except OSError:
        # a file system without links
        if not os.path.lexists(path):
            aside.rename(path)
    aside.unlink(missing_ok=True)


def switch_is_on(account: AccountFolder) -> bool:
    """Whether the file is there, or the account's last journal leaves the switch on.

    Raises
    ------
    JournalCorrupt
        If that journal cannot be trusted.
    """
    if kill_file_is_there(account.kill_file):
        return True
    session = last_begun(account)
    if session is None:
        return False
    killed = False
    for entry in read_journal(session.journal):
        if isinstance(entry.event, SessionStarted):
            killed = entry.event.killed
        elif isinstance(entry.event, KillSwitchSet):
            killed = entry.event.on
    return killed


def last_begun(account: AccountFolder) -> SessionFolder | None:
    """Return the account's last session that has a journal line."""
    for session in reversed(sessions_of(account)):
        if session.journal.exists() and next(read_journal(session.journal), None):
            return session
    return None


def last_link(account: AccountFolder) -> str:
    """Return the link of the account's last journal line; that of a first line if it has none."""
    session = last_begun(account)
    return START if session is None else summarise(session.journal).link


def ask_lift(account: AccountFolder, *, by: str, why: str) -> None:
    """Let the next start of the account lift the switch that is on now.

    Raises
    ------
    DataError
        If something else than a file stands where the request is written.
    """
    found = what_is_there(account.lift_request)
    if found not in {"file", "nothing", "a link to nothing"}:
        raise DataError(
            f"{account.lift_request} is {found}, expected a file or nothing; remove it, and lift "
            "the kill switch again. See runbooks/kill-switch.md"
        )
    request = LiftRequest(by=by, why=why, at=wall_time().isoformat(), link=last_link(account))
    write_atomic(account.lift_request, msgspec.json.encode(request) + b"\n")


def asked_lift(account: AccountFolder, link: str) -> Command | None:
    """Return the command that a request stands for; None if there is none that counts.

    Parameters
    ----------
    account
        Whose request.
    link
        Of the account's last journal line: a request about an earlier one is void.
    """
    try:
        content = plain_bytes(account.lift_request, "")
        request = msgspec.json.decode(content, type=LiftRequest)
    except (OSError, DataError, msgspec.DecodeError, ValueError, RecursionError):
        return None  # no request, or none that can be read: the switch stays as it is
    if request.link != link:
        return None

    def done(_: Answer) -> None:
        account.lift_request.unlink(missing_ok=True)

    # the KILL file went with the request, so that the engine that starts may never have seen it
    arguments = {"why": request.why, "file": True}
    return Command(verb="lift", arguments=arguments, by=request.by, answer=done)


def hand_over_lift(inbox: CommandQueue, account: AccountFolder) -> None:
    """Let an engine that has not started lift the switch, if that was asked for."""
    if account.lift_request.exists():
        lift = asked_lift(account, last_link(account))
        if lift is not None:
            inbox.put(lift)
