"""A symbol's terms on one trading date: rules, price band, settlement, close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from qtkit.core.errors import ConfigError, DataError
from qtkit.market.instruments import price_band
from qtkit.model.bars import nanos
from qtkit.model.instruments import Instrument
from qtkit.trading.brokers.sim.settings import SimMarket

__all__ = ["Band", "DatedTerms", "Terms"]


@dataclass(frozen=True, slots=True)
class Band:
    """The prices an exchange admits on one date, both ends included."""

    low: Decimal  # account currency per share
    high: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an order of one symbol on one trading date is held to."""

    instrument: Instrument
    band: Band | None
    settles: date  # trading date from which shares bought on this date can be sold
    close: int  # end of the date's last bar, nanoseconds since 1970 UTC
    expires: int  # when what is left of an order ends, nanoseconds since 1970 UTC


class DatedTerms:
    """Looks terms and trading dates up in the market's rules, each once."""

    def __init__(self, market: SimMarket) -> None:
        self._market = market
        self._terms: dict[tuple[str, date], Terms] = {}
        self._today: tuple[datetime, datetime, date] | None = None

    def today(self, now: datetime) -> date:
        """Return the trading date of a time; it holds from any of its times until its close."""
        known = self._today
        if known is not None and known[0] <= now < known[1]:
            return known[2]
        day = self._market.trading_date(now)
        close = self._market.market_close(day)
        self._today = None if close is None else (now, close, day)
        return day

    def close(self, day: date) -> datetime | None:
        """Return the end of a date's last bar, None on a closed day."""
        known = self._today
        if known is not None and known[2] == day:
            return known[1]
        return self._market.market_close(day)

    def of(self, symbol: str, day: date) -> Terms:
        """Return a symbol's terms on a date.

        Raises
        ------
        LookupError
            If the market's instruments do not know the symbol on that date.
        """
        known = self._terms.get((symbol, day))
        if known is None:
            if self._terms and next(iter(self._terms))[1] != day:
                self._terms.clear()
            known = self._terms[symbol, day] = self._looked_up(symbol, day)
        return known

    def _looked_up(self, symbol: str, day: date) -> Terms:
        """Ask the market."""
        try:
            instrument = self._market.instruments(symbol, day)
        except (ConfigError, DataError) as unknown:
            raise LookupError(str(unknown)) from unknown
        last = self._market.close_before(symbol, day)
        ends = None if last is None else price_band(instrument, last)
        close = self._market.market_close(day)
        end = 0 if close is None else nanos(close)
        return Terms(
            instrument=instrument,
            band=None if ends is None else Band(*ends),
            settles=self._market.settle_date(day, instrument.settle_days),
            close=end,
            expires=end + self._market.told_late if end else 0,
        )
