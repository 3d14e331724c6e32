"""Logs that are turned over by size and day, and lose no line on the way.

A log that is turned over is renamed to a part of its own (``risk.log.20260304.1``) and begun anew.
Where a part ends follows from the lines alone, so that a log made again has the same parts.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qtkit.core.files import make_folder, open_file
from qtkit.core.paths import log_part, log_parts, next_log_part, write_atomic

__all__ = ["NEVER", "RotatingFile", "Rotation", "in_parts", "rewrite_log"]

_DATED = re.compile(rb"^(\d{4}-\d\d-\d\d)T", re.MULTILINE)
_TAIL = 1 << 16  # bytes; the last of these that are dated tell a log's day


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a log is turned over.

    Attributes
    ----------
    max_bytes
        A line that would make the log larger goes into a new one; None: no limit. A line is never
        cut: one that is longer has a log of its own.
    daily
        Whether a line of another day goes into a new one; the day is the one that the line shows.
    """

    max_bytes: int | None = None
    daily: bool = False

    def turns(self, size: int, more: int, days: tuple[str, str]) -> bool:
        """Return whether a line belongs into a new log.

        Parameters
        ----------
        size, more
            Bytes that are there, and bytes of the line.
        days
            Of the last line that is there ("" without one), and of the new one.
        """
        before, now = days
        if not before:
            return False
        too_large = self.max_bytes is not None and size + more > self.max_bytes
        return too_large or (self.daily and before != now)


NEVER = Rotation()


class RotatingFile:
    """Appends whole lines to a log; the file is opened by the first line after a `close`.

    Parameters
    ----------
    path
        The log; its parts stand beside it.
    rotation
        When it is turned over.
    head
        First line of every part, with its line end; "" for none.
    cut_torn
        What becomes of half a line that a power cut left: True removes it, False ends it.
    """

    def __init__(
        self, path: Path, rotation: Rotation, *, head: str = "", cut_torn: bool = False
    ) -> None:
        self._path, self._rotation, self._head = path, rotation, head.encode()
        make_folder(path.parent)
        self._file: io.FileIO | None = None
        self._size, self._day = 0, ""
        self._mend(cut_torn=cut_torn)
        if self._size == 0:
            self._append(self._head)
            self.close()

    def _mend(self, *, cut_torn: bool) -> None:
        """Look at what is there already, and leave it with whole lines only."""
        try:
            with self._path.open("rb+") as file:
                self._size = file.seek(0, os.SEEK_END)
                file.seek(max(0, self._size - _TAIL))
                tail = file.read()
                torn = len(tail) - (tail.rfind(b"\n") + 1)
                if torn and cut_torn:
                    self._size = file.truncate(self._size - torn)
                    tail = tail[: len(tail) - torn]
                elif torn:
                    self._size += file.write(b"\n")
        except FileNotFoundError:
            return
        found = _DATED.findall(tail)
        self._day = found[-1].decode() if found else ""

    def write(self, text: str) -> None:
        """Append text that begins with an ISO time and ends with its line."""
        raw, day = text.encode(), text[:10]
        if self._rotation.turns(self._size, len(raw), (self._day, day)):
            self._turn_over()
        self._append(raw)
        self._day = day

    def add(self, text: str) -> None:
        """Append to what is there, whatever its size: what belongs to the last line."""
        self._append(text.encode())

    def _turn_over(self) -> None:
        self.close()
        self._path.rename(next_log_part(self._path, self._day))
        self._size = 0
        self._append(self._head)

    def _append(self, raw: bytes) -> None:
        if self._file is None:
            self._file = io.FileIO(self._path, "a", opener=_opened)
        rest = memoryview(raw)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._size += len(raw)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Let the file go; the next line opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _opened(path: str, flags: int) -> int:
    return open_file(Path(path), flags)


def in_parts(lines: Iterable[str], rotation: Rotation, head: str = "") -> Iterator[tuple[str, str]]:
    r"""Yield a log's parts as (day of the last line, text): at least one, the last still going on.

    Examples
    --------
    >>> lines = ["2026-03-04T09:30 a\n", "2026-03-05T09:30 b\n"]
    >>> list(in_parts(lines, Rotation(daily=True)))
    [('2026-03-04', '2026-03-04T09:30 a\n'), ('2026-03-05', '2026-03-05T09:30 b\n')]
    """
    text, size, before = [head], len(head.encode()), ""
    for line in lines:
        more, day = len(line.encode()), line[:10]
        if rotation.turns(size, more, (before, day)):
            yield before, "".join(text)
            text, size = [head], len(head.encode())
        text.append(line)
        size, before = size + more, day
    yield before, "".join(text)


def rewrite_log(path: Path, lines: Iterable[str], rotation: Rotation, head: str = "") -> None:
    """Make a log and its parts anew, as written line by line; parts left over become empty."""
    *ended, (_, current) = in_parts(lines, rotation, head)
    numbers: dict[str, int] = {}
    texts = {path: current}
    for day, text in ended:
        numbers[day] = numbers.get(day, 0) + 1
        texts[log_part(path, day, numbers[day])] = text
    for part in {**dict.fromkeys(log_parts(path)), **texts}:
        write_atomic(part, texts.get(part, head))
