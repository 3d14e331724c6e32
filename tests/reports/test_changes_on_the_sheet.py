"""A day's sheet lists what operators accepted on a return of that day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from qtkit.core.paths import SessionFolder
from qtkit.desk.views.sheet import accepted
from qtkit.evidence.recorded import RecordedSession
from qtkit.reports.daily_sheet.record import day_record_of
from qtkit.reports.daily_sheet.sheet import Sheet, save_sheet, sheet_of
from qtkit.runtime.spec import Acceptance
from tests.market.bar_makers import utc
from tests.runtime.cut_sessions import asked, code, lived

THURSDAY, FRIDAY, MONDAY = DAYS = (date(2026, 3, 5), date(2026, 3, 6), date(2026, 3, 9))
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> SessionFolder:
    """Cut off on Thursday, back at once; cut off on Friday evening, back on Monday before nine."""
    place = tmp_path_factory.mktemp("sheet")
    file = code(place)
    eve = Acceptance(by="eve", why="smaller orders")
    bob = Acceptance(by="bob", why="larger ones again")
    smaller = asked(file, DAYS, risk={"max_order_value": "2000"})
    larger = asked(file, DAYS, risk={"max_order_value": "9000"})
    return lived(
        place,
        [utc("2026-03-05 16:00"), utc("2026-03-06 21:00")],
        asked(file, DAYS),
        replace(smaller, accept=eve),
        replace(larger, accept=bob, start=utc("2026-03-09 12:50")),
    )


def sheet(folder: SessionFolder, day: date) -> Sheet:
    return sheet_of(RecordedSession(folder), at=NOON, day=day)


def test_a_change_is_on_the_sheet_of_its_day_with_who_and_why(folder: SessionFolder) -> None:
    (change,) = sheet(folder, THURSDAY).record.changes

    assert {**change, "line": 0} == {
        "line": 0,
        "name": "risk.max_order_value",
        "before": "500000",
        "after": "2000",
        "by": "eve",
        "why": "smaller orders",
    }
    shown = str(sheet(folder, THURSDAY))
    assert all(str(value) in shown for value in change.values())


def test_a_change_between_two_days_is_on_the_sheets_of_both(folder: SessionFolder) -> None:
    assert [
        [change["by"] for change in sheet(folder, day).record.changes] for day in (FRIDAY, MONDAY)
    ] == [["bob"], ["bob"]]


def test_the_days_record_keeps_its_changes(folder: SessionFolder) -> None:
    found = sheet(folder, THURSDAY)

    file = save_sheet(found)

    assert day_record_of(file.read_bytes(), "here").changes == found.record.changes


def test_the_desk_shows_the_same_changes(folder: SessionFolder) -> None:
    found = sheet(folder, THURSDAY)

    (view,) = accepted(found)

    assert view.rows == (tuple(found.record.changes[0].values()),)
