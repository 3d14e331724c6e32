"""What every calendar promises; expected values were taken down by hand from the exchanges."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

import pytest

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.errors import BeyondCalendar

DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class CalendarContract:
    """Inherited by one class per calendar, which names its hand-written facts."""

    name: ClassVar[str]
    zone: ClassVar[str]
    hours: ClassVar[dict[str, list[tuple[str, str]]]]  # date -> (start, end), UTC
    closed: ClassVar[list[str]]
    following: ClassVar[list[tuple[str, str]]]  # two sessions with nothing between them
    settles: ClassVar[list[tuple[str, int, str]]]
    walls: ClassVar[list[tuple[str, str]]]  # UTC time -> the exchange's date
    seconds: ClassVar[list[tuple[str, str, float]]]
    counts: ClassVar[list[tuple[str, str, int]]]

    @pytest.fixture
    def calendar(self) -> Calendar:
        return exchange_calendar(self.name)

    def test_it_names_itself_and_its_zone(self, calendar: Calendar) -> None:
        assert calendar.name == self.name
        assert calendar.zone.key == self.zone

    def test_it_is_made_once(self, calendar: Calendar) -> None:
        assert exchange_calendar(self.name) is calendar

    def test_segments_are_those_taken_down_by_hand(self, calendar: Calendar) -> None:
        for day, hours in self.hours.items():
            found = [(s.start, s.end) for s in calendar.segments(date.fromisoformat(day))]
            assert found == [(utc(start), utc(end)) for start, end in hours], day
            assert calendar.is_session(date.fromisoformat(day))

    def test_segments_are_half_open(self, calendar: Calendar) -> None:
        for hours in self.hours.values():
            assert calendar.is_open(utc(hours[0][0]))
            assert calendar.is_open(utc(hours[-1][1]) - timedelta(microseconds=1))

    def test_a_closed_day_has_no_segments(self, calendar: Calendar) -> None:
        for text in self.closed:
            day = date.fromisoformat(text)
            assert not calendar.is_session(day), text
            assert calendar.segments(day) == ()
            assert not calendar.is_open(utc(f"{text} 15:00"))

    def test_neighbouring_sessions_know_each_other(self, calendar: Calendar) -> None:
        for before, after in self.following:
            first, second = date.fromisoformat(before), date.fromisoformat(after)
            assert calendar.next_session(first) == second
            assert calendar.previous_session(second) == first
            assert calendar.sessions(first, second) == (first, second)

    def test_the_next_session_of_a_closed_day_is_strictly_after_it(
        self, calendar: Calendar
    ) -> None:
        for before, after in self.following:
            first, second = date.fromisoformat(before), date.fromisoformat(after)
            for number in range(1, (second - first).days):
                between = first + DAY * number
                assert calendar.next_session(between) == second
                assert calendar.previous_session(between) == first
                assert calendar.session_after(between, 1) == second

    def test_settlement_counts_trading_days(self, calendar: Calendar) -> None:
        for day, count, settled in self.settles:
            found = calendar.session_after(date.fromisoformat(day), count)
            assert found == date.fromisoformat(settled)

    def test_settlement_after_no_day_is_the_day_itself(self, calendar: Calendar) -> None:
        for day, _, _ in self.settles:
            assert calendar.session_after(date.fromisoformat(day), 0) == date.fromisoformat(day)

    def test_a_negative_settlement_is_refused(self, calendar: Calendar) -> None:
        with pytest.raises(ValueError, match="0 or more trading days"):
            calendar.session_after(date(2026, 3, 4), -1)

    def test_the_date_is_the_one_on_the_exchange_s_wall(self, calendar: Calendar) -> None:
        for at, day in self.walls:
            assert calendar.local_date(utc(at)) == date.fromisoformat(day)

    def test_trading_seconds_by_hand(self, calendar: Calendar) -> None:
        for start, end, expected in self.seconds:
            assert calendar.trading_seconds(utc(start), utc(end)) == expected, (start, end)

    def test_no_trading_seconds_backwards(self, calendar: Calendar) -> None:
        assert calendar.trading_seconds(utc("2026-03-04 18:00"), utc("2026-03-03 18:00")) == 0.0

    def test_session_counts_by_hand(self, calendar: Calendar) -> None:
        for first, last, count in self.counts:
            days = calendar.sessions(date.fromisoformat(first), date.fromisoformat(last))
            assert len(days) == count
            assert list(days) == sorted(set(days))

    def test_a_naive_time_is_refused(self, calendar: Calendar) -> None:
        naive = datetime(2026, 3, 4, 2)  # noqa: DTZ001 - what is refused
        with pytest.raises(ValueError, match="aware time"):
            calendar.is_open(naive)

    def test_beyond_what_is_known_is_one_clear_error(self, calendar: Calendar) -> None:
        after, before = calendar.last + DAY, calendar.first - DAY
        late = datetime(after.year, after.month, after.day, 12, tzinfo=UTC)
        for ask in (
            lambda: calendar.is_session(after),
            lambda: calendar.segments(after),
            lambda: calendar.segments(before),
            lambda: calendar.sessions(calendar.first, after),
            lambda: calendar.sessions(before, calendar.last),
            lambda: calendar.next_session(calendar.last),
            lambda: calendar.previous_session(calendar.first),
            lambda: calendar.session_after(calendar.last, 1),
            lambda: calendar.is_open(late),
            lambda: calendar.trading_seconds(late - DAY, late),
        ):
            with pytest.raises(BeyondCalendar, match=str(calendar.last)) as caught:
                ask()
            assert "\n" not in str(caught.value)
            assert caught.value.exit_code == 3


class TestShanghai(CalendarContract):
    name = "XSHG"
    zone = "Asia/Shanghai"
    hours: ClassVar = {
        "2026-03-04": [
            ("2026-03-04 01:30", "2026-03-04 03:30"),
            ("2026-03-04 05:00", "2026-03-04 07:00"),
        ],
        "2012-02-06": [
            ("2012-02-06 01:30", "2012-02-06 03:30"),
            ("2012-02-06 05:00", "2012-02-06 07:00"),
        ],
    }
    closed: ClassVar = [
        "2026-01-01",
        "2026-02-16",  # Spring Festival eve to 23 February
        "2026-02-17",
        "2026-02-23",
        "2026-03-07",  # a Saturday
        "2026-02-28",  # a Saturday of work, no trading
        "2026-10-01",
        "2026-10-07",
    ]
    following: ClassVar = [
        ("2026-03-04", "2026-03-05"),
        ("2026-03-06", "2026-03-09"),
        ("2026-02-13", "2026-02-24"),
        ("2026-09-30", "2026-10-08"),
    ]
    settles: ClassVar = [
        ("2026-03-04", 1, "2026-03-05"),
        ("2026-02-13", 1, "2026-02-24"),
        ("2026-02-12", 3, "2026-02-25"),
    ]
    walls: ClassVar = [
        ("2026-03-03 15:59:59", "2026-03-03"),
        ("2026-03-03 16:00", "2026-03-04"),
    ]
    seconds: ClassVar = [
        ("2026-03-04 01:30", "2026-03-04 07:00", 14_400.0),
        ("2026-03-04 03:29", "2026-03-04 05:01", 120.0),  # across lunch
        ("2026-03-04 03:30", "2026-03-04 05:00", 0.0),
        ("2026-03-03 06:59", "2026-03-04 01:31", 120.0),  # across the night
        ("2026-02-13 06:00", "2026-02-24 02:30", 7_200.0),  # across Spring Festival
    ]
    counts: ClassVar = [("2026-02-01", "2026-02-28", 14), ("2026-03-01", "2026-03-31", 22)]

    def test_lunch_is_closed(self, calendar: Calendar) -> None:
        assert not calendar.is_open(utc("2026-03-04 03:30"))
        assert not calendar.is_open(utc("2026-03-04 04:59:59"))
        assert not calendar.is_open(utc("2026-03-04 07:00"))

    def test_the_error_names_the_way_out(self, calendar: Calendar) -> None:
        with pytest.raises(BeyondCalendar, match=r"calendar_overlay\.toml") as caught:
            calendar.is_session(date(2027, 1, 4))
        assert "2027-01-04" in str(caught.value)
        assert "2026-12-31" in str(caught.value)


class TestNewYork(CalendarContract):
    name = "XNYS"
    zone = "America/New_York"
    hours: ClassVar = {
        "2026-11-27": [("2026-11-27 14:30", "2026-11-27 18:00")],  # 13:00 after Thanksgiving
        "2026-12-24": [("2026-12-24 14:30", "2026-12-24 18:00")],
        "2026-03-06": [("2026-03-06 14:30", "2026-03-06 21:00")],  # winter time
        "2026-03-09": [("2026-03-09 13:30", "2026-03-09 20:00")],  # summer time since Sunday
        "2026-10-30": [("2026-10-30 13:30", "2026-10-30 20:00")],
        "2026-11-02": [("2026-11-02 14:30", "2026-11-02 21:00")],
    }
    closed: ClassVar = ["2026-11-26", "2026-07-03", "2026-12-25", "2012-10-29", "2026-03-07"]
    following: ClassVar = [
        ("2026-03-06", "2026-03-09"),
        ("2026-11-25", "2026-11-27"),
        ("2012-10-26", "2012-10-31"),  # Hurricane Sandy
    ]
    settles: ClassVar = [("2026-11-25", 1, "2026-11-27"), ("2026-07-02", 2, "2026-07-07")]
    walls: ClassVar = [
        ("2026-03-07 04:59", "2026-03-06"),
        ("2026-03-07 05:00", "2026-03-07"),
        ("2026-07-07 04:00", "2026-07-07"),
    ]
    seconds: ClassVar = [
        ("2026-11-27 14:30", "2026-11-27 22:00", 12_600.0),
        ("2026-03-06 20:00", "2026-03-09 14:30", 7_200.0),
    ]
    counts: ClassVar = [("2026-11-01", "2026-11-30", 20)]

    def test_the_day_is_closed_from_its_early_close(self, calendar: Calendar) -> None:
        assert not calendar.is_open(utc("2026-11-27 18:00"))


class TestAroundTheClock(CalendarContract):
    name = "24/7"
    zone = "UTC"
    hours: ClassVar = {
        "2026-03-07": [("2026-03-07 00:00", "2026-03-08 00:00")],
        "2028-02-29": [("2028-02-29 00:00", "2028-03-01 00:00")],
    }
    closed: ClassVar = []
    following: ClassVar = [("2026-12-31", "2027-01-01"), ("2026-03-06", "2026-03-07")]
    settles: ClassVar = [("2026-02-27", 2, "2026-03-01")]
    walls: ClassVar = [
        ("2026-03-03 23:59:59", "2026-03-03"),
        ("2026-03-04 00:00", "2026-03-04"),
    ]
    seconds: ClassVar = [("2026-03-06 12:00", "2026-03-08 12:00:01", 172_801.0)]
    counts: ClassVar = [("2026-02-01", "2026-02-28", 28)]
