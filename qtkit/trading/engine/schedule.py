"""The day's schedule and what a late start makes of it: pure functions of settings and calendar."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar, Segment
from qtkit.core.errors import ConfigError
from qtkit.model.bar_length import BarLength
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

_MINUTE_NANOS = BarLength.MIN_1.nanos
_BEFORE_OPEN = timedelta(minutes=15)
_AFTER_CLOSE = timedelta(minutes=15)
_REFILL_AFTER_CLOSE = timedelta(minutes=30)
_TWO_WEEKS = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The settings that a schedule depends on.

    Steps and price polls are counted from the start of each trading segment: a step of 30 minutes
    comes 13 times in New York's 390, the last at the close. A segment that is shorter than a step
    (half a day) has one step at its end.
    """

    bar_length: BarLength = BarLength.MIN_1
    step_minutes: int = 5  # 0: once a day, at the open
    price_poll_minutes: int = 1
    close_offset_minutes: int = 1  # how much before the close the day's last step runs, at least
    refill: bool = True
    prepare_lead_seconds: int | None = None  # how long before its step one is prepared; None: in it


def day_schedule(day: date, calendar: Calendar, table: Timetable) -> tuple[PlannedTask, ...]:
    """Return every task of a date in the order in which they run; none on a closed day.

    Steps and price polls stand at bar ends. The step at the day's close is moved to the last bar
    end that is at least `close_offset_minutes` earlier, so that what it orders can still execute.
    Where steps come once a day, they stand at the open, after a price poll. A step's preparation
    stands `prepare_lead_seconds` before it, but inside its segment.
    """
    segments = calendar.segments(day)
    if not segments:
        return ()
    zone, close = calendar.zone, segments[-1].end
    polls, steps = poll_nanos(segments, table), step_nanos(segments, table)
    midnight = _local_midnight(day + timedelta(days=1), zone)
    begin = max(segments[0].start - _BEFORE_OPEN, _local_midnight(day, zone))
    rows = [_row(day, "pre_open", begin, zone)]
    first_step = 0
    for segment, polled, stepped in zip(segments, polls, steps, strict=True):
        rows += [_row(day, "open_market", segment.start, zone)]
        rows += [_row(day, "close_market", segment.end, zone)]
        rows += [_row(day, "acquire_live_price", time_of(at), zone) for at in polled.tolist()]
        for step, at in enumerate(stepped.tolist(), first_step):
            rows += _step_rows(day, step, time_of(at), segment, table, zone)
        first_step += len(stepped)
    rows.append(_row(day, "post_close", min(close + _AFTER_CLOSE, midnight), zone))
    if table.refill:
        rows.append(_row(day, "refill", min(close + _REFILL_AFTER_CLOSE, midnight), zone))
    return tuple(sorted(rows, key=lambda row: (row.due, PRIORITY[row.task], row.step or 0)))


def _row(
    day: date, task: str, due: datetime, zone: ZoneInfo, step: int | None = None
) -> PlannedTask:
    local = due.astimezone(zone)
    # what is due after midnight is of the same day: 240000 is not its 000000
    hour = local.hour + 24 * max((local.date() - day).days, 0)
    task_id = f"{day:%Y%m%d}-{task}-{hour:02d}{local:%M%S}"
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


def poll_nanos(segments: Sequence[Segment], table: Timetable) -> list[NDArray[np.int64]]:
    """Return when prices are asked for: each multiple of the setting, and each segment's end.

    Where steps come at the open, prices are asked for at the open as well.

    Returns
    -------
    list of NDArray
        One of shape ``(polls,)`` for each segment, nanoseconds since 1970 UTC, ascending.
    """
    gap = table.price_poll_minutes * _MINUTE_NANOS
    found = [_counted(segment, gap) for segment in segments]
    if found and not table.step_minutes:
        found[0] = np.insert(found[0], 0, nanos(segments[0].start))
    return found


