"""The only chooser: from a session's kind and names to clock, feed, broker and workers.

A new kind of session is one more `SessionKind` here; a new broker or feed one more maker here, one
entry point of another package (groups ``qtkit.brokers`` and ``qtkit.feeds``), or one call of
`BROKERS.registered` or `FEEDS.registered`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event

from qtkit.core.calendars import Calendar
from qtkit.core.clock import Clock, ManualClock, ScaledClock, SteadyClock, SystemClock, stopwatch
from qtkit.core.errors import ConfigError
from qtkit.core.paths import AccountFolder, OutputRoot
from qtkit.core.plugins import Catalogue
from qtkit.market.bar_grid import BarGrid
from qtkit.market.feeds.csv_tail import CsvTail
from qtkit.market.feeds.http_bars import HttpBars, Patience
from qtkit.market.feeds.parquet_tail import ParquetTail
from qtkit.market.feeds.polled import BarSource, PolledFeed
from qtkit.market.feeds.polled_synthetic import SyntheticSource
from qtkit.market.feeds.protocol import Feed
from qtkit.market.feeds.recorded import FaultyFeed, RecordedFeed
from qtkit.market.feeds.recorder import FeedRecorder
from qtkit.market.feeds.series_beside import SeriesBeside
from qtkit.market.instruments import InstrumentTable
from qtkit.market.live_market import ListenedFeed, LiveMarket
from qtkit.market.tables.action_store import ActionStore
from qtkit.market.tables.series_store import SeriesStore
from qtkit.market.tables.timestamps import zone_named
from qtkit.model.bar_length import BarLength
from qtkit.model.series import SeriesTerms
from qtkit.runtime.market_data import (
    KNOWN_DAYS,
    MarketData,
    PriceSource,
    market_of,
    sessions_before,
    table_close,
)
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import BACKTEST, REAL_TIME, SIMULATED, SessionSpec
from qtkit.trading.brokers.protocol import Broker
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.settings import SimMarket
from qtkit.trading.brokers.sim.sqlite_store import SqliteBook
from qtkit.trading.brokers.sim.store import BookStore, MemoryBook
from qtkit.trading.engine.workers import SimulatedWorkers, ThreadWorkers, Workers

__all__ = [
    "BROKERS",
    "FEEDS",
    "KINDS",
    "PARTS",
    "BrokerRequest",
    "FeedRequest",
    "Makers",
    "Market",
    "SessionKind",
    "broker_of",
    "growing_market",
    "kind_named",
    "makers_of",
    "polled",
    "recorded_market",
    "sim_market",
]

_LAST_BAR_NANOS = 600_000_000_000  # an order waits so long for the last of bars that are longer
_A_LITTLE = timedelta(seconds=5)


# --- brokers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerRequest:
    """What a broker is made from.

    Attributes
    ----------
    account
        The account's folder, for what has to outlive a session; None in a backtest.
    cash
        What a new account holds, account currency.
    market
        The market as a simulated broker sees it.
    """

    spec: SessionSpec
    clock: Clock
    account: AccountFolder | None
    cash: Decimal
    market: SimMarket


BrokerMaker = Callable[[BrokerRequest], Broker]


def _simulated_broker(request: BrokerRequest) -> Broker:
    spec = request.spec
    book = _book(request)
    broker = SimBroker(
        book=book,
        market=request.market,
        clock=request.clock,
        settings=spec.settings.simulator(),
        faults=spec.broker_faults,
    )
    if not broker.has_account:
        broker.open_account(request.cash)
    if isinstance(book, SqliteBook):
        # in real time the engine tries again, from now on
        book.retries = spec.kind == REAL_TIME
    return broker


def _book(request: BrokerRequest) -> BookStore:
    if request.account is None:
        return MemoryBook()
    return SqliteBook(request.account.broker_book, on_commit=request.spec.broker_observer)


BROKERS: Catalogue[BrokerMaker] = Catalogue("broker", "qtkit.brokers", {"sim": _simulated_broker})
"""Name -> what makes a broker; `settings.broker` chooses."""


def broker_of(request: BrokerRequest) -> Broker:
    """Return the broker that a session's settings name."""
    return BROKERS.named(request.spec.settings.broker)(request)


