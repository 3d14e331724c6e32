"""Simulated sessions: a plan of one, wired on a manual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.clock import ManualClock
from qtkit.core.errors import ConfigError
from qtkit.core.files import make_folder
from qtkit.core.folder_watch import FolderWatch
from qtkit.core.locks import NamedLock
from qtkit.core.paths import AccountFolder, OutputRoot, SessionFolder, session_id_of
from qtkit.journal import FileJournal, read_journal
from qtkit.journal.writer import Observer
from qtkit.market.feeds.protocol import Feed
from qtkit.market.feeds.recorded import Fault as FeedFault
from qtkit.market.feeds.recorded import FaultyFeed, RecordedFeed
from qtkit.market.feeds.recorder import FeedRecorder
from qtkit.runtime.accounts import CarryOver, account_record, inherit
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
    trading_days,
)
from qtkit.runtime.chain import note_session
from qtkit.runtime.kill_switch import hand_over_lift
from qtkit.runtime.market_data import MarketData, data_of
from qtkit.runtime.session_status import write_status
from qtkit.runtime.settings import SessionSettings, settings_digest
from qtkit.trading.brokers.protocol import Broker
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.faults import NO_FAULTS, FaultScript
from qtkit.trading.brokers.sim.sqlite_store import SqliteBook
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.engine import Engine
from qtkit.trading.engine.logs.settings import keep_logs, logs_can_be_written, rotation_of
from qtkit.trading.engine.logs.sys_log import SessionLog
from qtkit.trading.engine.schedule import (
    Timetable,
    day_schedule,
    refuse_steps_that_never_come,
)
from qtkit.trading.engine.session_files import FolderFiles
from qtkit.trading.engine.workers import SimulatedWorkers
from qtkit.trading.strategy.guard import Guarded, made
from qtkit.trading.strategy.protocol import Strategy, StrategySpec
from qtkit.trading.strategy.spec_checks import demand_spec

__all__ = ["SimulatedRun", "SimulationPlan", "first_start", "simulate_in", "simulate_session"]

_FIRST_START = time(9, 0)  # local; where a simulated day begins if nothing is due before it
_AFTER_LAST_TASK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationPlan:
    """One simulated session: what is asked for, and what is made to go wrong.

    Attributes
    ----------
    day, days
        First date, and how many trading dates from it on.
    start, stop
        When the engine comes and goes, UTC; None: before the open and after the last task.
    commands
        What operators do, and when (UTC).
    last_day
        Date after whose last row it ends; None: the last of `days`, unless `stop` is given.
    work_seconds
        Task id -> seconds that its worker takes.
    wrap
        Turns the strategy into a variation of it; gets the session's clock.
    """

    spec: StrategySpec
    settings: SessionSettings = field(default_factory=SessionSettings)
    day: date
    days: int = 1
    start: datetime | None = None
    stop: datetime | None = None
    stop_reason: str = "end_of_data"
    last_day: date | None = None
    commands: Sequence[tuple[datetime, Command]] = ()
    broker_faults: FaultScript = NO_FAULTS
    feed_faults: Sequence[FeedFault] = ()
    work_seconds: Callable[[str], float] = lambda _: 0.0
    wrap: Callable[[Strategy, ManualClock], Strategy] = lambda strategy, _: strategy
    data: MarketData | None = None  # None: what the settings name
    journal_observer: Observer | None = None
    broker_observer: Callable[[], None] | None = None
    wrap_broker: Callable[[SimBroker], Broker] = lambda broker: broker


@dataclass(slots=True, kw_only=True)
class SimulatedRun:
    """A simulated session, ready to run or done."""

    plan: SimulationPlan
    engine: Engine
    clock: ManualClock
    folder: SessionFolder
    account: AccountFolder
    settings: dict[str, Any]
    data: MarketData
    until: datetime
    last_day: date | None  # the session ends with it; None: at `until` alone
    lock: NamedLock
    log: SessionLog
    broker: SimBroker
    heritage: CarryOver

    def run(self) -> None:
        """Run it to its end, and let everything go."""
        try:
            self.begin()
            self.engine.run(self.until, self.plan.stop_reason, self.last_day)
        finally:
            self.close()
        write_status(self.folder)

    def begin(self) -> None:
        """Start the engine; status and chain know of it then."""
        self.engine.start()
        self.engine.context.journal.sync()  # the status may know only what a loss of power leaves
        note_begin(self.engine, self.account, self.folder, self.log, self.heritage)
        write_status(self.folder)

    def close(self) -> None:
        """Let journal, log, broker and account go; what is written stays."""
        let_go(self.engine, self.account, self.folder, self.broker, self.log, self.lock)


def data_for(
    plan: SimulationPlan, days: Sequence[date], calendar: Calendar, root: OutputRoot
) -> MarketData:
    """Return the bars a plan asks for."""
    return plan.data or data_of(plan.spec, plan.settings, days, calendar, root)


def simulate_session(
    plan: SimulationPlan, root: OutputRoot, account: str | None = None
) -> SimulatedRun:
    """Wire a simulated paper session; a session of the account that has not ended is resumed.

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
    mode = plan.settings.mode
    planned = _planned(plan, root)
    if account is not None:
        place = root.account(mode, account)
        account_record(place)

        def resumed() -> _Begin:
            going_on, heritage = _inherited(place, planned)
            folder = heritage.unfinished or root.new_session(mode, planned.session_id)
            return going_on, folder, heritage

        return _wired(place, resumed, account)
    folder = root.new_session(mode, planned.session_id)
    place = root.account(mode, folder.session_id)
    heritage = fresh_account(place, plan.spec, planned.start)
    return _wired(place, lambda: (planned, folder, heritage), "simulated")


