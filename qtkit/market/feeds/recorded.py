"""Feeds that play back bars which are there already, well or badly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from qtkit.core.errors import DataError
from qtkit.market.bar_order import concatenated, is_tidy, take, tidy
from qtkit.market.feeds.protocol import Feed
from qtkit.model.bars import BarBatch, Bars, nanos

__all__ = ["Absent", "Fault", "FaultyFeed", "NotANumber", "RecordedFeed", "Repeated", "Silence"]


class RecordedFeed:
    """Plays back bars that are in memory.

    Parameters
    ----------
    bars
        Symbol -> its bars; what is out of order is put in order, and a repeat is left out.
    """

    def __init__(self, bars: Mapping[str, Bars]) -> None:
        self._bars = {symbol: tidy(part) for symbol, part in bars.items()}
        self._next = dict.fromkeys(bars, 0)

    def bars_until(self, now: datetime) -> BarBatch:
        """Return the bars that ended at or before `now` and were not returned before."""
        limit = nanos(now)
        batch = {}
        for symbol, bars in self._bars.items():
            first = self._next[symbol]
            last = int(bars.end.searchsorted(limit, "right"))
            if last > first:
                batch[symbol] = bars.rows(first, last)
                self._next[symbol] = last
        return batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nothing comes in ``[start, end)``; what was missed comes afterwards, at once."""

    start: datetime
    end: datetime
    fails: bool = False  # raise DataError instead of delivering nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A symbol never has any bar."""

    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotANumber:
    """The prices of the bar that ends at `end` are NaN."""

    symbol: str
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """From `start` on, the source sends each bar again, after the newer ones of its batch."""

    symbol: str
    start: datetime


Fault = Silence | Absent | NotANumber | Repeated


class FaultyFeed:
    """Plays another feed with faults in it, and keeps the promise of a feed all the same.

    Parameters
    ----------
    feed
        Where the bars come from.
    faults
        What goes wrong.
    """

    def __init__(self, feed: Feed, faults: Iterable[Fault]) -> None:
        self._feed = feed
        self._faults = tuple(faults)
        self._absent = {fault.symbol for fault in self._faults if isinstance(fault, Absent)}
        self._last: dict[str, int] = {}  # nanoseconds of the newest bar delivered
        self._previous: dict[str, Bars] = {}  # what the source sends again
        self.dropped = 0  # bars that came again or too late

    def bars_until(self, now: datetime) -> BarBatch:
        """Return the bars that ended at or before `now` and were not returned before."""
        for fault in self._faults:
            if isinstance(fault, Silence) and fault.start <= now < fault.end:
                return self._silent(fault, now)
        batch = self._feed.bars_until(now)
        present = (bars for symbol, bars in batch.items() if symbol not in self._absent)
        kept = (self._once(self._spoilt(bars)) for bars in present)
        return {bars.symbol: bars for bars in kept if len(bars)}

    def _silent(self, fault: Silence, now: datetime) -> BarBatch:
        if fault.fails:
            raise DataError(
                f"the feed did not answer at {now.isoformat()}: the source is away until "
                f"{fault.end.isoformat()}; nothing is lost, ask again later"
            )
        return {}

    def _spoilt(self, bars: Bars) -> Bars:
        for fault in self._faults:
            if isinstance(fault, NotANumber) and fault.symbol == bars.symbol:
                bars = _without_numbers(bars, nanos(fault.end))
            if isinstance(fault, Repeated) and fault.symbol == bars.symbol:
                bars = self._repeated(bars, nanos(fault.start))
        return bars

    def _repeated(self, bars: Bars, start: int) -> Bars:
        before = self._previous.get(bars.symbol)
        again = take(bars, bars.end >= start)
        self._previous[bars.symbol] = bars
        late = () if before is None else (take(before, before.end >= start),)
        return concatenated(bars, again, *late)

    def _once(self, bars: Bars) -> Bars:
        last = self._last.get(bars.symbol, -1)
        fresh = bars if is_tidy(bars) and bars.end[0] > last else take(bars, bars.end > last)
        fresh = tidy(fresh)
        self.dropped += len(bars) - len(fresh)
        if len(fresh):
            self._last[bars.symbol] = int(fresh.end[-1])
        return fresh


def _without_numbers(bars: Bars, end: int) -> Bars:
    hit = bars.end == end
    if not hit.any():
        return bars
    return replace(
        bars,
        open=np.where(hit, np.nan, bars.open),
        high=np.where(hit, np.nan, bars.high),
        low=np.where(hit, np.nan, bars.low),
        close=np.where(hit, np.nan, bars.close),
    )
