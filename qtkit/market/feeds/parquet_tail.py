"""Bars out of a Parquet file that somebody else replaces by longer ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qtkit.core.errors import DataError
from qtkit.market.feeds.export import read_feed
from qtkit.market.feeds.polled import Fetched
from qtkit.model.bars import Bars

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

    def fetch(self, after: int, until: int) -> Fetched:
        """Return the file's bars; none if it is the one that was read before.

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
            return Fetched(())
        bars = read_feed(self._path)
        for part in bars.values():
            _check_types(self._path, part)
        self._seen = signature
        return Fetched(tuple(bars.values()))


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
