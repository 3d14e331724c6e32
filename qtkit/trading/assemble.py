"""The composition root: the only place that wires concrete parts together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.calendars import Calendar
from qtkit.core.clock import Clock
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.folders import AccountFolder, SessionFolder
from qtkit.journal import Journal
from qtkit.market.instruments import InstrumentTable
from qtkit.market.tables.bar_table import BarTable
from qtkit.model.bars import Bars
from qtkit.model.books import Book
from qtkit.model.events import FORMAT, SessionStarted, TablesRefilled
from qtkit.trading.accounts import Inheritance, create_account
from qtkit.trading.brokers.protocol import Broker
from qtkit.trading.brokers.safe import SafeBroker
from qtkit.trading.brokers.sim_setup import SimMarket
from qtkit.trading.engine.core import EngineCore, SessionFiles, SysLog
from qtkit.trading.engine.history import EngineView, History
from qtkit.trading.engine.state import EngineState
from qtkit.trading.ledger.ledger import Ledger
from qtkit.trading.market_data import PriceSource
from qtkit.trading.risk.settings import rules_of
from qtkit.trading.settings import SessionSettings, settings_digest
from qtkit.trading.strategy.contract import Strategy, StrategySpec

__all__ = [
    "engine_core",
    "files_of",
    "fresh_account",
    "opening_event",
    "refill_of",
    "settles_within",
    "sim_market",
    "trading_days",
]


def engine_core(  # noqa: PLR0913 - one keyword for each part
    *,
    spec: StrategySpec,
    settings: SessionSettings,
    clock: Clock,
    journal: Journal,
    broker: Broker,
    calendar: Calendar,
    data: PriceSource,
    strategy: Strategy,
    log: SysLog,
    files: SessionFiles,
    kill_file: Path | None,
    look_around: Callable[[], None] = lambda: None,
    columns: dict[str, Bars] | None = None,
) -> EngineCore:
    """Wire an engine's shared parts."""
    ledger = Ledger.opened(Book(cash=Decimal(0)))
    history = History(spec.symbols, columns)
    table = InstrumentTable.load()
    return EngineCore(
        clock=clock,
        journal=journal,
        state=EngineState(ledger=ledger),
        broker=SafeBroker(broker, kill_file),
        strategy=strategy,
        strategy_symbols=spec.symbols,
        calendar=calendar,
        instrument_of=table.on,
        close_before=data.close_before,
        fees=settings.fees(),
        rules=rules_of(settings.risk, spec.symbols),
        settings=settings.engine(spec),
        history=history,
        view=EngineView(spec.symbols, history, ledger),
        log=log,
        files=files,
        kill_file=kill_file,
        look_around=look_around,
    )


def files_of(folder: SessionFolder, place: AccountFolder) -> tuple[Path, ...]:
    """Return the files and folders that an engine cannot do without."""
    return (
        place.path,
        place.lock,
        place.record,
        place.broker_book,
        folder.path,
        folder.artifacts,
        folder.journal,
        folder.journal.with_name(folder.journal.name + ".lock"),
    )


def sim_market(data: PriceSource, calendar: Calendar) -> SimMarket:
    """Return the market as the simulated broker sees it: its own price cursor on the same bars."""
    table = InstrumentTable.load()

    def market_close(day: date) -> datetime | None:
        segments = calendar.segments(day)
        return segments[-1].end if segments else None

    return SimMarket(
        bars=data.bars,
        instruments=table.on,
        close_before=data.close_before,
        settle_date=calendar.session_after,
        trading_date=calendar.local_date,
        market_close=market_close,
    )


def trading_days(calendar: Calendar, day: date, count: int) -> tuple[date, ...]:
    """Return `count` trading dates from `day` on; at least one.

    Raises
    ------
    ConfigError
        If `count` is not positive.
    """
    if count < 1:
        raise ConfigError(f"a session lasts at least one day, was {count}")
    first = day if calendar.is_session(day) else calendar.next_session(day)
    found = [first]
    while len(found) < count:
        found.append(calendar.next_session(found[-1]))
    return tuple(found)


def settles_within(calendar: Calendar, symbols: Sequence[str], day: date) -> None:
    """Make sure that the calendar tells when what is bought on the last day can be sold.

    Raises
    ------
    BeyondCalendar
        If it does not.
    """
    table = InstrumentTable.load()
    calendar.session_after(day, max((table.on(s, day).settle_days for s in symbols), default=0))


def fresh_account(place: AccountFolder, spec: StrategySpec, at: datetime) -> Inheritance:
    """Open a new account for a strategy."""
    cash, currency = spec.opening_cash, spec.currency
    create_account(place, cash=cash, currency=currency, exchange=spec.exchange, at=at)
    return Inheritance(opening=Book(cash=cash, currency=currency), strategy_state={})


def opening_event(
    spec: StrategySpec,
    asked: SessionSettings,
    settings: dict[str, Any],
    account: str,
    heritage: Inheritance,
) -> SessionStarted:
    """Return the first line of a journal: with it alone the rest can be folded."""
    return SessionStarted(
        format=FORMAT,
        mode=asked.mode,
        account=account,
        strategy=spec.name,
        symbols=spec.symbols,
        exchange=spec.exchange,
        settings=settings,
        settings_digest=settings_digest(settings),
        seed=asked.seed,
        opening=heritage.opening,
        killed=heritage.killed,
        next_order=heritage.next_order,
        strategy_state=heritage.strategy_state,
        inherited=heritage.told,
        known_fills=heritage.known_fills,
        predecessor=heritage.predecessor,
    )


def refill_of(
    name: str, data: PriceSource, folder: SessionFolder, calendar: Calendar
) -> Callable[[date], TablesRefilled]:
    """Return what brings the session's own copy of its table up to date, and nothing else."""
    table = BarTable(folder.tables, name)

    def refill(day: date) -> TablesRefilled:
        segments = calendar.segments(day)
        if not segments:
            raise DataError(f"{day} is no trading day: there is nothing to refill")
        total = 0
        for bars in data.bars.values():
            fresh = bars.between(segments[0].start, segments[-1].end)
            total += len(fresh)
            if len(fresh):
                table.merge(fresh)
        return TablesRefilled(trading_date=day, tables=(name,), bars=total)

    return refill
