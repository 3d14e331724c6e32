"""A day's tasks: what was planned, what became of it, and why something was skipped."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from qtkit.core.errors import DataError
from qtkit.core.render import Table, text_table
from qtkit.desk.charts.chart import (
    BLUE,
    GREEN,
    GREY,
    PALETTE,
    RED,
    Chart,
    panels,
    said,
    whole_numbers,
)
from qtkit.desk.charts.source import Charted, day_words, evidence_of
from qtkit.evidence import Evidence
from qtkit.evidence.tasks import TaskStory
from qtkit.model import events as ev
from qtkit.stages import skip_table
from qtkit.trading.engine.schedule import PRIORITY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["schedule", "skips"]

_ROW = 0.24  # inches of a task's row
_AROUND = 1.0  # inches of heading, times and names
_MARKS = {"done": ("|", GREEN), "failed": ("D", RED), "cancelled": ("s", BLUE)}
_PLANNED = "not yet due"
_SHAPES = ("x", "+", "1", "2", "3", "4")  # of skip reasons
_HOURS = 24


@dataclass(frozen=True, slots=True)
class _Row:
    """One task of the day."""

    task: str
    hour: float  # of the day, in the exchange's zone
    fate: str  # "done", "failed", "cancelled", "not yet due", or "skipped: <reason>"


# --- the day's schedule ------------------------------------------------------------------------


def schedule(source: Charted, *, day: date | None = None) -> Chart:
    """Return a day's tasks on a line of time each: done, skipped by reason, or still to come.

    Parameters
    ----------
    source
        A session, or evidence.
    day
        Trading date; None: the last one with a schedule.

    Raises
    ------
    DataError
        If there is no schedule of the day.
    """
    evidence = evidence_of(source)
    chosen = day or _last_day(evidence)
    if chosen is None:
        raise DataError("the journal has no schedule: look again when a day has begun")
    rows = _rows(evidence.of_day(chosen), evidence.calendar.zone)
    if not rows:
        raise DataError(f"the journal has no schedule of {chosen}; the last one is of another day")
    tasks = sorted({row.task for row in rows}, key=lambda task: PRIORITY.get(task, len(PRIORITY)))
    open_hours = [
        (_hour(s.start, evidence.calendar.zone), _hour(s.end, evidence.calendar.zone))
        for s in evidence.calendar.segments(chosen)
    ]
    strategy = evidence.started.event.strategy if evidence.started else "a journal"
    return Chart(
        heading=f"Schedule · {strategy} · {chosen} · {evidence.calendar.zone.key}",
        text=_schedule_text(rows, tasks),
        height=_AROUND + _ROW * len(tasks),
        draw=lambda figure: _draw_schedule(figure, rows, tasks, open_hours),
    )


def _last_day(evidence: Evidence) -> date | None:
    built = evidence.last(ev.ScheduleBuilt)
    return built.event.trading_date if built else None


def _hour(at: datetime, zone: ZoneInfo) -> float:
    local = at.astimezone(zone)
    return local.hour + local.minute / 60 + local.second / 3600


def _rows(evidence: Evidence, zone: ZoneInfo) -> list[_Row]:
    return [
        _Row(story.task, _hour(story.due, zone), _fate(story))
        for story in evidence.tasks.values()
        if story.due is not None
    ]


def _fate(story: TaskStory) -> str:
    if story.skipped is not None:
        return f"skipped: {story.skipped.skip_reason}"
    return {"finished": "done", "": _PLANNED}.get(story.fate, story.fate)


def _clock(hour: float) -> str:
    minutes = round(hour * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _schedule_text(rows: Sequence[_Row], tasks: Sequence[str]) -> str:
    lines = []
    for task in tasks:
        mine = [row for row in rows if row.task == task]
        fates = Counter(row.fate for row in mine)
        skipped = [
            f"{f.removeprefix('skipped: ')} {n}" for f, n in sorted(fates.items()) if ":" in f
        ]
        hours = sorted(row.hour for row in mine)
        counts = (fates[name] for name in ("done", "failed", "cancelled", _PLANNED))
        reasons = ", ".join(skipped)
        lines.append((task, _clock(hours[0]), _clock(hours[-1]), len(mine), *counts, reasons))
    columns = ("task", "first", "last", "planned", *_MARKS, _PLANNED, "skipped")
    return text_table(Table("", columns, tuple(lines), "lllrrrrrl"))


def _draw_schedule(
    figure: Figure,
    rows: Sequence[_Row],
    tasks: Sequence[str],
    open_hours: Sequence[tuple[float, float]],
) -> None:
    (axes,) = panels(
        figure, ("each mark is a task at its time; the exchange is open where shaded",)
    )
    for start, end in open_hours:
        axes.axvspan(start, end, color=GREY, alpha=0.12, linewidth=0)
    for fate, mine in _by_fate(rows).items():
        marker, colour, size = _mark(fate, rows)
        axes.plot(
            [row.hour for row in mine],
            [tasks.index(row.task) for row in mine],
            linestyle="none",
            marker=marker,
            markersize=size,
            color=colour,
            fillstyle="none" if fate == _PLANNED else "full",
            label=f"{fate} {len(mine)}",
        )
    axes.set_yticks(range(len(tasks)), tasks)
    axes.set_ylim(len(tasks) - 0.5, -0.5)
    hours = [row.hour for row in rows]
    shown = range(int(min(hours)), min(_HOURS, int(max(hours)) + 1) + 1)
    axes.set_xticks(shown, [f"{hour:02d}:00" for hour in shown])
    said(figure)


def _by_fate(rows: Sequence[_Row]) -> Mapping[str, list[_Row]]:
    found = defaultdict[str, list[_Row]](list)
    for row in sorted(rows, key=lambda row: (row.fate, row.hour)):
        found[row.fate].append(row)
    return found


def _mark(fate: str, rows: Sequence[_Row]) -> tuple[str, str, float]:
    """Return shape, colour and size, points."""
    if fate in _MARKS:
        return (*_MARKS[fate], 6.0)
    if fate == _PLANNED:
        return "o", GREY, 4.0
    number = sorted({row.fate for row in rows if ":" in row.fate}).index(fate)
    return _SHAPES[number % len(_SHAPES)], PALETTE[number % len(PALETTE)], 8.0


# --- skip reasons ------------------------------------------------------------------------------


def skips(source: Charted) -> Chart:
    """Return how many tasks were skipped, by reason and task.

    Parameters
    ----------
    source
        A session, or evidence.

    Raises
    ------
    DataError
        If the source is no session.
    """
    evidence = evidence_of(source)
    counts = Counter((s.event.skip_reason, s.event.task) for s in evidence.of(ev.TaskSkipped))
    reasons = sorted({reason for reason, _ in counts})
    return Chart(
        heading=f"Skipped tasks by reason · {day_words(evidence)}",
        text=text_table(skip_table(evidence)) if counts else "  no task was skipped",
        height=_AROUND + _ROW * max(1, len(reasons)),
        draw=lambda figure: _draw_skips(figure, counts, reasons),
    )


def _draw_skips(figure: Figure, counts: Counter[tuple[str, str]], reasons: Sequence[str]) -> None:
    (axes,) = panels(figure, ("tasks skipped" if reasons else "no task was skipped",))
    tasks = sorted({task for _, task in counts}, key=lambda t: PRIORITY.get(t, len(PRIORITY)))
    hatches = ("", "///", "...", "xxx", "\\\\\\", "---")
    left = [0] * len(reasons)
    for number, task in enumerate(tasks):
        widths = [counts[reason, task] for reason in reasons]
        axes.barh(
            range(len(reasons)),
            widths,
            left=left,
            height=0.6,
            color=PALETTE[number % len(PALETTE)],
            edgecolor=GREY,
            linewidth=0.5,
            hatch=hatches[number % len(hatches)],
            label=f"{task} {sum(widths)}",
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(reasons)), reasons)
    axes.set_ylim(max(len(reasons), 1) - 0.5, -0.5)
    whole_numbers(axes)
    said(figure)
