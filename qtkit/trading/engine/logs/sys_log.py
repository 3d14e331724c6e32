"""`sys.log`: what the engine says as it happens, one line for a thing, made to be grepped.

``2026-03-04T09:35:00.000000+08:00 | INFO | <session> | task_queued task=run_strategy task_id=…``
"""

from __future__ import annotations

import json
import re
import traceback
from pathlib import Path
from textwrap import indent
from zoneinfo import ZoneInfo

from loguru import logger

from qtkit.core.clock import Clock
from qtkit.core.render import visible
from qtkit.core.text import writable
from qtkit.trading.engine.logs.rotating_file import NEVER, RotatingFile, Rotation

__all__ = ["LINE_LEVEL", "NullLog", "SessionLog", "format_fields"]

LINE_LEVEL = "QTKIT"
_PLAIN = re.compile(r"[^\s\"'=]+")
_MARGIN = "    "  # before each line of a traceback: none of them can be taken for a line of the log
# below DEBUG: other people's sinks, and a notebook's stderr, stay clean
logger.level(LINE_LEVEL, no=3)


def format_fields(fields: dict[str, object]) -> str:
    """Return ``key=value`` pairs; a value with spaces, quotes or ``=`` becomes a JSON string.

    Examples
    --------
    >>> format_fields({"task": "refill", "detail": "late by 3 s"})
    'task=refill detail="late by 3 s"'
    """
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items())


def _value(value: object) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text) and visible(text) == text:
        return text
    return json.dumps(text, ensure_ascii=visible(text) != text)


class NullLog:
    """Says nothing: for backtests."""

    def say(self, verb: str, /, **fields: object) -> None:
        """Write nothing."""

    def trouble(self, verb: str, error: BaseException, /, **fields: object) -> None:
        """Write nothing."""


class SessionLog:
    """The log of one session, by loguru, stamped with the session's own clock and zone.

    Parameters
    ----------
    path
        The file; lines are appended.
    clock, zone
        When things happen, and where people read it.
    session_id
        Stands in every line.
    rotation
        When the file is turned over; by the day that its lines show, not the machine's.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        zone: ZoneInfo,
        session_id: str,
        rotation: Rotation = NEVER,
    ) -> None:
        self._clock, self._zone = clock, zone
        self._file = RotatingFile(path, rotation)
        self._bound = logger.bind(qtkit_session=str(path), session_id=session_id)
        self._sink = logger.add(
            self._file,
            level=0,
            format="{extra[at]} | {extra[word]} | {extra[session_id]} | {message}",
            filter=lambda record: record["extra"].get("qtkit_session") == str(path),
            colorize=False,
            catch=False,
        )

    def _write(self, word: str, text: str) -> None:
        at = self._clock.now().astimezone(self._zone).isoformat(timespec="microseconds")
        self._bound.bind(at=at, word=word).log(LINE_LEVEL, "{}", writable(text))

    def say(self, verb: str, /, **fields: object) -> None:
        """Write one line."""
        self._write("INFO", f"{verb} {format_fields(fields)}".rstrip())

    def trouble(self, verb: str, error: BaseException, /, **fields: object) -> None:
        """Write one line and the traceback behind it."""
        trace = "".join(traceback.format_exception(error)).rstrip()
        self._write("ERROR", f"{verb} {format_fields(fields)}\n{indent(visible(trace), _MARGIN)}")

    def close(self) -> None:
        """Let the file go."""
        logger.remove(self._sink)
        self._file.close()
