"""An engine on a bench: everything in memory, a clock that jumps, prices and wishes by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.clock import ManualClock
from qtkit.journal import MemoryJournal
from qtkit.market.bar_grid import BarGrid
from qtkit.market.feeds.protocol import Feed
from qtkit.market.feeds.recorded import Fault as FeedFault
from qtkit.market.feeds.recorded import FaultyFeed, RecordedFeed
from qtkit.market.instruments import InstrumentTable, instrument_table
from qtkit.model import events as ev
from qtkit.model.bar_length import BarLength
from qtkit.model.books import Book, PositionLine
from qtkit.model.events import Entry
from qtkit.model.intents import Intent
from qtkit.runtime.accounts import CarryOver
from qtkit.runtime.build import engine_context, opening_event
from qtkit.runtime.factories import sim_market
from qtkit.runtime.market_data import MarketData
from qtkit.runtime.settings import SessionSettings
from qtkit.testing import DAY, at, hand_made_data, local, scripted_spec
from qtkit.testing.prices import PricePath
from qtkit.trading.brokers.protocol import Broker
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.faults import Fault as BrokerFault
from qtkit.trading.brokers.sim.faults import FaultScript
from qtkit.trading.brokers.sim.store import MemoryBook
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.engine import Engine
from qtkit.trading.engine.logs.sys_log import line_of
from qtkit.trading.engine.session_files import NoFiles
from qtkit.trading.engine.workers import SimulatedWorkers
from qtkit.trading.strategy.guard import Guarded
from qtkit.trading.strategy.protocol import Strategy, StrategySpec

BANK, STEEL = "600036.SH", "601398.SH"
NEXT = date(2026, 3, 5)
E = TypeVar("E", bound=ev.Event)


def command(moment: str, verb: str, **arguments: Any) -> tuple[datetime, Command]:  # noqa: ANN401
    """Return what an operator does at a local time."""
    return at(moment), Command(verb=verb, arguments=arguments, by="eve")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What is on the bench."""

    script: Mapping[str, Sequence[Intent]] = field(default_factory=dict)
    prices: Mapping[str, PricePath] = field(default_factory=lambda: {BANK: 10.0, STEEL: 8.0})
    volume: float = 1_000_000.0
    days: Sequence[date] = (DAY, NEXT)
    start: datetime = field(default_factory=lambda: at("09:00"))
    settings: Mapping[str, Any] = field(default_factory=dict)
    exchange: str = "XSHG"
    zone: str = "Asia/Shanghai"
    cash: Decimal = Decimal(1_000_000)
    currency: str = "CNY"
    shares: Mapping[str, int] = field(default_factory=dict)  # held at the start, settled
    commands: Sequence[tuple[datetime, Command]] = ()
    broker_faults: Sequence[BrokerFault] = ()
    feed_faults: Sequence[FeedFault] = ()
    work_seconds: Callable[[str], float] = lambda _: 0.0
    wrap: Callable[[Strategy, ManualClock], Strategy] = lambda strategy, _: strategy
    wrap_broker: Callable[[SimBroker], Broker] = lambda broker: broker
    wrap_feed: Callable[[Feed], Feed] = lambda feed: feed
    refill: Callable[[date], ev.TablesRefilled] | None = None
    kill_file: Path | None = None
    data: MarketData | None = None
    heritage: CarryOver | None = None


