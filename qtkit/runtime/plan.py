"""A session that is asked for, with everything looked up that can refuse it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.errors import ConfigError
from qtkit.core.paths import AccountFolder, OutputRoot
from qtkit.market.instruments import InstrumentTable, instrument_table
from qtkit.market.tables.bar_table import BarTable
from qtkit.model.series import SeriesTerms
from qtkit.runtime.accounts import CarryOver
from qtkit.runtime.factories import kind_named, makers_of
from qtkit.runtime.market_data import MarketData, data_of, series_of, series_terms
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.sound_data import demand_sound_bars, demand_sound_closes
from qtkit.runtime.spec import SessionSpec
from qtkit.trading.engine.logs.settings import logs_can_be_written
from qtkit.trading.engine.schedule import Timetable, day_schedule, refuse_steps_that_never_come
from qtkit.trading.strategy.guard import made
from qtkit.trading.strategy.protocol import Strategy, StrategySpec
from qtkit.trading.strategy.spec_checks import demand_spec

__all__ = [
    "SessionPlan",
    "check_dates",
    "exchange_of",
    "first_start",
    "goes_on",
    "plan_of",
    "trading_days",
    "with_currency",
]

_FIRST_START = time(9, 0)  # local; where a simulated day begins if nothing is due before it
_AFTER_LAST_TASK = timedelta(minutes=1)
_TRADED = "paper"  # the one mode of a session on an account that there is a broker for


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """What a session is built from, before anything of it is opened.

    Attributes
    ----------
    instruments
        The one table of the run.
    days
        Trading dates; none in real time.
    data
        Bars of these dates; None where the feed tells them.
    series
        What the strategy sees beside its bars.
    start, until
        When it begins, and ends at the latest, UTC; None in real time.
    last_day
        The session ends with it; None: at `until` alone.
    settings
        As the journal has them.
    is_return
        Whether it goes on where the journal of the same request was cut off.
    """

    spec: SessionSpec
    calendar: Calendar
    instruments: InstrumentTable
    strategy: Strategy
    settings: dict[str, Any]
    root: OutputRoot
    days: tuple[date, ...] = ()
    data: MarketData | None = None
    series: tuple[SeriesTerms, ...] = ()
    start: datetime | None = None
    until: datetime | None = None
    last_day: date | None = None
    is_return: bool = False


def plan_of(spec: SessionSpec, root: OutputRoot) -> SessionPlan:
    """Return a session's plan.

    Raises
    ------
    ConfigError, DataError
        If something asked for is impossible.
    StrategyError
        If the strategy cannot be made.
    """
    demand_spec(spec.strategy)
    instruments = instruments_of(spec)
    spec = replace(spec, strategy=with_currency(spec.strategy, instruments))
    kind, makers = kind_named(spec.kind), makers_of(spec.settings)
    if kind.is_durable:
        _only_paper(spec.settings)
        logs_can_be_written(spec.settings.logs)
    plan = SessionPlan(
        spec=spec,
        calendar=exchange_of(spec.strategy, spec.settings),
        instruments=instruments,
        strategy=made(spec.strategy),
        settings=spec.settings.for_journal(spec.strategy),
        root=root,
    )
    if spec.day is None:
        _judge_closes(plan)
        return replace(plan, series=series_terms(spec.strategy, root))
    days = trading_days(plan.calendar, spec.day, spec.days)
    check_dates(plan, days[0], days[-1] if kind.is_durable else None)
    feed_tells = makers.feed_tells and kind.is_durable
    data = None if feed_tells else _data(plan, days, root)
    return replace(
        plan,
        days=days,
        data=data,
        series=series_terms(spec.strategy, root)
        if data is None
        else tuple(one.terms for one in data.series.values()),
        start=spec.start or first_start(plan.calendar, spec.day),
        until=spec.stop or _end_of(plan, days[-1]),
        last_day=spec.last_day or (None if spec.stop else days[-1]),
    )


def exchange_of(strategy: StrategySpec, settings: SessionSettings) -> Calendar:
    """Return the calendar of a strategy's exchange, with the overlay that the settings name."""
    overlay = settings.calendar_overlay
    return exchange_calendar(strategy.exchange, Path(overlay) if overlay else None)


def instruments_of(spec: SessionSpec) -> InstrumentTable:
    """Return the one table of a run, with the commission that its settings name."""
    settings = spec.settings
    table = spec.instruments or instrument_table(settings.instruments)
    return table.with_commission(settings.commission_rate, settings.commission_minimum)


def with_currency(strategy: StrategySpec, instruments: InstrumentTable) -> StrategySpec:
    """Return a strategy whose account is in the currency of its instruments.

    Raises
    ------
    DataError
        If a symbol is unknown.
    ConfigError
        If they trade in several currencies or at another exchange, or the strategy names another.
    """
    instruments.demand_known(strategy.symbols, strategy.exchange)
    found = {symbol: instruments.currency(symbol) for symbol in strategy.symbols}
    listed = ", ".join(f"{symbol} in {currency}" for symbol, currency in found.items())
    if len(set(found.values())) > 1:
        raise ConfigError(
            f"{strategy.name}: an account is in one currency, and these trade in several: "
            f"{listed}; make a strategy for each"
        )
    _demand_hours(strategy, instruments)
    (currency,) = set(found.values())
    if strategy.currency not in {"", currency}:
        raise ConfigError(
            f"{strategy.name} has its account in {strategy.currency}, and trades {listed}: write "
            f'currency = "{currency}" in its SPEC, or leave it out. Nothing was started'
        )
    return replace(strategy, currency=currency)