def step_nanos(segments: Sequence[Segment], table: Timetable) -> list[NDArray[np.int64]]:
    """Return when the strategy's steps of a day are due.

    Returns
    -------
    list of NDArray
        One of shape ``(steps,)`` for each segment, nanoseconds since 1970 UTC, ascending, each
        once; all but the first of shape ``(0,)`` where steps come once a day, at the open.
    """
    if not table.step_minutes:
        none = [np.empty(0, np.int64) for _ in segments[1:]]
        return [np.array([nanos(segments[0].start)], np.int64), *none] if segments else []
    gap, last = table.step_minutes * _MINUTE_NANOS, _last_step(segments, table)
    steps = [_counted(segment, gap, at_end=False) for segment in segments]
    # steps past the last moment are due at it, all of them together once
    return [np.minimum(dues[: int(dues.searchsorted(last)) + 1], last) for dues in steps]


def _counted(segment: Segment, gap: int, *, at_end: bool = True) -> NDArray[np.int64]:
    """Return each multiple of a gap from a segment's start, and where nothing else is, its end."""
    start, end = nanos(segment.start), nanos(segment.end)
    found = np.arange(start + gap, end + 1, gap, dtype=np.int64)
    if not found.size or (at_end and found[-1] < end):
        found = np.append(found, end)
    return found


def _last_step(segments: Sequence[Segment], table: Timetable) -> int:
    """Return when the day's last step can be due: where a bar ends, so long before the close."""
    start, close = nanos(segments[-1].start), nanos(segments[-1].end)
    if not table.close_offset_minutes:
        return close
    length = table.bar_length.nanos
    open_for = close - table.close_offset_minutes * _MINUTE_NANOS - start
    return start + open_for // length * length if open_for > 0 else start


def refuse_steps_that_never_come(calendar: Calendar, day: date, table: Timetable) -> None:
    """Make sure that a regular day of the exchange has the steps and price polls asked for.

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
        If a step or a poll is longer than every segment, not a positive number of minutes, or no
        multiple of the bars' length.
    """
    calendar.segments(day)  # one that it does not know is refused here
    wrong = list(_misfits(table))
    until = day + min(_TWO_WEEKS, calendar.last - day)
    days = [calendar.segments(d) for d in calendar.sessions(day, until)] or [()]
    regular = max(days, key=lambda segments: max((s.seconds for s in segments), default=0.0))
    longest = int(max((s.seconds for s in regular), default=0.0) // 60)
    asked = {"step_minutes": table.step_minutes, "price_poll_minutes": table.price_poll_minutes}
    least = {"step_minutes": 0, "price_poll_minutes": 1}
    beyond = [
        f"{name} is {minutes}"
        for name, minutes in asked.items()
        if not least[name] <= minutes <= max(longest, table.bar_length.minutes)
    ]
    if beyond and longest:
        hours = ", ".join(
            f"{_hour(s.start, calendar)} to {_hour(s.end, calendar)}" for s in regular
        )
        wrong.append(
            f"{' and '.join(beyond)}, and no trading segment of {calendar.name} is longer than "
            f"{longest} minutes ({hours}), in which they are counted anew: none would ever come "
            f"due; choose 1 to {longest}, or step_minutes = 0, once a day at the open"
        )
    if wrong:
        raise ConfigError("; ".join(wrong))


def _misfits(table: Timetable) -> Iterator[str]:
    """Yield how steps do not go with the bars' length."""
    length, step = table.bar_length, table.step_minutes
    if length.is_day and step:
        yield (
            f"step_minutes is {step}, and bars of {length} end once a day: leave step_minutes "
            "out, or choose 0, once a day at the open"
        )
    elif step % length.minutes and not length.is_day:
        near = max(1, round(step / length.minutes)) * length.minutes
        yield (
            f"step_minutes is {step}, and bars of {length} end every {length.minutes} minutes: "
            f"choose a multiple, such as {near}, or 0, once a day at the open"
        )


def _hour(at: datetime, calendar: Calendar) -> str:
    return f"{at.astimezone(calendar.zone):%H:%M}"


def schedule_digest(tasks: Sequence[PlannedTask]) -> str:
    """Return the sha256 of a schedule's rows, hex."""
    return hashlib.sha256(msgspec.json.encode(tasks)).hexdigest()
