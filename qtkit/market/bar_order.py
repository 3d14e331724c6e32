"""Bring bars into the order that everybody relies on: by time, each once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import DataError
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, time_of

__all__ = [
    "agreed",
    "concatenated",
    "differences",
    "empty_bars",
    "is_tidy",
    "newest_forms",
    "take",
    "tidy",
]


def empty_bars(symbol: str, length: BarLength = BarLength.MIN_1) -> Bars:
    """Return no bars at all, of a length.

    Examples
    --------
    >>> len(empty_bars("SPY"))
    0
    """
    none = np.empty(0, dtype=np.float64)
    times = np.empty(0, dtype=np.int64)
    return Bars(
        symbol=symbol,
        end=times,
        open=none,
        high=none,
        low=none,
        close=none,
        volume=none,
        length=length,
    )


def take(bars: Bars, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Bars:
    """Return the chosen rows, by index or by mask, as a copy."""
    return Bars(
        symbol=bars.symbol,
        end=bars.end[rows],
        open=bars.open[rows],
        high=bars.high[rows],
        low=bars.low[rows],
        close=bars.close[rows],
        volume=bars.volume[rows],
        length=bars.length,
    )


def concatenated(first: Bars, *rest: Bars) -> Bars:
    """Return the bars one after the other, as they come; the symbol is the first one's."""
    parts = (first, *rest)
    return Bars(
        symbol=first.symbol,
        end=np.concatenate([part.end for part in parts]),
        open=np.concatenate([part.open for part in parts]),
        high=np.concatenate([part.high for part in parts]),
        low=np.concatenate([part.low for part in parts]),
        close=np.concatenate([part.close for part in parts]),
        volume=np.concatenate([part.volume for part in parts]),
        length=next((part.length for part in parts if len(part)), first.length),
    )


def is_tidy(bars: Bars) -> bool:
    """Whether the bars are ordered by time, each once."""
    return bool(np.all(np.diff(bars.end) > 0))


def tidy(bars: Bars) -> Bars:
    """Return the bars ordered by time, each once; of several at one time the first stays."""
    if is_tidy(bars):
        return bars
    _, rows = np.unique(bars.end, return_index=True)  # the first of equals, in order of time
    return take(bars, rows)


def newest_forms(bars: Bars) -> Bars:
    """Return the bars ordered by time, each once; of several at one time the last stays."""
    if is_tidy(bars):
        return bars
    return tidy(take(bars, np.arange(len(bars))[::-1]))


def agreed(bars: Bars) -> Bars:
    """Return the bars ordered by time, each once, if the several at one time are the same.

    Raises
    ------
    DataError
        If two bars of one time contradict each other.
    """
    if is_tidy(bars):
        return bars
    fresh = tidy(bars)
    wrong = differences(take(fresh, np.searchsorted(fresh.end, bars.end)), bars)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{int(wrong.sum())} bars of {bars.symbol} contradict another bar of the same time "
            f"in the same data, first at {time_of(int(bars.end[row]))}: keep one of each"
        )
    return fresh


def differences(first: Bars, second: Bars) -> NDArray[np.bool_]:
    """Return in which rows two sets of bars differ in price or volume; NaN equals NaN."""
    wrong = np.zeros(len(first), dtype=np.bool_)
    for name in ("open", "high", "low", "close", "volume"):
        one, other = getattr(first, name), getattr(second, name)
        wrong |= ~((one == other) | (np.isnan(one) & np.isnan(other)))
    return wrong
