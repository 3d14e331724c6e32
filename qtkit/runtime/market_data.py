"""Where a session's bars come from: a local table, or the seeded generator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.errors import BeyondCalendar, ConfigError, DataError
from qtkit.core.paths import OutputRoot
from qtkit.market.bar_order import concatenated
from qtkit.market.instruments import InstrumentTable
from qtkit.market.tables.action_store import ActionStore
from qtkit.market.tables.bar_table import BarTable, bars_fingerprints
from qtkit.market.tables.series_store import SeriesStore
from qtkit.market.tables.synthetic import PLAIN, Market, close_before, synthetic_bars
from qtkit.market.tables.table_list import demand_table
from qtkit.market.trading_minutes import day_window
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, nanos
from qtkit.model.corporate_actions import CorporateAction, ex_close
from qtkit.model.instruments import Instrument
from qtkit.model.money import decimal_of
from qtkit.model.series import SeriesTerms, ValueSeries, carried
from qtkit.runtime.settings import SessionSettings
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = [
    "KNOWN_DAYS",
    "MarketData",
    "PriceSource",
    "data_of",
    "joined",
    "market_of",
    "series_of",
    "series_terms",
    "sessions_before",
    "synthetic_data",
    "table_close",
    "table_data",
]


KNOWN_DAYS = 60
"""Sessions before the first date that are known at the start, where a bar is a day."""


class PriceSource(Protocol):
    """Bars, all of a day at once or a growing part of it, and the closes before."""

    @property
    def bars(self) -> Mapping[str, Bars]:
        """Symbol -> its bars."""

    def close_before(self, symbol: str, day: date) -> Decimal | None:
        """Return the last close before a date, in shares of that date, account currency."""

    def actions(
        self, symbols: Iterable[str], after: date, until: date
    ) -> Sequence[CorporateAction]:
        """Return the splits and dividends with ``after < ex date <= until``, in order of time."""


@dataclass(frozen=True, slots=True)
class MarketData:
    """Bars of some dates, and each date's last close before it.

    Attributes
    ----------
    cut_from
        Digest of the bars of which these are the part that a session recorded; "" for all of them.
    """

    bars: dict[str, Bars]
    closes: dict[tuple[str, date], Decimal]
    cut_from: str = ""
    known_actions: tuple[CorporateAction, ...] = ()
    series: Mapping[str, ValueSeries] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse bars of several lengths."""
        lengths = {str(bars.length) for bars in self.bars.values() if len(bars)}
        if len(lengths) > 1:
            raise DataError(
                f"the bars of one session are of one length; found {', '.join(sorted(lengths))}"
            )

    @property
    def length(self) -> BarLength | None:
        """How much time each bar covers; None where there is none."""
        return next((bars.length for bars in self.bars.values() if len(bars)), None)

    def close_before(self, symbol: str, day: date) -> Decimal | None:
        """Return the last close before a date, in shares of that date, account currency."""
        return self.closes.get((symbol, day))

    def actions(
        self, symbols: Iterable[str], after: date, until: date
    ) -> Sequence[CorporateAction]:
        """Return the splits and dividends with ``after < ex date <= until``, in order of time."""
        wanted = set(symbols)
        return [a for a in self.known_actions if a.symbol in wanted and after < a.ex_date <= until]

    def delivered(self) -> dict[str, Bars]:
        """Return all that a feed hands over: the bars, and the series in their form."""
        beside = (carried(series) for series in self.series.values())
        return {**self.bars, **{part.symbol: part for part in beside}}

    @property
    def digest(self) -> str:
        """Sha256 of all that is delivered, whole, hex."""
        return self.cut_from or bars_fingerprints(self.delivered())["total"]


def joined(parts: Sequence[Bars]) -> Bars:
    """Return consecutive bars of one symbol as one."""
    return concatenated(*parts)


@lru_cache(maxsize=512)
def _synthetic_day(
    symbol: str, day: date, exchange: str, seed: int, market: Market, length: BarLength
) -> Bars:
    calendar = exchange_calendar(exchange)
    return synthetic_bars(symbol, day, calendar, seed=seed, market=market, length=length)


@lru_cache(maxsize=256)
def _synthetic_close(symbol: str, day: date, exchange: str, seed: int, market: Market) -> Decimal:
    close = close_before(symbol, day, exchange_calendar(exchange), seed=seed, market=market)
    return decimal_of(close)


def market_of(instrument: Instrument) -> Market:
    """Return a generated market that keeps an instrument's tick and lot."""
    return replace(PLAIN, tick=float(instrument.tick), lot=float(instrument.lot))


def synthetic_data(
    instruments: dict[str, Instrument],
    days: Sequence[date],
    exchange: str,
    seed: int,
    length: BarLength = BarLength.MIN_1,
    *,
    known: int = 0,
) -> MarketData:
    """Return generated bars: a function of seed, symbols and dates.

    Parameters
    ----------
    instruments
        Symbol -> its rules, for tick and lot.
    days
        Trading dates, in order.
    exchange, seed, length
        See `qtkit.market.tables.synthetic`.
    known
        How many sessions before the first date have bars, too.
    """
    before = sessions_before(exchange_calendar(exchange), days[0], known)
    markets = {symbol: market_of(instrument) for symbol, instrument in instruments.items()}
    bars = {
        symbol: joined(
            [
                _synthetic_day(symbol, day, exchange, seed, market, length)
                for day in (*before, *days)
            ]
        )
        for symbol, market in markets.items()
    }
    closes = {
        (symbol, day): _synthetic_close(symbol, day, exchange, seed, market)
        for symbol, market in markets.items()
        for day in days
    }
    return MarketData(bars, closes)


