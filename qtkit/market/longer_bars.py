"""Bars of one length as bars of a longer one."""

from __future__ import annotations

import numpy as np

from qtkit.core.errors import ConfigError
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import take
from qtkit.model.bars import Bars

__all__ = ["longer_bars", "refuse_shorter"]


def refuse_shorter(bars: Bars, grid: BarGrid) -> None:
    """Make sure that a grid's bars are no shorter than those that they are made of.

    Raises
    ------
    ConfigError
        If they are.
    """
    if grid.length.nanos < bars.length.nanos:
        raise ConfigError(
            f"bars of {grid.length} cannot be made of bars of {bars.length}; ask for "
            f"{bars.length} or longer ones"
        )


def longer_bars(bars: Bars, grid: BarGrid) -> Bars:
    """Return the bars of a grid that some of these lie in, labelled by where the grid ends them.

    Bars outside trading are left out. Whoever wants finished bars alone drops the last.

    Raises
    ------
    ConfigError
        If the grid's bars are shorter.
    """
    refuse_shorter(bars, grid)
    if grid.length is bars.length:
        return bars
    spans = grid.spans_around(bars.end)
    if not spans.end.size:
        none = np.empty(0)
        return Bars(
            symbol=bars.symbol, end=np.empty(0, np.int64), open=none, high=none, low=none,
            close=none, volume=none, length=grid.length,
        )  # fmt: skip
    place = np.minimum(spans.end.searchsorted(bars.end), spans.end.size - 1)
    inside = (spans.start[place] < bars.end) & (bars.end <= spans.end[place])
    if not inside.all():
        bars, place = take(bars, inside), place[inside]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    last = np.append(first[1:], place.size)[: first.size] - 1
    return Bars(
        symbol=bars.symbol,
        end=spans.end[place[first]],
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high, first) if first.size else bars.high,
        low=np.minimum.reduceat(bars.low, first) if first.size else bars.low,
        close=bars.close[last],
        volume=np.add.reduceat(bars.volume, first) if first.size else bars.volume,
        length=grid.length,
    )
