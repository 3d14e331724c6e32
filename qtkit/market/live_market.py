"""The bars that a feed has delivered so far: a price source that grows while it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from qtkit.core.clock import Clock
from qtkit.core.errors import DataError
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import concatenated, empty_bars
from qtkit.market.feeds.protocol import CheckedFeed, Delivery, Feed, LeftOut
from qtkit.market.tables.action_store import ActionStore
from qtkit.market.trading_minutes import day_window
from qtkit.model.bars import BarBatch, Bars, nanos
from qtkit.model.corporate_actions import CorporateAction, ex_close
from qtkit.model.money import decimal_of
from qtkit.model.series import is_carried

__all__ = ["CloseBefore", "ListenedFeed", "LiveMarket"]

CloseBefore = Callable[[str, date], Decimal | None]
"""``(symbol, date) ->`` last close before the date, account currency per share."""


def _nobody_knows(_symbol: str, _day: date) -> Decimal | None:
    return None


class LiveMarket:
    """Every bar so far, and when it became known. One thread adds while others read.

    Parameters
    ----------
    symbols
        What is traded.
    grid
        The bars that there can be; its calendar says where a date begins.
    elsewhere
        Asked for a last close that no bar tells.
    store
        Where splits and dividends are; None: there are none.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        grid: BarGrid,
        elsewhere: CloseBefore = _nobody_knows,
        store: ActionStore | None = None,
    ) -> None:
        self._store = store
        self.bars = {symbol: empty_bars(symbol, grid.length) for symbol in symbols}
        self._known = {symbol: np.empty(0, dtype=np.int64) for symbol in symbols}
        self._calendar, self._elsewhere = grid.calendar, elsewhere

    def add(self, batch: BarBatch, now: int) -> None:
        """Append bars that became known at `now`, nanoseconds since 1970 UTC."""
        for symbol, fresh in batch.items():
            if is_carried(symbol):
                continue  # nobody trades at it
            known: NDArray[np.int64] = np.full(len(fresh), now, dtype=np.int64)
            self._known[symbol] = np.concatenate([self._known[symbol], known])
            self.bars[symbol] = concatenated(self.bars[symbol], fresh)  # a reader keeps its own

    def revealed(self, symbol: str, end: int) -> int:
        """Return when the bar that ended at `end` became known, at its end or later."""
        row = int(self.bars[symbol].end.searchsorted(end))
        return max(end, int(self._known[symbol][row]))

    def actions(
        self, symbols: Iterable[str], after: date, until: date
    ) -> Sequence[CorporateAction]:
        """Return the splits and dividends with ``after < ex date <= until``, in order of time."""
        return self._store.between(symbols, after, until) if self._store else ()

    def close_before(self, symbol: str, day: date) -> Decimal | None:
        """Return the last close before a date, in shares of that date, account currency."""
        close = self._raw_close(symbol, day)
        if close is None or self._store is None:
            return close
        before = self._calendar.previous_session(day)
        return ex_close(close, self.actions([symbol], before, day))

    def _raw_close(self, symbol: str, day: date) -> Decimal | None:
        bars = self.bars.get(symbol)
        before = 0
        if bars is not None:
            before = int(bars.end.searchsorted(nanos(day_window(self._calendar, day)[0]), "right"))
        if bars is None or not before:
            return self._elsewhere(symbol, day)
        close = float(bars.close[before - 1])
        return decimal_of(close) if np.isfinite(close) and close > 0 else None


class ListenedFeed:
    """Hands another feed's bars on, and lets a market grow by them.

    Parameters
    ----------
    feed
        Where the bars come from.
    market
        What grows.
    clock
        When they became known.
    """

    def __init__(self, feed: Feed, market: LiveMarket, clock: Clock) -> None:
        self._feed, self._market, self._clock = feed, market, clock
        self._early = Delivery({})

    def listen_ahead(self) -> str:
        """Ask once before anybody trades, for the last closes; return what went wrong, or ""."""
        try:
            self._early = self._heard(self._feed.bars_until(self._clock.now()))
        except DataError as problem:
            return str(problem)
        return ""

    def bars_until(self, now: datetime) -> BarBatch:
        """Return the bars that ended at or before `now` and were not returned before."""
        fresh = self._heard(self._feed.bars_until(now))
        early, self._early = self._early, Delivery({})
        return Delivery(
            {s: _joined(early.get(s), fresh.get(s)) for s in {**early, **fresh}},
            refused=early.refused + fresh.refused,
            problem="; ".join(part for part in (early.problem, fresh.problem) if part),
        )

    def left_out(self) -> Sequence[LeftOut]:
        """Return what the other feed left out since the last call, if it tells."""
        return self._feed.left_out() if isinstance(self._feed, CheckedFeed) else ()

    def _heard(self, batch: BarBatch) -> Delivery:
        self._market.add(batch, nanos(self._clock.now()))
        return Delivery.of(batch)


def _joined(first: Bars | None, second: Bars | None) -> Bars:
    """Return two parts as one; at least one is there."""
    parts = [part for part in (first, second) if part is not None]
    return concatenated(*parts)
