"""A session in real time: the same engine, on a running clock, a polled feed and worker threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.clock import Clock, ScaledClock, SteadyClock, SystemClock, stopwatch
from qtkit.core.errors import ConfigError
from qtkit.core.folder_watch import FolderWatch
from qtkit.core.locks import NamedLock
from qtkit.core.paths import AccountFolder, OutputRoot, SessionFolder, session_id_of
from qtkit.journal import FileJournal
from qtkit.market.feeds.csv_tail import CsvTail
from qtkit.market.feeds.http_bars import HttpBars, Patience
from qtkit.market.feeds.parquet_tail import ParquetTail
from qtkit.market.feeds.polled import BarSource, PolledFeed
from qtkit.market.feeds.polled_synthetic import SyntheticSource
from qtkit.market.feeds.protocol import Feed
from qtkit.market.feeds.recorder import FeedRecorder
from qtkit.market.feeds.settings import FeedSettings
from qtkit.market.instruments import InstrumentTable
from qtkit.market.live_market import ListenedFeed, LiveMarket
from qtkit.market.tables.timestamps import zone_named
from qtkit.runtime.accounts import CarryOver, inherit
from qtkit.runtime.build import (
    engine_core,
    files_of,
    fresh_account,
    let_go,
    note_begin,
    opening_event,
    refill_of,
    same_as_begun,
    settles_within,
    sim_market,
)
from qtkit.runtime.chain import note_session
from qtkit.runtime.kill_switch import hand_over_lift
from qtkit.runtime.market_data import market_of, table_close
from qtkit.runtime.settings import SessionSettings, settings_digest
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.sqlite_store import SqliteBook
from qtkit.trading.engine.engine import Engine
from qtkit.trading.engine.logs.settings import keep_logs, logs_can_be_written, rotation_of
from qtkit.trading.engine.logs.sys_log import SessionLog
from qtkit.trading.engine.schedule import refuse_steps_that_never_come
from qtkit.trading.engine.session_files import FolderFiles
from qtkit.trading.engine.workers import ThreadWorkers, Workers
from qtkit.trading.strategy.guard import Guarded, made
from qtkit.trading.strategy.protocol import Strategy, StrategySpec
from qtkit.trading.strategy.spec_checks import demand_spec

__all__ = ["LivePlan", "LiveRun", "live_session"]

_PAPER = "paper"
_A_LITTLE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlan:
    """What is to be traded in real time, and on which clock.

    Attributes
    ----------
    clock_from
        Makes the session's clock from the time before which it must not begin, if there is one.
        None: as the feed's settings say.
    workers
        Makes the place where slow work runs, from the signal that wakes the loop.
    """

    spec: StrategySpec
    settings: SessionSettings = field(default_factory=SessionSettings)
    clock_from: Callable[[datetime | None], Clock] | None = None
    workers: Callable[[Event], Workers] | None = None


@dataclass(slots=True, kw_only=True)
class LiveRun:
    """A session that is ready to run; whoever runs it closes it."""

    plan: LivePlan
    engine: Engine
    clock: Clock
    folder: SessionFolder
    account: AccountFolder
    settings: dict[str, Any]
    market: LiveMarket
    lock: NamedLock
    log: SessionLog
    broker: SimBroker
    heritage: CarryOver
    resumed: bool

    def mark(self) -> None:
        """Note in the account's chain that the session has begun, and how far it is on disk."""
        note_begin(self.engine, self.account, self.folder, self.log, self.heritage)

    def close(self) -> None:
        """Let journal, log, broker and account go; what is written stays."""
        let_go(self.engine, self.account, self.folder, self.broker, self.log, self.lock)


def live_session(plan: LivePlan, root: OutputRoot, account: str | None = None) -> LiveRun:
    """Wire a paper session in real time; a session of the account that has not ended is resumed.

    Parameters
    ----------
    plan
        What is asked for.
    root
        Where everything is written.
    account
        An existing account; None: a fresh one of this session alone.

    Raises
    ------
    ConfigError, DataError
        If something asked for is impossible; nothing was started.
    """
    demand_spec(plan.spec)
    _only_paper(plan.settings)
    logs_can_be_written(plan.settings.logs)
    strategy = made(plan.spec)
    if account is None:
        return _begun(plan, root, strategy)
    place = root.account(_PAPER, account)
    lock = _taken(place)
    try:
        heritage = inherit(place)
        if heritage.unfinished is not None:
            same_as_begun(heritage.unfinished, plan.spec, plan.settings)
        clock = _clock(plan, place, heritage)
        wiring = _Wiring(plan, root, place, lock, clock, heritage)
        return wiring.run(heritage.unfinished, strategy)
    except BaseException:
        lock.release()
        raise


