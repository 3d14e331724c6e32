"""The day's schedule and what a late start makes of it: pure functions of settings and calendar."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar, Segment
from qtkit.core.errors import ConfigError
from qtkit.model.bars import nanos, time_of
from qtkit.model.events import PlannedTask

__all__ = [
    "PRIORITY",
    "Timetable",
    "ahead_of",
    "day_schedule",
    "due_of_step",
    "poll_nanos",
    "refuse_steps_that_never_come",
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
            "prepare_strategy",
            "run_strategy",
            "close_market",
            "post_close",
            "refill",
            "diagnose_pending_orders",  # never on the schedule: by hand
        )
    )
}
"""Order of tasks that are due at the same time."""

_MINUTE_NANOS = 60_000_000_000
_BEFORE_OPEN = timedelta(minutes=15)
_AFTER_CLOSE = timedelta(minutes=15)
_REFILL_AFTER_CLOSE = timedelta(minutes=30)
_TWO_WEEKS = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The settings that a schedule depends on."""

    step_minutes: int = 5
    price_poll_minutes: int = 1
    close_offset_minutes: int = 1  # how much before the close the day's last step runs
    refill: bool = True
    prepare_lead_seconds: int | None = None  # how long before its step one is prepared; None: in it


def day_schedule(day: date, calendar: Calendar, table: Timetable) -> tuple[PlannedTask, ...]:
    """Return every task of a date in the order in which they run; none on a closed day.

    Steps and price polls stand at bar ends. The step at the day's close is moved
    `close_offset_minutes` earlier, so that what it orders can still execute. A step's preparation
    stands `prepare_lead_seconds` before it, but inside its segment.
    """
    segments = calendar.segments(day)
    if not segments:
        return ()
    zone, close = calendar.zone, segments[-1].end
    midnight = _local_midnight(day + timedelta(days=1), zone)
    begin = max(segments[0].start - _BEFORE_OPEN, _local_midnight(day, zone))
    rows = [_row(day, "pre_open", begin, zone)]
    first_step = 0
    for segment in segments:
        rows += [_row(day, "open_market", segment.start, zone)]
        rows += [_row(day, "close_market", segment.end, zone)]
        polls = [time_of(at) for at in poll_nanos(segment, table).tolist()]
        rows += [_row(day, "acquire_live_price", at, zone) for at in polls]
        steps = [time_of(at) for at in step_nanos(segment, close, table).tolist()]
        for step, at in enumerate(steps, first_step):
            rows += _step_rows(day, step, at, segment, table, zone)
        first_step += len(steps)
    rows.append(_row(day, "post_close", min(close + _AFTER_CLOSE, midnight), zone))
    if table.refill:
        rows.append(_row(day, "refill", min(close + _REFILL_AFTER_CLOSE, midnight), zone))
    return tuple(sorted(rows, key=lambda row: (row.due, PRIORITY[row.task], row.step or 0)))


def _row(
    day: date, task: str, due: datetime, zone: ZoneInfo, step: int | None = None
) -> PlannedTask:
    task_id = f"{day:%Y%m%d}-{task}-{due.astimezone(zone):%H%M%S}"
    return PlannedTask(task_id=task_id, task=task, due=due, step=step)


def _step_rows(
    day: date, step: int, at: datetime, segment: Segment, table: Timetable, zone: ZoneInfo
) -> list[PlannedTask]:
    """Return a step, and its preparation where steps are prepared ahead."""
    run = _row(day, "run_strategy", at, zone, step)
    if table.prepare_lead_seconds is None:
        return [run]
    ahead = ahead_of(at, table.prepare_lead_seconds, segment.start)
    task_id = run.task_id.replace("run_strategy", "prepare_strategy")  # named after its step
    return [PlannedTask(task_id=task_id, task="prepare_strategy", due=ahead, step=step), run]


def ahead_of(due: datetime, lead_seconds: int, opened: datetime) -> datetime:
    """Return when a step is prepared: so long before it, but inside its segment."""
    return max(due - timedelta(seconds=lead_seconds), opened)


def due_of_step(rows: Iterable[PlannedTask], task: PlannedTask) -> datetime:
    """Return when a preparation's step is due; of any other task, when it is due itself."""
    if task.task != "prepare_strategy" or task.step is None:
        return task.due
    steps = (r.due for r in rows if r.task == "run_strategy" and r.step == task.step)
    return next(steps, task.due)


def _local_midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def poll_nanos(segment: Segment, table: Timetable) -> NDArray[np.int64]:
    """Return when prices are asked for in a segment: each multiple of the setting, its end too.

    Returns
    -------
    NDArray
        Shape ``(polls,)``, nanoseconds since 1970 UTC, ascending.
    """
    gap = table.price_poll_minutes * _MINUTE_NANOS
    return np.arange(nanos(segment.start) + gap, nanos(segment.end) + 1, gap, dtype=np.int64)


def step_nanos(segment: Segment, close: datetime, table: Timetable) -> NDArray[np.int64]:
    """Return when the strategy's steps of a segment are due; `close` is the day's.

    A segment that is shorter than a step (half a day) has one at its end.

    Returns
    -------
    NDArray
        Shape ``(steps,)``, nanoseconds since 1970 UTC, ascending, each once.
    """
    gap = table.step_minutes * _MINUTE_NANOS
    start, end = nanos(segment.start), nanos(segment.end)
    dues = np.arange(min(start + gap, end), end + 1, gap, dtype=np.int64)
    last = nanos(close) - table.close_offset_minutes * _MINUTE_NANOS
    # steps past the last moment are due at it, all of them together once
    return np.minimum(dues[: int(dues.searchsorted(last)) + 1], last)


def refuse_steps_that_never_come(calendar: Calendar, day: date, table: Timetable) -> None:
    """Make sure that a regular day of the exchange has steps and price polls.

    Parameters
    ----------
    calendar
        The exchange's.
    day
        First date to be traded; the two weeks from it on show a regular day's segments.
    table
        What the settings and the strategy ask for.

    Raises
    ------
    ConfigError
        If a step or a poll is longer than every segment, or not a positive number of minutes.
    """
    calendar.segments(day)  # one that it does not know is refused here
    until = day + min(_TWO_WEEKS, calendar.last - day)
    days = [calendar.segments(d) for d in calendar.sessions(day, until)] or [()]
    regular = max(days, key=lambda segments: max((s.seconds for s in segments), default=0.0))
    longest = int(max((s.seconds for s in regular), default=0.0) // 60)
    asked = {"step_minutes": table.step_minutes, "price_poll_minutes": table.price_poll_minutes}
    wrong = [
        f"{name} is {minutes}" for name, minutes in asked.items() if not 1 <= minutes <= longest
    ]
    if wrong and longest:
        hours = ", ".join(
            f"{_hour(s.start, calendar)} to {_hour(s.end, calendar)}" for s in regular
        )
        raise ConfigError(
            f"{' and '.join(wrong)}, and no trading segment of {calendar.name} is longer than "
            f"{longest} minutes ({hours}): none would ever come due; choose 1 to {longest}"
        )


def _hour(at: datetime, calendar: Calendar) -> str:
    return f"{at.astimezone(calendar.zone):%H:%M}"


def schedule_digest(tasks: Sequence[PlannedTask]) -> str:
    """Return the sha256 of a schedule's rows, hex."""
    return hashlib.sha256(msgspec.json.encode(tasks)).hexdigest()
