"""The catch-up table as the checklist states it, written apart from the engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from qtkit.core.calendars import Segment
from qtkit.model.events import PlannedTask

__all__ = ["Expected", "expected_fate"]

Expected = Literal["due", "run", "missed", "already_done"]
_ONCE_A_DAY = ("pre_open", "post_close")


def expected_fate(
    row: PlannedTask, now: datetime, segments: Sequence[Segment], *, closed: bool
) -> Expected:
    """Return what a start at `now` has to make of one row of the day.

    Parameters
    ----------
    row
        A row of the day's schedule.
    now
        When the engine came to the day.
    segments
        The day's trading segments.
    closed
        Whether the day's books were closed before, by its own post-close.

    Returns
    -------
    str
        ``due``: still to come, or exactly now; ``run``: past, and made up for at once; ``missed``:
        past, and skipped; ``already_done``: not to be done again.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon, one = datetime(2026, 3, 4, 12, tzinfo=UTC), datetime(2026, 3, 4, 13, tzinfo=UTC)
    >>> opening = PlannedTask(task_id="o", task="open_market", due=noon)
    >>> expected_fate(opening, noon.replace(minute=30), [Segment(noon, one)], closed=False)
    'run'
    >>> expected_fate(opening, one, [Segment(noon, one)], closed=False)
    'missed'
    """
    if row.task == "post_close" and closed:
        return "already_done"
    if not row.due < now:
        return "due"
    if row.task in _ONCE_A_DAY:
        return "run"
    if row.task == "open_market":
        trading = [s for s in segments if s.start <= now < s.end]
        return "run" if trading and trading[-1].start == row.due else "missed"
    return "missed"