def sessions_before(calendar: Calendar, day: date, count: int) -> list[date]:
    """Return the last sessions before a date, in order; fewer where the calendar begins."""
    found = list[date]()
    while len(found) < count and (found or [day])[-1] > calendar.first:
        try:
            found.append(calendar.previous_session((found or [day])[-1]))
        except BeyondCalendar:
            break
    return found[::-1]


def data_of(
    spec: StrategySpec,
    settings: SessionSettings,
    days: Sequence[date],
    calendar: Calendar,
    root: OutputRoot,
    instruments: InstrumentTable,
) -> MarketData:
    """Return the bars that a session's settings name, of the length that it trades on.

    Raises
    ------
    ConfigError
        If the table holds bars of another length.
    DataError
        If the table, a symbol or a date is missing.
    """
    length = settings.bars(spec)
    if settings.data == "synthetic":
        rules = {symbol: instruments.rules(symbol, days[0]) for symbol in spec.symbols}
        steps = settings.engine(spec).timetable.step_minutes
        known = KNOWN_DAYS if length.is_day else int(not steps)
        data = synthetic_data(rules, days, spec.exchange, settings.seed, length, known=known)
    else:
        _refuse_other_length(BarTable(root.tables, settings.data), length)
        data = table_data(root.tables, settings.data, spec.symbols, days, calendar)
        data = with_actions(data, ActionStore(root.actions), calendar)
    return replace(data, series=series_of(spec, root))


def with_actions(data: MarketData, store: ActionStore, calendar: Calendar) -> MarketData:
    """Return data whose last closes are in shares of the dates that follow them."""
    days = sorted({day for _, day in data.closes})
    if not days:
        return data
    first = calendar.previous_session(days[0])
    # what is held may be another symbol, and the account may have slept for weeks
    actions = store.between(store.symbols(), date.min, days[-1])
    before = dict(zip(days, [first, *days], strict=False))
    closes = {
        (symbol, day): ex_close(
            close,
            [a for a in actions if a.symbol == symbol and before[day] < a.ex_date <= day],
        )
        for (symbol, day), close in data.closes.items()
    }
    return replace(data, closes=closes, known_actions=actions)


def series_terms(spec: StrategySpec, root: OutputRoot) -> tuple[SeriesTerms, ...]:
    """Return what the series are that a strategy sees beside its bars.

    Raises
    ------
    DataError
        If one is missing or damaged.
    """
    store = SeriesStore(root.series)
    return tuple(store.terms(name) for name in store.named(spec.series))


def series_of(spec: StrategySpec, root: OutputRoot) -> dict[str, ValueSeries]:
    """Return the series that a strategy sees beside its bars, by name.

    Raises
    ------
    DataError
        If one is missing or damaged.
    """
    store = SeriesStore(root.series)
    return {name: store.read(name) for name in store.named(spec.series)}


def _refuse_other_length(table: BarTable, wanted: BarLength) -> None:
    held = table.length
    if held is not None and held is not wanted:
        raise ConfigError(
            f"table {table.name!r} holds bars of {held}, and the session trades on bars of "
            f"{wanted}; write bar_length={str(held)!r} into the strategy's SPEC, give "
            f"engine.bar_length = {held}, or name another table"
        )


def table_data(
    root: Path, name: str, symbols: Sequence[str], days: Sequence[date], calendar: Calendar
) -> MarketData:
    """Return bars of a local table; every symbol must have some on every date.

    Raises
    ------
    DataError
        If the table, a symbol or a date is missing; all that is missing is named.
    """
    table = BarTable(root, name)
    demand_table(root, name)
    bars, closes, missing = dict[str, Bars](), dict[tuple[str, date], Decimal](), list[str]()
    spans = {day: calendar.segments(day) for day in days}
    for symbol in symbols:
        if symbol not in table.symbols():
            missing.append(f"{symbol} (not in the table)")
            continue
        bars[symbol] = table.read(symbol, until=spans[days[-1]][-1].end)
        for day in days:
            first = int(np.searchsorted(bars[symbol].end, nanos(spans[day][0].start), "right"))
            last = int(np.searchsorted(bars[symbol].end, nanos(spans[day][-1].end), "right"))
            if first == last:
                missing.append(f"{symbol} on {day}")
            before = _usable(float(bars[symbol].close[first - 1])) if first else None
            if before is not None:
                closes[symbol, day] = before
    if missing:
        raise DataError(
            f"table {name!r} under {root} lacks {', '.join(missing)}; "
            "fill it (`qtkit data import --help`, `qtkit data refill --help`), or take other dates"
        )
    return MarketData(bars, closes)


def table_close(
    root: Path, name: str, symbol: str, day: date, calendar: Calendar
) -> Decimal | None:
    """Return the last close before a date that a local table knows; None if it knows none."""
    table = BarTable(root, name)
    if symbol not in table.symbols():
        return None
    midnight, _ = day_window(calendar, day)
    bars = table.read(symbol, until=midnight)
    return _usable(float(bars.close[-1])) if len(bars) else None


def _usable(close: float) -> Decimal | None:
    """Return a close as a price; None if it is empty or no price."""
    return decimal_of(close) if np.isfinite(close) and close > 0 else None
