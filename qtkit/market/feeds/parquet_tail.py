"""Bars out of a Parquet file that somebody else replaces by longer ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import DataError
from qtkit.market.bar_order import take
from qtkit.market.feeds.export import read_feed
from qtkit.market.feeds.polled import Fetched
from qtkit.market.number_text import first_mistakes, shortened
from qtkit.market.tables.timestamps import FIRST_YEAR, LAST_YEAR, are_bar_ends
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars

__all__ = ["ParquetTail"]

_SHOWN = 3  # ends that one sentence names


class ParquetTail:
    """Reads the file again whenever it has changed.

    Its columns are those of a session's exported feed: symbol (text), end (int64, nanoseconds
    since 1970 UTC), open, high, low, close, volume (float64).

    Parameters
    ----------
    path
        The file; it may appear later. A half-written one is read at the next poll.
    length
        How much time each bar covers.
    """

    def __init__(self, path: Path, length: BarLength = BarLength.MIN_1) -> None:
        self._path, self._length = path, length
        self._seen: tuple[int, int, int] | None = None  # inode, size, time of the last reading
        self._bars = list[Bars]()  # what it had then
        self._drafts = set[tuple[str, int]]()  # bars that it had before they ended

    def fetch(self, after: int, until: int) -> Fetched:
        """Return the file's bars up to `until`; of a file that has not changed, those in between.

        A last bar that stood there before it ended waits until the file is written again.

        Raises
        ------
        DataError
            If the file is not there or makes no sense.
        """
        try:
            found = self._path.stat()
        except OSError as problem:
            raise DataError(
                f"the feed's file {self._path} cannot be read ({problem.strerror}); check the "
                "path, and that its writer runs"
            ) from None
        signature = (found.st_ino, found.st_size, found.st_mtime_ns)
        if signature == self._seen:
            return Fetched([self._between(bars, after, until) for bars in self._bars])
        sound, wrong, refused = list[Bars](), list[str](), 0
        for bars in read_feed(self._path).values():
            odd = _makes_no_sense(bars)
            sound.append(take(bars, ~odd))
            if odd.any():
                refused += int(odd.sum())
                ends = ", ".join(str(end) for end in bars.end[odd][:_SHOWN].tolist())
                wrong.append(f"{int(odd.sum())} of {shortened(bars.symbol)} (end {ends})")
        self._seen, self._bars = signature, sound
        newest = ((bars.symbol, int(bars.end.max())) for bars in sound if len(bars))
        self._drafts = {(s, end) for s, end in newest if until < end <= until + self._length.nanos}
        ended = [take(bars, bars.end <= until) for bars in sound]
        return Fetched(ended, self._problem(wrong), refused)

    def _between(self, bars: Bars, after: int, until: int) -> Bars:
        known = take(bars, (bars.end > after) & (bars.end <= until))
        drafts = [end for symbol, end in self._drafts if symbol == bars.symbol]
        return take(known, ~np.isin(known.end, drafts))

    def _problem(self, wrong: list[str]) -> str:
        if not wrong:
            return ""
        return (
            f"{self._path.name}: bars whose end is no whole minute from {FIRST_YEAR} to "
            f"{LAST_YEAR}, or with a number that is infinite, were left out: "
            f"{first_mistakes(wrong)}"
        )


def _makes_no_sense(bars: Bars) -> NDArray[np.bool_]:
    """Return which bars nobody could deal with; NaN is a price that is not there."""
    odd = ~are_bar_ends(bars.end)
    for name in ("open", "high", "low", "close", "volume"):
        odd |= np.isinf(getattr(bars, name))
    return odd