def sim_market(data: PriceSource, grid: BarGrid, instruments: InstrumentTable) -> SimMarket:
    """Return the market as the simulated broker sees it: its own price cursor on the same bars."""
    calendar = grid.calendar

    def market_close(day: date) -> datetime | None:
        segments = calendar.segments(day)
        return segments[-1].end if segments else None

    return SimMarket(
        bars=data.bars,
        instruments=instruments.rules,
        close_before=data.close_before,
        settle_date=calendar.session_after,
        trading_date=calendar.local_date,
        market_close=market_close,
        first_end_from=grid.first_end_from,
    )


# --- feeds ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRequest:
    """What a feed is made from."""

    spec: SessionSpec
    calendar: Calendar
    clock: Clock
    series: tuple[SeriesTerms, ...] = ()  # that somebody writes beside the bars
    instruments: InstrumentTable

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is traded."""
        return self.spec.strategy.symbols

    @property
    def length(self) -> BarLength:
        """How much time each bar covers."""
        return self.spec.settings.bars(self.spec.strategy)

    @property
    def grid(self) -> BarGrid:
        """The bars that there can be."""
        return BarGrid(self.calendar, self.length)


FeedMaker = Callable[[FeedRequest], Feed]


def polled(source_of: Callable[[FeedRequest], BarSource]) -> FeedMaker:
    """Return what makes a feed of a source.

    It begins with the session before today's, or with sixty of them where a bar is a day.
    """

    def maker(request: FeedRequest) -> Feed:
        calendar, grid = request.calendar, request.grid
        today = calendar.local_date(request.clock.now())
        count = KNOWN_DAYS if request.length.is_day else 1
        since = calendar.segments(sessions_before(calendar, today, count)[0])[0].start
        return PolledFeed(source_of(request), request.symbols, since, grid)

    return maker


def _csv(request: FeedRequest) -> BarSource:
    asked = request.spec.settings.feed
    zone = zone_named(asked.zone) if asked.zone else request.calendar.zone
    return CsvTail(Path(asked.path), zone)


def _parquet(request: FeedRequest) -> BarSource:
    return ParquetTail(Path(request.spec.settings.feed.path), request.length)


def _synthetic(request: FeedRequest) -> BarSource:
    rules = request.instruments.rules
    today = request.calendar.local_date(request.clock.now())
    markets = {symbol: market_of(rules(symbol, today)) for symbol in request.symbols}
    seed = request.spec.settings.seed
    return SyntheticSource(markets, request.calendar, seed, request.length)


def _http(request: FeedRequest) -> BarSource:
    asked = request.spec.settings.feed
    return HttpBars(
        asked.url,
        request.symbols,
        patience=Patience(
            timeout=asked.timeout_seconds,
            attempts=asked.attempts,
            backoff=asked.backoff_seconds,
            together=asked.patience_seconds,
        ),
        max_bytes=asked.max_bytes,
        token=asked.token.get_secret_value() if asked.token else "",
    )


FEEDS: Catalogue[FeedMaker] = Catalogue(
    "feed",
    "qtkit.feeds",
    {
        "synthetic": polled(_synthetic),
        "csv": polled(_csv),
        "parquet": polled(_parquet),
        "http": polled(_http),
    },
)
"""Name -> what makes a feed; `settings.feed.kind` chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Where a session's bars come from, and the prices that its broker trades at.

    Attributes
    ----------
    trouble
        Why the feed could not be heard before the start; "" if it could.
    """

    feed: Feed
    prices: PriceSource
    simulated: SimMarket
    trouble: str = ""


def recorded_market(request: FeedRequest, data: MarketData, recording: Path | None) -> Market:
    """Return a market whose bars are known already; nobody sees them early.

    Parameters
    ----------
    recording
        Where each delivery is written before it is used; None: nowhere.
    """
    feed: Feed = RecordedFeed(data.delivered())
    if request.spec.feed_faults:
        feed = FaultyFeed(feed, request.spec.feed_faults)
    if recording is not None:
        feed = FeedRecorder(feed, recording, durable=False)
    simulated = sim_market(data, request.grid, request.instruments)
    return Market(feed=feed, prices=data, simulated=simulated)


def growing_market(request: FeedRequest, root: OutputRoot, recording: Path | None) -> Market:
    """Return a market that grows with what the feed tells.

    Parameters
    ----------
    root
        Where local tables and series are: last closes that no bar tells come from one.
    recording
        Where each delivery is written before it is used; None: nowhere.
    """
    spec, calendar = request.spec, request.calendar
    name = spec.strategy.table if spec.settings.data == "synthetic" else spec.settings.data

    def close(symbol: str, day: date) -> Decimal | None:
        return table_close(root.tables, name, symbol, day, calendar)

    prices = LiveMarket(request.symbols, request.grid, close, ActionStore(root.actions))
    source = FEEDS.named(spec.settings.feed.kind)(request)
    if request.series:
        source = SeriesBeside(source, SeriesStore(root.series), request.series)
    if recording is not None:
        source = FeedRecorder(source, recording, durable=True)
    feed = ListenedFeed(source, prices, request.clock)
    simulated = replace(
        sim_market(prices, request.grid, request.instruments),
        revealed=prices.revealed,
        told_late=0 if request.length is BarLength.MIN_1 else _LAST_BAR_NANOS,
    )
    return Market(feed=feed, prices=prices, simulated=simulated, trouble=feed.listen_ahead())


# --- kinds of session --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKind:
    """One kind of session, by what it lives in.

    Attributes
    ----------
    clock
        From what is asked for, when it starts (where that is known), and the account's last time.
    workers
        Where slow work runs.
    is_durable
        Whether it has a folder, an account and a journal on disk.
    """

    clock: Callable[[SessionSpec, datetime | None, datetime | None], Clock]
    workers: Callable[[SessionSpec, Clock, Event], Workers]
    is_durable: bool = True


def _manual_clock(_: SessionSpec, start: datetime | None, __: datetime | None) -> Clock:
    if start is None:
        raise ConfigError("a session that is not in real time needs a day")
    return ManualClock(start)


def _running_clock(spec: SessionSpec, _: datetime | None, last_at: datetime | None) -> Clock:
    """Return a clock that runs; one that is a few seconds behind the account is waited for."""
    clock = _new_clock(spec, last_at)
    while last_at is not None and timedelta(0) < last_at - clock.now() <= _A_LITTLE:
        clock.wait(last_at, Event())
    return clock


def _new_clock(spec: SessionSpec, not_before: datetime | None) -> Clock:
    if spec.clock_from is not None:
        return spec.clock_from(not_before)
    asked, machine = spec.settings.feed, SystemClock()
    if not asked.is_replay:
        return SteadyClock(machine, stopwatch(), spec.settings.gate_clock_tolerance_seconds)
    start = asked.begins(machine.now())
    return ScaledClock(max(start, not_before or start), asked.speed)


def _in_simulated_time(spec: SessionSpec, clock: Clock, _: Event) -> Workers:
    return SimulatedWorkers(clock, spec.work_seconds)


def _in_threads(spec: SessionSpec, _: Clock, signal: Event) -> Workers:
    return spec.workers_from(signal) if spec.workers_from else ThreadWorkers(signal)


KINDS: Mapping[str, SessionKind] = {
    BACKTEST: SessionKind(clock=_manual_clock, workers=_in_simulated_time, is_durable=False),
    SIMULATED: SessionKind(clock=_manual_clock, workers=_in_simulated_time),
    REAL_TIME: SessionKind(clock=_running_clock, workers=_in_threads),
}


def kind_named(name: str) -> SessionKind:
    """Return a kind of session.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    if name not in KINDS:
        raise ConfigError(f"there is no kind of session {name!r}; there are {', '.join(KINDS)}")
    return KINDS[name]


PARTS: Mapping[str, Callable[[str], str]] = {
    "engine.broker": BROKERS.objection,
    "feed.kind": FEEDS.objection,
}
"""Key of a configuration -> what objects to a name that no part has."""


@dataclass(frozen=True, slots=True)
class Makers:
    """The parts that settings name; all of them are there.

    Attributes
    ----------
    feed_tells
        Whether bars come from a plug-in's feed: then simulated time has no others.
    """

    broker: BrokerMaker
    feed: FeedMaker
    feed_tells: bool


def makers_of(settings: SessionSettings) -> Makers:
    """Return what makes a session's parts.

    Raises
    ------
    ConfigError
        If a name is of no part.
    """
    kind = settings.feed.kind
    return Makers(BROKERS.named(settings.broker), FEEDS.named(kind), not FEEDS.is_own(kind))
