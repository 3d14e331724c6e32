"""Tasks of one kind that were at work at the same time, or should have been skipped for it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from operator import attrgetter

from qtkit.core.facts import Finding, finding
from qtkit.evidence import Evidence
from qtkit.evidence.tasks import OUTCOMES, TaskStory
from qtkit.model import events as ev
from qtkit.model.engine import TaskRole
from qtkit.model.events import Entry

__all__ = ["OVERLAPS", "at_work", "hidden_overruns", "overlaps"]

OVERLAPS = {
    "overlap": "{task} started while {other} was at work",
    "hidden_overrun": "{task} came due while {other} was at work, and ran later",
    "called_missed": "{task} is missed, {other} was at work",
}


def at_work(evidence: Evidence, kind: TaskRole) -> list[TaskStory]:
    """Return the tasks of a kind that were started, in the order of their start."""
    return sorted((s for s in evidence.tasks_in(kind) if s.started), key=_start_line)


def _start_line(story: TaskStory) -> int:
    return story.started.seq if story.started else 0


def overlaps(evidence: Evidence, kind: TaskRole) -> Iterator[Finding]:
    """Yield each start that came before what had started earlier was over."""
    names = evidence.engine.names(kind)
    moves: list[Entry] = [
        entry
        for event in (ev.TaskStarted, *OUTCOMES)
        for entry in evidence.session.lines.get(event, ())
        if entry.event.task in names
    ]
    moves.sort(key=attrgetter("seq"))
    working: str = ""
    for entry in moves:
        task_id = entry.event.task_id
        if isinstance(entry.event, ev.TaskStarted):
            if working and working != task_id and evidence.window.holds(entry.seq):
                yield finding("overlap", entry.seq, task=task_id, other=working)
            working = task_id
        elif task_id == working:
            working = ""


def hidden_overruns(
    evidence: Evidence, kind: TaskRole, stories: list[TaskStory]
) -> Iterator[Finding]:
    """Yield each task that came due while the one before was at work, and ran all the same.

    Parameters
    ----------
    stories
        The tasks of that kind that were `at_work`.
    """
    whole = evidence.session
    for before, after in pairwise(stories if whole is evidence else at_work(whole, kind)):
        over, begun, due = before.outcome, before.started, after.due
        if over is None or begun is None or due is None or not begun.at < due < over.at:
            continue
        if after.started is not None and after.task_id in evidence.tasks:
            line = after.started.seq
            yield finding("hidden_overrun", line, task=after.task_id, other=before.task_id)
    yield from _misnamed_overruns(evidence, kind, stories)


def _misnamed_overruns(
    evidence: Evidence, kind: TaskRole, at_work: list[TaskStory]
) -> Iterator[Finding]:
    """Yield each task that an earlier one of its kind held up, and that says it was missed."""
    missed = [s for s in evidence.tasks_in(kind) if s.reason == "missed"]
    if not missed:
        return
    times = [(s.started.at, s.outcome.at, s.task_id) for s in at_work if s.started and s.outcome]
    starts = [began for began, _, _ in times]
    for story in missed:
        if story.skipped is None:
            continue
        due = story.skipped.due
        place = bisect_left(starts, due) - 1
        if story.at_start or place < 0 or any(d.holds(due) for d in evidence.downtimes):
            continue
        if due < times[place][1]:
            line, other = story.lines[-1], times[place][2]
            yield finding("called_missed", line, task=story.task_id, other=other)