def _begun(plan: LivePlan, root: OutputRoot, strategy: Strategy) -> LiveRun:
    """Wire a session on an account of its own."""
    clock = _new_clock(plan, None)
    _check_dates(_calendar(plan), plan, clock.now())
    folder = _new_folder(plan, root, clock)
    place = root.account(_PAPER, folder.session_id)
    lock = _taken(place)
    try:
        heritage = fresh_account(place, plan.spec, clock.now())
        return _Wiring(plan, root, place, lock, clock, heritage).run(folder, strategy)
    except BaseException:
        lock.release()
        raise


def _only_paper(settings: SessionSettings) -> None:
    if settings.mode != _PAPER:
        raise ConfigError(
            f"settings: mode was {settings.mode!r}, and there is a broker for {_PAPER!r} only; "
            "leave it out"
        )


def _taken(place: AccountFolder) -> NamedLock:
    lock = NamedLock(place.lock, f"account {place.name!r}")
    lock.acquire()
    return lock


def _calendar(plan: LivePlan) -> Calendar:
    overlay = plan.settings.calendar_overlay
    return exchange_calendar(plan.spec.exchange, Path(overlay) if overlay else None)


def _new_folder(plan: LivePlan, root: OutputRoot, clock: Clock) -> SessionFolder:
    digest = settings_digest(plan.settings.for_journal(plan.spec))
    return root.new_session(_PAPER, session_id_of(clock.now(), _PAPER, digest))


def _clock(plan: LivePlan, place: AccountFolder, heritage: CarryOver) -> Clock:
    """Return the session's clock; it does not show a time that the account has lived through."""
    clock = _new_clock(plan, heritage.last_at)
    _wait_a_little(clock, heritage.last_at)
    if heritage.last_at is not None and clock.now() < heritage.last_at:
        raise ConfigError(
            f"account {place.name!r} has lived until {heritage.last_at:%Y-%m-%d %H:%M:%S} UTC, and "
            f"the clock shows {clock.now():%Y-%m-%d %H:%M:%S} UTC; set the machine's clock right, "
            "start again when that time has passed, or use another account"
        )
    return clock


def _wait_a_little(clock: Clock, until: datetime | None) -> None:
    """Wait for a time that is a few seconds away: a clock that was corrected is behind a little."""
    while until is not None and timedelta(0) < until - clock.now() <= _A_LITTLE:
        clock.wait(until, Event())


def _new_clock(plan: LivePlan, not_before: datetime | None) -> Clock:
    if plan.clock_from is not None:
        return plan.clock_from(not_before)
    asked, machine = plan.settings.feed, SystemClock()
    if not asked.is_replay:
        return SteadyClock(machine, stopwatch(), plan.settings.gate_clock_tolerance_seconds)
    start = asked.begins(machine.now())
    return ScaledClock(max(start, not_before or start), asked.speed)


def _check_dates(calendar: Calendar, plan: LivePlan, now: datetime) -> None:
    """Make sure that the calendar knows today, when to step, and when a purchase can be sold."""
    today = calendar.local_date(now)
    calendar.segments(today)
    settles_within(calendar, plan.spec.symbols, calendar.next_session(today))
    refuse_steps_that_never_come(calendar, today, plan.settings.engine(plan.spec).timetable)


