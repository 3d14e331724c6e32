"""Feeds that ask a source again and again, and keep the promise of a feed whatever it answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, Protocol

import numpy as np

from qtkit.core.calendars import exchange_calendar
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import concatenated, newest_forms, take
from qtkit.market.feeds.protocol import Delivery, LeftOut
from qtkit.market.feeds.review import Review
from qtkit.model.bars import BarBatch, Bars, nanos

__all__ = ["BarRow", "BarSource", "Fetched", "PolledFeed", "columns_of"]

_EACH_MINUTE = BarGrid(exchange_calendar("24/7"))
_FARTHEST = 2**63  # nanoseconds from 1970: the year 2262


class BarRow(NamedTuple):
    """One bar as a source tells it; prices in account currency per share, volume in shares."""

    symbol: str
    end: int  # nanoseconds since 1970 UTC
    open: float
    high: float
    low: float
    close: float
    volume: float


def columns_of(rows: Iterable[BarRow]) -> list[Bars]:
    """Return rows as columns, symbol by symbol, in the order in which they came."""
    by_symbol: dict[str, list[BarRow]] = {}
    for row in rows:
        if not abs(row.end) < _FARTHEST:
            continue  # no column can hold it, and nobody will live to see it end
        by_symbol.setdefault(row.symbol, []).append(row)
    return [_columns(symbol, part) for symbol, part in by_symbol.items()]


def _columns(symbol: str, rows: Sequence[BarRow]) -> Bars:
    numbers = np.array([row[2:] for row in rows], dtype=np.float64)
    return Bars(
        symbol=symbol,
        end=np.array([row.end for row in rows], dtype=np.int64),
        open=numbers[:, 0],
        high=numbers[:, 1],
        low=numbers[:, 2],
        close=numbers[:, 3],
        volume=numbers[:, 4],
    )


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source answered.

    Attributes
    ----------
    bars
        In any order, repeats allowed.
    problem
        What of the answer makes no sense and was left out; "" if all does.
    refused
        How many bars that were.
    """

    bars: Sequence[Bars]
    problem: str = ""
    refused: int = 0


class BarSource(Protocol):
    """Something that can be asked for bars; it may repeat itself and has no order to keep."""

    def fetch(self, after: int, until: int) -> Fetched:
        """Return at least the bars with ``after < end <= until``, nanoseconds, not told before.

        Raises
        ------
        DataError
            If there is no answer, or none that makes sense; the next call asks again.
        """


def _by_symbol(parts: Sequence[Bars]) -> dict[str, Bars]:
    """Return what came of each symbol, in the order in which it came; empty parts left out."""
    found = dict[str, list[Bars]]()
    for part in parts:
        if len(part):
            found.setdefault(part.symbol, []).append(part)
    return {symbol: concatenated(*bars) for symbol, bars in found.items()}


class PolledFeed:
    """Finished bars, in order, each once, from a source that may do none of that.

    A bar that has not ended waits, and its newest form counts; where the source goes on with a
    later bar and leaves it out, it is no more than a draft, and is dropped. Bars are never
    delivered out of order: one that comes later than a newer one of its symbol is left out, and
    so is one that does not end where the grid's bars end, or that contradicts what was delivered;
    see `left_out`. Where only a part of an answer makes sense, that part is delivered, and the
    delivery says what is missing from it.

    Parameters
    ----------
    source
        Whom to ask.
    symbols
        What is traded; other symbols are left out.
    since
        Bars that ended at or before it are of no interest.
    grid
        The bars that there can be.
    """

    def __init__(
        self,
        source: BarSource,
        symbols: Sequence[str],
        since: datetime,
        grid: BarGrid = _EACH_MINUTE,
    ) -> None:
        self._source, self._grid = source, grid
        self._last = dict.fromkeys(symbols, nanos(since))  # end of the newest bar delivered
        self._waiting = dict[str, Bars]()  # fetched, and not finished or not delivered yet
        self._drafts = dict[str, int]()  # end of the bar that was fetched before it ended
        self._review = Review(grid)

    def bars_until(self, now: datetime) -> BarBatch:
        """Return the bars that ended at or before `now` and were not returned before.

        Raises
        ------
        DataError
            If the source did not deliver; nothing is lost, the next call returns it.
        """
        limit = nanos(now)
        found = self._source.fetch(min(self._last.values(), default=limit), limit)
        for symbol, bars in _by_symbol(found.bars).items():
            if symbol in self._last:
                self._keep(bars, limit)
        return Delivery(self._finished(limit), refused=found.refused, problem=found.problem)

    def left_out(self) -> Sequence[LeftOut]:
        """Return what was left out since the last call, each form of a bar once."""
        return self._review.left_out()

    def _keep(self, bars: Bars, limit: int) -> None:
        """Put what is new of a symbol with what waits; the newest form of a bar counts."""
        symbol, length = bars.symbol, self._grid.length
        bars = self._review.aligned(replace(bars, length=length))
        self._review.compare(bars, self._last[symbol])
        fresh = newest_forms(take(bars, bars.end > self._last[symbol]))
        waiting = self._waiting.get(symbol)
        if waiting is not None:
            draft = self._drafts.pop(symbol, 0)
            if len(fresh) and draft and draft <= limit and fresh.end[-1] > draft:
                waiting = take(waiting, waiting.end != draft)
            fresh = newest_forms(concatenated(waiting, fresh))
        self._waiting[symbol] = fresh
        if len(fresh) and limit < fresh.end[-1] <= limit + self._grid.length.nanos:
            self._drafts[symbol] = int(fresh.end[-1])

    def _finished(self, limit: int) -> BarBatch:
        """Take out what has ended."""
        ready = {symbol: take(bars, bars.end <= limit) for symbol, bars in self._waiting.items()}
        batch = {symbol: bars for symbol, bars in ready.items() if len(bars)}
        for symbol, bars in batch.items():
            self._last[symbol] = int(bars.end[-1])
            self._waiting[symbol] = take(self._waiting[symbol], self._waiting[symbol].end > limit)
            self._review.delivered(bars)
        return batch
