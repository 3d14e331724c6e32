"""Finding a session: by its id, the beginning of it, its folder, its account, or the last one."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

from qtkit.core.clock import wall_time
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.file_reader import plain_bytes
from qtkit.core.input_text import quoted
from qtkit.core.paths import AccountFolder, OutputRoot, SessionFolder, has_lines
from qtkit.journal import read_journal
from qtkit.model.events import SessionStarted
from qtkit.model.modes import ACCOUNT_MODES
from qtkit.runtime.account_chain import sessions_of

__all__ = [
    "WORDS",
    "account_of",
    "existing",
    "find_account",
    "find_session",
    "newest_session",
    "sessions_by_start",
]

WORDS = "its id, the beginning of it, its folder, its account's name, or `last`"
"""What names a session, wherever one is named."""
_LAST, _USUAL = "last", "paper"
_SHOWN = 8  # sessions, in an error


def newest_session(root: OutputRoot) -> SessionFolder:
    """Return the session under a root that was started, or came back, last by the machine's time.

    A folder without a journal line is no session yet.

    Raises
    ------
    DataError
        If there is none.
    """
    for folder in sessions_by_start(root):
        if has_lines(folder):
            return folder
    raise DataError(
        f"there is no session under {root.path}; simulate one first "
        "(`qtkit simulate --help`), or name one with --session"
    )


def sessions_by_start(root: OutputRoot) -> list[SessionFolder]:
    """Return all sessions under a root, the one that was started last first."""
    latest = wall_time()
    ranked = [
        ((_started_at(folder, latest), folder.session_id), folder) for folder in _sessions(root)
    ]
    return [folder for _, folder in sorted(ranked, key=itemgetter(0), reverse=True)]


def _started_at(folder: SessionFolder, latest: datetime) -> datetime:
    """Return when a session was started last, by the machine's time then.

    Where its own files do not say it, or say a time that is still to come, it is the time of the
    oldest file that a start writes.
    """
    told = [_time_in(folder.metadata, "started_wall_time"), *_returns(folder)]
    starts = [at for at in told if at is not None and at <= latest]
    return max(starts, default=None) or _file_time(folder)


def _returns(folder: SessionFolder) -> list[datetime | None]:
    try:
        lines = plain_bytes(folder.returns, "").splitlines()
    except (OSError, DataError):
        return []
    return [_time_of(line, "at") for line in lines]


def _time_in(path: Path, name: str) -> datetime | None:
    # a pipe in its place is not waited for
    try:
        return _time_of(plain_bytes(path, ""), name)
    except (OSError, DataError):
        return None


def _time_of(raw: bytes, name: str) -> datetime | None:
    """Return an aware time out of a JSON object; None where there is none."""
    try:
        at = datetime.fromisoformat(json.loads(raw)[name])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return at if at.tzinfo else None


def _file_time(folder: SessionFolder) -> datetime:
    for path in (folder.metadata, folder.config, folder.journal, folder.path):
        with suppress(OSError):
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return datetime.min.replace(tzinfo=UTC)


def find_session(root: OutputRoot, which: str) -> SessionFolder:
    """Return a session by its id, the beginning of it, its folder, its account's name, or ``last``.

    An account's name is its newest session. ``last`` is the session that was started, or came
    back, last by the machine's time, whatever days it simulates.

    Raises
    ------
    ConfigError
        If it is no name at all.
    DataError
        If there is none, or several are meant.
    """
    if not which.strip():
        raise ConfigError(f"a session is named by {WORDS}")
    if which == _LAST:
        return newest_session(root)
    if _is_folder(which):
        return existing(SessionFolder(Path(which)))
    found = _candidates(root, which)
    if len(found) == 1:
        return found[0]
    raise DataError(_not_one(root, which, found))


def _candidates(root: OutputRoot, which: str) -> list[SessionFolder]:
    """Return the sessions that an id, the beginning of one, or an account's name may mean."""
    begun = [folder for folder in _sessions(root) if folder.session_id.startswith(which)]
    exact = [folder for folder in begun if folder.session_id == which]
    found = {folder.path: folder for folder in exact or [*begun, *_of_accounts(root, which)]}
    return list(found.values())


