"""The days of a session: entered, scheduled, and left after their last row."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.trading.engine.closing import ClosingDesk
from qtkit.trading.engine.core import EngineCore
from qtkit.trading.engine.objection import Objection, why_not_run
from qtkit.trading.engine.schedule import catch_up, day_schedule, schedule_digest
from qtkit.trading.engine.snapshots import SnapshotDesk
from qtkit.trading.engine.tasks import TaskDesk

__all__ = ["DayDesk"]


class DayDesk:
    """Enters dates, builds their schedules, and accounts for what is left of them.

    Parameters
    ----------
    core
        The engine's shared parts.
    tasks, closing, snapshots
        Who runs a day's rows, closes its books, and keeps its preparations.
    """

    def __init__(
        self, core: EngineCore, tasks: TaskDesk, closing: ClosingDesk, snapshots: SnapshotDesk
    ) -> None:
        self._core, self._tasks = core, tasks
        self._closing, self._snapshots = closing, snapshots

    def change(self, last_day: date | None) -> bool:
        """Enter a new date when it is time for it; return False where `last_day` is over."""
        core, now = self._core, self._core.clock.now()
        date_now = core.calendar.local_date(now)
        if core.state.today == date_now or self._goes_on(now):
            return True
        if core.state.today is not None:
            self._leave()
        if last_day is not None and date_now > last_day:
            return False
        self._enter(date_now)
        return True

    def _enter(self, date_now: date) -> None:
        core = self._core
        self.know_segments(date_now)
        closes = {s: core.close_before(s, date_now) for s in core.strategy_symbols}
        core.record(
            ev.DayStarted(
                trading_date=date_now,
                open=bool(core.segments),
                last_closes={symbol: close for symbol, close in closes.items() if close},
            )
        )
        core.log.say("day_started", day=date_now, open=bool(core.segments))
        self._build_schedule(date_now)

    def resume(self, today: date, last: datetime) -> None:
        """Go on with the day of a crash, whose last line was written at `last`, or leave it."""
        core, now = self._core, self._core.clock.now()
        if core.calendar.local_date(now) != today and not self._goes_on(now):
            self._leave()
        elif today in core.state.scheduled:
            self._take_rows(tuple(core.state.plan.values()), now, crashed_at=last)
        else:
            self._build_schedule(today)

    def next_due(self) -> datetime | None:
        """Return when a day whose date is over is left at the latest; None on its own date."""
        core, now = self._core, self._core.clock.now()
        if core.state.today is None or core.calendar.local_date(now) == core.state.today:
            return None
        return max(now, self._overtime_end() or now)

    def _goes_on(self, now: datetime) -> bool:
        """Whether a row of the day is still in time: a day ends after its last row, not before."""
        end = self._overtime_end()
        return end is not None and now < end

    def _overtime_end(self) -> datetime | None:
        """Return until when the day's last rows are waited for; None when all have an outcome."""
        last = max((task.due for task in self._core.state.plan.values()), default=None)
        return last + timedelta(seconds=self._core.settings.late_after_seconds) if last else None

    def _leave(self) -> None:
        """Account for what was left of a day, and close its books if nobody did.

        What is still at work in a worker has its outcome when it comes.
        """
        core, today = self._core, self._core.state.today
        for task in self._tasks.not_running(tuple(core.state.plan.values())):
            self._tasks.skip(task, Objection("missed", "the day ended before its turn"))
        if today is not None and core.segments and today not in core.state.closed:
            self._closing.close_day(today, early=False)

    def know_segments(self, day: date) -> None:
        """Remember when there is trading on a date."""
        self._core.segments = tuple(
            (nanos(s.start), nanos(s.end)) for s in self._core.calendar.segments(day)
        )

    def _build_schedule(self, day: date) -> None:
        core = self._core
        tasks = day_schedule(day, core.calendar, core.settings.timetable)
        digest, now = schedule_digest(tasks), core.clock.now()
        core.record(
            ev.ScheduleBuilt(trading_date=day, digest=digest, tasks=tasks, caught_up_to=now)
        )
        core.log.say("schedule_built", day=day, tasks=len(tasks), digest=digest)
        self._take_rows(tasks, now)

    def _take_rows(
        self,
        tasks: tuple[ev.PlannedTask, ...],
        now: datetime,
        crashed_at: datetime | None = None,
    ) -> None:
        """Decide what becomes of rows in the past, and hand the rest to the tasks' desk."""
        core, today = self._core, self._core.state.today
        segments = core.calendar.segments(today) if today else ()
        keep = list[ev.PlannedTask]()
        for row in catch_up(tasks, now, segments, closed_already=today in core.state.closed):
            if row.task.task_id in core.state.decided:
                self._close_decided(row.task)
            elif row.fate == "keep":
                keep.append(row.task)
            else:
                self._tasks.skip(row.task, why_not_run(row.task, row.fate, crashed_at))
        self._tasks.take_day(sorted(keep, key=lambda task: task.due))
        self._snapshots.take_day(keep)

    def _close_decided(self, task: ev.PlannedTask) -> None:
        """Account for a step that was decided before the crash and not finished."""
        core = self._core
        core.record(
            ev.TaskFinished(
                trading_date=core.state.today, task_id=task.task_id, task=task.task,
                started=task.due,
            )
        )  # fmt: skip
        core.log.say("task_finished", task=task.task, task_id=task.task_id)
