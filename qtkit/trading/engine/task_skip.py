"""Why a task does not run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from qtkit.model.events import PlannedTask

__all__ = ["TaskSkip", "why_not_run"]


@dataclass(frozen=True, slots=True)
class TaskSkip:
    """Why a task does not run."""

    reason: str  # of the glossary
    detail: str
    age_seconds: float | None = None  # of what was too old
    allowed_seconds: float | None = None


def why_not_run(task: PlannedTask, fate: str, crashed_at: datetime | None) -> TaskSkip:
    """Return why a row that was past when the engine came to its day does not run."""
    if fate == "already_done":
        return TaskSkip("already_done", "the day's books are closed")
    if crashed_at is not None and task.due <= crashed_at:
        return TaskSkip("restart", "it came due before the crash; it is not done late")
    if task.task == "close_market":
        return TaskSkip("missed", "it is not replayed: its effect is a state")
    return TaskSkip("missed", "its time had passed when the engine came to the day")
