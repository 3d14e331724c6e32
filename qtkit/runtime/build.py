"""The composition root: the only place that wires concrete parts together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qtkit.core.calendars import Calendar
from qtkit.core.clock import Clock
from qtkit.core.errors import ConfigError, DataError, JournalCorrupt
from qtkit.core.locks import NamedLock
from qtkit.core.paths import AccountFolder, SessionFolder
from qtkit.journal import Journal, read_journal
from qtkit.ledger.ledger import Ledger
from qtkit.market.feeds.recorder import seal_recording
from qtkit.market.instruments import InstrumentTable
from qtkit.market.tables.bar_table import BarTable
from qtkit.model.bars import Bars
from qtkit.model.books import Book
from qtkit.model.events import FORMAT, SessionStarted, TablesRefilled
from qtkit.model.instruments import Instrument
from qtkit.projections.engine_state import EngineState
from qtkit.runtime.accounts import CarryOver, create_account
from qtkit.runtime.chain import mark_session
from qtkit.runtime.market_data import PriceSource
from qtkit.runtime.settings import SessionSettings, settings_digest
from qtkit.trading.brokers.permit_broker import PermitBroker
from qtkit.trading.brokers.protocol import Broker
from qtkit.trading.brokers.sim.settings import SimMarket
from qtkit.trading.engine.bar_history import EngineView, History
from qtkit.trading.engine.context import EngineContext, SessionFiles, SysLog
from qtkit.trading.engine.engine import Engine
from qtkit.trading.engine.logs.sys_log import SessionLog
from qtkit.trading.risk.settings import rules_of
from qtkit.trading.strategy.protocol import Strategy, StrategySpec

__all__ = [
    "engine_core",
    "files_of",
    "fresh_account",
    "known_instruments",
    "let_go",
    "note_begin",
    "opening_event",
    "refill_of",
    "same_as_begun",
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
) -> EngineContext:
    """Wire an engine's shared parts."""
    ledger = Ledger.opened(Book(cash=Decimal(0)))
    history = History(spec.symbols, columns)
    table = InstrumentTable.load()
    return EngineContext(
        clock=clock,
        journal=journal,
        state=EngineState(ledger=ledger),
        broker=PermitBroker(broker, kill_file),
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
    DataError
        If a symbol is unknown.
    """
    rules = known_instruments(symbols, day)
    calendar.session_after(day, max((rule.settle_days for rule in rules), default=0))


def known_instruments(symbols: Sequence[str], day: date) -> tuple[Instrument, ...]:
    """Return the rules of symbols on a date.

    Raises
    ------
    DataError
        If some are unknown; all of them are named.
    """
    table, found, unknown = InstrumentTable.load(), list[Instrument](), list[str]()
    for symbol in symbols:
        try:
            found.append(table.on(symbol, day))
        except DataError as problem:
            unknown.append(str(problem))
    if unknown:
        raise DataError("; ".join(unknown))
    return tuple(found)


def fresh_account(place: AccountFolder, spec: StrategySpec, at: datetime) -> CarryOver:
    """Open a new account for a strategy."""
    cash, currency = spec.opening_cash, spec.currency
    create_account(place, cash=cash, currency=currency, exchange=spec.exchange, at=at)
    return CarryOver(opening=Book(cash=cash, currency=currency), strategy_state={})


def note_begin(
    engine: Engine,
    account: AccountFolder,
    folder: SessionFolder,
    log: SessionLog,
    heritage: CarryOver,
) -> None:
    """Note in the account's chain that a session has begun; say which files were rebuilt for it."""
    mark_session(account, folder, engine.context.journal)
    for name in heritage.rebuilt:
        log.say("file_rebuilt", file=name, session=heritage.told_by)


def let_go(
    engine: Engine,
    account: AccountFolder,
    folder: SessionFolder,
    broker: Broker,
    log: SessionLog,
    lock: NamedLock,
) -> None:
    """Close everything and free the account; seal the inputs of a session that has ended."""
    journal = engine.context.journal
    with ExitStack() as last:
        last.callback(lock.release)
        with ExitStack() as ends:
            ends.callback(log.close)
            ends.callback(broker.close)
            ends.callback(journal.close)
        if engine.context.state.ended and lock.is_held:
            mark_session(account, folder, journal, ended=True)
            seal_recording(folder)


def opening_event(
    spec: StrategySpec,
    asked: SessionSettings,
    settings: dict[str, Any],
    account: str,
    heritage: CarryOver,
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


def same_as_begun(unfinished: SessionFolder, spec: StrategySpec, asked: SessionSettings) -> None:
    """Make sure that a session which is resumed is asked for as its journal says it began.

    Raises
    ------
    ConfigError
        With every difference: name, the journal's value, and the one asked for now.
    """
    began = next(read_journal(unfinished.journal)).event
    if not isinstance(began, SessionStarted):
        raise JournalCorrupt(
            f"{unfinished.journal} does not begin with a session. See runbooks/journal-corrupt.md"
        )
    before = _named(began.strategy, began.symbols, began.exchange, _completed(began.settings))
    now = _named(spec.name, spec.symbols, spec.exchange, asked.for_journal(spec))
    names = [n for n in dict.fromkeys([*before, *now]) if before.get(n) != now.get(n)]
    if names:
        found = "; ".join(
            f"{n}: the journal has {_shown(before.get(n))}, asked for is {_shown(now.get(n))}"
            for n in names
        )
        raise ConfigError(
            f"session {unfinished.session_id} has not ended, and it goes on only as it began "
            f"({found}). Ask for it as it began, let it end in order, and begin the next session "
            "with the new settings"
        )


def _completed(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a journal's settings with the defaults of those that came with a later version."""
    known = {name: settings[name] for name in settings.keys() & SessionSettings.model_fields.keys()}
    try:
        return {**settings, **SessionSettings.model_validate(known).as_json()}
    except ValidationError:
        return settings


def _named(
    strategy: str, symbols: Sequence[str], exchange: str, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return what a session was asked for under dotted names, as a journal reads it back."""
    whole = {"strategy": strategy, "symbols": list(symbols), "exchange": exchange, **settings}
    found, waiting = dict[str, Any](), list(json.loads(json.dumps(whole)).items())
    while waiting:
        name, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}", part) for key, part in value.items()]
        else:
            found[name] = value
    return found


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value)


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
