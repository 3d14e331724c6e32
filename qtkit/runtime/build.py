"""Builds a session of any kind from what is asked for; it alone knows a new one from a return."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

from qtkit.core.calendars import Calendar
from qtkit.core.clock import Clock, ManualClock
from qtkit.core.errors import InvariantBroken
from qtkit.core.files import write_atomic
from qtkit.core.folder_watch import FolderWatch
from qtkit.core.paths import OutputRoot
from qtkit.journal import FileJournal, Journal, MemoryJournal
from qtkit.ledger.ledger import Ledger
from qtkit.market.instruments import InstrumentTable
from qtkit.model import events as ev
from qtkit.model.bars import BarBatch
from qtkit.model.books import Book
from qtkit.model.engine import AccountKind
from qtkit.model.events import FORMAT, Digests, SessionStarted
from qtkit.model.series import SeriesTerms
from qtkit.projections.engine_state import EngineState
from qtkit.projections.session_terms import settings_digest
from qtkit.runtime.account_chain import note_session
from qtkit.runtime.accounts import CarryOver
from qtkit.runtime.factories import (
    BrokerRequest,
    FeedRequest,
    Market,
    broker_of,
    growing_market,
    kind_named,
    recorded_market,
)
from qtkit.runtime.kill_switch import hand_over_lift
from qtkit.runtime.market_data import PriceSource
from qtkit.runtime.plan import plan_of
from qtkit.runtime.refill import refill_of
from qtkit.runtime.run import Place, Run
from qtkit.runtime.session_start import Beginning, beginning_of
from qtkit.runtime.session_status import StatusFile
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.sources import data_sources, opening_digests
from qtkit.runtime.spec import BACKTEST, SessionSpec
from qtkit.trading.brokers.permit_broker import PermitBroker
from qtkit.trading.brokers.protocol import Broker
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.engine.backtest import Backtest
from qtkit.trading.engine.bar_history import EngineView, History, Lookup, sound_columns
from qtkit.trading.engine.context import EngineContext, SessionFiles
from qtkit.trading.engine.description import backtest_description, engine_description
from qtkit.trading.engine.engine import Engine
from qtkit.trading.engine.logs.settings import keep_logs
from qtkit.trading.engine.recovery import GoesOn
from qtkit.trading.engine.session_files import FolderFiles, NoFiles
from qtkit.trading.risk.settings import rules_of
from qtkit.trading.strategy.guard import Guarded
from qtkit.trading.strategy.protocol import Strategy, StrategySpec

__all__ = ["build", "engine_context", "opening_event"]


def build(spec: SessionSpec, where: OutputRoot | Place) -> Run:
    """Build a session; one of its account that has not ended is resumed.

    Parameters
    ----------
    spec
        What is asked for.
    where
        Where everything is written: the root; or a folder that is there, with an account that may
        be new.

    Raises
    ------
    ConfigError, DataError
        If something asked for is impossible; nothing was started.
    """
    root = where if isinstance(where, OutputRoot) else OutputRoot(where.folder.path.parent)
    plan = plan_of(spec, root)
    with ExitStack() as undo:
        run = _wired(beginning_of(plan, where, root, undo))
        undo.pop_all()
        return run


# --- what it is made of ------------------------------------------------------------------------


def _wired(beginning: Beginning) -> Run:
    """Put a session together."""
    plan, clock, place = beginning.plan, beginning.clock, beginning.place
    spec, strategy = plan.spec, plan.strategy
    # how logs are kept is written down before there is a journal
    files, market = _files(beginning), _market(beginning)
    broker = broker_of(
        BrokerRequest(
            spec=spec,
            clock=clock,
            account=place.account if place else None,
            cash=beginning.carry_over.opening.cash,
            market=market.simulated,
        )
    )
    if isinstance(clock, ManualClock):
        strategy = spec.wrap(strategy, clock)
    context = engine_context(
        spec=spec.strategy,
        settings=spec.settings,
        clock=clock,
        journal=_journal(beginning),
        broker=spec.wrap_broker(broker),
        calendar=plan.calendar,
        instruments=plan.instruments,
        data=market.prices,
        strategy=Guarded(strategy),
        files=files,
        kill_file=place.account.kill_file if place else None,
        folders=FolderWatch(place.needed_files) if place else None,
        columns=None if place or plan.data is None else sound_columns(plan.data.delivered()),
        series=plan.series,
    )
    return Run(
        plan=plan,
        context=context,
        clock=clock,
        market=market,
        broker=broker,
        carry_over=replace(beginning.carry_over, reading=None),  # it has served
        driver=_driver(beginning, context, market),
        place=place,
        lock=beginning.lock,
        status=_status_file(beginning),
    )


def engine_context(  # noqa: PLR0913 - one keyword for each part
    *,
    spec: StrategySpec,
    settings: SessionSettings,
    clock: Clock,
    journal: Journal,
    broker: Broker,
    calendar: Calendar,
    instruments: InstrumentTable,
    data: PriceSource,
    strategy: Strategy,
    files: SessionFiles,
    kill_file: Path | None,
    folders: FolderWatch | None = None,
    columns: BarBatch | None = None,
    series: Sequence[SeriesTerms] = (),
) -> EngineContext:
    """Wire an engine's shared parts."""
    ledger = Ledger.opened(Book(cash=Decimal(0)))
    history = History(spec.symbols, columns, series)
    lookup = Lookup(instruments.rules, data.close_before, calendar)
    return EngineContext(
        clock=clock,
        journal=journal,
        state=EngineState(ledger=ledger),
        # our own broker itself, not one that is made of it
        broker=PermitBroker(broker, kill_file, is_typed=type(broker) is SimBroker),
        strategy=strategy,
        strategy_symbols=spec.symbols,
        calendar=calendar,
        instrument_of=instruments.rules,
        close_before=data.close_before,
        actions=data.actions,
        rules=rules_of(settings.risk, spec.symbols),
        settings=settings.engine(spec),
        history=history,
        view=EngineView(spec.symbols, history, ledger, lookup),
        files=files,
        kill_file=kill_file,
        folders=folders or FolderWatch(()),
    )


