"""Bars out of a table: symbols, trading dates, or what lies outside trading hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.text import closest
from qtkit.market.tables.bar_table import BarTable, Obsolete, RemovalReport
from qtkit.market.tables.trading_hours import hours_around
from qtkit.market.trading_minutes import day_window
from qtkit.model.bars import BAR_NANOS, nanos

__all__ = ["removed"]


def removed(
    table: BarTable,
    symbols: Sequence[str],
    calendar_of: Callable[[str], Calendar],
    *,
    first: date | None = None,
    last: date | None = None,
    outside: bool = False,
) -> list[RemovalReport]:
    """Remove bars; all requests are judged before any is carried out.

    Parameters
    ----------
    first, last
        Trading dates, both included; None: that side is open.
    outside
        Only what lies outside trading hours.

    Raises
    ------
    ConfigError
        If the last date comes before the first.
    DataError
        If a symbol is not in the table, or its exchange must be known and is not.
    """
    if first and last and last < first:
        raise ConfigError(f"the last date {last} comes before the first, {first}")
    known = table.symbols()
    if absent := [symbol for symbol in symbols if symbol not in known]:
        near = closest(absent[0], known, cutoff=0.5)
        hint = f"; did you mean {near}?" if near else ""
        raise DataError(f"table {table.name} has no bars of {', '.join(absent)}{hint}")
    if first is None and last is None and not outside:
        return [table.remove(symbol) for symbol in symbols]
    choices = {symbol: _chosen(calendar_of(symbol), first, last, outside) for symbol in symbols}
    for symbol in symbols:
        # a damaged file ends it before any other is touched
        table.read(symbol)
    return [table.remove(symbol, chosen) for symbol, chosen in choices.items()]


def _chosen(calendar: Calendar, first: date | None, last: date | None, outside: bool) -> Obsolete:  # noqa: FBT001
    """Return which bars go, by their ends."""

    def chosen(ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        goes = np.ones(ends.size, dtype=np.bool_)
        if first is not None:
            goes &= ends > nanos(day_window(calendar, first)[0])
        if last is not None:
            goes &= ends <= nanos(day_window(calendar, last)[1])
        if outside:
            goes &= ~hours_around(calendar, ends).inside(ends, BAR_NANOS)
        return goes

    return chosen
