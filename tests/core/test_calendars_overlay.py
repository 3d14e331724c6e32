from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import BeyondCalendar, ConfigError

NEXT_YEAR = """
[XSHG]
known_until = 2027-02-28
holidays = [2027-01-01, 2027-02-08, 2026-12-30]
extra_sessions = [2027-02-06]
half_days = { 2027-02-05 = 11:30:00, 2027-02-10 = 14:00:00 }
"""


def overlay(folder: Path, text: str) -> Path:
    path = folder / "calendar_overlay.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_overlay_extends_what_is_known_with_weekdays(tmp_path: Path) -> None:
    calendar = exchange_calendar("XSHG", overlay=overlay(tmp_path, NEXT_YEAR))

    assert calendar.last == date(2027, 2, 28)
    assert calendar.next_session(date(2026, 12, 31)) == date(2027, 1, 4)
    assert [s.start for s in calendar.segments(date(2027, 1, 4))] == [
        datetime(2027, 1, 4, 1, 30, tzinfo=UTC),
        datetime(2027, 1, 4, 5, tzinfo=UTC),
    ]
    assert not calendar.is_session(date(2027, 1, 9))  # a Saturday


def test_an_overlay_closes_opens_and_shortens_days(tmp_path: Path) -> None:
    calendar = exchange_calendar("XSHG", overlay=overlay(tmp_path, NEXT_YEAR))

    assert not calendar.is_session(date(2026, 12, 30))
    assert not calendar.is_session(date(2027, 2, 8))
    assert calendar.sessions(date(2027, 2, 4), date(2027, 2, 9)) == (
        date(2027, 2, 4),
        date(2027, 2, 5),
        date(2027, 2, 6),
        date(2027, 2, 9),
    )
    (morning,) = calendar.segments(date(2027, 2, 5))
    assert morning.end == datetime(2027, 2, 5, 3, 30, tzinfo=UTC)
    assert calendar.segments(date(2027, 2, 10))[1].seconds == 3600.0


def test_the_calendar_without_the_overlay_stays_as_it_was(tmp_path: Path) -> None:
    exchange_calendar("XSHG", overlay=overlay(tmp_path, NEXT_YEAR))

    with pytest.raises(BeyondCalendar):
        exchange_calendar("XSHG").is_session(date(2027, 1, 4))


def test_an_edited_overlay_is_read_again(tmp_path: Path) -> None:
    first = exchange_calendar("XNYS", overlay=overlay(tmp_path, ""))
    second = exchange_calendar(
        "XNYS", overlay=overlay(tmp_path, "[XNYS]\nholidays = [2026-03-04]\n")
    )

    assert first.is_session(date(2026, 3, 4))
    assert not second.is_session(date(2026, 3, 4))


def test_new_hours_follow_daylight_saving(tmp_path: Path) -> None:
    text = "[XNYS]\nknown_until = 2029-12-31\n"
    calendar = exchange_calendar("XNYS", overlay=overlay(tmp_path, text))

    assert calendar.segments(date(2029, 3, 9))[0].start.hour == 14  # 9:30 winter time
    assert calendar.segments(date(2029, 3, 12))[0].start.hour == 13


def test_all_mistakes_of_an_overlay_are_told_at_once(tmp_path: Path) -> None:
    text = """
[XSHG]
hollidays = [2027-01-01]
known_until = "soon"
extra_sessions = 2027-01-02
half_days = { friday = 11:30:00, 2027-01-05 = "noon" }
[XLOM]
holidays = []
"""
    with pytest.raises(ConfigError) as caught:
        exchange_calendar("XSHG", overlay=overlay(tmp_path, text))

    for part in (
        "hollidays; did you mean holidays?",
        "known_until must be a date, was 'soon'",
        "extra_sessions must be a list of dates",
        "'friday' is no date",
        "2027-01-05 needs a time",
        "[XLOM] is no exchange that can be extended; did you mean [XLON]?",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[XSHG]\nknown_until = 2025-01-01", "known_until 2025-01-01 lies before 2026-12-31"),
        ("[XSHG]\nholidays = [2027-03-01]", "2027-03-01 lie outside 2008-01-01 to 2026-12-31"),
        (
            "[XSHG]\nholidays = [2026-03-07]\nextra_sessions = [2026-03-07]",
            "2026-03-07 stand in holidays",
        ),
        ("[XSHG]\nhalf_days = { 2026-03-07 = 11:30:00 }", "half_days on closed days: 2026-03-07"),
        ("XSHG = 3", "XSHG must be a"),
        ("[XSHG]\nhalf_days = 3", "half_days must be a"),
        ("[XSHG]\nzzz = 3", "known: extra_sessions, half_days, holidays, known_until"),
        ("[XSHG", "cannot be read"),
    ],
)
def test_a_wrong_overlay_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        exchange_calendar("XSHG", overlay=overlay(tmp_path, text))

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[XSHG]\nknown_until = 9999-12-31", "line 2"),
        ("[XSHG]\nholidays = [2026-03-04T00:00:00]", "line 2"),
        ("[XSHG]\nhalf_days = { 2026-03-04 = 11:30:30 }", "line 2"),
        # Such a day would be a session without a minute in it.
        ("[XSHG]\nhalf_days = { 2026-03-04 = 09:30:00 }", "2026-03-04 at 09:30:00"),
        ("[XSHG]\nhalf_days = { 2026-03-04 = 15:30:00 }", "2026-03-04 at 15:30:00"),
        ("[XSHG]\nholidays = " + "[" * 5_000 + "]" * 5_000, "nested too deep"),
        ("[XSHG]\nholidays = " + "1" * 5_000, "too many digits"),
        ("[XSHG]\n# \0", "line 2"),
        ("# " + "x" * 2_000_000, "longer than"),
    ],
)
def test_dates_and_files_beyond_reason_are_one_error(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        exchange_calendar("XSHG", overlay=overlay(tmp_path, text))

    assert part in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_missing_overlay_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        exchange_calendar("XSHG", overlay=tmp_path / "nowhere.toml")


def test_an_unknown_exchange_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        exchange_calendar("XSGH")
    with pytest.raises(ConfigError, match="qtkit instruments list"):
        exchange_calendar("Frankfurt")
