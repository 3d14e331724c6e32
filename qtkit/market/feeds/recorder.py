"""What a feed delivers, in a file before anybody uses it: the recorded inputs of a session.

Each price poll that brought bars is one block: a line with its own checksum and, as JSON, the
poll's time, how many bars it has of each symbol and their checksum; then the bars' columns, then a
line's end. A process that dies, or a machine that loses its power, tears the last block at most.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from qtkit.core.errors import DataError
from qtkit.core.files import open_file, storage_error, write_whole
from qtkit.core.paths import SessionFolder
from qtkit.market.bar_order import concatenated, take
from qtkit.market.feeds.export import read_feed, write_feed
from qtkit.market.feeds.protocol import CheckedFeed, Delivery, Feed, LeftOut
from qtkit.market.feeds.validation import delivered
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars

__all__ = ["FeedRecorder", "Recording", "read_recording", "recorded_bars", "seal_recording"]

_PRICES = ("open", "high", "low", "close", "volume")
_ROW = 8 * (1 + len(_PRICES))  # bytes of a bar


class _Head(TypedDict):
    at: str
    bars: dict[str, int]
    checksum: int
    lengths: NotRequired[dict[str, str]]  # of a symbol's bars, where that is no minute


@dataclass(frozen=True, slots=True)
class Recording:
    """The bars of a file of polls, and how much of it is sound.

    Attributes
    ----------
    bars
        Symbol -> its bars, as they came.
    size
        Bytes up to the end of the last whole block; what follows was torn.
    """

    bars: dict[str, Bars]
    size: int


class FeedRecorder:
    """Hands another feed's bars on when they are in a file; goes on with one that is there.

    The first delivery after a return holds what was recorded before, in the form that it had then,
    and what is newer: a session that comes back knows what it knew.

    Parameters
    ----------
    feed
        Where the bars come from.
    path
        The file.
    durable
        Whether each poll is on disk, and not only in the machine's memory, before it is handed on.

    Raises
    ------
    DataError
        If the file is damaged before its end.
    """

    def __init__(self, feed: Feed, path: Path, *, durable: bool) -> None:
        self._feed, self._path, self._durable = feed, path, durable
        before = _taken_up(path)
        self._again = before.bars  # handed on once more, to an engine that has just come back
        self._known = {symbol: int(bars.end.max()) for symbol, bars in before.bars.items()}
        self._unwritten = Delivery({})  # the feed delivered it, and the disk has not taken it yet

    def bars_until(self, now: datetime) -> Delivery:
        """Return the bars that ended at or before `now` and were not returned before.

        Raises
        ------
        DataError
            If the source cannot deliver, or delivers what are no bars.
        StorageError
            If the disk does not take them; nothing is lost, the next call returns them.
        """
        fresh = self._unseen(delivered(self._feed.bars_until(now)))
        self._unwritten = _joined(self._unwritten, fresh)
        self._write(now, self._unwritten)
        again, self._again = self._again, {}
        whole, self._unwritten = _joined(Delivery(again), self._unwritten), Delivery({})
        return whole

    def left_out(self) -> Sequence[LeftOut]:
        """Return what the other feed left out since the last call, if it tells."""
        return self._feed.left_out() if isinstance(self._feed, CheckedFeed) else ()

    def _unseen(self, answer: Delivery) -> Delivery:
        """Return what is newer than the recording that was there at the beginning."""
        known = self._known
        parts = {s: take(b, b.end > known[s]) if s in known else b for s, b in answer.items()}
        return Delivery(parts, refused=answer.refused, problem=answer.problem)

    def _write(self, now: datetime, bars: Mapping[str, Bars]) -> None:
        some = [part for part in bars.values() if len(part)]
        if not some:
            return
        try:
            file = open_file(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            try:
                write_whole(file, _block(now, some))
                if self._durable:
                    os.fsync(file)
            finally:
                os.close(file)
        except OSError as problem:
            problem.filename = problem.filename or os.fspath(self._path)
            raise storage_error(problem) from problem


def _joined(first: Delivery, second: Delivery) -> Delivery:
    """Return two deliveries as one."""
    if not first and not first.refused:
        return second  # as a rule nothing waits, and bars are not copied for nothing
    bars = {
        symbol: concatenated(*(part[symbol] for part in (first, second) if symbol in part))
        for symbol in {**first, **second}
    }
    problem = "; ".join(part.problem for part in (first, second) if part.problem)
    return Delivery(bars, refused=first.refused + second.refused, problem=problem)


def _block(now: datetime, bars: Sequence[Bars]) -> bytes:
    """Return one poll as the file holds it."""
    columns = b"".join(_bytes_of(column) for part in bars for column in _columns(part))
    counts = {part.symbol: len(part) for part in bars}
    head: dict[str, Any] = {
        "at": now.isoformat(),
        "bars": counts,
        "checksum": zlib.crc32(columns),
    }
    lengths = {p.symbol: str(p.length) for p in bars if p.length is not BarLength.MIN_1}
    if lengths:
        head["lengths"] = lengths
    text = json.dumps(head).encode()
    return b"%08x %b\n%b\n" % (zlib.crc32(text), text, columns)


def _bytes_of(column: np.ndarray[Any, Any]) -> bytes:
    """Return a column's numbers, little end first whatever the machine."""
    return column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes()


