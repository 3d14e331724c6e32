"""What a journal adds up to for people: every panel, report and list is told from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import DataError, StrategyError
from qtkit.core.process_signals import STOP_REASONS
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.model.events import Entry
from qtkit.projections.base import TopicFold
from qtkit.projections.bookings import BookingHistory
from qtkit.projections.cash_flows import CashFlows
from qtkit.projections.decisions import DecisionHistory
from qtkit.projections.engine_state import EngineState
from qtkit.projections.gate import JudgementHistory
from qtkit.projections.health import Health
from qtkit.projections.orders import OrderHistory
from qtkit.projections.prices import PriceHistory
from qtkit.projections.session_status import SessionStatus
from qtkit.projections.session_terms import SessionTerms
from qtkit.projections.tasks import TaskHistory

__all__ = ["SessionView"]

_STRATEGY_TASKS = {"pre_open", "prepare_strategy", "run_strategy"}  # run the strategy's own code
_ABORTED = 130
_Taker = Callable[[Any, Entry, Any], None]


class SessionView:
    """A session's journal as far as it was read; `update` reads on.

    Attributes
    ----------
    counts
        Events by kind, as the journal names them.
    """

    def __init__(self) -> None:
        self.state = EngineState.empty()
        self.status = SessionStatus()
        self.tasks, self.orders, self.prices = TaskHistory(), OrderHistory(), PriceHistory()
        self.flows, self.judgements, self.health = CashFlows(), JudgementHistory(), Health()
        self.decisions, self.terms = DecisionHistory(), SessionTerms()
        self.books = BookingHistory(self.state, self.orders, self.prices)
        self.counts = Counter[str]()
        self._takers = dict[type, tuple[tuple[_Taker, TopicFold], ...]]()

    @property
    def folds(self) -> tuple[TopicFold, ...]:
        """The projections beside the engine's state, in the order in which they take an entry."""
        return (
            self.tasks,
            self.orders,
            self.prices,
            self.flows,
            self.judgements,
            self.health,
            self.decisions,
            self.terms,
            self.books,
        )

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> SessionView:
        """Fold a journal.

        Raises
        ------
        DataError
            If it does not begin with the start of a session.
        """
        view = cls()
        view.update(entries)
        if view.status.opening is None:
            raise view.not_begun()
        return view

    def update(self, entries: Iterable[Entry]) -> None:
        """Take the entries into account that were not seen before; raises as `of`."""
        seen = self.status.last.seq if self.status.last else 0
        for entry in entries:
            if entry.seq > seen:
                self.apply(entry)

    def apply(self, entry: Entry) -> None:
        """Take the next entry of the journal into account."""
        event, kind = entry.event, type(entry.event)
        self.status.apply(entry)
        if self.status.opening is None:
            raise self.not_begun()
        self.state.apply(entry)
        self.counts[kind.__struct_config__.tag] += (
            event.count if isinstance(event, ev.FillRepeated) else 1
        )
        takers = self._takers.get(kind)
        if takers is None:
            found = ((fold.handlers.get(kind), fold) for fold in self.folds)
            takers = self._takers[kind] = tuple((h, fold) for h, fold in found if h is not None)
        for handler, fold in takers:
            handler(fold, entry, event)

    def not_begun(self) -> DataError:
        """Return the error of a journal that does not begin with the start of a session."""
        first = self.status.first
        found = f"line 1 is {type(first.event).__name__}" if first else "it is empty"
        return DataError(
            f"a session's journal begins with SessionStarted, but {found}: the session has not "
            "started, and there is nothing to report about"
        )

    # --- the session -------------------------------------------------------------------------

    @property
    def has_begun(self) -> bool:
        """Whether there is any line."""
        return self.status.first is not None

    @property
    def opening(self) -> ev.SessionStarted:
        """The session's start; raises as `of`."""
        if self.status.opening is None:
            raise self.not_begun()
        return self.status.opening

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting that matters to trading, with the changes that were accepted."""
        return self.terms.settings

    @property
    def first(self) -> Entry:
        """The first line; raises as `of`."""
        if self.status.first is None:
            raise self.not_begun()
        return self.status.first

    @property
    def last(self) -> Entry:
        """The newest line; raises as `of`."""
        if self.status.last is None:
            raise self.not_begun()
        return self.status.last

    @property
    def end(self) -> ev.SessionEnded | None:
        """The orderly end; None while it runs and after a crash."""
        return self.status.end

    @cached_property
    def zone(self) -> ZoneInfo:
        """The exchange's."""
        return exchange_calendar(self.opening.exchange).zone

    @property
    def unit(self) -> str:
        """What quantities are of: shares, contracts, coins; units where there are several kinds."""
        found = {rules.unit for rules in self.state.instruments.values()}
        return found.pop() if len(found) == 1 else "units" if found else "shares"

    @property
    def now(self) -> datetime:
        """When the newest line was written, in the exchange's zone."""
        return self.local(self.last.at)

    def local(self, at: datetime) -> datetime:
        """Return a time in the exchange's zone."""
        return at.astimezone(self.zone)

    @property
    def closing(self) -> Book:
        """The book after the newest line."""
        return self.state.ledger.book()

    @property
    def strategy_failed(self) -> bool:
        """Whether the strategy raised until its task was given up, or where none could be."""
        lost = any(e.event.task in _STRATEGY_TASKS for e in self.tasks.dead_letters)
        return lost or self.health.strategy_raised

    @property
    def exit_code(self) -> int:
        """What the shell sees: 130 stopped by a signal, 4 the strategy raised, else 0."""
        if self.end is not None and self.end.reason in STOP_REASONS:
            return _ABORTED
        return StrategyError.exit_code if self.strategy_failed else 0
