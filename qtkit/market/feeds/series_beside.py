"""A feed of bars with series of values beside them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from qtkit.core.errors import DataError
from qtkit.market.bar_order import take
from qtkit.market.feeds.protocol import CheckedFeed, Delivery, Feed, LeftOut
from qtkit.market.feeds.validation import delivered
from qtkit.market.tables.series_store import SeriesStore
from qtkit.model.bars import Bars, nanos
from qtkit.model.series import SeriesTerms, carried

__all__ = ["SeriesBeside"]


class SeriesBeside:
    """Hands another feed's bars on, and what is new of some series, which somebody else writes.

    A value that comes later than a newer one of its series is left out. A series that cannot be
    read keeps no bar back: the delivery says what is wrong with it.

    Parameters
    ----------
    feed
        Where the bars come from.
    store, terms
        Where the series are, and which.
    """

    def __init__(self, feed: Feed, store: SeriesStore, terms: Sequence[SeriesTerms]) -> None:
        self._feed, self._store, self._terms = feed, store, terms
        self._last = dict.fromkeys((one.name for one in terms), np.iinfo(np.int64).min)
        self._seen = dict[str, tuple[int, int, int]]()  # inode, size, time of the last reading
        self._waiting = dict[str, Bars]()  # read, and later than the last poll

    def bars_until(self, now: datetime) -> Delivery:
        """Return the bars, and the values known at or before `now`, not returned before."""
        answer = delivered(self._feed.bars_until(now))
        found, problems = dict[str, Bars](answer), [answer.problem] if answer.problem else []
        for one in self._terms:
            try:
                self._read(one.name)
            except (DataError, OSError) as problem:
                problems.append(str(problem))
            fresh = self._known(one.name, nanos(now))
            if fresh is not None and len(fresh):
                found[fresh.symbol] = fresh
        return Delivery(found, refused=answer.refused, problem="; ".join(problems))

    def left_out(self) -> Sequence[LeftOut]:
        """Return what the other feed left out since the last call, if it tells."""
        return self._feed.left_out() if isinstance(self._feed, CheckedFeed) else ()

    def _read(self, name: str) -> None:
        """Read a series again if it was written since."""
        signature = _signature(self._store.file(name))
        if signature != self._seen.get(name):
            self._waiting[name] = carried(self._store.read(name))
            self._seen[name] = signature

    def _known(self, name: str, limit: int) -> Bars | None:
        """Return what a series has newly, up to a moment."""
        if name not in self._waiting:
            return None
        bars = self._waiting[name]
        fresh = take(bars, (bars.end > self._last[name]) & (bars.end <= limit))
        if len(fresh):
            self._last[name] = int(fresh.end[-1])
        return fresh


def _signature(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
