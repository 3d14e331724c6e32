"""The engine's quick way through history: the same desks, fed from columns.

Bars stay columns; only decisions that want something, orders, fills and state changes are events.
Steps in which nothing happens cost one call of the strategy.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import compress, count, repeat
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Segment
from qtkit.core.clock import ManualClock
from qtkit.core.errors import StrategyError
from qtkit.core.text import error_text
from qtkit.model import events as ev
from qtkit.model.bars import nanos, time_of
from qtkit.model.intents import Intent
from qtkit.model.money import decimal_of
from qtkit.model.status import EngineStatus
from qtkit.trading.engine.bar_history import (
    Series,
    is_usable,
)
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.corporate_actions import begin_date
from qtkit.trading.engine.end_of_day import EndOfDay
from qtkit.trading.engine.execution_reports import ExecutionReports
from qtkit.trading.engine.order_entry import OrderEntry
from qtkit.trading.engine.schedule import poll_nanos, step_nanos
from qtkit.trading.engine.snapshots import Snapshots
from qtkit.trading.engine.strategy_runner import StateWatch, StrategyRunner
from qtkit.trading.strategy.guard import fail, guarded

__all__ = ["Backtest"]

_NEVER = np.iinfo(np.int64).max


_EMPTY = (tuple, list)
_NOTHING = ()  # one object, whoever writes it
_Shown = tuple[Series, list[int]]


def _raised(due: int, error: Exception) -> StrategyError:
    """Return what tells which step a strategy raised in."""
    text = str(error) if isinstance(error, StrategyError) else error_text(error)
    return StrategyError(f"step at {time_of(due):%Y-%m-%d %H:%M} UTC: {text}")


class Backtest:
    """Runs whole days of history on an engine's parts.

    Parameters
    ----------
    context
        An engine's shared parts, with a history made of columns.
    clock
        The one in `context`.
    opening
        What it starts from.
    """

    def __init__(
        self, context: EngineContext, clock: ManualClock, opening: ev.SessionStarted
    ) -> None:
        self._context, self._clock, self._opening = context, clock, opening
        self._broker_session = BrokerSession(context)
        self._execution_reports = ExecutionReports(context, self._broker_session)
        self._orders = OrderEntry(context, self._broker_session)
        self._strategy_runner = StrategyRunner(context, self._orders, Snapshots(context))
        self._before = context.history.sharing()  # what a preparation sees: it ends before the step
        self._ahead = context.view_of(self._before)
        self._end_of_day = EndOfDay(context, self._orders, self._execution_reports)
        self._guard = guarded(context.strategy)
        self._watch = StateWatch(self._guard)
        self._wake = _NEVER  # when news may come next, nanoseconds
        # of the day: when prices are asked for, and how many bars have ended at the last poll of
        # the day before and at each of these
        self._polls, self._last_poll = np.empty(0, np.int64), 0
        self._poll_times = list[int]()
        self._ended = list[NDArray[np.int64]]()
        self._shown, self._shown_ahead = list[_Shown](), list[_Shown]()
        self.steps = 0
        self.equity = dict[date, Decimal]()  # at each day's close, account currency

    def run(self, days: Sequence[date]) -> None:
        """Live through trading dates, in order, and end the session.

        Raises
        ------
        StrategyError
            If the strategy raises or changes its state while deciding; nothing goes on after it.
        """
        context = self._context
        context.record(self._opening)
        context.strategy.restore(context.state.strategy_state)
        self._broker_session.connect()
        self._context.move(EngineStatus.SLEEPING, "start")
        for day in days:
            self._live_through(day)
        context.record(ev.StopRequested(by="qtkit", reason="end_of_data"))
        self._end_of_day.stop()

    def _live_through(self, day: date) -> None:
        context, segments = self._context, self._context.calendar.segments(day)
        context.know_segments(day)
        self._clock.set(segments[0].start)
        begin_date(context, self._broker_session, day)
        self._watch.keep()
        self._ask_for_prices(segments)
        steps = step_nanos(segments, context.settings.timetable)
        for segment, dues in zip(segments, steps, strict=True):
            self._clock.set(segment.start)
            self._context.move(EngineStatus.RUNNING, "open_market")
            if dues.size:
                self._trade(segment, dues, day)
            self._news_until(nanos(segment.end), self._next_news())
            self._clock.set(segment.end)
            self._context.move(EngineStatus.SLEEPING, "close_market")
        self._watch.demand()  # also where no step of the day wanted anything
        self._show_known(self._last_poll + 1)
        self._end_of_day.close_day(day, early=False)
        self._show_all(nanos(segments[-1].end))
        self.equity[day] = context.state.ledger.equity(self._last_prices())

    def _ask_for_prices(self, segments: Sequence[Segment]) -> None:
        """Note when the day's prices are asked for, and how many bars have ended by then.

        Before the first of them, what was known at the last one of the day before is known.
        """
        table, every = self._context.settings.timetable, self._context.history.series.values()
        self._polls = np.concatenate(poll_nanos(segments, table))
        self._poll_times = self._polls.tolist()
        moments = np.concatenate(([self._last_poll], self._polls))
        self._ended = [series.end.searchsorted(moments, "right") for series in every]
        counts = [ended.tolist() for ended in self._ended]
        self._shown = list(zip(every, counts, strict=True))
        self._shown_ahead = list(zip(self._before.series.values(), counts, strict=True))
        self._last_poll = int(moments[-1])

    def _show_known(self, at: int) -> None:
        """Show what is known when news come: they come before a price poll of the same moment."""
        poll = bisect_left(self._poll_times, at)
        for series, ended in self._shown:
            series.size = ended[poll]

    def _show_all(self, at: int) -> None:
        """Show every bar that has ended: the day is valued at its last prices."""
        for series in self._context.history.series.values():
            series.size = int(series.end.searchsorted(at, "right"))

    def _last_prices(self) -> dict[str, Decimal]:
        held = self._context.state.ledger.positions
        return {s: decimal_of(self._context.history.last_close(s)) for s in held}

    # --- one segment -------------------------------------------------------------------------

    def _trade(self, segment: Segment, dues: NDArray[np.int64], day: date) -> None:
        """Ask the strategy at each step of a segment.

        It is asked directly, for a step in which nothing happens is the common one; what it raises
        or wants goes through the guard.
        """
        context = self._context
        # a price poll of the same moment comes before a step
        polls = self._polls.searchsorted(dues, "right")
        usable = self._usable(dues, polls)
        moments = self._moments(segment, dues)
        preparations = _in_time(dues, moments, self._preparations(dues, moments, usable))
        steps = zip(dues.tolist(), polls.tolist(), preparations, count(self.steps))
        shown, view, decide = self._shown, context.view, self._guard.strategy.decide
        self._ahead.move(int(moments[0]), day, frozenset(), context.state.ledger)
        self._wake, moves_on = self._next_news(), False
        for due, poll, basis, step in steps:
            if due >= self._wake:
                self._wake = self._news_until(due, self._wake)
            for series, ended in shown:
                series.size = ended[poll]
            if moves_on:
                view.moment = due
            else:
                fresh = None if usable is None else usable[step - self.steps]
                view.move(due, day, fresh, context.state.ledger)
                if fresh is not None and not fresh:
                    continue  # no symbol has a usable price
                moves_on = fresh is None  # all have one at each step: only the time moves on
            try:
                intents = decide(view, basis)
            except BaseException as error:  # noqa: BLE001 - a strategy may raise whatever there is
                self._fail("decide", due, error)
            if intents is not _NOTHING and (intents or type(intents) not in _EMPTY):
                self._want(intents, due, step)
        self.steps += dues.size

    def _want(self, intents: object, due: int, step: int) -> None:
        """Place what a strategy returned, if it is intents."""
        try:
            wanted = self._guard.checked(intents)
        except BaseException as error:  # noqa: BLE001 - a generator may raise whatever there is
            self._fail("decide", due, error)
        if wanted:
            self._place(wanted, due, step)
            self._wake = self._next_news()

    def _fail(self, what: str, due: int, error: BaseException) -> NoReturn:
        try:
            fail(what, error)
        except StrategyError as told:
            raise _raised(due, told) from error

    def _moments(self, segment: Segment, dues: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return when each step is prepared."""
        lead = self._context.settings.prepare_lead_seconds * 1_000_000_000
        return np.maximum(dues - lead, nanos(segment.start))

    def _preparations(
        self,
        dues: NDArray[np.int64],
        moments: NDArray[np.int64],
        usable: Sequence[frozenset[str]] | None,
    ) -> Iterator[object]:
        """Yield what the strategy prepares for each step, each at its moment; None for no step.

        A preparation sees what the polls before its moment brought, as in a session.
        """
        polls = self._polls.searchsorted(moments, "left")
        shown, view, prepare = self._shown_ahead, self._ahead, self._guard.strategy.prepare
        for due, moment, poll, fresh in zip(
            dues.tolist(), moments.tolist(), polls.tolist(), usable or repeat(None), strict=False
        ):
            if moment >= self._wake:
                self._wake = self._news_until(moment, self._wake)
            if fresh is not None and not fresh:
                yield None
                continue
            for series, ended in shown:
                series.size = ended[poll]
            view.moment = moment
            try:
                made = prepare(view)
            except BaseException as error:  # noqa: BLE001 - as above
                self._fail("prepare", due, error)
            yield made

    def _usable(
        self, dues: NDArray[np.int64], polls: NDArray[np.int64]
    ) -> list[frozenset[str]] | None:
        """Return each step's symbols with a fresh price; None where all have one at each step."""
        history = self._context.history
        symbols = history.symbols  # the series of values beside them come behind
        fresh = [
            self._fresh(history.series[symbol], dues, ended[polls])
            for symbol, ended in zip(symbols, self._ended, strict=False)
        ]
        if all(column.all() for column in fresh):
            return None
        return [frozenset(compress(symbols, row)) for row in zip(*fresh, strict=True)]

    def _fresh(
        self, series: Series, dues: NDArray[np.int64], ended: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether a symbol's newest bar at each step is usable."""
        context = self._context
        if not series.end.size:
            return np.zeros(dues.size, bool)
        newest = np.maximum(ended - 1, 0)
        return is_usable(
            np.where(ended > 0, series.end[newest], 0),
            series.columns["close"][newest],
            dues,
            context.priced,
            context.settings.max_price_age_seconds,
        )

    def _place(self, intents: tuple[Intent, ...], due: int, step: int) -> None:
        """Take a decision that wants something as the live engine takes it."""
        self._clock.set(time_of(due))
        digest = self._watch.demand()
        self._strategy_runner.take_decision(
            intents, f"step-{step}", step, self._clock.now(), digest
        )

    # --- news --------------------------------------------------------------------------------

    def _next_news(self) -> int:
        at = self._context.broker.next_event_at()
        return _NEVER if at is None else nanos(at)

    def _news_until(self, due: int, wake: int) -> int:
        """Take the broker's news one by one, each at its own time, up to a moment.

        Returns
        -------
        int
            When the next may come, nanoseconds since 1970.
        """
        journal, before = self._context.journal, self._context.journal.seq
        while wake <= due:
            self._clock.set(time_of(wake))
            self._show_known(wake)
            heard = journal.seq
            self._execution_reports.take_news()
            after = self._next_news()
            if journal.seq == heard and after <= wake:
                break  # nothing more comes of it before the clock moves
            wake = after
        if journal.seq != before:
            self._watch.keep()
        return wake


def _in_time(
    dues: NDArray[np.int64], moments: NDArray[np.int64], preparations: Iterator[object]
) -> Iterator[object]:
    """Return one preparation for each step, in the order of time: none later than its moment."""
    if (moments[1:] > dues[:-1]).all():
        return preparations  # each comes after the step before its own
    return _overlapping(dues.tolist(), [*moments.tolist(), _NEVER], preparations)


def _overlapping(
    dues: Sequence[int], moments: Sequence[int], preparations: Iterator[object]
) -> Iterator[object]:
    """Yield each step's preparation, after those of later steps whose moment has come."""
    ready, count = deque[object](), 0
    for due in dues:
        while moments[count] <= due:
            ready.append(next(preparations))
            count += 1
        yield ready.popleft()