def opening_event(
    spec: StrategySpec,
    asked: SessionSettings,
    settings: dict[str, Any],
    account: str,
    carry_over: CarryOver,
    *,
    data: dict[str, str] | None = None,
    series: tuple[SeriesTerms, ...] = (),
    digests: Digests | None = None,
) -> SessionStarted:
    """Return the first line of a journal: with it alone the rest can be folded."""
    return SessionStarted(
        format=FORMAT,
        engine=backtest_description() if asked.mode == BACKTEST else engine_description(),
        mode=asked.mode,
        account=account,
        strategy=spec.name,
        symbols=spec.symbols,
        series=series,
        exchange=spec.exchange,
        settings=settings,
        data=data or {},
        digests=digests or Digests(settings=settings_digest(settings)),
        seed=asked.seed,
        bar_seconds=asked.bars(spec).seconds,
        account_kind=AccountKind.CASH,
        opening=carry_over.opening,
        killed=carry_over.killed,
        next_order=carry_over.next_order,
        strategy_state=carry_over.strategy_state,
        inherited=carry_over.told,
        known_fills=carry_over.known_fills,
        predecessor=carry_over.predecessor,
        last_day=carry_over.last_date,
    )


def _market(beginning: Beginning) -> Market:
    """Return where bars come from; what a feed delivers is written down before it is used."""
    plan, place = beginning.plan, beginning.place
    recording = place.folder.feed_polls if place else None
    request = FeedRequest(
        spec=plan.spec,
        calendar=plan.calendar,
        clock=beginning.clock,
        instruments=plan.instruments,
        series=plan.series,
    )
    if plan.data is not None:
        return recorded_market(request, plan.data, recording)
    return growing_market(request, plan.root, recording)


def _files(beginning: Beginning) -> SessionFiles:
    """Return what the engine writes; the account's chain knows of the session from here on."""
    place, plan = beginning.place, beginning.plan
    if place is None:
        return NoFiles()
    if beginning.carry_over.unfinished is None:
        note_session(place.account, place.folder)
    if own := plan.spec.settings.instruments:
        # a re-run asks what the session asked
        write_atomic(place.folder.instruments, Path(own).read_text(encoding="utf-8-sig"))
    keep_logs(place.folder, plan.spec.settings.logs)
    return FolderFiles(place.folder, plan.calendar.zone)


def _news(beginning: Beginning, market: Market) -> tuple[ev.Event, ...]:
    """Return what is to be told as soon as the session has begun: what was found before."""
    found: list[ev.Event] = [
        ev.TroubleMet(what="file_rebuilt", subject=name) for name in beginning.carry_over.rebuilt
    ]
    if market.trouble:
        found.append(ev.FeedFailed(error=market.trouble))
    return tuple(found)


def _journal(beginning: Beginning) -> Journal:
    place, spec = beginning.place, beginning.plan.spec
    if place is None:
        return MemoryJournal(beginning.clock)
    reading = beginning.carry_over.reading
    return FileJournal(
        place.folder.journal,
        beginning.clock,
        observer=spec.journal_observer,
        read=reading.chain if reading else None,
    )


def _status_file(beginning: Beginning) -> StatusFile | None:
    place, reading = beginning.place, beginning.carry_over.reading
    if place is None:
        return None
    if reading is None:
        return StatusFile(place.folder)
    return StatusFile(place.folder, reading.chain, reading.status)


def _driver(beginning: Beginning, context: EngineContext, market: Market) -> Engine | Backtest:
    plan, clock, place = beginning.plan, beginning.clock, beginning.place
    spec, back = plan.spec, beginning.back
    opening = _opening(beginning)
    if place is None:
        return Backtest(context, _manual(clock), opening)
    signal = Event()
    engine = Engine(
        context,
        feed=market.feed,
        workers=kind_named(spec.kind).workers(spec, clock, signal),
        refill=refill_of(plan, market, place.folder),
        opening=opening,
        goes_on=GoesOn(back.digests, back.changes) if back else None,
        news=_news(beginning, market),
        signal=signal,
    )
    hand_over_lift(engine.inbox, place.account)
    for at, command in spec.commands:
        if plan.start is None or at > plan.start or (at == plan.start and not plan.is_return):
            engine.inbox.put_at(at, command)
    return engine


def _opening(beginning: Beginning) -> SessionStarted:
    plan = beginning.plan
    spec = plan.spec
    data = data_sources(spec, plan.calendar, plan.data.digest if plan.data else "")
    return opening_event(
        spec.strategy,
        spec.settings,
        plan.settings,
        beginning.account,
        beginning.carry_over,
        data=data,
        series=plan.series,
        digests=opening_digests(spec, plan.settings, data, plan.instruments),
    )


def _manual(clock: Clock) -> ManualClock:
    if not isinstance(clock, ManualClock):
        raise InvariantBroken("a backtest moves its own clock")
    return clock