@dataclass(kw_only=True)
class Bench:
    """An engine, and everything one may want to look at."""

    setup: Setup
    engine: Engine
    clock: ManualClock
    journal: MemoryJournal
    broker: SimBroker
    book: MemoryBook
    calendar: Calendar

    def run(self, until: str | datetime = "15:31", reason: str = "end_of_data") -> Bench:
        """Live until a local time of the first day, and stop."""
        self.engine.start()
        self.engine.run(at(until) if isinstance(until, str) else until, reason)
        return self

    def live(self, until: str) -> Bench:
        """Live until a local time, and leave everything as it is then: the power goes."""
        self.engine.start()
        wake = self.engine.turn()
        while wake is not None and wake <= at(until):
            self.clock.set(wake)
            wake = self.engine.turn()
        self.clock.set(at(until))
        return self

    @property
    def entries(self) -> list[Entry]:
        """The journal so far."""
        return list(self.journal.entries())

    @property
    def said(self) -> list[tuple[str, dict[str, object]]]:
        """What sys.log would say: verb and fields of each line."""
        return [line for entry in self.entries if (line := line_of(entry.event)) is not None]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a class."""
        return [e.event for e in self.entries if type(e.event) is kind]

    def when(self, kind: type[ev.Event]) -> list[str]:
        """Return the local times of the events of a class."""
        return [local(e.at) for e in self.entries if type(e.event) is kind]

    def line(self, kind: type[ev.Event], number: int = 0) -> int:
        """Return the journal line of the first event of a class, or of a later one."""
        return [e.seq for e in self.entries if type(e.event) is kind][number]

    def skipped(self, task: str = "run_strategy") -> dict[str, str]:
        """Return due time -> skip reason of a task."""
        return {local(e.due): e.skip_reason for e in self.of(ev.TaskSkipped) if e.task == task}

    def statuses(self) -> list[tuple[str, str, str]]:
        """Return each status change: local time, status after, why."""
        return [
            (local(e.at), e.event.after, e.event.because)
            for e in self.entries
            if isinstance(e.event, ev.StatusChanged)
        ]

    def told(self, task: str) -> list[str]:
        """Return a task's life: queued, started, finished ..., each with its local time.

        What the stop took off is left out.
        """
        return [
            f"{type(e.event).__name__.removeprefix('Task').lower()} {local(e.at)}"
            for e in self.entries
            if getattr(e.event, "task", None) == task and getattr(e.event, "by", "") != "stop"
        ]

    def again(self, moment: str | datetime, *, keep: int | None = None, **changes: Any) -> Bench:  # noqa: ANN401
        """Return another life on the same books: the journal is cut after `keep` lines."""
        start = at(moment) if isinstance(moment, str) else moment
        setup = replace(self.setup, start=start, **changes)
        return on_the_bench(setup, journal=self.entries[:keep], book=self.book)


def day_of(**parts: Any) -> Bench:  # noqa: ANN401 - the parts of a setup
    """Return an engine with these things on the bench, not started."""
    return on_the_bench(Setup(**parts))


def on_the_bench(
    setup: Setup, *, journal: Sequence[Entry] = (), book: MemoryBook | None = None
) -> Bench:
    """Put an engine together; it is not started."""
    calendar = exchange_calendar(setup.exchange)
    clock = ManualClock(setup.start)
    script = scripted_spec(
        setup.script,
        list(setup.prices),
        exchange=setup.exchange,
        zone=setup.zone,
        opening_cash=setup.cash,
    )
    spec = replace(script, currency=setup.currency)
    settings = SessionSettings(**{"debug": True, **setup.settings})
    data = setup.data or hand_made_data(setup.prices, setup.days, calendar, volume=setup.volume)
    kept, keeper = MemoryJournal(clock), book or MemoryBook()
    kept._entries, kept.seq = list(journal), len(journal)
    broker = _broker(setup, settings, data, calendar, clock, keeper)
    context = engine_context(
        spec=spec,
        settings=settings,
        clock=clock,
        journal=kept,
        broker=setup.wrap_broker(broker),
        calendar=calendar,
        instruments=table_of(settings),
        data=data,
        strategy=Guarded(setup.wrap(spec.make(), clock)),
        files=NoFiles(),
        kill_file=setup.kill_file,
        series=tuple(one.terms for one in data.series.values()),
    )
    feed: Feed = RecordedFeed(data.delivered())
    feed = FaultyFeed(feed, setup.feed_faults) if setup.feed_faults else feed
    engine = Engine(
        context,
        feed=setup.wrap_feed(feed),
        workers=SimulatedWorkers(clock, setup.work_seconds),
        refill=setup.refill or _refill,
        opening=_opening(setup, spec, settings),
    )
    for moment, asked in setup.commands:
        if moment >= setup.start:
            engine.inbox.put_at(moment, asked)
    return Bench(
        setup=setup,
        engine=engine,
        clock=clock,
        journal=kept,
        broker=broker,
        book=keeper,
        calendar=calendar,
    )


def table_of(settings: SessionSettings) -> InstrumentTable:
    """Return the table of a run under settings."""
    rate, minimum = settings.commission_rate, settings.commission_minimum
    return instrument_table().with_commission(rate, minimum)


def _refill(day: date) -> ev.TablesRefilled:
    return ev.TablesRefilled(trading_date=day, tables=("stock_1min",), bars=1)


def _broker(
    setup: Setup,
    settings: SessionSettings,
    data: MarketData,
    calendar: Calendar,
    clock: ManualClock,
    book: MemoryBook,
) -> SimBroker:
    grid = BarGrid(calendar, data.length or BarLength.MIN_1)
    broker = SimBroker(
        book=book,
        market=sim_market(data, grid, table_of(settings)),
        clock=clock,
        settings=settings.simulator(),
        faults=FaultScript(faults=tuple(setup.broker_faults)),
    )
    if not broker.has_account:
        broker.open_account(setup.cash, {s: Decimal(n) for s, n in setup.shares.items()})
    return broker


def _opening(setup: Setup, spec: StrategySpec, settings: SessionSettings) -> ev.SessionStarted:
    heritage = setup.heritage
    if heritage is None:
        lines = tuple(
            PositionLine(symbol=symbol, quantity=Decimal(shares))
            for symbol, shares in sorted(setup.shares.items())
        )
        opening = Book(cash=setup.cash, positions=lines, currency=setup.currency)
        heritage = CarryOver(opening=opening, strategy_state={})
    return opening_event(spec, settings, settings.for_journal(spec), "bench", heritage)