def _columns(bars: Bars) -> list[np.ndarray[Any, Any]]:
    return [bars.end, *(getattr(bars, name) for name in _PRICES)]


def _taken_up(path: Path) -> Recording:
    """Return what a file holds already, and cut a torn end off."""
    try:
        found = read_recording(path)
    except FileNotFoundError:
        return Recording({}, 0)
    if found.size < path.stat().st_size:
        os.truncate(path, found.size)
    return found


def read_recording(path: Path) -> Recording:
    """Return the polls of a file, up to a torn end.

    Raises
    ------
    DataError
        If a block before the end is not as it was written.
    FileNotFoundError
        If there is no such file.
    """
    content, at, parts = path.read_bytes(), 0, dict[str, list[Bars]]()
    while (end_of_head := content.find(b"\n", at)) >= 0:
        head, first = _head_of(content[at:end_of_head]), end_of_head + 1
        if head is None:
            raise _damaged(path, at)
        end = first + _ROW * sum(head["bars"].values())
        if end >= len(content):
            break  # torn: the block was longer
        if zlib.crc32(content[first:end]) != head["checksum"] or content[end : end + 1] != b"\n":
            raise _damaged(path, at)
        for bars in _bars_of(content, first, head):
            parts.setdefault(bars.symbol, []).append(bars)
        at = end + 1
    return Recording({symbol: concatenated(*found) for symbol, found in parts.items()}, at)


def _damaged(path: Path, at: int) -> DataError:
    return DataError(
        f"{path}: the poll that begins at byte {at} is not as it was written; restore the file, or "
        "move it away: the session goes on with what the feed delivers again"
    )


def _head_of(line: bytes) -> _Head | None:
    """Return the head of a block; None if it is not as it was written."""
    checksum, _, text = line.partition(b" ")
    return None if checksum != b"%08x" % zlib.crc32(text) else json.loads(text)


def _bars_of(content: bytes, at: int, head: _Head) -> Iterator[Bars]:
    lengths = head.get("lengths", {})
    for symbol, count in head["bars"].items():
        end, *prices = (
            np.frombuffer(content, kind, count, at + 8 * count * column)
            for column, kind in enumerate(("<i8", *["<f8"] * len(_PRICES)))
        )
        columns = dict(zip(_PRICES, prices, strict=True))
        yield Bars(
            symbol=symbol,
            end=end,
            length=BarLength(lengths.get(symbol, BarLength.MIN_1)),
            **columns,
        )
        at += _ROW * count


def seal_recording(folder: SessionFolder) -> None:
    """Turn the polls of a session that has ended into one Parquet file, which others read too.

    Polls that are not as they were written stay as they are: who wants them is told why.
    """
    found = Recording({}, 0)
    with suppress(FileNotFoundError):
        try:
            found = read_recording(folder.feed_polls)
        except DataError:
            return
    write_feed(folder.feed, found.bars.values())
    folder.feed_polls.unlink(missing_ok=True)


def recorded_bars(folder: SessionFolder) -> dict[str, Bars]:
    """Return what a session's feed delivered: of one that has ended, or that was cut off.

    Raises
    ------
    DataError
        If nothing was recorded, or it is damaged.
    """
    if folder.feed_polls.exists() and not folder.feed.exists():
        return read_recording(folder.feed_polls).bars
    return read_feed(folder.feed)