def _not_one(root: OutputRoot, which: str, found: Collection[SessionFolder]) -> str:
    """Return why a name is nobody's, or whose it may be."""
    names = sorted(f"{f.session_id} ({f.path.parent.name})" for f in found or _sessions(root))
    shown = ", ".join(names[-_SHOWN:]) or "none"
    more = f" and {len(names) - _SHOWN} older ones" if len(names) > _SHOWN else ""
    if found:
        return (
            f"{quoted(which)} may be {len(names)} sessions under {root.path}: {shown}{more}; "
            "write more of the id, or name the folder"
        )
    return (
        f"no session under {root.path} is, begins with or belongs to an account {quoted(which)}; "
        f"there are: {shown}{more}"
    )


def _of_accounts(root: OutputRoot, name: str) -> list[SessionFolder]:
    """Return the newest session of each account of a name, whatever its mode."""
    chains = (sessions_of(place) for place in _accounts(root, name))
    return [sessions[-1] for sessions in chains if sessions]


def find_account(root: OutputRoot, which: str, mode: str | None = None) -> AccountFolder:
    """Return an account by its name, or by a session of it as `find_session` names one.

    Parameters
    ----------
    mode
        The account's; None: any, as long as one alone has an account of this name.

    Returns
    -------
    AccountFolder
        Where nothing is of that name, the place where the account would be.

    Raises
    ------
    ConfigError
        If it is no name at all.
    DataError
        If several accounts or sessions are meant.
    """
    found = _accounts(root, which, mode)
    if len(found) > 1:
        modes = ", ".join(sorted(place.path.parent.name for place in found))
        raise DataError(f"there are several accounts {quoted(which)}: {modes}; add --mode MODE")
    if found:
        return found[0]
    if which == _LAST or _is_session(which) or _candidates(root, which):
        return account_of(find_session(root, which))
    return root.account(mode or _USUAL, which)


def _accounts(root: OutputRoot, name: str, mode: str | None = None) -> list[AccountFolder]:
    """Return the accounts of a name that are there."""
    try:
        places = [root.account(each, name) for each in ((mode,) if mode else ACCOUNT_MODES)]
    except ConfigError:
        return []
    return [place for place in places if place.path.is_dir() or place.path.is_symlink()]


def account_of(folder: SessionFolder) -> AccountFolder:
    """Return the account that a session trades; raises DataError if its journal has not begun."""
    first = next(iter(read_journal(folder.journal)), None)
    if first is None or not isinstance(first.event, SessionStarted):
        raise DataError(f"session {folder.session_id} has not started: it has no account")
    root, opening = OutputRoot(folder.path.parents[1]), first.event
    # an account of one session alone is called after it, and its journal does not know its id
    own = root.account(opening.mode, folder.session_id)
    return own if own.path.is_dir() else root.account(opening.mode, opening.account)


def existing(folder: SessionFolder) -> SessionFolder:
    """Return a session's folder.

    Raises
    ------
    DataError
        If it is none.
    """
    if not folder.journal.parent.is_dir():
        raise DataError(
            f"{folder.path} is no session folder: it has no {folder.journal.parent.name}/ in it"
        )
    return folder


def _is_session(name: str) -> bool:
    """Whether there is a session's folder of this name."""
    return _is_folder(name) and SessionFolder(Path(name)).journal.parent.is_dir()


def _is_folder(name: str) -> bool:
    """Whether there is a folder of this name; what no file system takes is none."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):
        return False


def _sessions(root: OutputRoot) -> list[SessionFolder]:
    return [
        SessionFolder(path)
        for mode in ACCOUNT_MODES
        if root.sessions(mode).is_dir()
        for path in root.sessions(mode).iterdir()
        if path.is_dir()
    ]
