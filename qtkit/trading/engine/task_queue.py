"""The day's tasks: come due, wait, run, are tried again, or are skipped with a reason."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from qtkit.core.errors import InvariantBroken, QtkitError
from qtkit.core.text import error_text
from qtkit.model import events as ev
from qtkit.model.status import EngineStatus
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.schedule import due_of_step
from qtkit.trading.engine.task_skip import TaskSkip
from qtkit.trading.engine.workers import Answer, Job, Workers

__all__ = ["TaskKind", "TaskQueue"]

_MARKET_TASKS = frozenset({"acquire_live_price", "prepare_strategy", "run_strategy"})
_ONE_AT_A_TIME = frozenset({"acquire_live_price", "run_strategy"})  # else each has its own step
_WAIT_FOR_PRICES = frozenset({"run_strategy", "post_close"})
_RETRY_DELAY = timedelta(seconds=1)
_FIRST_STEP_BY_HAND = 9_999  # far behind any day's own steps


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskKind:
    """What a task of one name does.

    Attributes
    ----------
    act
        Work on the engine's own thread; or
    job
        makes work for a worker, and
    take
        takes in what the worker brings.
    objection
        Why it cannot run right now, looked at when it is about to start.
    """

    act: Callable[[ev.PlannedTask], None] | None = None
    job: Callable[[ev.PlannedTask], Job] | None = None
    take: Callable[[object], None] | None = None
    objection: Callable[[ev.PlannedTask], TaskSkip | None] = lambda _: None


@dataclass(slots=True)
class _Waiting:
    task: ev.PlannedTask
    attempt: int
    not_before: datetime


@dataclass(slots=True)
class _Running:
    task: ev.PlannedTask
    attempt: int
    started: datetime
    day: date | None  # its own, which may be over when a worker is done


class TaskQueue:
    """Today's rows, from the schedule to their outcome.

    Parameters
    ----------
    context
        The engine's shared parts.
    workers
        Where slow work runs.
    kinds
        Task name -> what it does.
    """

    def __init__(
        self, context: EngineContext, workers: Workers, kinds: dict[str, TaskKind]
    ) -> None:
        self._context, self._workers, self._kinds = context, workers, kinds
        self._upcoming = deque[ev.PlannedTask]()
        self._waiting = list[_Waiting]()
        self._running = dict[str, _Running]()  # task id -> at work in a worker
        self._busy_until = dict[str, datetime]()  # name -> when it last stopped working
        self._by_hand = 0  # strategy steps that operators asked for

    # --- the day ---------------------------------------------------------------------------

    def take_day(self, tasks: Iterable[ev.PlannedTask]) -> None:
        """Take over a day's rows that are still to run, in their order."""
        self._upcoming = deque(tasks)
        self._waiting.clear()
        self._busy_until.clear()  # what the day before took is over: its rows were others
        self._by_hand = 0

    def next_due(self) -> datetime | None:
        """Return when there is something to do."""
        coming = self._upcoming[0].due if self._upcoming and not self._is_held() else None
        times = [self._workers.next_due(), coming]
        times += [self._ready_at(waiting) for waiting in self._waiting]
        return min((at for at in times if at is not None), default=None)

    def not_running(self, tasks: Iterable[ev.PlannedTask]) -> list[ev.PlannedTask]:
        """Return the tasks that no worker is busy with."""
        return [task for task in tasks if task.task_id not in self._running]

    @property
    def idle(self) -> bool:
        """Whether no task waits or runs."""
        return not self._waiting and not self._running

    def take_answers(self) -> None:
        """Take what workers bring."""
        for answer in self._workers.answers():
            self._take_answer(answer)

    def turn(self) -> None:
        """Queue what has come due, and run what can run."""
        self._run_waiting()
        while self._upcoming and self._upcoming[0].due <= self._context.clock.now():
            if self._is_held():
                return
            self._admit(self._upcoming.popleft())
            self._run_waiting()

    def _is_held(self) -> bool:
        """Whether the next row lets a waiting step go first: the segment's last one."""
        return self._upcoming[0].task == "close_market" and any(
            waiting.task.task == "run_strategy" for waiting in self._waiting
        )

    def cancel(self, task_id: str) -> bool:
        """Take a task off that has not started; return whether there was one."""
        upcoming = [t for t in self._upcoming if t.task_id == task_id]
        waiting = [w.task for w in self._waiting if w.task.task_id == task_id]
        for task in (*upcoming, *waiting):
            self._upcoming = deque(t for t in self._upcoming if t.task_id != task_id)
            self._waiting = [w for w in self._waiting if w.task.task_id != task_id]
            self.skip(task, TaskSkip("canceled", "an operator took it off"))
        return bool(upcoming or waiting)

    def run_by_hand(self, name: str, by: str) -> bool:
        """Let a task come due now; return whether there is one of this name."""
        if name not in self._kinds:
            return False
        context, now = self._context, self._context.clock.now()
        stamp = f"{now.astimezone(context.calendar.zone):%Y%m%d}-{name}-hand{context.journal.seq}"
        self._by_hand += name == "run_strategy"
        step = _FIRST_STEP_BY_HAND + self._by_hand if name == "run_strategy" else None
        self._admit(ev.PlannedTask(task_id=stamp, task=name, due=now, step=step), cause=by)
        self._run_waiting()
        return True

    def close(self) -> None:
        """Let the workers go."""
        self._workers.close()

    # --- coming due --------------------------------------------------------------------------

    def _admit(self, task: ev.PlannedTask, cause: str = "") -> None:
        objection = self._objection_at_due(task)
        if objection is not None:
            self.skip(task, objection)
            return
        context = self._context
        context.record(
            ev.TaskQueued(
                task_id=task.task_id,
                task=task.task,
                due=task.due,
                step=task.step,
                cause=cause,
            )
        )
        attempt = context.state.failures.get(task.task_id, 0) + 1  # a crash forgets no failure
        self._waiting.append(_Waiting(task, attempt, task.due))

    def _objection_at_due(self, task: ev.PlannedTask) -> TaskSkip | None:
        if task.task not in _MARKET_TASKS:
            return None
        context, name = self._context, task.task
        if name in _ONE_AT_A_TIME:
            if self._is_running(name) or task.due < self._busy_until.get(name, task.due):
                return TaskSkip("prev_running", f"the previous {name} was still at work")
            if any(waiting.task.task == name for waiting in self._waiting):
                return TaskSkip("already_queued", f"a {name} was already waiting")
        late = (
            context.clock.now() - due_of_step(context.state.plan.values(), task)
        ).total_seconds()
        if late > context.settings.late_after_seconds:
            return TaskSkip("missed", f"the engine came to it {late:.0f} s late")
        return self._wrong_status()

    def _is_running(self, name: str, step: int | None = None) -> bool:
        """Whether a task of a name is at work in a worker; with a step: that step's own."""
        return any(
            r.task.task == name and (step is None or r.task.step == step)
            for r in self._running.values()
        )

    def _wrong_status(self) -> TaskSkip | None:
        status = self._context.state.status
        if not self._context.state.day_open:
            return TaskSkip("not_a_trading_day", "the exchange is closed today")
        if status is EngineStatus.PAUSED:
            return TaskSkip("paused", "an operator has paused trading")
        if status is not EngineStatus.RUNNING:
            return TaskSkip("status_not_allowed", f"the engine is {status}")
        return None

    def skip(self, task: ev.PlannedTask, objection: TaskSkip) -> None:
        """Record why a task does not run."""
        context = self._context
        context.record(
            ev.TaskSkipped(
                task_id=task.task_id,
                task=task.task,
                due=task.due,
                skip_reason=objection.reason,
                detail=objection.detail,
                step=task.step,
                age_seconds=objection.age_seconds,
                allowed_seconds=objection.allowed_seconds,
            )
        )

    # --- running -----------------------------------------------------------------------------

    def _ready_at(self, waiting: _Waiting) -> datetime | None:
        """Return when a waiting task may start; None while only a worker's answer can tell.

        A step waits for the price poll of its own moment and for its own preparation, but not
        longer than its patience; the day's closing waits for the last poll, where both are due at
        midnight.
        """
        task = waiting.task
        if task.task in _WAIT_FOR_PRICES and (
            self._is_running("acquire_live_price")
            or self._is_running("prepare_strategy", task.step)
        ):
            patience = timedelta(seconds=self._context.settings.price_wait_seconds)
            return max(waiting.not_before, task.due + patience)
        if task.task in _ONE_AT_A_TIME and self._is_running(task.task):
            return None
        return waiting.not_before

    def _run_waiting(self) -> None:
        for waiting in tuple(self._waiting):
            at = self._ready_at(waiting)
            if waiting in self._waiting and at is not None and at <= self._context.clock.now():
                self._waiting.remove(waiting)
                self._start(waiting)

    def _start(self, waiting: _Waiting) -> None:
        context, task, attempt = self._context, waiting.task, waiting.attempt
        kind = self._kinds[task.task]
        objection = self._wrong_status() if task.task in _MARKET_TASKS else None
        objection = objection or kind.objection(task)
        if objection is not None:
            self.skip(task, objection)
            return
        context.record(
            ev.TaskStarted(
                task_id=task.task_id,
                task=task.task,
                attempt=attempt,
            )
        )
        running = _Running(task, attempt, context.clock.now(), context.state.today)
        if kind.job is not None:
            self._running[task.task_id] = running
            self._workers.submit(task.task_id, kind.job(task))
        else:
            self._act(kind, running)

    def _act(self, kind: TaskKind, running: _Running) -> None:
        if kind.act is None:
            raise InvariantBroken(f"the task {running.task.task} neither acts nor has a job")
        try:
            kind.act(running.task)
        except (QtkitError, ValueError, ArithmeticError, LookupError, TypeError) as error:
            self._failed(running, error)
        else:
            self._finished(running)

    def _take_answer(self, answer: Answer) -> None:
        running = self._running.pop(answer.key, None)
        if running is None:
            return
        take = self._kinds[running.task.task].take
        if answer.error is not None:
            self._failed(running, answer.error)
            return
        if take is not None:
            take(answer.result)
        self._finished(running)

    def _finished(self, running: _Running) -> None:
        context, task = self._context, running.task
        self._busy_until[task.task] = context.clock.now()
        context.record(
            ev.TaskFinished(
                trading_date=running.day,
                task_id=task.task_id,
                task=task.task,
                started=running.started,
            )
        )

    def _failed(self, running: _Running, error: Exception) -> None:
        """Record a failure, and try again or put it with the dead letters; the loop lives on."""
        context, task, attempt = self._context, running.task, running.attempt
        self._busy_until[task.task] = context.clock.now()
        dead = attempt > context.settings.retries.get(task.task, 0)
        text = error_text(error)
        if task.task == "acquire_live_price":
            context.record(ev.FeedFailed(error=text))
        context.record(
            ev.TaskFailed(
                trading_date=running.day,
                task_id=task.task_id,
                task=task.task,
                attempt=attempt,
                error=text,
                dead_letter=dead,
            )
        )
        if not dead:
            again = context.clock.now() + _RETRY_DELAY
            self._waiting.append(_Waiting(task, attempt + 1, again))
