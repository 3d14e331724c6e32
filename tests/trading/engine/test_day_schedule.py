"""What a day's schedule is, worked out by hand for four kinds of day."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import msgspec
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError
from qtkit.model.events import PlannedTask
from qtkit.testing import DAY, local
from qtkit.trading.engine.schedule import (
    Timetable,
    day_schedule,
    refuse_steps_that_never_come,
    schedule_digest,
)

FIVE = Timetable()


def rows(
    day: date = DAY, exchange: str = "XSHG", table: Timetable = FIVE
) -> tuple[PlannedTask, ...]:
    return day_schedule(day, exchange_calendar(exchange), table)


def times(tasks: tuple[PlannedTask, ...], name: str) -> list[str]:
    return [local(t.due) for t in tasks if t.task == name]


def test_a_shanghai_day_by_hand() -> None:
    tasks = rows()
    assert Counter(t.task for t in tasks) == {
        "pre_open": 1,
        "open_market": 2,
        "acquire_live_price": 240,
        "run_strategy": 48,
        "close_market": 2,
        "post_close": 1,
        "refill": 1,
    }
    assert times(tasks, "pre_open") == ["09:15:00"]
    assert times(tasks, "open_market") == ["09:30:00", "13:00:00"]
    assert times(tasks, "close_market") == ["11:30:00", "15:00:00"]
    assert times(tasks, "post_close") == ["15:15:00"]
    assert times(tasks, "refill") == ["15:30:00"]
    polls = times(tasks, "acquire_live_price")
    assert (polls[0], polls[119], polls[120], polls[-1]) == (
        "09:31:00",
        "11:30:00",
        "13:01:00",
        "15:00:00",
    )
    steps = times(tasks, "run_strategy")
    assert steps[:2] == ["09:35:00", "09:40:00"]
    assert steps[22:26] == ["11:25:00", "11:30:00", "13:05:00", "13:10:00"]
    assert steps[-2:] == ["14:55:00", "14:59:00"]  # moved before the close


def test_steps_are_numbered_through_the_day_and_nothing_else_is() -> None:
    tasks = rows()
    assert [t.step for t in tasks if t.task == "run_strategy"] == list(range(48))
    assert {t.step for t in tasks if t.task != "run_strategy"} == {None}


def test_ids_name_the_date_the_task_and_the_local_time() -> None:
    tasks = rows()
    assert tasks[0].task_id == "20260304-pre_open-091500"
    assert "20260304-run_strategy-145900" in {t.task_id for t in tasks}
    assert len({t.task_id for t in tasks}) == len(tasks)


@pytest.mark.parametrize(
    ("moment", "order"),
    [
        ("11:30:00", ["acquire_live_price", "run_strategy", "close_market"]),
        ("13:05:00", ["acquire_live_price", "run_strategy"]),
        ("15:00:00", ["acquire_live_price", "close_market"]),
    ],
)
def test_the_order_at_equal_times(moment: str, order: list[str]) -> None:
    assert [t.task for t in rows() if local(t.due) == moment] == order


def test_a_half_day_of_new_york_by_hand() -> None:
    """The day after Thanksgiving 2026: 09:30 to 13:00 in New York, 14:30 to 18:00 UTC."""
    tasks = rows(date(2026, 11, 27), "XNYS")
    counted = Counter(t.task for t in tasks)
    assert (counted["acquire_live_price"], counted["run_strategy"]) == (210, 42)
    due = {t.task: t.due.replace(tzinfo=None).isoformat() for t in tasks}
    assert due["pre_open"] == "2026-11-27T14:15:00"
    assert due["close_market"] == "2026-11-27T18:00:00"
    assert due["run_strategy"] == "2026-11-27T17:59:00"
    assert due["post_close"] == "2026-11-27T18:15:00"
    assert tasks[0].task_id == "20261127-pre_open-091500"


@pytest.mark.parametrize(
    ("day", "open_at"), [(date(2026, 3, 6), "14:30"), (date(2026, 3, 9), "13:30")]
)
def test_new_york_opens_an_hour_earlier_in_utc_after_the_clocks_change(
    day: date, open_at: str
) -> None:
    first = next(t.due for t in rows(day, "XNYS") if t.task == "open_market")
    assert f"{first:%H:%M}" == open_at


def test_a_day_that_never_closes_by_hand() -> None:
    """Midnight to midnight; the last step is a minute before the end of the day."""
    tasks = rows(date(2026, 3, 7), "24/7")
    counted = Counter(t.task for t in tasks)
    assert (counted["acquire_live_price"], counted["run_strategy"]) == (1440, 288)
    assert tasks[0].task == "pre_open"
    assert tasks[0].due == datetime(2026, 3, 7, tzinfo=UTC)
    last_step = [t for t in tasks if t.task == "run_strategy"][-1]
    assert last_step.due == datetime(2026, 3, 7, 23, 59, tzinfo=UTC)
    assert [t.task for t in tasks[-4:]] == [
        "acquire_live_price",
        "close_market",
        "post_close",
        "refill",
    ]
    assert {t.due for t in tasks[-4:]} == {datetime(2026, 3, 8, tzinfo=UTC)}


@pytest.mark.parametrize("day", [date(2026, 2, 17), date(2026, 3, 7)])
def test_a_closed_day_has_no_tasks(day: date) -> None:
    assert rows(day) == ()


def test_settings_move_what_they_name() -> None:
    table = Timetable(step_minutes=30, price_poll_minutes=20, close_offset_minutes=3, refill=False)
    tasks = rows(table=table)
    assert times(tasks, "run_strategy") == [
        "10:00:00", "10:30:00", "11:00:00", "11:30:00",
        "13:30:00", "14:00:00", "14:30:00", "14:57:00",
    ]  # fmt: skip
    assert len(times(tasks, "acquire_live_price")) == 12
    assert not times(tasks, "refill")


def test_without_an_offset_the_last_step_stands_at_the_close_and_goes_before_it() -> None:
    tasks = rows(table=replace(FIVE, close_offset_minutes=0))
    assert [t.task for t in tasks if local(t.due) == "15:00:00"] == [
        "acquire_live_price", "run_strategy", "close_market",
    ]  # fmt: skip


def test_a_step_that_the_offset_pushes_onto_another_is_one_step() -> None:
    tasks = rows(table=replace(FIVE, step_minutes=1))
    steps = times(tasks, "run_strategy")
    assert steps[-2:] == ["14:58:00", "14:59:00"]
    assert len(steps) == len(set(steps)) == 239


def test_a_preparation_stands_before_its_step_and_inside_its_segment() -> None:
    tasks = rows(table=replace(FIVE, prepare_lead_seconds=400))
    prepared = {t.step: local(t.due) for t in tasks if t.task == "prepare_strategy"}
    assert prepared[0] == "09:30:00"  # 09:28:20 would be before the opening
    assert prepared[1] == "09:33:20"
    assert prepared[24] == "13:00:00"
    assert len(prepared) == 48


def test_the_digest_is_a_function_of_the_rows() -> None:
    assert schedule_digest(rows()) == schedule_digest(rows())
    assert len(schedule_digest(rows())) == 64
    others = {
        schedule_digest(rows(table=replace(FIVE, step_minutes=6))),
        schedule_digest(rows(table=replace(FIVE, refill=False))),
        schedule_digest(rows(date(2026, 3, 5))),
        schedule_digest(rows()),
    }
    assert len(others) == 4


# --- steps and polls as long as a segment ---------------------------------------------------------

BEFORE_THANKSGIVING = date(2026, 11, 23)
HALF_DAY = date(2026, 11, 27)  # New York closes at 13:00


@pytest.mark.parametrize(
    ("exchange", "minutes", "steps"),
    [
        ("XSHG", 120, ["11:30:00", "14:59:00"]),
        ("XNYS", 390, ["04:59:00"]),  # 15:59 in New York, as Shanghai reads it
        ("24/7", 1440, ["07:59:00"]),
    ],
)
def test_a_step_may_be_as_long_as_a_segment(exchange: str, minutes: int, steps: list[str]) -> None:
    table = Timetable(step_minutes=minutes)
    refuse_steps_that_never_come(exchange_calendar(exchange), DAY, table)

    assert times(rows(DAY, exchange, table), "run_strategy") == steps


@pytest.mark.parametrize("field", ["step_minutes", "price_poll_minutes"])
@pytest.mark.parametrize(
    ("exchange", "minutes"),
    [("XSHG", 121), ("XSHG", 240), ("XNYS", 391), ("24/7", 1441), ("XNYS", -1), ("XSHG", -5)],
)
def test_steps_and_polls_that_would_never_come_are_refused(
    exchange: str, minutes: int, field: str
) -> None:
    table = msgspec.convert({field: minutes}, Timetable)

    with pytest.raises(ConfigError, match=f"{field} is {minutes}"):
        refuse_steps_that_never_come(exchange_calendar(exchange), BEFORE_THANKSGIVING, table)


def test_half_a_day_that_is_shorter_than_a_step_has_one_before_its_close() -> None:
    table = Timetable(step_minutes=390)
    refuse_steps_that_never_come(exchange_calendar("XNYS"), HALF_DAY, table)

    assert times(rows(HALF_DAY, "XNYS", table), "run_strategy") == ["01:59:00"]
