"""How skipped tasks are counted: by task and by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from qtkit.core.render import Table
from qtkit.evidence import Evidence
from qtkit.evidence.tasks import TaskStory
from qtkit.model.events import TaskSkipped

__all__ = ["by_task_and_reason", "skip_counts", "skip_table", "tasks_in_session"]

_CHOSEN = frozenset({"already_done"})  # not a loss: it had run


def tasks_in_session(evidence: Evidence) -> list[TaskStory]:
    """Return the scheduled tasks that came due while the session was there.

    What was past before the session came to the day is the start's doing, not the session's.
    """
    return [s for s in evidence.tasks.values() if s.plan is not None and not s.at_start]


def skip_counts(stories: Iterable[TaskStory]) -> Counter[tuple[str, str]]:
    """Return how many tasks were skipped, by (task, reason)."""
    return Counter(
        (story.task, story.skipped.skip_reason)
        for story in stories
        if story.skipped is not None and story.skipped.skip_reason not in _CHOSEN
    )


def by_task_and_reason(counts: Counter[tuple[str, str]]) -> dict[str, int]:
    """Return the counts by names that people read.

    Examples
    --------
    >>> by_task_and_reason(Counter({("run_strategy", "paused"): 2, ("refill", "missed"): 1}))
    {'refill: missed': 1, 'run_strategy: paused': 2}
    """
    return {f"{task}: {reason}": number for (task, reason), number in sorted(counts.items())}


def skip_table(evidence: Evidence) -> Table:
    """Return reasons by tasks, for people: every skip of the session, the start's included."""
    counts = Counter((s.event.task, s.event.skip_reason) for s in evidence.of(TaskSkipped))
    tasks = sorted({task for task, _ in counts})
    reasons = sorted({reason for _, reason in counts})
    rows = tuple((reason, *(counts[task, reason] or "" for task in tasks)) for reason in reasons)
    return Table("Skipped tasks", ("reason", *tasks), rows, "l" + "r" * len(tasks))
