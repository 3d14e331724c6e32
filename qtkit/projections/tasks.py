"""Each task's story: scheduled, queued, started, and how it came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from qtkit.model import events as ev
from qtkit.model.events import Entry, PlannedTask, Topic
from qtkit.projections.base import Handler, TopicFold

__all__ = ["OUTCOMES", "TaskHistory", "TaskStory"]

OUTCOMES = (ev.TaskFinished, ev.TaskSkipped, ev.TaskFailed, ev.TaskCancelled)
"""What can become of a task; a failure only as a dead letter."""


class TaskStory:
    """One task. Entries, not copies, so that a million lines stay affordable."""

    __slots__ = (
        "at_start", "attempts", "due", "failures", "outcomes", "plan", "queued", "started",
        "task", "task_id",
    )  # fmt: skip

    def __init__(self, task_id: str, task: str, due: datetime | None) -> None:
        self.task_id, self.task, self.due = task_id, task, due
        self.plan: tuple[PlannedTask, int] | None = None  # its row, and the schedule's line
        self.at_start = False  # past when the engine came to the day
        self.queued: Entry | None = None
        self.started: Entry | None = None  # first attempt
        self.attempts = 0
        self.failures: tuple[Entry, ...] = ()  # each failed attempt, the dead letter included
        self.outcomes: tuple[Entry, ...] = ()

    @property
    def outcome(self) -> Entry | None:
        """The first outcome."""
        return self.outcomes[0] if self.outcomes else None

    @property
    def fate(self) -> str:
        """``finished``, ``skipped``, ``failed``, ``cancelled`` or ``""``."""
        return _FATES[type(self.outcomes[0].event)] if self.outcomes else ""

    @property
    def standing(self) -> str:
        """Its fate, or ``scheduled``, ``queued``, ``running``."""
        if self.outcomes:
            return self.fate
        if self.attempts > len(self.failures):
            return "running"
        return "queued" if self.queued or self.attempts else "scheduled"

    @property
    def is_open(self) -> bool:
        """Whether it has no outcome yet."""
        return not self.outcomes

    @property
    def skipped(self) -> ev.TaskSkipped | None:
        """The skip, if it was skipped."""
        found = self.outcomes[0].event if self.outcomes else None
        return found if isinstance(found, ev.TaskSkipped) else None

    @property
    def reason(self) -> str:
        """The skip reason; "" if it was not skipped."""
        skipped = self.skipped
        return skipped.skip_reason if skipped else ""

    @property
    def detail(self) -> str:
        """Why it was skipped, what it failed of last, or who took it off."""
        event = self.outcomes[0].event if self.outcomes else None
        if isinstance(event, ev.TaskSkipped):
            return event.detail
        if isinstance(event, ev.TaskCancelled):
            return f"by {event.by}"
        return str(self.failures[-1].event.error) if self.failures else ""

    @property
    def when(self) -> datetime:
        """When it was due; where nobody said so, when it was heard of first."""
        heard = (self.queued, self.started, *self.failures, *self.outcomes)
        return self.due or next(entry.at for entry in heard if entry is not None)

    @property
    def step(self) -> int | None:
        """The strategy's step; None of any other task."""
        if self.plan is not None:
            return self.plan[0].step
        return getattr(self.queued.event, "step", None) if self.queued else None

    @property
    def line(self) -> int:
        """The journal line that it begins with: its schedule's, or its own first one."""
        return self.plan[1] if self.plan else min((*self.lines, *(f.seq for f in self.failures)))

    @property
    def lines(self) -> tuple[int, ...]:
        """The journal lines that prove the story."""
        entries = (self.queued, self.started, *self.outcomes)
        return tuple(e.seq for e in entries if e is not None)


_FATES: dict[type[ev.Event], str] = {
    ev.TaskFinished: "finished",
    ev.TaskSkipped: "skipped",
    ev.TaskFailed: "failed",
    ev.TaskCancelled: "cancelled",
}


class TaskHistory(TopicFold):
    """All tasks of a session.

    Attributes
    ----------
    stories
        Task id -> task, as they were scheduled or asked for.
    today
        Ids of the newest date's.
    skips
        (task, skip reason) -> how often.
    dead_letters
        Tasks that were given up, `TaskFailed` entries.
    """

    def __init__(self) -> None:
        self.stories = dict[str, TaskStory]()
        self.today = list[str]()
        self.skips = Counter[tuple[str, str]]()
        self.dead_letters = list[Entry]()

    def _story(self, entry: Entry) -> TaskStory:
        event = entry.event
        found = self.stories.get(event.task_id)
        if found is None:
            due = event.due if isinstance(event, ev.TaskQueued | ev.TaskSkipped) else None
            found = self.stories[event.task_id] = TaskStory(event.task_id, event.task, due)
            self.today.append(event.task_id)
        return found

    def _day_started(self, _: Entry, _event: ev.DayStarted) -> None:
        self.today = []

    def _scheduled(self, entry: Entry, event: ev.ScheduleBuilt) -> None:
        for row in event.tasks:
            story = self.stories[row.task_id] = TaskStory(row.task_id, row.task, row.due)
            story.plan = (row, entry.seq)
            story.at_start = row.due < event.caught_up_to
            self.today.append(row.task_id)

    def _queued(self, entry: Entry, _: ev.TaskQueued) -> None:
        story = self._story(entry)
        if story.queued is None:
            story.queued = entry

    def _started(self, entry: Entry, _: ev.TaskStarted) -> None:
        story = self._story(entry)
        if story.started is None:
            story.started = entry
        story.attempts += 1

    def _settled(self, entry: Entry, _: ev.Event) -> None:
        story = self._story(entry)
        before = story.outcomes
        story.outcomes = (*before, entry) if before else (entry,)

    def _skipped(self, entry: Entry, event: ev.TaskSkipped) -> None:
        self._settled(entry, event)
        self.skips[event.task, event.skip_reason] += 1

    def _failed(self, entry: Entry, event: ev.TaskFailed) -> None:
        story = self._story(entry)
        story.failures = (*story.failures, entry)
        if event.dead_letter:
            story.outcomes = (*story.outcomes, entry)
            self.dead_letters.append(entry)

    covers = frozenset({Topic.TASK})
    # a schedule comes before what it has scheduled, whatever the order in which classes are read
    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {
        ev.ScheduleBuilt: _scheduled,
        ev.DayStarted: _day_started,
        ev.TaskQueued: _queued,
        ev.TaskStarted: _started,
        ev.TaskFinished: _settled,
        ev.TaskSkipped: _skipped,
        ev.TaskCancelled: _settled,
        ev.TaskFailed: _failed,
    }
    ignores = frozenset({ev.DayClosed})