class _Wiring:
    """Puts one live session together, on an account that is locked."""

    def __init__(
        self,
        plan: LivePlan,
        root: OutputRoot,
        place: AccountFolder,
        lock: NamedLock,
        clock: Clock,
        heritage: CarryOver,
    ) -> None:
        self._plan, self._root, self._place, self._lock = plan, root, place, lock
        self._clock, self._heritage = clock, heritage
        self._calendar = _calendar(plan)

    def run(self, folder: SessionFolder | None, strategy: Strategy) -> LiveRun:
        """Return the session, in `folder` or in a new one."""
        plan, calendar, clock = self._plan, self._calendar, self._clock
        _check_dates(calendar, plan, clock.now())
        market = self._market()
        source = self._feed()
        folder = folder or _new_folder(plan, self._root, clock)
        recorder = FeedRecorder(source, folder.feed_polls, durable=True)
        feed = ListenedFeed(recorder, market, clock)
        if self._heritage.unfinished is None:
            note_session(self._place, folder)
        keep_logs(folder, plan.settings.logs)
        rotation = rotation_of(folder)
        log = SessionLog(folder.sys_log, clock, calendar.zone, folder.session_id, rotation)
        problem = feed.listen_ahead()
        if problem:
            log.say("feed_unavailable", error=problem)
        broker = self._broker(market)
        journal = FileJournal(folder.journal, clock)
        context = engine_core(
            spec=plan.spec,
            settings=plan.settings,
            clock=clock,
            journal=journal,
            broker=broker,
            calendar=calendar,
            data=market,
            strategy=Guarded(strategy),
            log=log,
            files=FolderFiles(folder, calendar.zone),
            kill_file=self._place.kill_file,
            look_around=FolderWatch(files_of(folder, self._place)).look,
        )
        signal = Event()
        settings = plan.settings.for_journal(plan.spec)
        name = self._place.name
        engine = Engine(
            context,
            feed=feed,
            workers=plan.workers(signal) if plan.workers else ThreadWorkers(signal),
            refill=refill_of(plan.spec.table, market, folder, calendar),
            opening=opening_event(plan.spec, plan.settings, settings, name, self._heritage),
            signal=signal,
        )
        hand_over_lift(engine.inbox, self._place)
        return LiveRun(
            plan=plan,
            engine=engine,
            clock=clock,
            folder=folder,
            account=self._place,
            settings=settings,
            market=market,
            lock=self._lock,
            log=log,
            broker=broker,
            heritage=self._heritage,
            resumed=self._heritage.unfinished is not None,
        )

    def _market(self) -> LiveMarket:
        """Return the price source; last closes that no bar tells come from a local table."""
        settings, tables = self._plan.settings, self._root.tables
        name = self._plan.spec.table if settings.data == "synthetic" else settings.data

        def close(symbol: str, day: date) -> Decimal | None:
            return table_close(tables, name, symbol, day, self._calendar)

        return LiveMarket(self._plan.spec.symbols, self._calendar, close)

    def _feed(self) -> Feed:
        """Return the feed; it begins with the bars of the session before today's."""
        spec, now = self._plan.spec, self._clock.now()
        before = self._calendar.previous_session(self._calendar.local_date(now))
        since = self._calendar.segments(before)[0].start
        return PolledFeed(self._source(self._plan.settings.feed), spec.symbols, since)

    def _source(self, asked: FeedSettings) -> BarSource:
        if asked.kind == "csv":
            zone = zone_named(asked.zone) if asked.zone else self._calendar.zone
            return CsvTail(Path(asked.path), zone)
        if asked.kind == "parquet":
            return ParquetTail(Path(asked.path))
        if asked.kind == "http":
            return _endpoint(asked, self._plan.spec.symbols)
        table, today = InstrumentTable.load(), self._calendar.local_date(self._clock.now())
        markets = {s: market_of(table.on(s, today)) for s in self._plan.spec.symbols}
        return SyntheticSource(markets, self._calendar, self._plan.settings.seed)

    def _broker(self, market: LiveMarket) -> SimBroker:
        book = SqliteBook(self._place.broker_book)
        broker = SimBroker(
            book=book,
            market=replace(sim_market(market, self._calendar), revealed=market.revealed),
            clock=self._clock,
            settings=self._plan.settings.simulator(),
        )
        if not broker.has_account:
            broker.open_account(self._heritage.opening.cash)
        book.retries = True  # from now on the engine tries again
        return broker


def _endpoint(asked: FeedSettings, symbols: Sequence[str]) -> HttpBars:
    return HttpBars(
        asked.url,
        symbols,
        patience=Patience(
            timeout=asked.timeout_seconds,
            attempts=asked.attempts,
            backoff=asked.backoff_seconds,
            together=asked.patience_seconds,
        ),
        max_bytes=asked.max_bytes,
        token=asked.token.get_secret_value() if asked.token else "",
    )
