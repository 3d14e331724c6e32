"""Generated bars as a source that can be polled: a market in real time without a network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from qtkit.core.calendars import Calendar
from qtkit.market.feeds.polled import Fetched
from qtkit.market.tables.synthetic import Market, synthetic_bars
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, time_of

__all__ = ["SyntheticSource"]


class SyntheticSource:
    """Makes each day's bars when they are asked for.

    Parameters
    ----------
    markets
        Symbol -> what its bars are like.
    calendar
        Says when there is trading.
    seed
        Every bar is a function of it, of the symbol and of the date.
    length
        How much time each bar covers.
    """

    def __init__(
        self,
        markets: Mapping[str, Market],
        calendar: Calendar,
        seed: int,
        length: BarLength = BarLength.MIN_1,
    ) -> None:
        self._markets, self._calendar = markets, calendar
        kept = (64 if length.is_day else 4) * max(len(markets), 1)
        self._day = lru_cache(maxsize=kept)(
            lambda symbol, day: synthetic_bars(
                symbol, day, calendar, seed=seed, market=markets[symbol], length=length
            )
        )

    def fetch(self, after: int, until: int) -> Fetched:
        """Return the bars with ``after < end <= until``, nanoseconds."""
        first, last = (self._calendar.local_date(time_of(at)) for at in (after, until))
        days = self._calendar.sessions(first, last)
        return Fetched([bars for day in days for bars in self._made(day, after, until)])

    def _made(self, day: date, after: int, until: int) -> list[Bars]:
        window = (time_of(after), time_of(until))
        return [self._day(symbol, day).between(*window) for symbol in self._markets]
