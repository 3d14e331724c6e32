"""The days of a session: entered, scheduled, and left after their last row."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from qtkit.market.trading_minutes import day_window
from qtkit.model import events as ev
from qtkit.model.status import EngineStatus
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.corporate_actions import begin_date, book_actions
from qtkit.trading.engine.end_of_day import EndOfDay
from qtkit.trading.engine.recovery import catch_up
from qtkit.trading.engine.schedule import day_schedule, schedule_digest
from qtkit.trading.engine.snapshots import Snapshots
from qtkit.trading.engine.task_queue import TaskQueue
from qtkit.trading.engine.task_skip import TaskSkip, why_not_run

__all__ = ["TradingDay"]


class TradingDay:
    """Enters dates, builds their schedules, and accounts for what is left of them.

    Parameters
    ----------
    context
        The engine's shared parts.
    broker, tasks, closing, snapshots
        Who tells the broker of corporate actions, runs a day's rows, closes its books, and keeps
        its preparations.
    """

    def __init__(
        self,
        context: EngineContext,
        broker: BrokerSession,
        tasks: TaskQueue,
        closing: EndOfDay,
        snapshots: Snapshots,
    ) -> None:
        self._context, self._broker, self._tasks = context, broker, tasks
        self._end_of_day, self._snapshots = closing, snapshots

    def change(self, last_day: date | None) -> bool:
        """Enter a new date when it is time for it; return False where `last_day` is over."""
        context, now = self._context, self._context.clock.now()
        date_now = context.calendar.local_date(now)
        if context.state.today == date_now or self._goes_on(now):
            return True
        was_there = context.state.today is not None
        if was_there:
            self._leave()
        if last_day is not None and date_now > last_day:
            return False
        self._enter(date_now, self._beginning(date_now, now) if was_there else now)
        return True

    def _beginning(self, day: date, now: datetime) -> datetime:
        """Return when the engine came to a date: as it began, where the day before took longer.

        Where no night lies between two days, the last rows of one hold up the first of the next.
        """
        begun, _ = day_window(self._context.calendar, day)
        allowed = timedelta(seconds=self._context.settings.late_after_seconds)
        return begun if now - begun <= allowed else now

    def _enter(self, date_now: date, since: datetime) -> None:
        context = self._context
        context.know_segments(date_now)
        begin_date(context, self._broker, date_now)
        self._build_schedule(date_now, since)

    def resume(self, last: datetime) -> None:
        """Go on with the day of a crash, whose last line was written at `last`, or leave it."""
        context, now, today = self._context, self._context.clock.now(), self._context.state.today
        if today is None:
            return
        context.know_segments(today)
        if context.state.stop is not None:
            return
        book_actions(context, self._broker)
        if context.state.status is EngineStatus.RUNNING and not context.inside(now):
            context.move(EngineStatus.SLEEPING, "recover")
        if context.calendar.local_date(now) != today and not self._goes_on(now):
            self._leave()
        elif today in context.state.scheduled:
            self._take_rows(tuple(context.state.plan.values()), now, crashed_at=last)
        else:
            self._build_schedule(today, now)

    def next_due(self) -> datetime | None:
        """Return when a day whose date is over is left at the latest; None on its own date."""
        context, now = self._context, self._context.clock.now()
        if context.state.today is None or context.calendar.local_date(now) == context.state.today:
            return None
        return max(now, self._overtime_end() or now)

    def _goes_on(self, now: datetime) -> bool:
        """Whether a row of the day is still in time: a day ends after its last row, not before."""
        end = self._overtime_end()
        return end is not None and now < end

    def _overtime_end(self) -> datetime | None:
        """Return until when the day's last rows are waited for; None when all have an outcome."""
        last = max((task.due for task in self._context.state.plan.values()), default=None)
        return last + timedelta(seconds=self._context.settings.late_after_seconds) if last else None

    def _leave(self) -> None:
        """Account for what was left of a day, and close its books if nobody did.

        What is still at work in a worker has its outcome when it comes.
        """
        context, today = self._context, self._context.state.today
        for task in self._tasks.not_running(tuple(context.state.plan.values())):
            self._tasks.skip(task, TaskSkip("missed", "the day ended before its turn"))
        if today is not None and context.segments and today not in context.state.closed:
            self._end_of_day.close_day(today, early=False)

    def _build_schedule(self, day: date, since: datetime) -> None:
        """Plan a day that the engine came to at `since`."""
        context = self._context
        tasks = day_schedule(day, context.calendar, context.settings.timetable)
        digest = schedule_digest(tasks)
        context.record(
            ev.ScheduleBuilt(trading_date=day, digest=digest, tasks=tasks, caught_up_to=since)
        )
        self._take_rows(tasks, since)

    def _take_rows(
        self,
        tasks: tuple[ev.PlannedTask, ...],
        now: datetime,
        crashed_at: datetime | None = None,
    ) -> None:
        """Decide what becomes of rows in the past, and hand the rest to the tasks' desk."""
        context, today = self._context, self._context.state.today
        segments = context.calendar.segments(today) if today else ()
        keep = list[ev.PlannedTask]()
        for row in catch_up(tasks, now, segments, closed_already=today in context.state.closed):
            if row.task.task_id in context.state.decided:
                self._close_decided(row.task)
            elif row.fate == "keep":
                keep.append(row.task)
            else:
                self._tasks.skip(row.task, why_not_run(row.task, row.fate, crashed_at))
        self._tasks.take_day(sorted(keep, key=lambda task: task.due))
        self._snapshots.take_day(keep)

    def _close_decided(self, task: ev.PlannedTask) -> None:
        """Account for a step that was decided before the crash and not finished."""
        context = self._context
        context.record(
            ev.TaskFinished(
                task_id=task.task_id, task=task.task,
                started=task.due,
            )
        )  # fmt: skip
