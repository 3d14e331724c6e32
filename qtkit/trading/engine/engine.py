"""The engine: one thread, one journal, one account. Record, know, do.

`turn` does everything that is due and says when it wants to be called again; whoever drives it
waits on the session's clock in between. A simulated day and a live one differ in the clock, the
feed and the broker alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Event as Signal

from qtkit.core.clock import WatchedClock
from qtkit.core.errors import (
    FolderGone,
    InvariantBroken,
    StorageError,
    StrategyError,
)
from qtkit.market.feeds.protocol import Feed
from qtkit.model import events as ev
from qtkit.model.status import EngineStatus
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.command_handler import CommandHandler
from qtkit.trading.engine.command_queue import CommandQueue
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.diagnosis import diagnose_pending_orders
from qtkit.trading.engine.end_of_day import EndOfDay
from qtkit.trading.engine.execution_reports import ExecutionReports
from qtkit.trading.engine.gate import Gate
from qtkit.trading.engine.kill_file_monitor import KillFileMonitor
from qtkit.trading.engine.order_entry import OrderEntry
from qtkit.trading.engine.price_poll import Poll, polled
from qtkit.trading.engine.recovery import GoesOn, Recovery
from qtkit.trading.engine.refill_validation import refilled
from qtkit.trading.engine.snapshots import Snapshots
from qtkit.trading.engine.strategy_runner import StrategyRunner
from qtkit.trading.engine.task_queue import TaskKind, TaskQueue
from qtkit.trading.engine.trading_day import TradingDay
from qtkit.trading.engine.workers import Job, Workers

__all__ = ["Engine", "Refill"]

Refill = Callable[[date], ev.TablesRefilled]
_MINUTE = timedelta(minutes=1)


class Engine:
    """One life of trading on one account.

    Parameters
    ----------
    context
        Ports and state.
    feed
        Where bars come from.
    workers
        Where slow work runs.
    refill
        Brings the local tables up to date after the close.
    opening
        What a new session starts from; it is not used when the journal already has one.
    goes_on
        Under what it comes back to a journal that has a session; None: as `opening` has it.
    news
        Recorded when the session has begun, or come back.
    signal
        Set by whoever has something for the loop; None: one of its own.

    Attributes
    ----------
    turned_at
        When the loop last came to its work, on the session's clock: its sign of life.
    """

    def __init__(
        self,
        context: EngineContext,
        *,
        feed: Feed,
        workers: Workers,
        refill: Refill,
        opening: ev.SessionStarted,
        goes_on: GoesOn | None = None,
        news: Sequence[ev.Event] = (),
        signal: Signal | None = None,
    ) -> None:
        self.context, self.signal = context, signal or Signal()
        self.inbox = CommandQueue(self.signal)
        self._feed, self._refill, self._news = feed, refill, news
        self._opening, self._goes_on = opening, goes_on
        self._broker_session = BrokerSession(context)
        self._execution_reports = ExecutionReports(context, self._broker_session)
        self._orders = OrderEntry(context, self._broker_session)
        self._snapshots = Snapshots(context)
        self._gate = Gate(context)
        self._gate_due = "start"  # the occasion of the next judgement; "" while none is due
        self._strategy_runner = StrategyRunner(context, self._orders, self._snapshots)
        self._kill_file = KillFileMonitor(context)
        self._end_of_day = EndOfDay(context, self._orders, self._execution_reports)
        self._tasks = TaskQueue(context, workers, self._kinds())
        self._trading_day = TradingDay(
            context, self._broker_session, self._tasks, self._end_of_day, self._snapshots
        )
        self._commands = CommandHandler(
            context,
            orders=self._orders,
            closing=self._end_of_day,
            tasks=self._tasks,
            gate=self._gate,
            connection=self._broker_session,
        )
        self._recovery = Recovery(
            context,
            broker_session=self._broker_session,
            execution_reports=self._execution_reports,
            commands=self._commands,
            trading_day=self._trading_day,
        )
        self._wanted: datetime | None = None  # when the loop asked to be called
        self._largest_gap = timedelta(0)
        self._next_pulse: datetime | None = None
        self.turned_at: datetime | None = None
        self.stop_wanted = ""  # a signal handler may only set this
        self._last_day: date | None = None  # the session ends with it
        self._stop_reason = ""

    def _kinds(self) -> dict[str, TaskKind]:
        return {
            "pre_open": TaskKind(act=lambda _: self._judge_gate("day")),
            "prepare_strategy": self._preparation(),
            "open_market": TaskKind(act=lambda _: self._open_market()),
            "acquire_live_price": TaskKind(job=self._poll_job, take=self._take_bars),
            "run_strategy": TaskKind(act=self._run_step, objection=self._strategy_runner.objection),
            "close_market": TaskKind(act=lambda _: self._close_market()),
            "post_close": TaskKind(act=self._post_close),
            "refill": TaskKind(job=self._refill_job, take=self._take_refill),
            "diagnose_pending_orders": TaskKind(act=lambda _: self._diagnose()),
        }

    def _preparation(self) -> TaskKind:
        if self.context.settings.prepare_in_worker:
            return TaskKind(job=self._snapshots.job, take=self._snapshots.take)
        return TaskKind(act=self._snapshots.act)

    # --- start and end ---------------------------------------------------------------------

    def start(self) -> None:
        """Begin, or come back after a crash: the same road.

        Raises
        ------
        JournalCorrupt
            If the journal does not begin with a session, or the session has ended.
        """
        context = self.context
        if context.journal.seq == 0:
            context.record(self._opening)
            self._tell_news()
            context.strategy.restore(context.state.strategy_state)
            self._broker_session.connect()
            self.context.move(EngineStatus.SLEEPING, "start")
        else:
            goes_on = self._goes_on or GoesOn(self._opening.digests)
            self._recovery.come_back(goes_on, self._tell_news)
            self._gate_due = "restart"
        self._strategy_runner.start_listening()
        self._next_pulse = _next_minute(context.clock.now())

    def _tell_news(self) -> None:
        for event in self._news:
            self.context.record(event)

    def request_stop(self, reason: str, by: str = "operator") -> None:
        """Ask for an orderly stop; asking twice changes nothing."""
        if self.context.state.stop is None:
            self.context.record(ev.StopRequested(by=by, reason=reason))

    # --- the loop ----------------------------------------------------------------------------

    def turn(self) -> datetime | None:
        """Do everything that is due; return when to call again, None after the end."""
        context = self.context
        if context.state.ended:
            return None
        context.folders.look()
        now = self.turned_at = context.clock.now()
        if self._wanted is not None:
            self._largest_gap = max(self._largest_gap, now - self._wanted)
        if self.stop_wanted:
            self.request_stop(self.stop_wanted, by="signal")
        self._look_at_clock()
        self._broker_session.look_after()
        self._commands.take(self.inbox)
        self._execution_reports.take_news()
        self._kill_file.look()
        if context.state.stop is not None:
            self._finish()
            return None
        self._enter_new_day()
        if context.state.stop is not None:
            self._finish()
            return None
        self._judge_due_gate()
        self._tasks.take_answers()
        self._snapshots.turn()
        self._tasks.turn()
        self._largest_gap = max(self._largest_gap, context.clock.now() - now)  # nothing else ran
        self._pulse()
        self._wanted = self._next_wake()
        return self._wanted

    def _finish(self) -> None:
        self._end_of_day.stop()
        self._tasks.close()
        self.context.journal.close()

    def run(
        self,
        until: datetime | None = None,
        reason: str = "end_of_data",
        last_day: date | None = None,
    ) -> None:
        """Turn until the session ends; it is stopped with `reason` at `until` or after a day."""
        clock, self._last_day, self._stop_reason = self.context.clock, last_day, reason
        wake = self._turn_or_tell()
        while wake is not None:
            if until is not None and wake >= until:
                clock.wait(until, self.signal)
                if clock.now() >= until:
                    self.request_stop(reason, by="qtkit")
            else:
                clock.wait(wake, self.signal)
            self.signal.clear()
            wake = self._turn_or_tell()

    def _turn_or_tell(self) -> datetime | None:
        """Turn; what nobody caught is recorded, and ends the engine as a crash would."""
        try:
            return self.turn()
        except (StrategyError, FolderGone):
            raise  # told where it happened, or there is nothing left to tell it in
        except Exception as problem:
            self.context.folders.check()  # what else fails where files are gone is their absence
            if isinstance(problem, StorageError):
                raise
            with suppress(OSError, ValueError):  # the journal itself may be what failed
                self.context.trouble("loop", problem)
            raise

    def _next_wake(self) -> datetime:
        context = self.context
        now = context.clock.now()
        times = [
            self._tasks.next_due(),
            self._next_pulse,
            self.inbox.next_due(),
            self._broker_session.next_due(),
            self._trading_day.next_due(),
            self._snapshots.next_due(),
            context.broker.next_event_at() if context.state.connected else None,
        ]
        if context.broker.must_be_polled and context.state.connected:
            times.append(now + timedelta(seconds=context.settings.broker_poll_seconds))
        return min(at for at in times if at is not None)

    def _enter_new_day(self) -> None:
        """Leave a day that is over, and enter the next, unless the session ends with it."""
        if not self._trading_day.change(self._last_day):
            self.request_stop(self._stop_reason, by="qtkit")

    def _pulse(self) -> None:
        """Once a minute: tell how late the loop came to its work at worst."""
        context, now = self.context, self.context.clock.now()
        if self._next_pulse is None or now < self._next_pulse:
            return
        gap = Decimal(round(self._largest_gap / timedelta(milliseconds=1))).scaleb(-3)
        context.record(ev.LoopPulsed(largest_gap_seconds=gap))
        self._largest_gap = timedelta(0)
        self._next_pulse = _next_minute(now)

    def _look_at_clock(self) -> None:
        """Record that the machine's clock was set; no step is decided while it is behind."""
        context = self.context
        if not isinstance(context.clock, WatchedClock):
            return
        for step in context.clock.steps():
            seconds, apart = (_milliseconds(s) for s in (step.seconds, step.apart))
            context.record(ev.ClockStepped(seconds=seconds, apart=apart))

    # --- the tasks ---------------------------------------------------------------------------

    def _judge_gate(self, occasion: str) -> None:
        if self.context.settings.gate_mode != "off":
            self._gate.judge(occasion)

    def _judge_due_gate(self) -> None:
        """Judge the gate at the start, after a return, and after each reconnection."""
        occasion = self._gate_due or ("reconnect" if self._broker_session.reconnected else "")
        if occasion:
            self._gate_due, self._broker_session.reconnected = "", False
            self._judge_gate(occasion)

    def _diagnose(self) -> None:
        diagnose_pending_orders(self.context)

    def _open_market(self) -> None:
        if self.context.state.status is EngineStatus.SLEEPING:
            self.context.move(EngineStatus.RUNNING, "open_market")

    def _close_market(self) -> None:
        if self.context.state.status is EngineStatus.RUNNING:
            self.context.move(EngineStatus.SLEEPING, "close_market")

    def _poll_job(self, _: ev.PlannedTask) -> Job:
        now, length = self.context.clock.now(), self.context.settings.timetable.bar_length
        return lambda: polled(self._feed, now, length)

    def _take_bars(self, result: object) -> None:
        if not isinstance(result, Poll):
            raise InvariantBroken(f"a price poll brings a Poll, was {type(result).__name__}")
        self._strategy_runner.take_bars(result.bars, result.left_out)
        if self._gate.hear():
            self._judge_gate("prices")

    def _run_step(self, task: ev.PlannedTask) -> None:
        if task.step is None:
            raise InvariantBroken(f"the strategy step {task.task_id} has no number")
        if task.task_id in self.context.state.decided:
            return  # decided, then an order of it raised: never decided twice
        self._strategy_runner.decide(task)

    def _post_close(self, _: ev.PlannedTask) -> None:
        if self.context.state.today is not None:
            self._end_of_day.close_day(self.context.state.today, early=False)

    def _refill_job(self, task: ev.PlannedTask) -> Job:
        day = self.context.state.today or self.context.calendar.local_date(task.due)
        return lambda: refilled(self._refill(day))

    def _take_refill(self, result: object) -> None:
        self.context.record(refilled(result))


def _milliseconds(seconds: float) -> Decimal:
    """Return seconds to the millisecond."""
    return Decimal(round(seconds * 1000)).scaleb(-3)


def _next_minute(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
