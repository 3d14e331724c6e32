"""Snapshots: what each strategy step was prepared with, ahead of its time."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from qtkit.core.errors import InvariantBroken, StrategyError
from qtkit.core.plain_json import plain_json
from qtkit.core.text import error_text
from qtkit.ledger.ledger import Ledger
from qtkit.model import events as ev
from qtkit.model.bars import nanos, time_of
from qtkit.model.status import EngineStatus
from qtkit.trading.engine.bar_history import EngineView, History
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.schedule import ahead_of, due_of_step
from qtkit.trading.engine.task_skip import TaskSkip
from qtkit.trading.engine.workers import Job

__all__ = ["Snapshot", "Snapshots", "prepared_json"]

_ON_TIME = timedelta(seconds=1)  # a step that starts within it of its due is on time


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one step is decided from."""

    prepared: object
    digest: str  # "" when it was prepared on the spot


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    task: ev.PlannedTask
    due: datetime  # of the step
    taken_at: datetime
    prepared: object  # plain JSON


def prepared_json(prepared: object) -> object:
    """Return what a strategy prepared as JSON gives it back, its keys in their order.

    Raises
    ------
    StrategyError
        If it is no JSON value of finite numbers.
    """
    try:
        return plain_json(prepared, "prepare()")
    except (TypeError, ValueError, RecursionError) as error:
        raise StrategyError(
            "prepare() must return JSON of finite numbers where steps are prepared ahead: "
            f"{error_text(error)}"
        ) from None