def simulate_in(plan: SimulationPlan, folder: SessionFolder, place: AccountFolder) -> SimulatedRun:
    """Wire a simulated session in a folder that is there, on an account that may be new.

    A session of the account that has not ended is resumed where it is.
    """
    planned = _planned(plan, OutputRoot(folder.path.parent))

    def begun() -> _Begin:
        going_on, heritage = (
            _inherited(place, planned)
            if place.record.exists()
            else (planned, fresh_account(place, plan.spec, planned.start))
        )
        make_folder(folder.artifacts)
        return going_on, heritage.unfinished or folder, heritage

    return _wired(place, begun, "simulated")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A plan with everything looked up that can refuse it."""

    plan: SimulationPlan
    calendar: Calendar
    data: MarketData
    start: datetime
    until: datetime
    last_day: date | None
    settings: dict[str, Any]
    session_id: str
    strategy: Strategy
    is_return: bool = False  # it goes on where the journal of the same plan was cut off


def _planned(plan: SimulationPlan, root: OutputRoot) -> _Planned:
    demand_spec(plan.spec)
    overlay = Path(plan.settings.calendar_overlay) if plan.settings.calendar_overlay else None
    calendar = exchange_calendar(plan.spec.exchange, overlay)
    days = trading_days(calendar, plan.day, plan.days)
    settles_within(calendar, plan.spec.symbols, days[-1])
    refuse_steps_that_never_come(calendar, days[0], plan.settings.engine(plan.spec).timetable)
    start = plan.start or first_start(calendar, plan.day)
    settings = plan.settings.for_journal(plan.spec)
    logs_can_be_written(plan.settings.logs)
    return _Planned(
        plan=plan,
        calendar=calendar,
        data=data_for(plan, days, calendar, root),
        start=start,
        until=plan.stop or _end_of(days[-1], calendar, plan),
        last_day=plan.last_day or (None if plan.stop else days[-1]),
        settings=settings,
        session_id=session_id_of(start, plan.settings.mode, settings_digest(settings)),
        strategy=made(plan.spec),
    )


_Begin = tuple[_Planned, SessionFolder, CarryOver]


def _wired(
    place: AccountFolder,
    begin: Callable[[], _Begin],
    account: str,
) -> SimulatedRun:
    """Take the account, and wire everything; the account is let go if that does not work.

    Parameters
    ----------
    begin
        Returns the plan, the session's folder, and what the account hands over, once nobody else
        writes.
    """
    lock = NamedLock(place.lock, f"account {place.name!r}")
    lock.acquire()
    try:
        return _wired_under(lock, place, *begin(), account)
    except BaseException:
        lock.release()
        raise


def _wired_under(
    lock: NamedLock,
    place: AccountFolder,
    planned: _Planned,
    folder: SessionFolder,
    heritage: CarryOver,
    account: str,
) -> SimulatedRun:
    plan, calendar, data = planned.plan, planned.calendar, planned.data
    if heritage.unfinished is None:
        note_session(place, folder)
    clock = ManualClock(planned.start)
    keep_logs(folder, plan.settings.logs)
    log = SessionLog(folder.sys_log, clock, calendar.zone, folder.session_id, rotation_of(folder))
    broker = SimBroker(
        book=SqliteBook(place.broker_book, on_commit=plan.broker_observer),
        market=sim_market(data, calendar),
        clock=clock,
        settings=plan.settings.simulator(),
        faults=plan.broker_faults,
    )
    if not broker.has_account:
        broker.open_account(heritage.opening.cash)
    journal = FileJournal(folder.journal, clock, observer=plan.journal_observer)
    context = engine_core(
        spec=plan.spec,
        settings=plan.settings,
        clock=clock,
        journal=journal,
        broker=plan.wrap_broker(broker),
        calendar=calendar,
        data=data,
        strategy=Guarded(plan.wrap(planned.strategy, clock)),
        log=log,
        files=FolderFiles(folder, calendar.zone),
        kill_file=place.kill_file,
        look_around=FolderWatch(files_of(folder, place)).look,
    )
    engine = Engine(
        context,
        feed=FeedRecorder(_feed(data, plan), folder.feed_polls, durable=False),
        workers=SimulatedWorkers(clock, plan.work_seconds),
        refill=refill_of(plan.spec.table, data, folder, calendar),
        opening=opening_event(plan.spec, plan.settings, planned.settings, account, heritage),
    )
    hand_over_lift(engine.inbox, place)
    for at, command in plan.commands:
        if at > planned.start or (at == planned.start and not planned.is_return):
            engine.inbox.put_at(at, command)
    return SimulatedRun(
        plan=plan,
        engine=engine,
        clock=clock,
        folder=folder,
        account=place,
        settings=planned.settings,
        data=data,
        until=planned.until,
        last_day=planned.last_day,
        lock=lock,
        log=log,
        broker=broker,
        heritage=heritage,
    )


def _inherited(place: AccountFolder, planned: _Planned) -> tuple[_Planned, CarryOver]:
    """Return what the account hands over; a plan that was cut off goes on at its last line."""
    found = inherit(place)
    if found.unfinished is not None:
        same_as_begun(found.unfinished, planned.plan.spec, planned.plan.settings)
    if found.last_at is None or planned.start >= found.last_at:
        return planned, found
    if found.unfinished is None:
        raise ConfigError(
            f"account {place.name!r} has lived until {found.last_at:%Y-%m-%d %H:%M} UTC, and "
            f"{planned.start:%Y-%m-%d %H:%M} UTC is before that; simulate a later date, or leave "
            "the account out to use a fresh one"
        )
    began = next(read_journal(found.unfinished.journal)).at
    if began != planned.start or planned.until <= found.last_at:
        day = planned.calendar.local_date(began)
        raise ConfigError(
            f"session {found.unfinished.session_id} of account {place.name!r} began on {day} and "
            f"was cut off at {found.last_at:%Y-%m-%d %H:%M} UTC; finish it first, with its own "
            f"dates: --date {day} --account {place.name}, and --days as it was asked for"
        )
    return replace(planned, start=found.last_at, is_return=True), found


def first_start(calendar: Calendar, day: date) -> datetime:
    """Return when a simulated session of a day begins: 09:00 there, or with the day's first row."""
    start = datetime.combine(day, _FIRST_START, tzinfo=calendar.zone).astimezone(UTC)
    rows = day_schedule(day, calendar, Timetable())
    return min([start, *(row.due for row in rows[:1])])


def _end_of(day: date, calendar: Calendar, plan: SimulationPlan) -> datetime:
    rows = day_schedule(day, calendar, plan.settings.engine(plan.spec).timetable)
    return rows[-1].due + _AFTER_LAST_TASK


def _feed(data: MarketData, plan: SimulationPlan) -> Feed:
    feed: Feed = RecordedFeed(data.bars)
    return FaultyFeed(feed, plan.feed_faults) if plan.feed_faults else feed
