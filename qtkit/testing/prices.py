"""Bars made by hand: every bar of a session, each price where the test wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from qtkit.core.calendars import Calendar
from qtkit.market.bar_grid import BarGrid
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, nanos, time_of
from qtkit.model.money import decimal_of
from qtkit.runtime.market_data import MarketData, joined

__all__ = ["BarRow", "PricePath", "bars_of", "hand_made_bars", "hand_made_data"]

BarRow = tuple[datetime, float, float, float, float, float]
"""When a bar ends, then open, high, low, close and volume."""

PricePath = float | Callable[[int], float]
"""A price for every bar, or one for the number of each bar of the day, from 0."""


def bars_of(symbol: str, rows: Iterable[BarRow], length: BarLength = BarLength.MIN_1) -> Bars:
    """Return bars row by row.

    Examples
    --------
    >>> from qtkit.testing.days import at
    >>> bars_of("X", [(at("09:31"), 10.0, 10.2, 9.9, 10.1, 500.0)]).high
    array([10.2])
    """
    table = list(rows)
    numbers = np.array([row[1:] for row in table], np.float64).reshape(len(table), 5)
    names = ("open", "high", "low", "close", "volume")
    columns = {name: numbers[:, i].copy() for i, name in enumerate(names)}
    ends = np.array([nanos(row[0]) for row in table], np.int64)
    return Bars(symbol=symbol, end=ends, length=length, **columns)


def hand_made_bars(
    symbol: str,
    day: date,
    calendar: Calendar,
    price: PricePath,
    *,
    volume: float = 100_000.0,
    length: BarLength = BarLength.MIN_1,
) -> Bars:
    """Return every bar of a trading date, each flat at its own price.

    Parameters
    ----------
    symbol
        What is traded.
    day
        A trading date; a closed day has no bars.
    calendar
        Says when there is trading.
    price
        Account currency per share, or a function of the bar's number in its day.
    volume
        Shares of each bar.
    length
        How much time a bar covers.

    Examples
    --------
    >>> from qtkit.core.calendars import exchange_calendar
    >>> bars = hand_made_bars("X", date(2026, 3, 4), exchange_calendar("XSHG"), 10.0)
    >>> len(bars), bars.close[0]
    (240, np.float64(10.0))
    """
    ends = BarGrid(calendar, length).ends(day).tolist()
    flat = [price(number) if callable(price) else price for number in range(len(ends))]
    rows = zip(map(time_of, ends), flat, flat, flat, flat, [volume] * len(ends), strict=True)
    return bars_of(symbol, rows, length)


def hand_made_data(
    prices: Mapping[str, PricePath],
    days: Sequence[date],
    calendar: Calendar,
    *,
    volume: float = 100_000.0,
    length: BarLength = BarLength.MIN_1,
    first_close: Mapping[str, float] | None = None,
) -> MarketData:
    """Return the same made-up session on each date.

    Parameters
    ----------
    prices
        Symbol -> its prices; see `hand_made_bars`.
    days
        Trading dates, in order.
    calendar, volume, length
        See `hand_made_bars`.
    first_close
        Symbol -> close before the first date; left out: the first price of the first date.
    """
    bars, closes = dict[str, Bars](), dict[tuple[str, date], Decimal]()
    for symbol, price in prices.items():
        parts = [
            hand_made_bars(symbol, day, calendar, price, volume=volume, length=length)
            for day in days
        ]
        bars[symbol] = joined(parts)
        before = (first_close or {}).get(symbol, float(parts[0].open[0]))
        for day, part in zip(days, parts, strict=True):
            closes[symbol, day] = decimal_of(before)
            before = float(part.close[-1])
    return MarketData(bars, closes)
