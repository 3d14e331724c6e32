"""The stories of a journal's tasks, read class by class: no line is looked at that is no task's."""

from __future__ import annotations

from qtkit.evidence.journal_lines import JournalLines
from qtkit.projections.tasks import OUTCOMES, TaskHistory, TaskStory

__all__ = ["OUTCOMES", "TaskStory", "task_stories"]


def task_stories(journal: JournalLines) -> dict[str, TaskStory]:
    """Return every task's story by its id, scheduled rows first."""
    history = TaskHistory()
    for kind, take in history.handlers.items():
        for entry in journal.lines.get(kind, ()):
            take(history, entry, entry.event)
    return history.stories
