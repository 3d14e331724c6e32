"""What all parts of the engine share: the one road of record and know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from msgspec.structs import force_setattr

from qtkit.core.calendars import Calendar, Segment
from qtkit.core.clock import Clock
from qtkit.core.errors import DataError
from qtkit.core.folder_watch import FolderWatch
from qtkit.core.text import error_text, sentence_of
from qtkit.journal import Journal
from qtkit.ledger.ledger import Ledger
from qtkit.model.bars import nanos
from qtkit.model.corporate_actions import CorporateAction
from qtkit.model.events import (
    Entry,
    Event,
    InternalErrorRaised,
    JsonObject,
    StatusChanged,
    TroubleMet,
)
from qtkit.model.instruments import Instrument, InstrumentRules
from qtkit.model.status import EngineStatus
from qtkit.projections.engine_state import EngineState
from qtkit.trading.brokers.permit_broker import PermitBroker
from qtkit.trading.engine.bar_history import EngineView, History, usable_symbols
from qtkit.trading.engine.schedule import Timetable
from qtkit.trading.risk.request import Rule
from qtkit.trading.strategy.protocol import Strategy

ActionsBetween = Callable[[Iterable[str], date, date], Sequence[CorporateAction]]
"""``(symbols, after, until) ->`` corporate actions with ``after < ex date <= until``."""

__all__ = ["ActionsBetween", "EngineContext", "EngineSettings", "SessionFiles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How the engine behaves; times in seconds of the session's clock. No defaults here."""

    timetable: Timetable
    late_after_seconds: float  # a step or poll that is found later than this was missed
    feed_silent_seconds: float
    max_price_age_seconds: float  # trading seconds
    price_wait_seconds: float  # a step waits this long for the price poll of its moment
    doubt_grace_seconds: float  # an order in doubt keeps its reservation at least this long
    broker_poll_seconds: float  # where the broker cannot tell when news come
    retry_seconds: float  # between two attempts to reach a broker or to settle a doubt
    retries: Mapping[str, int]  # task -> further attempts
    gate_mode: str  # off, warn, block
    gate_clock_tolerance_seconds: float
    min_disk_megabytes: int
    prepare_in_worker: bool
    prepare_lead_seconds: int  # a preparation sees nothing younger than this before its step
    snapshot_max_age_seconds: float
    debug: bool  # whether operators may act outside the schedule
    on_stop: str  # what a stop does with open orders: cancel, keep


class SessionFiles(Protocol):
    """Files that the engine leaves; every one can be rebuilt from the journal."""

    follows: bool  # whether `take` has to hear of each entry

    def take(self, entry: Entry, ledger: Ledger) -> None:
        """Write what people follow, line by line: all that happens, booked changes, refusals."""

    def take_trace(self, error: BaseException) -> None:
        """Write the traceback of an error behind the line of its event."""

    def replay(self, entry: Entry, ledger: Ledger) -> None:
        """Learn what those lines were in an earlier life."""

    def caught_up(self) -> None:
        """Mend those lines where a power cut took some, or the entries that they tell of."""

    def write_reconciliation(self, at: datetime, entry: Entry) -> None:
        """Write one reconciliation as JSON."""

    def write_snapshot(self, name: str, snapshot: JsonObject) -> None:
        """Write what a step was prepared with, as JSON."""

    def read_snapshot(self, name: str) -> JsonObject | None:
        """Return what was written under a name; None when it is not there or damaged."""

    def trouble_writing(self, megabytes: int) -> str:
        """Return why nothing can be written, or too little; "" when all is well."""

    def write_break_point(self, state: EngineState, seq: int) -> None:
        """Write strategy state and book."""


def _nanos_of(segments: Sequence[Segment]) -> tuple[tuple[int, int], ...]:
    return tuple((nanos(s.start), nanos(s.end)) for s in segments)


