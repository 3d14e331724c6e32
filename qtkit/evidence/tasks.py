"""Each task's story: scheduled, queued, started, and how it came out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from qtkit.evidence.journal_lines import JournalLines
from qtkit.model import events as ev
from qtkit.model.events import Entry, PlannedTask

__all__ = ["OUTCOMES", "TaskStory", "task_stories"]

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
    def skipped(self) -> ev.TaskSkipped | None:
        """The skip, if it was skipped."""
        found = self.outcomes[0].event if self.outcomes else None
        return found if isinstance(found, ev.TaskSkipped) else None

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


def task_stories(journal: JournalLines) -> dict[str, TaskStory]:
    """Return every task's story by its id, scheduled rows first."""
    stories: dict[str, TaskStory] = {}
    for built in journal.of(ev.ScheduleBuilt):
        _plan(stories, built.event, built.seq)
    for kind, take in (
        (ev.TaskQueued, _queue),
        (ev.TaskStarted, _start),
        (ev.TaskFinished, _finish),
        (ev.TaskSkipped, _finish),
        (ev.TaskCancelled, _finish),
        (ev.TaskFailed, _fail),
    ):
        take(stories, journal.lines.get(kind, ()))
    return stories


def _plan(stories: dict[str, TaskStory], built: ev.ScheduleBuilt, seq: int) -> None:
    for row in built.tasks:
        story = stories[row.task_id] = TaskStory(row.task_id, row.task, row.due)
        story.plan = (row, seq)
        story.at_start = row.due < built.caught_up_to


def _story(stories: dict[str, TaskStory], event: ev.TaskQueued | ev.TaskStarted) -> TaskStory:
    found = stories.get(event.task_id)
    if found is None:
        due = event.due if isinstance(event, ev.TaskQueued | ev.TaskSkipped) else None
        found = stories[event.task_id] = TaskStory(event.task_id, event.task, due)
    return found


def _queue(stories: dict[str, TaskStory], entries: Iterable[Entry]) -> None:
    for entry in entries:
        story = _story(stories, entry.event)
        if story.queued is None:
            story.queued = entry


def _start(stories: dict[str, TaskStory], entries: Iterable[Entry]) -> None:
    for entry in entries:
        story = _story(stories, entry.event)
        if story.started is None:
            story.started = entry
        story.attempts += 1


def _finish(stories: dict[str, TaskStory], entries: Iterable[Entry]) -> None:
    for entry in entries:
        story = _story(stories, entry.event)
        before = story.outcomes
        story.outcomes = (*before, entry) if before else (entry,)


def _fail(stories: dict[str, TaskStory], entries: Iterable[Entry]) -> None:
    for entry in entries:
        story = _story(stories, entry.event)
        story.failures = (*story.failures, entry)
        if entry.event.dead_letter:
            story.outcomes = (*story.outcomes, entry)
