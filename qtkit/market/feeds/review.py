"""What a source sends again, late or crooked, held against what was delivered."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import concatenated, differences, empty_bars, take
from qtkit.market.feeds.protocol import LeftOut
from qtkit.model.bars import Bars

__all__ = ["Review"]

_REMEMBERED = 2_000  # bars of a symbol: eight days in Shanghai, a day and a third around the clock
_NOTED = 10_000


class Review:
    """Remembers what was delivered, and notes each form of a bar that was left out, once.

    Parameters
    ----------
    grid
        The bars that there can be.
    """

    def __init__(self, grid: BarGrid) -> None:
        self._grid = grid
        self._delivered = dict[str, Bars]()
        self._known = set[tuple[str, int, tuple[float, ...]]]()  # noted already
        self._notes = list[LeftOut]()

    def delivered(self, bars: Bars) -> None:
        """Remember bars that were handed on."""
        before = self._delivered.get(bars.symbol, empty_bars(bars.symbol, bars.length))
        both = concatenated(before, bars)
        self._delivered[bars.symbol] = both.rows(max(0, len(both) - _REMEMBERED), len(both))

    def aligned(self, bars: Bars) -> Bars:
        """Return the bars that end where bars end, and note the others."""
        whole = self._grid.are_ends(bars.end)
        if not whole.all():
            self._note(take(bars, ~whole), "unaligned", None)
        return take(bars, whole)

    def compare(self, bars: Bars, last: int) -> None:
        """Note what contradicts a bar that was delivered, or comes after a newer one.

        Parameters
        ----------
        bars
            As they came.
        last
            End of the newest bar delivered of their symbol, nanoseconds since 1970 UTC.
        """
        mine = self._delivered.get(bars.symbol)
        if mine is None or not len(mine):
            return
        old = take(bars, (bars.end <= last) & (bars.end >= mine.end[0]))
        rows = np.minimum(mine.end.searchsorted(old.end), len(mine) - 1)
        is_known = mine.end[rows] == old.end
        self._note(take(old, ~is_known), "late", None)
        again, ours = take(old, is_known), take(mine, rows[is_known])
        wrong = differences(ours, again)
        self._note(take(again, wrong), "contradicts", take(ours, wrong))

    def left_out(self) -> Sequence[LeftOut]:
        """Return the notes since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def _note(self, bars: Bars, why: str, ours: Bars | None) -> None:
        for i in range(len(bars)):
            numbers = (bars.open[i], bars.high[i], bars.low[i], bars.close[i], bars.volume[i])
            form = tuple(float(n) if math.isfinite(n) else math.inf for n in numbers)
            key = (bars.symbol, int(bars.end[i]), form)
            if key in self._known:
                continue
            if len(self._known) >= _NOTED:
                self._known.clear()
            self._known.add(key)
            self._notes.append(
                LeftOut(
                    symbol=bars.symbol,
                    end=int(bars.end[i]),
                    why=why,
                    delivered=math.nan if ours is None else float(ours.close[i]),
                    sent=float(bars.close[i]),
                )
            )