def _demand_hours(strategy: StrategySpec, instruments: InstrumentTable) -> None:
    """Refuse a strategy that would keep the hours of an exchange at which it trades nothing."""
    exchanges = {symbol: instruments.exchange(symbol) for symbol in strategy.symbols}
    if strategy.exchange not in exchanges.values():
        listed = ", ".join(f"{symbol} at {name}" for symbol, name in exchanges.items())
        raise ConfigError(
            f"{strategy.name} keeps the hours of {strategy.exchange}, and trades {listed}: write "
            f'exchange = "{next(iter(exchanges.values()))}" in its SPEC. Nothing was started'
        )


def check_dates(plan: SessionPlan, first: date, last: date | None) -> None:
    """Make sure that steps come due from `first` on, and what is bought on `last` can be sold.

    Parameters
    ----------
    last
        None: what is bought last is never sold.

    Raises
    ------
    BeyondCalendar
        If the calendar does not know when.
    ConfigError
        If no step ever comes due.
    DataError
        If a symbol is unknown.
    """
    strategy = plan.spec.strategy
    rules = plan.instruments.all_rules(strategy.symbols, last or first, strategy.exchange)
    if last is not None:
        plan.calendar.session_after(last, max((rule.settle_days for rule in rules), default=0))
    refuse_steps_that_never_come(plan.calendar, first, _timetable(plan))


def trading_days(calendar: Calendar, day: date, count: int) -> tuple[date, ...]:
    """Return `count` trading dates from `day` on; at least one.

    Raises
    ------
    ConfigError
        If `count` is not positive.
    """
    if count < 1:
        raise ConfigError(f"a session lasts at least one day, was {count}")
    days = [day if calendar.is_session(day) else calendar.next_session(day)]
    while len(days) < count:
        days.append(calendar.next_session(days[-1]))
    return tuple(days)


def first_start(calendar: Calendar, day: date) -> datetime:
    """Return when a simulated session of a day begins: 09:00 there, or with the day's first row."""
    start = datetime.combine(day, _FIRST_START, tzinfo=calendar.zone).astimezone(UTC)
    rows = day_schedule(day, calendar, Timetable())
    return min([start, *(row.due for row in rows[:1])])


def goes_on(plan: SessionPlan, account: AccountFolder, carry_over: CarryOver) -> SessionPlan:
    """Return a simulated session's plan from where its account is; one cut off at its last line.

    Raises
    ------
    ConfigError
        If the account has lived through the time that is asked for.
    """
    last_at, unfinished = carry_over.last_at, carry_over.unfinished
    if last_at is None or plan.start is None or plan.start >= last_at:
        return plan
    reading = carry_over.reading
    if unfinished is None or reading is None or reading.status.first is None:
        raise ConfigError(
            f"account {account.name!r} has lived until {last_at:%Y-%m-%d %H:%M} UTC, and "
            f"{plan.start:%Y-%m-%d %H:%M} UTC is before that; simulate a later date, or leave "
            "the account out to use a fresh one"
        )
    began = reading.status.first.at
    if began != plan.start or (plan.until is not None and plan.until <= last_at):
        day = plan.calendar.local_date(began)
        raise ConfigError(
            f"session {unfinished.session_id} of account {account.name!r} began on {day} and "
            f"was cut off at {last_at:%Y-%m-%d %H:%M} UTC; finish it first, with its own "
            f"dates: --date {day} --account {account.name}, and --days as it was asked for"
        )
    return replace(plan, start=last_at, is_return=True)


def _only_paper(settings: SessionSettings) -> None:
    if settings.mode != _TRADED:
        raise ConfigError(
            f"settings: mode was {settings.mode!r}, and there is a broker for {_TRADED!r} only; "
            "leave it out"
        )


def _data(plan: SessionPlan, days: Sequence[date], root: OutputRoot) -> MarketData:
    spec = plan.spec
    data = spec.data
    if data is None:
        return _sound(plan, days, root)
    if data.series or not spec.strategy.series:
        return data
    return replace(data, series=series_of(spec.strategy, root))


def _sound(plan: SessionPlan, days: Sequence[date], root: OutputRoot) -> MarketData:
    """Return the bars that the settings name, judged if a table holds them."""
    strategy, settings = plan.spec.strategy, plan.spec.settings
    data = data_of(strategy, settings, days, plan.calendar, root, plan.instruments)
    if settings.data != "synthetic":
        bars = data.bars.values()
        demand_sound_bars(settings.data, bars, days, plan.calendar, settings.accept_data)
    return data


def _judge_closes(plan: SessionPlan) -> None:
    """Refuse a real-time session whose last closes come from a table that is not sound."""
    strategy, settings = plan.spec.strategy, plan.spec.settings
    name = strategy.table if settings.data == "synthetic" else settings.data
    table = BarTable(plan.root.tables, name)
    demand_sound_closes(table, strategy.symbols, plan.calendar, settings.accept_data)


def _timetable(plan: SessionPlan) -> Timetable:
    return plan.spec.settings.engine(plan.spec.strategy).timetable


def _end_of(plan: SessionPlan, day: date) -> datetime:
    return day_schedule(day, plan.calendar, _timetable(plan))[-1].due + _AFTER_LAST_TASK
