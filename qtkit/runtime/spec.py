"""What is asked for when a session is built: one form for every kind of session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from threading import Event
from typing import Any

from qtkit.core.clock import Clock, ManualClock
from qtkit.core.errors import ConfigError
from qtkit.journal.writer import Observer
from qtkit.market.feeds.recorded import Fault as FeedFault
from qtkit.market.instruments import InstrumentTable
from qtkit.runtime.market_data import MarketData
from qtkit.runtime.settings import SessionSettings
from qtkit.trading.brokers.protocol import Broker
from qtkit.trading.brokers.sim.faults import NO_FAULTS, FaultScript
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.workers import Workers
from qtkit.trading.strategy.protocol import Strategy, StrategySpec

__all__ = ["BACKTEST", "REAL_TIME", "SIMULATED", "Acceptance", "SessionSpec"]

BACKTEST, SIMULATED, REAL_TIME = "backtest", "simulated", "real_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """An operator's word that a session that was cut off goes on under something else."""

    by: str
    why: str

    def __post_init__(self) -> None:
        missing = [name for name in ("by", "why") if not getattr(self, name).strip()]
        if missing:
            raise ConfigError(
                f"changes are accepted by somebody and for a reason: {' and '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing (--by NAME, --why TEXT)"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """One session: what is to be traded, how, when, and what is made to go wrong.

    Attributes
    ----------
    strategy
        What trades.
    source
        The strategy's file; None where it did not come from one.
    kind
        Name of the kind of session: what time it lives in, and what else `factories` picks for it.
    account
        An account that exists; None: a fresh one of this session alone. A session of it that has
        not ended is resumed.
    accept
        Whether what may change on a return may be something else than the journal has.
    day, days
        First date, and how many trading dates from it on; not in real time.
    start, stop
        When the engine comes and goes, UTC; None: before the open and after the last task.
    last_day
        Date after whose last row it ends; None: the last of `days`, unless `stop` is given.
    commands
        What operators do, and when (UTC).
    data
        Bars of a time that is over; None: what the settings name.
    instruments
        The trading rules of everything; None: what the settings name.
    clock_from
        Makes a real-time session's clock from the time before which it must not begin, if there is
        one. None: as the feed's settings say.
    workers_from
        Makes the place where slow work runs, from the signal that wakes the loop.
    work_seconds
        Task id -> seconds that its simulated worker takes.
    wrap
        Turns the strategy into a variation of it; gets the session's clock.
    """

    strategy: StrategySpec
    settings: SessionSettings = field(default_factory=SessionSettings)
    source: Path | None = None
    kind: str = SIMULATED
    account: str | None = None
    accept: Acceptance | None = None

    day: date | None = None
    days: int = 1
    start: datetime | None = None
    stop: datetime | None = None
    stop_reason: str = "end_of_data"
    last_day: date | None = None
    commands: Sequence[tuple[datetime, Command]] = ()
    data: MarketData | None = None
    instruments: InstrumentTable | None = None

    clock_from: Callable[[datetime | None], Clock] | None = None
    workers_from: Callable[[Event], Workers] | None = None
    work_seconds: Callable[[str], float] = lambda _: 0.0
    wrap: Callable[[Strategy, ManualClock], Strategy] = lambda strategy, _: strategy
    wrap_broker: Callable[[Any], Broker] = lambda broker: broker
    broker_faults: FaultScript = NO_FAULTS
    feed_faults: Sequence[FeedFault] = ()
    journal_observer: Observer | None = None
    broker_observer: Callable[[], None] | None = None

    @property
    def first_day(self) -> date:
        """The first date; a session in real time has none.

        Raises
        ------
        ConfigError
            If no date is asked for.
        """
        if self.day is None:
            raise ConfigError(f"a session of kind {self.kind!r} needs a date: day")
        return self.day
