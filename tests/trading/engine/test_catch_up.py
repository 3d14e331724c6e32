"""A start at every second of the day, against an oracle that was written from the table alone.

The table: housekeeping before the open always runs once; `open_market` runs if now is inside its
segment; `close_market` is not replayed; `post_close` runs if now is after the close and it has not
run for that day; strategy steps and price polls in the past are missed. What is due at the second
of the start is not past.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.model.events import PlannedTask
from qtkit.testing import DAY, at
from qtkit.trading.engine.recovery import catch_up
from qtkit.trading.engine.schedule import Timetable, day_schedule

SECONDS = 86_400
PARTS = 4
CALENDAR = exchange_calendar("XSHG")
SEGMENTS = CALENDAR.segments(DAY)


def _second(hour: int, minute: int) -> int:
    return hour * 3600 + minute * 60


LUNCH, CLOSE = _second(11, 30), _second(15, 0)


def last_second_of(name: str, due: int) -> int:
    """Return the last second of the day at which a start still keeps a row; written by hand."""
    if name == "pre_open":
        return SECONDS  # always
    if name == "open_market":
        return LUNCH - 1 if due == _second(9, 30) else CLOSE - 1
    if name == "post_close":
        return SECONDS  # whenever it has not run
    return due  # steps, polls, close_market, refill: not once they are past


def clock_seconds(row: PlannedTask) -> int:
    """Return a row's time as seconds of its Shanghai day, by its own id."""
    hhmmss = row.task_id.rsplit("-", 1)[1]
    return int(hhmmss[:2]) * 3600 + int(hhmmss[2:4]) * 60 + int(hhmmss[4:])


def disagreements(
    rows: tuple[PlannedTask, ...], seconds: range, *, closed: bool
) -> list[tuple[int, str, str]]:
    """Return (second, task id, fate) wherever the code and the oracle part."""
    limits = [last_second_of(r.task, clock_seconds(r)) for r in rows]
    done = [closed and r.task == "post_close" for r in rows]
    midnight, found = at("00:00"), list[tuple[int, str, str]]()
    for second in seconds:
        now = midnight + timedelta(seconds=second)
        fates = catch_up(rows, now, SEGMENTS, closed_already=closed)
        for fate, limit, ran in zip(fates, limits, done, strict=True):
            expected = "already_done" if ran else "keep" if second <= limit else "missed"
            if fate.fate != expected:
                found.append((second, fate.task.task_id, fate.fate))
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_a_start_at_every_second_of_the_day_obeys_the_table(part: int) -> None:
    """86,400 starts; price polls every five minutes, so that it stays a matter of seconds."""
    rows = day_schedule(DAY, CALENDAR, Timetable(price_poll_minutes=5))
    share = SECONDS // PARTS
    assert not disagreements(rows, range(part * share, (part + 1) * share), closed=False)


@pytest.mark.parametrize("closed", [False, True])
def test_a_start_around_every_row_of_the_whole_schedule_obeys_the_table(closed: bool) -> None:  # noqa: FBT001
    """Every boundary to the second, the second before it and the one after."""
    rows = day_schedule(DAY, CALENDAR, Timetable())
    assert len(rows) == 295
    for due in sorted({clock_seconds(r) for r in rows}):
        assert not disagreements(rows, range(due - 1, due + 2), closed=closed)


@pytest.mark.parametrize(
    ("start", "kept", "missed"),
    [
        ("09:00:00", 295, 0),
        ("09:15:01", 295, 0),  # pre_open runs late
        ("09:30:00", 295, 0),
        ("09:31:00", 295, 0),  # inside: the open runs, the first poll is due now
        ("09:31:01", 294, 1),
        ("11:30:00", 152, 143),  # the first open, 119 polls and 23 steps are past
        ("15:30:01", 2, 293),  # only housekeeping and closing
    ],
)
def test_some_starts_by_hand(start: str, kept: int, missed: int) -> None:
    rows = day_schedule(DAY, CALENDAR, Timetable())
    fates = [c.fate for c in catch_up(rows, at(start), SEGMENTS, closed_already=False)]
    assert (fates.count("keep"), fates.count("missed")) == (kept, missed)


def test_a_preparation_is_made_up_for_as_long_as_its_step_is_to_come() -> None:
    rows = day_schedule(DAY, CALENDAR, Timetable(prepare_lead_seconds=120))

    def fate(start: str) -> list[str]:
        fates = catch_up(rows, at(start), SEGMENTS, closed_already=False)
        return [c.fate for c in fates if (c.task.task, c.task.step) == ("prepare_strategy", 1)]

    assert [fate(t) for t in ("09:37:59", "09:38:01", "09:40:00", "09:40:01")] == [
        ["keep"], ["keep"], ["keep"], ["missed"],
    ]  # fmt: skip