@dataclass(slots=True, kw_only=True)
class EngineContext:
    """The engine's ports and its state. `record` is the only way to change the state."""

    clock: Clock
    journal: Journal
    state: EngineState
    broker: PermitBroker
    strategy: Strategy
    strategy_symbols: tuple[str, ...]
    calendar: Calendar
    instrument_of: Callable[[str, date], Instrument]
    close_before: Callable[[str, date], Decimal | None]
    actions: ActionsBetween
    rules: tuple[Rule, ...]
    settings: EngineSettings
    history: History
    view: EngineView
    files: SessionFiles
    kill_file: Path | None
    folders: FolderWatch = field(default_factory=lambda: FolderWatch(()))
    order_prefix: str = "q"
    listener: list[Event] | None = None  # hears what is recorded while a command is carried out
    segments: tuple[tuple[int, int], ...] = ()  # of today, nanoseconds; `know_segments` fills it
    # in which a price counts: today's, and where steps come at the open, the session's before
    priced: tuple[tuple[int, int], ...] = ()

    def record(self, event: Event) -> Entry:
        """Write an event down and take it into account: record, know.

        One that names no date belongs to the date that the engine trades.
        """
        state = self.state
        if event.trading_date is None and state.today is not None:
            force_setattr(event, "trading_date", state.today)
        entry = self.journal.append(event)
        state.apply(entry)
        if self.files.follows:
            self.files.take(entry, state.ledger)
        if self.listener is not None:
            self.listener.append(event)
        return entry

    def know_segments(self, day: date) -> None:
        """Remember when there is trading on a date, and from when on its prices count."""
        self.segments = self.priced = _nanos_of(self.calendar.segments(day))
        if not self.settings.timetable.step_minutes and self.segments:
            before = _nanos_of(self.calendar.segments(self.calendar.previous_session(day)))
            self.priced = (*before, *self.segments)

    def is_open(self, moment: int) -> bool:
        """Whether a moment, nanoseconds, is inside a trading segment of today (half-open)."""
        # a loop, since a generator costs more on the way of each order
        for start, end in self.segments:  # noqa: SIM110
            if start <= moment < end:
                return True
        return False

    def inside(self, at: datetime) -> bool:
        """Whether a moment lies in one of today's trading segments."""
        return self.is_open(nanos(at))

    def view_of(self, history: History) -> EngineView:
        """Return a view of other bars than those of this moment."""
        return EngineView(self.strategy_symbols, history, self.state.ledger, self.view.lookup)

    def look(self) -> frozenset[str]:
        """Show this moment to the view, and return the symbols that have a usable price."""
        now, limit = self.clock.now(), self.settings.max_price_age_seconds
        usable = usable_symbols(self.history, now, self.priced, limit)
        day = self.state.today or self.calendar.local_date(now)
        self.view.move(now, day, usable, self.state.ledger)
        return usable

    def rules_on(self, day: date) -> tuple[InstrumentRules, ...]:
        """Return the rules of what is traded or held, as far as they are not told yet."""
        symbols = dict.fromkeys((*self.strategy_symbols, *self.state.ledger.positions))
        return tuple(
            rules for symbol in symbols if (rules := self.untold_rules(symbol, day)) is not None
        )

    def untold_rules(self, symbol: str, day: date) -> InstrumentRules | None:
        """Return a symbol's rules on a date; None where the journal has them, or nobody does."""
        try:
            rules = InstrumentRules.of(self.instrument_of(symbol, day))
        except DataError:
            return None
        return None if self.state.instruments.get(symbol) == rules else rules

    def instrument_today(self, symbol: str) -> Instrument | None:
        """Return a symbol's trading rules of today; None when nobody knows it."""
        try:
            return (
                None if self.state.today is None else self.instrument_of(symbol, self.state.today)
            )
        except DataError:
            return None

    def move(self, after: EngineStatus, because: str) -> None:
        """Record that the engine's status is another one."""
        before = self.state.status
        self.record(StatusChanged(before=before, after=after, because=because))

    def trouble(self, where: str, error: BaseException) -> None:
        """Record that something raised that should not have."""
        self.record(InternalErrorRaised(where=where, error=error_text(error)))
        self.files.take_trace(error)

    def note_trouble(self, what: str, subject: str, error: BaseException) -> None:
        """Record something that failed and is tried again."""
        self.record(TroubleMet(what=what, subject=subject, error=sentence_of(error)))
