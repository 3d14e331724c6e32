"""Bars for the benchmarks: a seeded random walk on an exchange's minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar
from qtkit.market.bar_grid import BarGrid
from qtkit.model.bars import Bars
from qtkit.runtime.market_data import MarketData

__all__ = ["random_walk"]

_TICK = 0.01


def random_walk(
    symbols: Sequence[str], days: Sequence[date], calendar: Calendar, bars: int
) -> MarketData:
    """Return `bars` one-minute bars of each symbol, the same at every call."""
    ends = np.concatenate([BarGrid(calendar).ends(day) for day in days])[:bars]
    return MarketData({s: _walk(s, n, ends) for n, s in enumerate(symbols)}, _closes(symbols, days))


def _walk(symbol: str, number: int, ends: NDArray[np.int64]) -> Bars:
    chance = np.random.Generator(np.random.PCG64(number))
    steps = chance.integers(-3, 4, ends.size)
    close = 500.0 + np.abs(np.cumsum(steps)) * _TICK
    opened = np.roll(close, 1)
    opened[0] = close[0]
    volume = np.full(ends.size, 1e6)
    return Bars(
        symbol=symbol,
        end=ends,
        open=opened.round(2),
        high=np.maximum(opened, close).round(2),
        low=np.minimum(opened, close).round(2),
        close=close.round(2),
        volume=volume,
    )


def _closes(symbols: Sequence[str], days: Sequence[date]) -> dict[tuple[str, date], Decimal]:
    return {(symbol, day): Decimal(500) for symbol in symbols for day in days}
