"""The engine's quick way through history: the same desks, fed from columns.

Bars stay columns; only decisions that want something, orders, fills and state changes are events.
Steps in which nothing happens cost one call of the strategy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Segment
from qtkit.core.clock import ManualClock
from qtkit.core.errors import StrategyError
from qtkit.core.text import error_text
from qtkit.model import events as ev
from qtkit.model.bars import BAR_NANOS, nanos, time_of
from qtkit.model.intents import Intent
from qtkit.model.money import decimal_of
from qtkit.model.status import EngineStatus
from qtkit.trading.engine.bar_history import EngineView, Series, last_price
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.end_of_day import EndOfDay
from qtkit.trading.engine.execution_reports import ExecutionReports
from qtkit.trading.engine.order_entry import OrderEntry
from qtkit.trading.engine.schedule import step_nanos
from qtkit.trading.engine.snapshots import Snapshots
from qtkit.trading.engine.strategy_runner import StrategyRunner, state_digest

__all__ = ["Backtest"]

_NEVER = np.iinfo(np.int64).max


@dataclass(slots=True, kw_only=True)
class _Preparations:
    """The preparations of a segment's steps, in their order."""

    dues: list[int]  # of the steps, nanoseconds since 1970 UTC
    moments: list[int]  # when each is prepared
    wanted: list[bool]  # whether the step runs
    shown: list[tuple[Series, list[int]]]  # how many bars each preparation sees
    coming: int = 0  # the next one
    ready: deque[object] = field(default_factory=deque)  # what was prepared and not used yet


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
        self._ahead = EngineView(context.strategy_symbols, self._before, context.state.ledger)
        self._end_of_day = EndOfDay(context, self._orders, self._execution_reports)
        self._saved = ""  # digest of the strategy's state: deciding must not change it
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
        self._move(EngineStatus.SLEEPING, "start")
        for day in days:
            self._live_through(day)
        context.record(
            ev.StopRequested(trading_date=context.state.today, by="qtkit", reason="end_of_data")
        )
        self._end_of_day.stop()

    def _move(self, after: EngineStatus, because: str) -> None:
        context = self._context
        context.record(
            ev.StatusChanged(
                trading_date=context.state.today,
                before=context.state.status,
                after=after,
                because=because,
            )
        )

    def _live_through(self, day: date) -> None:
        context, segments = self._context, self._context.calendar.segments(day)
        context.segments = tuple((nanos(s.start), nanos(s.end)) for s in segments)
        self._clock.set(segments[0].start)
        closes = {s: context.close_before(s, day) for s in context.strategy_symbols}
        context.record(
            ev.DayStarted(
                trading_date=day, open=True, last_closes={s: c for s, c in closes.items() if c}
            )
        )
        self._saved = state_digest(context.strategy.state())
        for segment in segments:
            self._clock.set(segment.start)
            self._move(EngineStatus.RUNNING, "open_market")
            self._trade(segment, segments[-1].end, day)
            self._news_until(nanos(segment.end), self._next_news())
            self._clock.set(segment.end)
            self._move(EngineStatus.SLEEPING, "close_market")
        self._end_of_day.close_day(day, early=False)
        self._show_until(nanos(segments[-1].end))
        self.equity[day] = context.state.ledger.equity(self._last_prices())

    def _show_until(self, at: int) -> None:
        """Show every bar that has ended: the last step comes before the day's last bars."""
        for series in self._context.history.series.values():
            series.size = int(np.searchsorted(series.end, at, "right"))

    def _last_prices(self) -> dict[str, Decimal]:
        held = self._context.state.ledger.positions
        return {s: decimal_of(self._context.history.last_close(s)) for s in held}

    # --- one segment -------------------------------------------------------------------------

    def _trade(self, segment: Segment, close: datetime, day: date) -> None:
        """Ask the strategy at each step of a segment."""
        context = self._context
        dues = step_nanos(segment, close, context.settings.timetable)
        shown = [
            (series, np.searchsorted(series.end, dues, "right").tolist())
            for series in context.history.series.values()
        ]
        usable = self._usable(dues)
        times = dues.tolist()
        view, decide = context.view, context.strategy.decide
        ahead = self._preparations(segment, dues, usable, day)
        wake = self._next_news()
        number = self.steps
        for k, due in enumerate(times):
            wake = self._prepare_until(due, wake, ahead)
            for series, sizes in shown:
                series.size = sizes[k]
            if due >= wake:
                wake = self._news_until(due, wake)
            prepared = ahead.ready.popleft()
            if usable is None:
                view.tick(due)
            elif usable[k]:
                view.move(due, day, usable[k], context.state.ledger)
            else:
                continue  # no symbol has a usable price
            try:
                intents = decide(view, prepared)
            except Exception as error:
                raise _raised(due, error) from error
            if intents:
                self._place(tuple(intents), due, number + k, usable[k] if usable else None)
                wake = self._next_news()
        self.steps += len(times)

    def _preparations(
        self,
        segment: Segment,
        dues: NDArray[np.int64],
        usable: list[frozenset[str]] | None,
        day: date,
    ) -> _Preparations:
        """Return when the steps of a segment are prepared, and on how many bars.

        A preparation sees what the polls before its moment brought, as in a session.
        """
        context, start = self._context, nanos(segment.start)
        settings = context.settings
        moments = np.maximum(dues - settings.prepare_lead_seconds * 1_000_000_000, start)
        poll = settings.timetable.price_poll_minutes * BAR_NANOS
        known = start + np.maximum((moments - 1 - start) // poll, 0) * poll
        self._ahead.move(int(moments[0]), day, frozenset(), context.state.ledger)
        return _Preparations(
            dues=dues.tolist(),
            moments=moments.tolist(),
            wanted=[True] * len(dues) if usable is None else [bool(part) for part in usable],
            shown=[
                (series, np.searchsorted(series.end, known, "right").tolist())
                for series in self._before.series.values()
            ],
        )

    def _prepare_until(self, due: int, wake: int, ahead: _Preparations) -> int:
        """Prepare every step whose moment has come, and return when news come next."""
        while ahead.coming < len(ahead.moments) and ahead.moments[ahead.coming] <= due:
            k = ahead.coming
            moment, ahead.coming = ahead.moments[k], k + 1
            if moment >= wake:
                wake = self._news_until(moment, wake)
            for series, sizes in ahead.shown:
                series.size = sizes[k]
            self._ahead.tick(moment)
            ahead.ready.append(self._prepared(ahead.dues[k]) if ahead.wanted[k] else None)
        return wake

    def _prepared(self, due: int) -> object:
        """Return what the strategy prepares for a step."""
        try:
            return self._context.strategy.prepare(self._ahead)
        except Exception as error:
            raise _raised(due, error) from error

    def _usable(self, dues: NDArray[np.int64]) -> list[frozenset[str]] | None:
        """Return each step's symbols with a fresh price; None where all have one at each step."""
        context = self._context
        names = list(context.history.series)
        fresh = np.array([self._fresh(name, dues) for name in names])
        context.view.move(int(dues[0]), context.state.today or date.min, None, context.state.ledger)
        if fresh.all():
            return None
        return [
            frozenset(name for name, ok in zip(names, column, strict=True) if ok)
            for column in fresh.T
        ]

    def _fresh(self, symbol: str, dues: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a symbol's newest bar at each step is of today, fresh and positive."""
        context = self._context
        series = context.history.series[symbol]
        if not series.end.size:
            return np.zeros(dues.size, bool)
        last = np.searchsorted(series.end, dues, "right") - 1
        ends = series.end[np.maximum(last, 0)]
        age = sum(
            np.maximum(0, np.minimum(end, dues) - np.maximum(start, ends))
            for start, end in context.segments
        )
        close = series.columns["close"][np.maximum(last, 0)]
        limit = context.settings.max_price_age_seconds * 1e9
        good: NDArray[np.bool_] = (
            (last >= 0) & (ends > context.segments[0][0]) & (age <= limit) & (close > 0)
        )
        return good

    def _place(
        self, intents: tuple[Intent, ...], due: int, step: int, usable: frozenset[str] | None
    ) -> None:
        """Record a decision that wants something, and place it."""
        context = self._context
        if not intents:
            return
        self._clock.set(time_of(due))
        found = state_digest(context.strategy.state())
        if found != self._saved:
            raise StrategyError("decide changed what state() returns; move the state in on_fill")
        wanted = dict.fromkeys(i.symbol for i in intents if i.symbol in context.history.series)
        context.record(
            ev.DecisionTaken(
                trading_date=context.state.today,
                task_id=f"step-{step}",
                step=step,
                due=time_of(due).astimezone(UTC),
                prices=tuple(
                    last_price(context.history, s) for s in wanted if usable is None or s in usable
                ),
                aside=(),
                intents=len(intents),
                state_digest=found,
            )
        )
        self._orders.place(intents, source="strategy", step=step)

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
            heard = journal.seq
            self._execution_reports.take_news()
            after = self._next_news()
            if journal.seq == heard and after <= wake:
                break  # nothing more comes of it before the clock moves
            wake = after
        if journal.seq != before:
            self._saved = state_digest(self._context.strategy.state())
        return wake
