"""Where bars begin and end, worked out by hand; and how long they are, by how far apart."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError, DataError
from qtkit.market.bar_grid import BarGrid
from qtkit.market.longer_bars import longer_bars
from qtkit.market.tables.quality import check_table
from qtkit.market.tables.synthetic import synthetic_bars
from qtkit.model.bar_length import BarLength, infer_bar_length
from qtkit.model.bars import nanos, time_of
from qtkit.testing import bars_of
from tests.market.bar_makers import utc

DAY = date(2026, 3, 4)
HALF_DAY = date(2026, 11, 27)  # New York closes at 13:00
SECOND = 1_000_000_000


def walls(exchange: str, length: BarLength, day: date) -> list[str]:
    calendar = exchange_calendar(exchange)
    ends = BarGrid(calendar, length).ends(day).tolist()
    return [f"{time_of(end).astimezone(calendar.zone):%H:%M}" for end in ends]


@pytest.mark.parametrize(
    ("exchange", "length", "day", "ends"),
    [
        ("XNYS", BarLength.MIN_60, DAY,
         ["10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"]),
        ("XNYS", BarLength.MIN_60, HALF_DAY, ["10:30", "11:30", "12:30", "13:00"]),
        ("XSHG", BarLength.MIN_60, DAY, ["10:30", "11:30", "14:00", "15:00"]),
        ("XSHG", BarLength.MIN_30, DAY,
         ["10:00", "10:30", "11:00", "11:30", "13:30", "14:00", "14:30", "15:00"]),
        ("XNYS", BarLength.DAY, DAY, ["16:00"]),
        ("XNYS", BarLength.DAY, HALF_DAY, ["13:00"]),
        ("XSHG", BarLength.DAY, DAY, ["15:00"]),
        ("24/7", BarLength.DAY, DAY, ["00:00"]),
        ("XSHG", BarLength.DAY, date(2026, 2, 17), []),
    ],
)  # fmt: skip
def test_bars_begin_with_their_segment_and_the_last_may_be_shorter(
    exchange: str, length: BarLength, day: date, ends: list[str]
) -> None:
    assert walls(exchange, length, day) == ends


@pytest.mark.parametrize(
    ("length", "seen", "first_end"),
    [
        (BarLength.MIN_1, "14:30:00", "14:31"),
        (BarLength.MIN_1, "14:30:01", "14:32"),
        (BarLength.MIN_5, "14:35:00", "14:40"),
        (BarLength.MIN_5, "14:35:59", "14:40"),  # time counts by the minute
        (BarLength.MIN_5, "14:36:00", "14:45"),
        (BarLength.MIN_60, "20:30:00", "21:00"),  # the short last one
        (BarLength.MIN_60, "20:31:00", None),
        (BarLength.DAY, "13:00:00", "21:00"),  # before the open
        (BarLength.DAY, "14:30:02", "21:00"),
        (BarLength.DAY, "14:31:00", None),
    ],
)
def test_an_order_meets_the_first_bar_that_begins_when_it_can_be_seen(
    length: BarLength, seen: str, first_end: str | None
) -> None:
    """New York, winter: open from 14:30 to 21:00 UTC."""
    found = BarGrid(exchange_calendar("XNYS"), length).first_end_from(
        nanos(utc(f"2026-03-04 {seen}"))
    )

    assert found == (nanos(utc(f"2026-03-04 {first_end}")) if first_end else 2**63 - 1)


@pytest.mark.parametrize(
    ("length", "ends", "fits"),
    [
        (BarLength.MIN_1, ["14:31:00", "14:31:07"], [True, False]),
        (BarLength.MIN_5, ["14:35:00", "14:36:00", "12:05:00", "12:06:00"],
         [True, False, True, False]),
        (BarLength.MIN_60, ["15:30:00", "16:00:00", "21:00:00"], [True, False, True]),
        (BarLength.DAY, ["21:00:00", "20:59:00"], [True, False]),
    ],
)  # fmt: skip
def test_a_feed_lets_pass_what_ends_where_bars_end(
    length: BarLength, ends: list[str], fits: list[bool]
) -> None:
    moments = np.array([nanos(utc(f"2026-03-04 {end}")) for end in ends], np.int64)

    assert BarGrid(exchange_calendar("XNYS"), length).are_ends(moments).tolist() == fits


def test_longer_bars_by_hand() -> None:
    """The bar at 08:00 lies outside trading; that of 15:31 begins the second hour."""
    rows = [
        ("2026-03-04 13:00", 9.0, 9.0, 9.0, 9.0, 7.0),
        ("2026-03-04 14:31", 10.0, 10.5, 9.5, 10.2, 100.0),
        ("2026-03-04 15:30", 10.2, 11.0, 10.0, 10.9, 200.0),
        ("2026-03-04 15:31", 10.9, 10.9, 10.1, 10.3, 300.0),
    ]
    bars = bars_of("A", [(utc(end), *numbers) for end, *numbers in rows])  # type: ignore[misc]

    hours = longer_bars(bars, BarGrid(exchange_calendar("XNYS"), BarLength.MIN_60))

    assert [f"{time_of(end):%H:%M}" for end in hours.end.tolist()] == ["15:30", "16:30"]
    columns = [hours.open, hours.high, hours.low, hours.close, hours.volume]
    assert [column.tolist() for column in columns] == [
        [10.0, 10.9], [11.0, 10.9], [9.5, 10.1], [10.9, 10.3], [300.0, 300.0],
    ]  # fmt: skip
    assert hours.length is BarLength.MIN_60


def test_shorter_bars_cannot_be_made() -> None:
    hours = bars_of("A", [(utc("2026-03-04 15:30"), 1.0, 1.0, 1.0, 1.0, 1.0)], BarLength.MIN_60)

    with pytest.raises(ConfigError, match="60min"):
        longer_bars(hours, BarGrid(exchange_calendar("XNYS"), BarLength.MIN_5))


@pytest.mark.parametrize("length", list(BarLength))
@pytest.mark.parametrize("exchange", ["XNYS", "XSHG", "24/7"])
def test_whole_days_of_any_length_are_told_by_their_ends_and_pass_every_rule(
    exchange: str, length: BarLength
) -> None:
    """Over the change of the clocks; the last bar is cut off to be missed."""
    calendar = exchange_calendar(exchange)
    days = calendar.sessions(date(2026, 3, 5), date(2026, 3, 12))
    grid = BarGrid(calendar, length)
    parts = [synthetic_bars("A", day, calendar, seed=1, length=length) for day in days]
    ends = np.concatenate([part.end for part in parts])

    assert infer_bar_length(ends) is length
    assert ends.tolist() == grid.spans_between(days[0], days[-1]).end.tolist()
    for day, bars in zip(days, parts, strict=True):
        assert {v.status for v in check_table(bars, calendar, day, day)} == {"pass"}
        cut = check_table(bars.rows(0, len(bars) - 1), calendar, day, day)
        assert {v.rule for v in cut if v.status == "fail"} >= (
            {"data.tail"} if len(bars) > 1 else {"data.gaps"}
        )


@pytest.mark.parametrize(
    "minutes",
    [
        [],
        [1],
        [1, 3, 5, 7],  # two minutes: no length
        [5, 10, 15, 16, 17, 18, 20, 25, 30, 35],  # minutes among five
        [0, 1440, 2880, 3000, 4320],  # an hour among days
    ],
    ids=["nothing", "one", "two_minutes", "mixed", "days_mixed"],
)
def test_bars_of_no_length_or_of_several_are_refused(minutes: list[int]) -> None:
    ends = np.array(minutes, np.int64) * 60 * SECOND

    with pytest.raises(DataError, match="1min"):
        infer_bar_length(ends)
