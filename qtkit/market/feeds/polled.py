"""Feeds that ask a source again and again, and keep the promise of a feed whatever it answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import numpy as np

from qtkit.market.feeds.protocol import Delivery
from qtkit.market.ordering import concatenated, take, tidy
from qtkit.model.bars import BarBatch, Bars, nanos

__all__ = ["BarRow", "BarSource", "Fetched", "PolledFeed", "columns_of"]


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


class PolledFeed:
    """Finished bars, in order, each once, from a source that may do none of that.

    Bars are never delivered out of order: one that comes later than a newer one of its symbol is
    left out. Where only a part of an answer makes sense, that part is delivered, and the delivery
    says what is missing from it.

    Parameters
    ----------
    source
        Whom to ask.
    symbols
        What is traded; other symbols are left out.
    since
        Bars that ended at or before it are of no interest.
    """

    def __init__(self, source: BarSource, symbols: Sequence[str], since: datetime) -> None:
        self._source = source
        self._last = dict.fromkeys(symbols, nanos(since))  # end of the newest bar delivered
        self._waiting = dict[str, Bars]()  # fetched, and not finished or not delivered yet

    def bars_until(self, now: datetime) -> BarBatch:
        """Return the bars that ended at or before `now` and were not returned before.

        Raises
        ------
        DataError
            If the source did not deliver; nothing is lost, the next call returns it.
        """
        limit = nanos(now)
        found = self._source.fetch(min(self._last.values(), default=limit), limit)
        self._keep(found.bars)
        return Delivery(self._finished(limit), refused=found.refused, problem=found.problem)

    def _keep(self, found: Sequence[Bars]) -> None:
        """Put what is new of wanted symbols with what waits."""
        for bars in found:
            if bars.symbol in self._last:
                fresh = take(bars, bars.end > self._last[bars.symbol])
                waiting = self._waiting.get(bars.symbol)
                joined = fresh if waiting is None else concatenated(waiting, fresh)
                self._waiting[bars.symbol] = tidy(joined)

    def _finished(self, limit: int) -> BarBatch:
        """Take out what has ended."""
        ready = {symbol: take(bars, bars.end <= limit) for symbol, bars in self._waiting.items()}
        batch = {symbol: bars for symbol, bars in ready.items() if len(bars)}
        for symbol, bars in batch.items():
            self._last[symbol] = int(bars.end[-1])
            self._waiting[symbol] = take(self._waiting[symbol], self._waiting[symbol].end > limit)
        return batch
