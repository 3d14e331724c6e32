"""Bars out of a table: symbols, trading dates, or what lies outside trading hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.text import closest
from qtkit.market.tables.bar_table import BarTable, RemovalReport
from qtkit.market.tables.trading_hours import hours_around
from qtkit.market.trading_minutes import day_window
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import nanos

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
    length = table.length or BarLength.MIN_1
    choices = {}
    for symbol in symbols:
        choices[symbol] = partial(
            _chosen, calendar_of(symbol), first, last, length=length if outside else None
        )
        # a damaged file ends it before any other is touched
        table.read(symbol)
    return [table.remove(symbol, chosen) for symbol, chosen in choices.items()]


def _chosen(
    calendar: Calendar,
    first: date | None,
    last: date | None,
    ends: NDArray[np.int64],
    *,
    length: BarLength | None,
) -> NDArray[np.bool_]:
    """Return which bars go; with a length only those outside trading hours."""
    goes = np.ones(ends.size, dtype=np.bool_)
    if first is not None:
        goes &= ends > nanos(day_window(calendar, first)[0])
    if last is not None:
        goes &= ends <= nanos(day_window(calendar, last)[1])
    if length is not None:
        goes &= ~hours_around(calendar, ends).inside(ends, length)
    return goes
