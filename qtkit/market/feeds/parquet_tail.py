"""Bars out of a Parquet file that somebody else replaces by longer ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qtkit.core.errors import DataError
from qtkit.market.feeds.export import read_feed
from qtkit.market.feeds.polled import Fetched
from qtkit.market.ordering import take
from qtkit.model.bars import BAR_NANOS, Bars

__all__ = ["ParquetTail"]


class ParquetTail:
    """Reads the file again whenever it has changed.

    Its columns are those of a session's exported feed: symbol (text), end (int64, nanoseconds
    since 1970 UTC), open, high, low, close, volume (float64).

    Parameters
    ----------
    path
        The file; it may appear later. A half-written one is read at the next poll.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None  # inode, size, time of the last reading
        self._bars = list[Bars]()  # what it had then
        self._drafts = set[tuple[str, int]]()  # bars that it had within their own minute

    def fetch(self, after: int, until: int) -> Fetched:
        """Return the file's bars up to `until`; of a file that has not changed, those in between.

        A last bar that stood there within its own minute waits until the file is written again.

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
        found_bars = list(read_feed(self._path).values())
        for part in found_bars:
            _check_types(self._path, part)
        self._seen, self._bars = signature, found_bars
        newest = ((bars.symbol, int(bars.end.max())) for bars in found_bars if len(bars))
        self._drafts = {(s, end) for s, end in newest if until < end <= until + BAR_NANOS}
        return Fetched([take(bars, bars.end <= until) for bars in found_bars])

    def _between(self, bars: Bars, after: int, until: int) -> Bars:
        known = take(bars, (bars.end > after) & (bars.end <= until))
        drafts = [end for symbol, end in self._drafts if symbol == bars.symbol]
        return take(known, ~np.isin(known.end, drafts))


def _check_types(path: Path, bars: Bars) -> None:
    numbers = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    wrong = [name for name, column in numbers.items() if column.dtype != np.float64]
    wrong += ["end"] if bars.end.dtype != np.int64 else []
    if wrong:
        raise DataError(
            f"{path.name}: the columns {', '.join(wrong)} have another type than expected (end: "
            "int64, nanoseconds since 1970 UTC; the rest: float64); write the file like "
            "a session's exported feed"
        )
