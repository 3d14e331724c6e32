"""A day, its schedule and its tasks."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import msgspec

from qtkit.model.books import Book
from qtkit.model.corporate_actions import CorporateAction
from qtkit.model.events.base import Event, Moment, Topic
from qtkit.model.instruments import InstrumentRules

__all__ = [
    "DayClosed",
    "DayStarted",
    "PlannedTask",
    "ScheduleBuilt",
    "TaskCancelled",
    "TaskEvent",
    "TaskFailed",
    "TaskFinished",
    "TaskQueued",
    "TaskSkipped",
    "TaskStarted",
]


class TaskEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.TASK


class PlannedTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One row of a day's schedule."""

    task_id: str  # e.g. "20260304-run_strategy-0935"
    task: str
    due: Moment
    step: int | None = None  # number of the strategy step in its day, from 0


class DayStarted(TaskEvent, frozen=True, kw_only=True, gc=False):
    """The session entered a date; what settles on it is available from here."""

    open: bool  # whether the exchange trades on it
    # symbol -> close of the trading date before it
    last_closes: dict[str, Decimal] = msgspec.field(default_factory=dict)
    instruments: tuple[InstrumentRules, ...] = ()  # rules that are new, or changed with this date
    # splits and dividends that took effect since the account lived last
    actions: tuple[CorporateAction, ...] = ()


class ScheduleBuilt(TaskEvent, frozen=True, kw_only=True, gc=False):
    """The day's schedule stands; `caught_up` says when the engine came to it."""

    digest: str  # sha256 of the whole day's rows, hex, the same however late the start
    tasks: tuple[PlannedTask, ...]
    caught_up_to: Moment


class TaskQueued(TaskEvent, frozen=True, kw_only=True, gc=False):
    """A task came due and waits for its turn."""

    task_id: str
    task: str
    due: Moment
    step: int | None = None
    cause: str = ""  # why it came, where no schedule has it; "" for the day's own rows


class TaskStarted(TaskEvent, frozen=True, kw_only=True, gc=False):
    """A task began."""

    task_id: str
    task: str
    attempt: int  # 1 for the first


class TaskFinished(TaskEvent, frozen=True, kw_only=True, gc=False):
    """A task is done, its worker included."""

    task_id: str
    task: str
    started: Moment


class TaskSkipped(TaskEvent, frozen=True, kw_only=True, gc=False):
    """A scheduled task did not run, and why."""

    task_id: str
    task: str
    due: Moment
    skip_reason: str
    detail: str
    step: int | None = None
    age_seconds: float | None = None  # of what was too old
    allowed_seconds: float | None = None  # how old it may be


class TaskFailed(TaskEvent, frozen=True, kw_only=True, gc=False):
    """A task raised; it is tried again, or is a dead letter."""

    task_id: str
    task: str
    attempt: int
    error: str
    dead_letter: bool


class TaskCancelled(TaskEvent, frozen=True, kw_only=True, gc=False):
    """Somebody took a task off the schedule, or the session ended before it was due."""

    task_id: str
    task: str
    by: str


class DayClosed(TaskEvent, frozen=True, kw_only=True, gc=False):
    """The books of a date were closed."""

    early: bool  # a stop in mid-session: the day's own closing is still due
    book: Book
