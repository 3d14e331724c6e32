"""Removing risk logs that have expired: only when an operator asks, and nothing else does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.locks import is_locked
from qtkit.core.paths import OutputRoot, SessionFolder, append_line, lock_of, log_parts
from qtkit.core.render import Table, mimebundle, text_report
from qtkit.core.render import html_report as html
from qtkit.journal.codec import decode
from qtkit.model.events import SessionEnded
from qtkit.model.modes import ACCOUNT_MODES

__all__ = ["ExpiredLog", "LogRotation", "expired_logs", "rotate_logs"]

_LAST_LINE = 1 << 20  # bytes; the end of a session carries its closing book


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredLog:
    """A risk log, or a part of one, of a session that ended long ago."""

    folder: SessionFolder
    path: Path
    size: int  # bytes
    ended: date  # of the session, UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRotation:
    """What has expired, and what stays.

    Attributes
    ----------
    days
        A session that ended more days ago has expired.
    unfinished
        Sessions that have not ended: nothing of theirs is ever removed.
    unreadable
        Sessions whose journals do not tell whether they ended: they stay, too.
    removed
        Whether the logs are gone.
    """

    days: int
    logs: tuple[ExpiredLog, ...]
    unfinished: tuple[str, ...]
    unreadable: tuple[str, ...]
    removed: bool = False

    @property
    def size(self) -> int:
        """Bytes of all logs together."""
        return sum(log.size for log in self.logs)

    @property
    def heading(self) -> str:
        """How many logs it is about."""
        verb = "removed" if self.removed else "expired"
        return (
            f"{len(self.logs)} risk logs {verb}, {self.size:,} bytes, of sessions that ended more "
            f"than {self.days} days ago"
        )

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        return {
            "format": 1,
            "type": "log_rotation",
            "days": self.days,
            "removed": self.removed,
            "logs": [
                {
                    "session_id": log.folder.session_id,
                    "path": str(log.path),
                    "bytes": log.size,
                    "ended": str(log.ended),
                }
                for log in self.logs
            ],
            "unfinished": list(self.unfinished),
            "unreadable": list(self.unreadable),
        }

    def __str__(self) -> str:
        return text_report(self.heading, *self._parts())

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return mimebundle(str(self), html(self.heading, *self._parts()), self.as_json())

    def _parts(self) -> Iterator[Table | str]:
        if self.logs:
            rows = tuple(
                (log.folder.session_id, str(log.ended), log.path.name, f"{log.size:,}")
                for log in self.logs
            )
            yield Table("", ("session", "ended", "log", "bytes"), rows, "lllr")
        if self.unfinished:
            yield f"Not ended, and left alone: {', '.join(self.unfinished)}"
        if self.unreadable:
            yield f"Not readable, and left alone: {', '.join(self.unreadable)}"


def expired_logs(root: OutputRoot, days: int, now: datetime) -> LogRotation:
    """Return the risk logs of sessions that ended more than `days` days before `now`.

    Parameters
    ----------
    root
        Where sessions are.
    days
        Whole days, at least 0; both ends count as UTC dates.
    now
        The machine's time, aware.

    Raises
    ------
    ConfigError
        If `days` is negative.
    """
    if days < 0:
        raise ConfigError(f"rotatelogs: days was {days}; expected 0 or more")
    logs, unfinished, unreadable = list[ExpiredLog](), list[str](), list[str]()
    for folder in _sessions(root):
        try:
            ended = _ended(folder)
            found = list(_risk_logs(folder, ended)) if ended else []
        except (DataError, ValueError, OSError):
            unreadable.append(folder.session_id)
            continue
        if ended is None:
            unfinished.append(folder.session_id)
        elif (now.date() - ended).days > days:
            logs += found
    return LogRotation(
        days=days, logs=tuple(logs), unfinished=tuple(unfinished), unreadable=tuple(unreadable)
    )


def rotate_logs(rotation: LogRotation, now: datetime) -> LogRotation:
    """Remove the logs that were found; each session notes down what it lost, before it does.

    A session that has come to life in between is left alone.
    """
    gone = list[ExpiredLog]()
    for log in rotation.logs:
        if _ended(log.folder) != log.ended or not log.path.exists():
            continue
        note = {"at": now.isoformat(), "log": log.path.name, "bytes": log.path.stat().st_size}
        append_line(log.folder.log_removals, json.dumps(note))
        log.path.unlink()
        gone.append(log)
    return LogRotation(
        days=rotation.days,
        logs=tuple(gone),
        unfinished=rotation.unfinished,
        unreadable=rotation.unreadable,
        removed=True,
    )


def _sessions(root: OutputRoot) -> Iterator[SessionFolder]:
    for mode in ACCOUNT_MODES:
        parent = root.sessions(mode)
        found = sorted(parent.iterdir()) if parent.is_dir() else []
        yield from (SessionFolder(path) for path in found if path.is_dir())


def _ended(folder: SessionFolder) -> date | None:
    """Return the date on which a session ended; None while its journal has no end or a writer.

    Raises
    ------
    ValueError, OSError
        If the journal cannot be read.
    """
    if is_locked(lock_of(folder.journal)):
        return None
    with folder.journal.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _LAST_LINE))
        lines = file.read().splitlines(keepends=True)
    if not lines or not lines[-1].endswith(b"\n"):
        return None
    entry, _ = decode(lines[-1])
    return entry.at.date() if isinstance(entry.event, SessionEnded) else None


def _risk_logs(folder: SessionFolder, ended: date) -> Iterator[ExpiredLog]:
    for path in log_parts(folder.risk_log):
        yield ExpiredLog(folder=folder, path=path, size=path.stat().st_size, ended=ended)
