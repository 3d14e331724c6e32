"""Every calendar by its code; evening sessions, half days, and the end of what is known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from exchange_calendars import get_calendar_names

from qtkit.core.calendars import calendar_codes, end_of_knowledge, exchange_calendar
from qtkit.core.errors import BeyondCalendar


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_code_of_the_library_is_a_calendar() -> None:
    assert set(calendar_codes()) == set(get_calendar_names(include_aliases=False))


@pytest.mark.parametrize(
    ("code", "day", "starts", "ends"),
    [
        ("XTKS", date(2024, 11, 1), "2024-11-01 00:00", "2024-11-01 06:00"),
        ("XTKS", date(2026, 3, 4), "2026-03-04 00:00", "2026-03-04 06:30"),  # half an hour more
        ("XHKG", date(2026, 2, 16), "2026-02-16 01:30", "2026-02-16 04:00"),  # half a day
        ("XLON", date(2026, 3, 27), "2026-03-27 08:00", "2026-03-27 16:30"),
        ("XLON", date(2026, 3, 30), "2026-03-30 07:00", "2026-03-30 15:30"),  # summer time
        ("XFRA", date(2026, 3, 4), "2026-03-04 08:00", "2026-03-04 16:30"),
        ("24/5", date(2026, 3, 6), "2026-03-06 00:00", "2026-03-07 00:00"),
        ("CMES", date(2026, 3, 4), "2026-03-03 23:00", "2026-03-04 23:00"),
        ("us_futures", date(2026, 3, 9), "2026-03-08 22:00", "2026-03-09 22:00"),
    ],
)
def test_a_session_begins_and_ends(code: str, day: date, starts: str, ends: str) -> None:
    parts = exchange_calendar(code).segments(day)

    assert (parts[0].start, parts[-1].end) == (utc(starts), utc(ends))


@pytest.mark.parametrize(
    ("code", "at", "day"),
    [
        ("CMES", "2026-03-03 22:59", date(2026, 3, 3)),
        ("CMES", "2026-03-03 23:00", date(2026, 3, 4)),  # 17:00 in Chicago
        ("CMES", "2026-03-08 22:00", date(2026, 3, 9)),  # a Sunday, summer time
        ("XNYS", "2026-03-04 04:59", date(2026, 3, 3)),
        ("24/5", "2026-03-04 00:00", date(2026, 3, 4)),
    ],
)
def test_an_evening_session_belongs_to_the_next_date(code: str, at: str, day: date) -> None:
    calendar = exchange_calendar(code)

    assert calendar.local_date(utc(at)) == day
    assert calendar.begin(day) <= utc(at)


@pytest.mark.parametrize(("day", "told"), [(date(2026, 10, 31), False), (date(2026, 11, 1), True)])
def test_the_end_is_told_sixty_days_before(day: date, *, told: bool) -> None:
    assert bool(end_of_knowledge(exchange_calendar("XSHG"), day)) is told


def test_a_settlement_beyond_the_end_counts_weekdays_where_the_overlay_says_so(
    tmp_path: Path,
) -> None:
    overlay = tmp_path / "calendar_overlay.toml"
    overlay.write_text("[XSHG]\nsettle_on_weekdays = true\n")
    last = date(2026, 12, 31)

    with pytest.raises(BeyondCalendar, match="settle_on_weekdays"):
        exchange_calendar("XSHG").session_after(last, 1)
    calendar = exchange_calendar("XSHG", overlay)
    assert calendar.session_after(last, 2) == date(2027, 1, 4)
    with pytest.raises(BeyondCalendar):
        calendar.next_session(last)
