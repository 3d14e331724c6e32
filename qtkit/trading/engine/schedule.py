"""The day's schedule and what a late start makes of it: pure functions of settings and calendar."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar, Segment
from qtkit.model.bars import nanos, time_of
from qtkit.model.events import PlannedTask

__all__ = [
    "PRIORITY",
    "CaughtUp",
    "Timetable",
    "catch_up",
    "day_schedule",
    "schedule_digest",
    "step_nanos",
]

PRIORITY = {
    name: rank
    for rank, name in enumerate(
        (
            "pre_open",
            "open_market",
            "acquire_live_price",
            "run_strategy",
            "close_market",
            "post_close",
            "refill",
        )
    )
}
"""Order of tasks that are due at the same time."""

_MINUTE_NANOS = 60_000_000_000
_BEFORE_OPEN = timedelta(minutes=15)
_AFTER_CLOSE = timedelta(minutes=15)
_REFILL_AFTER_CLOSE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The settings that a schedule depends on."""

    step_minutes: int = 5
    price_poll_minutes: int = 1
    close_offset_minutes: int = 1  # how much before the close the day's last step runs
    refill: bool = True


def day_schedule(day: date, calendar: Calendar, table: Timetable) -> tuple[PlannedTask, ...]:
    """Return every task of a date in the order in which they run; none on a closed day.

    Steps and price polls stand at bar ends. The step at the day's close is moved
    `close_offset_minutes` earlier, so that what it orders can still execute.
    """
    segments = calendar.segments(day)
    if not segments:
        return ()
    midnight = _local_midnight(day + timedelta(days=1), calendar.zone)
    close = segments[-1].end
    rows = [
        ("pre_open", max(segments[0].start - _BEFORE_OPEN, _local_midnight(day, calendar.zone)))
    ]
    for segment in segments:
        rows += [("open_market", segment.start), ("close_market", segment.end)]
        rows += [("acquire_live_price", at) for at in _every(segment, table.price_poll_minutes)]
        steps = step_nanos(segment, close, table).tolist()
        rows += [("run_strategy", time_of(at)) for at in steps]
    rows.append(("post_close", min(close + _AFTER_CLOSE, midnight)))
    if table.refill:
        rows.append(("refill", min(close + _REFILL_AFTER_CLOSE, midnight)))
    rows.sort(key=lambda row: (row[1], PRIORITY[row[0]]))
    return _numbered(rows, day, calendar.zone)


def _local_midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _every(segment: Segment, minutes: int) -> list[datetime]:
    """Return each multiple of `minutes` after the segment's start, its end included."""
    gap, at, found = timedelta(minutes=minutes), segment.start, list[datetime]()
    while (at := at + gap) <= segment.end:
        found.append(at)
    return found


def step_nanos(segment: Segment, close: datetime, table: Timetable) -> NDArray[np.int64]:
    """Return when the strategy's steps of a segment are due; `close` is the day's.

    Returns
    -------
    NDArray
        Shape ``(steps,)``, nanoseconds since 1970 UTC, ascending, each once.
    """
    gap = table.step_minutes * _MINUTE_NANOS
    dues = np.arange(nanos(segment.start) + gap, nanos(segment.end) + 1, gap, dtype=np.int64)
    last = nanos(close) - table.close_offset_minutes * _MINUTE_NANOS
    return np.unique(np.minimum(dues, last))


def _numbered(
    rows: list[tuple[str, datetime]], day: date, zone: ZoneInfo
) -> tuple[PlannedTask, ...]:
    tasks, step = list[PlannedTask](), 0
    for name, due in rows:
        is_step = name == "run_strategy"
        tasks.append(
            PlannedTask(
                task_id=f"{day:%Y%m%d}-{name}-{due.astimezone(zone):%H%M%S}",
                task=name,
                due=due,
                step=step if is_step else None,
            )
        )
        step += is_step
    return tuple(tasks)


def schedule_digest(tasks: Sequence[PlannedTask]) -> str:
    """Return the sha256 of a schedule's rows, hex."""
    return hashlib.sha256(msgspec.json.encode(tasks)).hexdigest()


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What becomes of one row when the engine comes to a day."""

    task: PlannedTask
    fate: Literal["keep", "missed", "already_done"]


def catch_up(
    tasks: Sequence[PlannedTask],
    now: datetime,
    segments: Sequence[Segment],
    *,
    closed_already: bool,
) -> tuple[CaughtUp, ...]:
    """Return the fate of each row of a day when the engine comes to it at `now`.

    A row that is due at `now` exactly is not past. Of the past rows, `pre_open` is kept;
    `open_market` is kept if `now` is inside its segment; `post_close` if the day has not been
    closed; `close_market` is not replayed, its effect is a state; the rest is missed.
    """
    inside = next((s for s in segments if s.start <= now < s.end), None)

    def fate(task: PlannedTask) -> Literal["keep", "missed", "already_done"]:
        if task.task == "post_close" and closed_already:
            return "already_done"
        if task.due >= now or task.task in {"pre_open", "post_close"}:
            return "keep"
        if task.task == "open_market" and inside is not None and task.due == inside.start:
            return "keep"
        return "missed"

    return tuple(CaughtUp(task, fate(task)) for task in tasks)