def _digest(prepared: object) -> str:
    """Return the sha256 of what was prepared, hex, whatever the order of its keys."""
    text = json.dumps(prepared, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Snapshots:
    """Prepares steps, keeps what they were prepared with, and finds it again."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._kept = dict[tuple[date | None, int], Snapshot]()
        self._to_come = deque[tuple[datetime, str]]()  # when to prepare which step, in order
        self._ahead = dict[str, object]()  # task id -> what was prepared, or a StrategyError

    # --- steps without a preparation of their own -----------------------------------------------

    def take_day(self, tasks: Iterable[ev.PlannedTask]) -> None:
        """Note when the steps of a day are to be prepared, where that is no task of its own."""
        self.forget()
        if self._context.settings.timetable.prepare_lead_seconds is None:
            steps = (task for task in tasks if task.task == "run_strategy")
            self._to_come.extend((self._moment(task), task.task_id) for task in steps)

    def next_due(self) -> datetime | None:
        """Return when the next of these steps is prepared."""
        return self._to_come[0][0] if self._to_come else None

    def turn(self) -> None:
        """Prepare the steps whose moment has come; one that was overslept is prepared in itself."""
        context, now = self._context, self._context.clock.now()
        while self._to_come and self._to_come[0][0] <= now:
            moment, task_id = self._to_come.popleft()
            if now - moment <= _ON_TIME and context.state.status is not EngineStatus.PAUSED:
                self._ahead[task_id] = self._prepared_or_error()

    def _prepared_or_error(self) -> object:
        """Return what the strategy prepares; an error belongs to the step, and is kept for it."""
        context = self._context
        try:
            return context.strategy.prepare(_blind(context, context.history, context.state.ledger))
        except StrategyError as problem:
            return problem

    def _moment(self, task: ev.PlannedTask) -> datetime:
        """Return when a step is prepared: at its lead, inside its segment."""
        context, due = self._context, nanos(task.due)
        opened = next((start for start, end in context.segments if start < due <= end), due)
        return ahead_of(task.due, context.settings.prepare_lead_seconds, time_of(opened))

    def without_snapshot(self, task: ev.PlannedTask) -> Snapshot:
        """Return what a step was prepared with, where that is no task of its own.

        A step that was not prepared at its moment is prepared now, from the bars of that moment.
        """
        context = self._context
        if task.task_id not in self._ahead:
            moment = self._moment(task)
            view = _blind(
                context, context.history.until(nanos(moment)), context.state.ledger, moment
            )
            return Snapshot(prepared=context.strategy.prepare(view), digest="")
        prepared = self._ahead.pop(task.task_id)
        if isinstance(prepared, StrategyError):
            raise prepared
        return Snapshot(prepared=prepared, digest="")

    # --- steps with a preparation of their own ---------------------------------------------------

    def job(self, task: ev.PlannedTask) -> Job:
        """Return a preparation that a worker can do: it sees bars and book of this moment only."""
        context, taken_at = self._context, self._context.clock.now()
        if self._is_taken(task):
            return lambda: None
        still = Ledger.opened(context.state.ledger.book())
        view = _blind(context, context.history.frozen(), still)
        due = self._due(task)
        return lambda: self._prepare(task, due, taken_at, view)

    def act(self, task: ev.PlannedTask) -> None:
        """Prepare a step on the engine's own thread."""
        context, taken_at = self._context, self._context.clock.now()
        if not self._is_taken(task):
            view = _blind(context, context.history, context.state.ledger)
            self.take(self._prepare(task, self._due(task), taken_at, view))

    def _prepare(
        self, task: ev.PlannedTask, due: datetime, taken_at: datetime, view: EngineView
    ) -> _Taken:
        # made plain, so that a step decides on the same whether the power went or not
        prepared = prepared_json(self._context.strategy.prepare(view))
        return _Taken(task=task, due=due, taken_at=taken_at, prepared=prepared)

    def _due(self, task: ev.PlannedTask) -> datetime:
        """Return when the step that a preparation is for is due."""
        return due_of_step(self._context.state.plan.values(), task)

    def _is_taken(self, task: ev.PlannedTask) -> bool:
        """Whether a power cut came between a snapshot and the end of its preparation."""
        step = -1 if task.step is None else task.step
        taken = self._context.state.snapshots.get(step)
        return taken is not None and self._read_back(step, taken) is not None

    def take(self, result: object) -> None:
        """Keep a snapshot: on disk, in the journal, and at hand; None: it is kept already."""
        if result is None:
            return
        if not isinstance(result, _Taken):
            raise InvariantBroken(f"a preparation brings a snapshot, was {type(result).__name__}")
        context, task = self._context, result.task
        prepared, digest = result.prepared, _digest(result.prepared)
        step = -1 if task.step is None else task.step
        context.files.write_snapshot(
            self._name(step),
            {
                "format": 1,
                "step": step,
                "task_id": task.task_id,
                "taken_at": result.taken_at.isoformat(),
                "digest": digest,
                "prepared": prepared,
            },
        )
        context.record(
            ev.SnapshotTaken(
                task_id=task.task_id,
                step=step,
                due=result.due,
                taken_at=result.taken_at,
                digest=digest,
            )
        )
        self._kept[context.state.today, step] = Snapshot(prepared=prepared, digest=digest)

    def of(self, task: ev.PlannedTask) -> Snapshot | TaskSkip:
        """Return a step's own snapshot, or why it has none that counts."""
        context, step = self._context, -1 if task.step is None else task.step
        taken = context.state.snapshots.get(step)
        if taken is None:
            return TaskSkip("snapshot_missing", f"step {step} was not prepared")
        age = self._age(task, taken).total_seconds()
        limit = context.settings.snapshot_max_age_seconds
        if age > limit:
            detail = f"the snapshot is {age:g} s old, allowed are {limit:g} s"
            return TaskSkip("snapshot_stale", detail, age_seconds=age, allowed_seconds=limit)
        found = self._kept.get((context.state.today, step)) or self._read_back(step, taken)
        return found or TaskSkip(
            "snapshot_missing", f"the snapshot of step {step} cannot be read back from disk"
        )

    def forget(self) -> None:
        """Let the snapshots of a day that is over go; their files stay."""
        self._kept.clear()
        self._ahead.clear()
        self._to_come.clear()

    def _age(self, task: ev.PlannedTask, taken: ev.SnapshotTaken) -> timedelta:
        """Return a snapshot's age when its step came due, or when it starts, if that is late.

        A limit that equals the lead would else refuse every step, for the moment it takes to start.
        """
        now = self._context.clock.now()
        return (task.due if now - task.due <= _ON_TIME else now) - taken.taken_at

    def _read_back(self, step: int, taken: ev.SnapshotTaken) -> Snapshot | None:
        """Return what a life before this one prepared, if it is what the journal says."""
        found = self._context.files.read_snapshot(self._name(step))
        if found is None or "prepared" not in found:
            return None
        prepared, digest = found["prepared"], _digest(found["prepared"])
        return Snapshot(prepared=prepared, digest=digest) if digest == taken.digest else None

    def _name(self, step: int) -> str:
        return f"{self._context.state.today:%Y%m%d}-{step:04d}"


def _blind(
    context: EngineContext, history: History, ledger: Ledger, at: datetime | None = None
) -> EngineView:
    """Return a view that shows no price of "now"; `at` is the moment it shows, None the present."""
    view, now = context.view_of(history), at or context.clock.now()
    day = context.state.today or context.calendar.local_date(now)
    view.move(now, day, frozenset(), ledger)
    return view
