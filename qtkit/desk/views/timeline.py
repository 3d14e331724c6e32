"""The day's schedule as a line of letters for each task."""

from __future__ import annotations

from datetime import datetime, timedelta

from qtkit.desk.table_view import Column, TableView
from qtkit.projections.session_view import SessionView
from qtkit.projections.tasks import TaskStory

__all__ = ["LEGEND", "timeline"]

_SIGNS = {  # all from one block of letters, so that they are equally wide in every font
    "finished": "█",
    "scheduled": "░",
    "skipped": "▀",
    "failed": "▞",
    "cancelled": "▖",
    "queued": "▄",
    "running": "▌",
}
_NOTHING = "▁"
LEGEND = " · ".join(f"{sign} {standing}" for standing, sign in _SIGNS.items())
"""What each sign means."""
_WORST = ("failed", "skipped", "cancelled", "running", "queued", "scheduled", "finished")
_CELLS = 40
_LEAST = timedelta(minutes=1)


def timeline(view: SessionView) -> TableView:
    """Return one line for each task of the date: the worst standing in each stretch of time."""
    lines = [view.tasks.stories[name] for name in view.tasks.today]
    columns = (
        Column(name="task"),
        Column(name=_span(view, lines)),
        Column(name="done", right=True),
        Column(name="skipped", right=True),
        Column(name="failed", right=True),
        Column(name="to come", right=True),
    )
    names = list(dict.fromkeys(line.task for line in lines))
    rows = tuple(_row(name, lines) for name in names)
    return TableView(
        name="timeline", columns=columns, rows=rows, empty="nothing is scheduled today"
    )


def _span(view: SessionView, lines: list[TaskStory]) -> str:
    if not lines:
        return "time"
    first, last = (view.local(at) for at in _ends(lines))
    return f"{first:%H:%M} to {last:%H:%M}"


def _ends(lines: list[TaskStory]) -> tuple[datetime, datetime]:
    return min(line.when for line in lines), max(line.when for line in lines)


def _row(name: str, lines: list[TaskStory]) -> tuple[object, ...]:
    own = [line for line in lines if line.task == name]
    counted = [sum(line.standing == what for line in own) for what in ("finished", "skipped")]
    failed = sum(line.standing in {"failed", "cancelled"} for line in own)
    to_come = sum(line.is_open for line in own)
    return name, _drawn(own, *_ends(lines)), *counted, failed, to_come


def _drawn(own: list[TaskStory], first: datetime, last: datetime) -> str:
    """Return the line of signs; where nothing is due it is low."""
    width = max(last - first, _LEAST) / _CELLS
    cells: list[str] = [""] * (_CELLS + 1)
    for line in own:
        place = int((line.when - first) / width)
        here = cells[place]
        cells[place] = min(filter(None, (here, line.standing)), key=_WORST.index)
    return "".join(_SIGNS[cell] if cell else _NOTHING for cell in cells)
