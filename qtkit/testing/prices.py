"""Bars made by hand: every minute of a session, each price where the test wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import numpy as np

from qtkit.core.calendars import Calendar
from qtkit.model.bars import BAR_NANOS, Bars, nanos
from qtkit.model.money import decimal_of
from qtkit.runtime.market_data import MarketData, joined

__all__ = ["PricePath", "hand_made_bars", "hand_made_data"]

PricePath = float | Callable[[int], float]
"""A price for every bar, or one for the number of each bar of the day, from 0."""


def hand_made_bars(
    symbol: str, day: date, calendar: Calendar, price: PricePath, *, volume: float = 100_000.0
) -> Bars:
    """Return one bar for each minute of trading, flat at the price of its minute.

    Parameters
    ----------
    symbol
        What is traded.
    day
        A trading date; a closed day has no bars.
    calendar
        Says which minutes are traded.
    price
        Account currency per share, or a function of the bar's number in its day.
    volume
        Shares of each bar.

    Examples
    --------
    >>> from qtkit.core.calendars import exchange_calendar
    >>> bars = hand_made_bars("X", date(2026, 3, 4), exchange_calendar("XSHG"), 10.0)
    >>> len(bars), bars.close[0]
    (240, np.float64(10.0))
    """
    ends = [
        end
        for segment in calendar.segments(day)
        for end in range(nanos(segment.start) + BAR_NANOS, nanos(segment.end) + 1, BAR_NANOS)
    ]
    prices = [price(number) if callable(price) else price for number in range(len(ends))]
    column = np.array(prices, np.float64)
    return Bars(
        symbol=symbol,
        end=np.array(ends, np.int64),
        open=column,
        high=column.copy(),
        low=column.copy(),
        close=column.copy(),
        volume=np.full(len(ends), volume),
    )


def hand_made_data(
    prices: Mapping[str, PricePath],
    days: Sequence[date],
    calendar: Calendar,
    *,
    volume: float = 100_000.0,
    first_close: Mapping[str, float] | None = None,
) -> MarketData:
    """Return the same made-up session on each date.

    Parameters
    ----------
    prices
        Symbol -> its prices; see `hand_made_bars`.
    days
        Trading dates, in order.
    calendar, volume
        See `hand_made_bars`.
    first_close
        Symbol -> close before the first date; left out: the first price of the first date.
    """
    bars, closes = dict[str, Bars](), dict[tuple[str, date], Decimal]()
    for symbol, price in prices.items():
        parts = [hand_made_bars(symbol, day, calendar, price, volume=volume) for day in days]
        bars[symbol] = joined(parts)
        before = (first_close or {}).get(symbol, float(parts[0].open[0]))
        for day, part in zip(days, parts, strict=True):
            closes[symbol, day] = decimal_of(before)
            before = float(part.close[-1])
    return MarketData(bars, closes)
