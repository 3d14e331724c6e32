"""Checks that compare several runs: 3.1, 3.2, 3.3, 4-A.6 and 4-B.4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.verdict import Status, Verdict
from qtkit.evidence import Evidence, Scenario
from qtkit.model import events as ev
from qtkit.model.events import PlannedTask
from qtkit.model.skip_reasons import GLOSSARY
from qtkit.stages.catch_up_oracle import expected_fate
from qtkit.stages.scenarios import (
    EARLY_FILLS,
    EARLY_FILLS_REORDERED,
    EARLY_FILLS_REPEATED,
    REFERENCE,
    RERUN,
)
from tests.stages.parts import (
    BY_ID,
    CHECKS,
    DAY,
    ROWS,
    at,
    begun,
    book,
    finished,
    skipped,
    status,
    task_id,
)
from tests.stages.story import Story, healthy_day, startup


def compared(check_id: str, runs: Mapping[str, Evidence]) -> Verdict:
    main = next(iter(runs.values()))
    return CHECKS[check_id](replace(main, runs=runs))


def told_in(story: Story, scenario: Scenario) -> Evidence:
    return story.evidence(scenario=scenario)


# --- 3.1 ---------------------------------------------------------------------------------------


def test_3_1_the_same_configuration_gives_the_same_digest() -> None:
    runs = {"one": healthy_day().evidence(), "late": startup("10:07").evidence()}

    found = compared("3.1", runs)

    assert found.status is Status.PASS
    assert found.summary.startswith("2 schedules of 1 date")


def test_3_1_another_digest_is_found() -> None:
    other = healthy_day().edit(ev.ScheduleBuilt, {"digest": "b" * 64})

    found = compared("3.1", {"one": healthy_day().evidence(), "two": other.evidence()})

    assert found.status is Status.FAIL
    assert "aaaaaaaa in one, bbbbbbbb in two" in found.summary


def test_3_1_a_digest_that_does_not_see_the_rows_is_found() -> None:
    other = healthy_day().edit(ev.ScheduleBuilt, {"tasks": ROWS[1:]})

    found = compared("3.1", {"one": healthy_day().evidence(), "two": other.evidence()})

    assert "one digest for different rows" in found.summary


def test_3_1_other_settings_may_have_another_schedule() -> None:
    other = healthy_day({"step_minutes": 30}).edit(ev.ScheduleBuilt, {"digest": "b"})

    found = compared("3.1", {"one": healthy_day().evidence(), "two": other.evidence()})

    assert found.status is Status.PENDING


# --- 3.2 ---------------------------------------------------------------------------------------


def test_3_2_a_rerun_that_is_the_same_passes() -> None:
    runs = {
        "reference": told_in(healthy_day(), REFERENCE),
        "rerun": told_in(healthy_day(), RERUN),
    }

    found = compared("3.2", runs)

    assert found.status is Status.PASS
    assert f"{len(healthy_day().moments)} lines" in found.summary


def test_3_2_the_first_difference_is_shown() -> None:
    other = healthy_day().edit(ev.OrderFilled, {"price": Decimal("37.18")}, order_id="q3")
    line = other.line(ev.OrderFilled, order_id="q3")

    found = compared(
        "3.2",
        {"reference": told_in(healthy_day(), REFERENCE), "rerun": told_in(other, RERUN)},
    )

    assert found.status is Status.FAIL
    assert f"part after {line - 1} equal entries in price" in found.summary
    assert found.lines == (line,)


def test_3_2_two_empty_journals_prove_nothing() -> None:
    runs = {
        "reference": Evidence.of_entries((), scenario=REFERENCE),
        "rerun": Evidence.of_entries((), scenario=RERUN),
    }

    assert compared("3.2", runs).status is Status.PENDING


def test_3_2_without_a_rerun_is_pending() -> None:
    runs = {
        "reference": told_in(healthy_day(), REFERENCE),
        "again": told_in(healthy_day(), REFERENCE),
    }

    assert compared("3.2", runs).status is Status.PENDING


def test_3_2_a_rerun_that_could_not_be_carried_out_is_an_error() -> None:
    runs = {
        "reference": told_in(healthy_day(), REFERENCE),
        "rerun": Evidence.broken("scenario rerun raised OSError: no disk", scenario=RERUN),
    }

    found = compared("3.2", runs)

    assert found.status is Status.ERROR
    assert "no disk" in found.summary


# --- 3.3 ---------------------------------------------------------------------------------------


def late_start(since: str, keep: frozenset[str], until: str) -> Story:
    """Return a start at `since` that makes up for the rows in `keep` alone."""
    story = startup(since)
    now = at(since)
    for planned in ROWS:
        if planned.due < now and planned.task_id not in keep:
            story.add(since, skipped(planned, "missed", "its time had passed"))
    for planned in ROWS:
        if planned.task_id in keep:
            inside = (
                (status("sleeping", "running", "open_market"),)
                if planned.task == "open_market"
                else ()
            )
            story.add(since, *begun(planned), *inside, finished(planned))
    return story.add(until, ev.LoopPulsed(largest_gap_seconds=Decimal(0)))


PRE_OPEN, OPEN, AFTERNOON, POST = (
    task_id("pre_open", "09:15"),
    task_id("open_market", "09:30"),
    task_id("open_market", "13:00"),
    task_id("post_close", "15:15"),
)
TABLE = [
    ("09:20", frozenset({PRE_OPEN})),
    ("10:07", frozenset({PRE_OPEN, OPEN})),
    ("12:00", frozenset({PRE_OPEN})),
    ("14:30", frozenset({PRE_OPEN, AFTERNOON})),
    ("15:05", frozenset({PRE_OPEN})),
    ("15:20", frozenset({PRE_OPEN, POST})),
]


@pytest.mark.parametrize(("since", "keep"), TABLE)
def test_3_3_the_table_holds(since: str, keep: frozenset[str]) -> None:
    runs = {
        "reference": healthy_day().evidence(),
        "late": late_start(since, keep, since).evidence(),
    }

    assert compared("3.3", runs).status is Status.PASS, compared("3.3", runs)


@pytest.mark.parametrize(("since", "keep"), TABLE)
def test_3_3_a_row_that_is_forgotten_or_made_up_for_is_found(
    since: str, keep: frozenset[str]
) -> None:
    """Every kept row left out, and every other past row kept, one at a time."""
    past = {r.task_id for r in ROWS if r.due < at(since)}
    for planned in past:
        wrong = keep ^ {planned}
        runs = {"late": late_start(since, wrong, since).evidence(), "x": healthy_day().evidence()}
        found = compared("3.3", runs)
        assert found.status is Status.FAIL, (since, planned, found)
        assert planned in found.summary


def test_3_3_a_future_row_that_is_given_up_is_found() -> None:
    story = late_start("10:07", frozenset({PRE_OPEN, OPEN}), "10:07")
    planned = BY_ID[task_id("run_strategy", "14:00")]
    story.insert(len(story.moments) - 1, skipped(planned, "missed", "its time had passed"))

    found = compared("3.3", {"late": story.evidence(), "x": healthy_day().evidence()})

    assert found.status is Status.FAIL
    assert "is missed, the table says due" in found.summary


def test_3_3_a_row_that_is_due_at_this_very_moment_is_not_past() -> None:
    """At 10:30:00 sharp the 10:30 step may be skipped for a reason, and never as missed."""
    planned = BY_ID[task_id("run_strategy", "10:30")]
    found = []
    for reason in ("no_fresh_price", "missed"):
        story = late_start("10:30", frozenset({PRE_OPEN, OPEN}), "10:30")
        story.insert(len(story.moments) - 1, skipped(planned, reason))
        runs = {"late": story.evidence(), "x": healthy_day().evidence()}
        found.append(compared("3.3", runs).status)

    assert found == [Status.PASS, Status.FAIL]


def test_3_3_without_a_late_start_is_pending() -> None:
    runs = {"one": healthy_day().evidence(), "two": healthy_day().evidence()}

    assert compared("3.3", runs).status is Status.PENDING


@pytest.mark.parametrize(
    ("now", "fate"),
    [("09:29:59", "due"), ("09:30", "due"), ("09:30:01", "run"), ("11:29:59", "run"),
     ("11:30", "missed"), ("13:00", "missed"), ("15:00", "missed")],
)  # fmt: skip
def test_the_morning_opening_at_the_boundaries(now: str, fate: str) -> None:
    segments = exchange_calendar("XSHG").segments(DAY)

    assert expected_fate(BY_ID[OPEN], at(now), segments, closed=False) == fate


def test_books_that_were_closed_are_not_closed_again() -> None:
    post = BY_ID[POST]

    assert expected_fate(post, post.due + timedelta(minutes=1), (), closed=True) == "already_done"


def test_an_opening_on_a_closed_day_is_missed() -> None:
    row = PlannedTask(task_id="o", task="open_market", due=at("09:30"))

    assert expected_fate(row, at("10:00"), (), closed=False) == "missed"


# --- 4-A.6 -------------------------------------------------------------------------------------


def early(scenario: Scenario, *, repeats: bool = False, turned: bool = False) -> Story:
    """Return the morning until 10:40, its fills told once, repeated, or turned round."""
    story = healthy_day()
    story.moments = [(w, e) for w, e in story.moments if w <= at("10:40")]
    closing = book("601004.33", 5300, 5000)
    story.add("10:40", ev.SessionEnded(reason="stop", closing=closing))
    if repeats:
        again = ev.FillRepeated(order_id="q1", fill_id="f-q1-1")
        story.insert(story.find(ev.StrategySaved), again)
    if turned:
        one, two = (story.find(ev.OrderFilled, n) for n in (1, 2))
        story.moments[one], story.moments[two] = story.moments[two], story.moments[one]
    assert scenario.name
    return story


def early_runs(**changes: Story) -> dict[str, Evidence]:
    stories = {
        EARLY_FILLS.name: early(EARLY_FILLS),
        EARLY_FILLS_REPEATED.name: early(EARLY_FILLS_REPEATED, repeats=True),
        EARLY_FILLS_REORDERED.name: early(EARLY_FILLS_REORDERED, turned=True),
        **changes,
    }
    return {name: story.evidence() for name, story in stories.items()}


def test_4_a_6_the_same_book_passes() -> None:
    found = compared("4-A.6", early_runs())

    assert found.status is Status.PASS
    assert found.values["repeats"] == {"early_fills_repeated": 1, "early_fills_reordered": 0}


def test_4_a_6_another_book_is_found() -> None:
    twice = early(EARLY_FILLS_REPEATED, repeats=True)
    twice.edit(ev.SessionEnded, {"closing": book("488440.57", 8300, 5000)})

    found = compared("4-A.6", early_runs(**{EARLY_FILLS_REPEATED.name: twice}))

    assert found.status is Status.FAIL
    assert "early_fills_repeated ends with" in found.summary


@pytest.mark.parametrize("name", [EARLY_FILLS_REPEATED.name, EARLY_FILLS_REORDERED.name])
def test_4_a_6_a_fault_that_did_not_happen_proves_nothing(name: str) -> None:
    found = compared("4-A.6", early_runs(**{name: early(EARLY_FILLS)}))

    assert found.status is Status.PENDING


def test_4_a_6_without_the_scenarios_is_pending() -> None:
    runs = {"one": healthy_day().evidence(), "two": healthy_day().evidence()}

    assert compared("4-A.6", runs).status is Status.PENDING


def test_4_a_6_a_session_without_an_end_is_read_by_its_events() -> None:
    unended = early(EARLY_FILLS_REPEATED, repeats=True)
    unended.drop(ev.SessionEnded)

    found = compared("4-A.6", early_runs(**{EARLY_FILLS_REPEATED.name: unended}))

    assert found.status is Status.PASS


# --- 4-B.4 -------------------------------------------------------------------------------------


def skipping(*reasons: str) -> Evidence:
    story = startup("15:40")
    for reason, planned in zip(reasons, ROWS, strict=False):
        story.add("15:40", skipped(planned, reason))
    return story.evidence()


EXISTING = [name for name, reason in GLOSSARY.items() if reason.exists and reason.simulated]


def test_4_b_4_every_reason_that_exists_was_produced() -> None:
    found = compared("4-B.4", {"one": skipping(*EXISTING[:7]), "two": skipping(*EXISTING[7:])})

    assert found.status is Status.PASS
    assert f"{EXISTING[0]} in one" in found.summary
    assert f"{EXISTING[-1]} in two" in found.summary


@pytest.mark.parametrize("missing", EXISTING)
def test_4_b_4_a_reason_that_was_not_produced_is_named(missing: str) -> None:
    others = [name for name in EXISTING if name != missing]

    found = compared("4-B.4", {"one": skipping(*others[:7]), "two": skipping(*others[7:])})

    assert found.status is Status.FAIL
    assert found.summary.endswith(f"reasons were not produced: {missing}")


def test_4_b_4_without_any_skip_is_pending() -> None:
    runs = {"one": healthy_day().evidence(), "two": healthy_day().evidence()}

    assert compared("4-B.4", runs).status is Status.PENDING
