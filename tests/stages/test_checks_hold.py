"""Every check that judges a lone session passes on a day on which everything goes well."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from qtkit.core.verdict import Status
from qtkit.evidence import Evidence, RunFacts
from qtkit.model import events as ev
from tests.stages.parts import (
    BY_ID,
    CHECKS,
    A,
    B,
    accepted,
    at,
    begun,
    book,
    fill,
    finished,
    open_order,
    price,
    queued,
    reconciled,
    request,
    skipped,
    status,
    task_id,
)
from tests.stages.story import CASH_AT_NIGHT, healthy_day, startup, stopped_at_lunch, with_pulses

LONE = (
    "0.1", "0.2", "0.3", "0.4", "0.5", "0.6",
    "1.1", "1.2", "1.3", "1.4", "1.5", "1.6",
    "2.1", "2.2", "2.3", "2.4", "2.5", "2.6",
    "3.4", "3.5",
    "3.5.1", "3.5.2", "3.5.3", "3.5.4", "3.5.5", "3.5.6", "3.5.7", "3.5.8",
    "4-A.1", "4-A.2", "4-A.3", "4-A.4", "4-A.5",
    "4-B.1", "4-B.2", "4-B.3", "4-B.5",
    "G.1", "G.2", "G.3", "G.4",
)  # fmt: skip
LET_GO = RunFacts(threads_alive=(), open_files=(), stop_seconds=0.2)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = healthy_day().folder(tmp_path_factory.mktemp("day") / "s")
    return Evidence.of_folder(folder, facts=LET_GO)


@pytest.fixture(scope="module")
def lunch(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = stopped_at_lunch().folder(tmp_path_factory.mktemp("lunch") / "s")
    return Evidence.of_folder(folder, facts=LET_GO)


@pytest.mark.parametrize("check_id", LONE)
def test_a_good_day_passes(check_id: str, day: Evidence) -> None:
    verdict = CHECKS[check_id](day)

    assert verdict.status is Status.PASS, verdict
    assert verdict.rule == check_id
    assert any(letter.isdigit() for letter in verdict.summary) or check_id == "2.2"


@pytest.mark.parametrize("check_id", [c for c in LONE if c not in {"1.1", "1.5", "G.4"}])
def test_a_stop_at_lunch_passes_too(check_id: str, lunch: Evidence) -> None:
    assert CHECKS[check_id](lunch).status is Status.PASS, CHECKS[check_id](lunch)


@pytest.mark.parametrize("check_id", [c for c in LONE if c not in {"0.6", "4-B.3", "1.5"}])
def test_one_date_of_a_session_passes_alone(check_id: str, day: Evidence) -> None:
    alone = day.of_day(at("09:00").date())

    assert CHECKS[check_id](alone).status is Status.PASS, CHECKS[check_id](alone)


def test_cash_is_told_with_its_parts(day: Evidence) -> None:
    summary = CHECKS["3.5.1"](day).summary

    assert summary.startswith(
        "1000000.00 - 417471.00 bought + 0.00 sold - 125.25 costs = 582403.75, in each of 3"
    )


def test_a_kept_order_stands_in_the_break_point(tmp_path: Path) -> None:
    kept = open_order("q3", A, 500, "20631.19")
    story = stopped_at_lunch(settings={"on_stop": "keep"}, keep=(kept,))
    evidence = Evidence.of_folder(story.folder(tmp_path / "s"))

    assert "1 kept" in CHECKS["1.4"](evidence).summary
    assert CHECKS["1.5"](evidence).status is Status.PASS
    assert CHECKS["4-A.2"](evidence).status is Status.PASS


def test_a_pause_and_its_resume_agree_with_the_calendar() -> None:
    story = healthy_day()
    place = story.find(ev.TaskQueued, due=at("14:00"))
    story.insert(place, ev.CommandReceived(command="resume", arguments={}, by="me"),
                status("paused", "running", "resume"), when="13:50")  # fmt: skip
    story.insert(place, ev.CommandReceived(command="pause", arguments={}, by="me"),
                status("running", "paused", "pause"), when="13:40")  # fmt: skip

    verdict = CHECKS["0.3"](story.evidence())

    assert verdict.status is Status.PASS, verdict
    assert "1 paused" in verdict.summary


def test_a_refused_command_has_had_its_effect() -> None:
    story = healthy_day()
    story.insert(
        story.find(ev.TaskQueued, due=at("14:00")),
        ev.CommandReceived(command="resume", arguments={}, by="me"),
        ev.CommandRefused(command="resume", reason="nothing to resume", by="me"),
    )

    assert CHECKS["0.3"](story.evidence()).status is Status.PASS


def test_an_overrun_that_says_so_is_no_overlap() -> None:
    story = healthy_day()
    slow = BY_ID[task_id("run_strategy", "14:00")]
    late = BY_ID[task_id("run_strategy", "14:59")]
    story.shift(ev.TaskFinished, 3700, task_id=slow.task_id)
    place = story.find(ev.TaskQueued, task_id=late.task_id)
    story.drop(ev.TaskFinished, task_id=late.task_id)
    story.drop(ev.TaskStarted, task_id=late.task_id)
    story.drop(ev.DecisionTaken, task_id=late.task_id)
    story.moments[place] = (late.due, skipped(late, "prev_running"))

    verdict = CHECKS["2.3"](story.evidence())

    assert verdict.status is Status.PASS, verdict
    assert "1 overruns" in verdict.summary


def test_a_task_asked_for_by_hand_is_accounted_for() -> None:
    story = healthy_day()
    extra = replace(BY_ID[task_id("refill", "15:30")], task_id="by-hand-refill")
    story.insert(
        story.find(ev.StopRequested),
        ev.CommandReceived(command="run", arguments={"task": "refill"}, by="me"),
        queued(extra),
        *begun(extra)[1:],
        finished(extra),
    )

    verdict = CHECKS["2.1"](story.evidence())

    assert verdict.status is Status.PASS, verdict
    assert "1 asked for by hand" in verdict.summary


def test_a_fill_that_raced_its_cancel_is_a_warning() -> None:
    story = stopped_at_lunch()
    place = story.find(ev.StatusChanged, because="stop") - 1
    raced = fill("q3", 1, A, 500, "37.19", "5.58", "11:59")
    story.insert(place, replace(raced, late="cancelled"))

    verdict = CHECKS["4-A.3"](story.evidence())

    assert verdict.status is Status.WARN
    assert verdict.lines == (place + 1,)


def test_a_reconciliation_that_a_later_one_cured_is_a_warning() -> None:
    story = healthy_day()
    ours = book("601004.33", 5300, 5000, open_order("q3", A, 500, "20631.19"))
    story.insert(story.find(ev.StatusChanged, after="sleeping", before="running"),
                reconciled(ours, cash="601004.00"))  # fmt: skip

    assert CHECKS["3.5.7"](story.evidence()).status is Status.WARN


def test_after_a_crash_a_step_is_skipped_as_restart() -> None:
    """The power goes at 14:00 between start and decision, and comes back 30 s later."""
    story = healthy_day()
    step = BY_ID[task_id("run_strategy", "14:00")]
    place = story.find(ev.DecisionTaken, task_id=step.task_id)
    del story.moments[place : place + 2]
    story.insert(
        place,
        ev.SessionResumed(entries=place, torn_bytes=0, doubtful=()),
        skipped(step, "restart", "it came due before the crash"),
        when="14:00:30",
    )
    story.moments = [
        (w + timedelta(seconds=30.5), e)
        if i < place and isinstance(e, ev.LoopPulsed) and w == at("14:00")
        else (w, e)
        for i, (w, e) in enumerate(story.moments)
    ]
    story.moments.sort(key=lambda moment: moment[0])
    story.edit(ev.SessionResumed, {"entries": story.find(ev.SessionResumed)})
    evidence = story.evidence()

    for check_id in ("0.1", "0.2", "0.3", "0.4", "0.5", "2.1", "2.2", "2.3", "3.4", "3.5"):
        assert CHECKS[check_id](evidence).status is Status.PASS, CHECKS[check_id](evidence)


def test_the_second_day_settles_what_the_first_bought() -> None:
    """Bought on Wednesday, sold on Thursday: 5300*37.51 less what came back."""
    story = healthy_day()
    story.cut(story.find(ev.StopRequested))
    thursday = at("09:00").date() + timedelta(days=1)
    story.moments.append((at("09:00", thursday), ev.DayStarted(trading_date=thursday, open=True)))
    sale = request("q4", price(A, "37.60", "10:30"), -500, "0", "line 37.51", 0)
    sold = fill("q4", 1, A, -500, "37.60", "5.64", "10:31")
    for when, event in (
        ("10:30", sale),
        ("10:30", accepted("q4")),
        ("10:31", replace(sold, tax=Decimal("9.40"), executed_at=at("10:31", thursday))),
    ):
        story.moments.append((at(when, thursday), replace(event, trading_date=thursday)))
    cash = Decimal(CASH_AT_NIGHT) + Decimal("18800.00") - Decimal("5.64") - Decimal("9.40")
    closing = book(str(cash), 5300, 5000)
    settled = replace(
        closing, positions=tuple(replace(line, unsettled=()) for line in closing.positions)
    )
    story.moments.append(
        (at("15:15", thursday), ev.DayClosed(trading_date=thursday, early=False, book=settled))
    )
    evidence = story.evidence()

    for check_id in ("3.5.1", "3.5.2", "3.5.3", "3.5.5", "3.5.6", "3.5.8"):
        assert CHECKS[check_id](evidence).status is Status.PASS, CHECKS[check_id](evidence)
    alone = evidence.of_day(thursday)
    assert CHECKS["3.5.1"](alone).summary.startswith(
        "582403.75 - 0.00 bought + 18800.00 sold - 15.04 costs = 601188.71"
    )
    assert CHECKS["3.5.2"](alone).status is Status.PASS


def test_a_note_asks_for_nothing() -> None:
    story = healthy_day()
    note = ev.CommandReceived(command="note", arguments={}, by="me")
    story.insert(story.find(ev.TaskQueued, due=at("14:00")), note)

    assert CHECKS["0.3"](story.evidence()).status is Status.PASS


@pytest.mark.parametrize("check_id", ["2.2", "4-B.1", "4-B.2"])
def test_a_skip_that_says_why_passes(check_id: str) -> None:
    story = healthy_day()
    refill = BY_ID[task_id("refill", "15:30")]
    story.moments = [
        (w, e) for w, e in story.moments if getattr(e, "task_id", "") != refill.task_id
    ]
    story.insert(story.find(ev.StopRequested), skipped(refill, "canceled"))

    verdict = CHECKS[check_id](story.evidence())

    assert verdict.status is Status.PASS, verdict
    assert "canceled" in verdict.summary


def test_a_grid_that_was_inherited_keeps_its_base() -> None:
    story = healthy_day()
    begun_before = {A: {"base": "37.90"}, B: {"base": "40.01"}}
    story.edit(ev.SessionStarted, {"strategy_state": begun_before})

    assert CHECKS["G.1"](story.evidence()).status is Status.PASS


def test_a_grid_with_a_base_of_its_own_begins_there() -> None:
    preset = {A: {"grid": "0.30", "batch": 500, "base": "37.51"}, "??": {"grid": "1", "batch": 100}}
    story = healthy_day({"strategy_parameters": preset})

    assert CHECKS["G.1"](story.evidence()).status is Status.PASS


def test_a_fill_of_an_order_that_was_given_up_is_a_warning_and_opens_it_again() -> None:
    story = healthy_day()
    story.insert(
        story.find(ev.OrderFilled, fill_id="f-q1-1"), ev.OrderLost(order_id="q1", reason="?")
    )
    story.edit(ev.OrderFilled, {"late": "lost"}, fill_id="f-q1-1")
    evidence = story.evidence()

    assert CHECKS["4-A.3"](evidence).status is Status.WARN
    assert CHECKS["4-A.3"](evidence).lines == (story.line(ev.OrderFilled),)


def test_what_was_executed_while_nobody_was_there_is_booked_on_the_return() -> None:
    """Down from 12:59 to 13:01: executed at 13:00:30, booked at 13:01."""
    story = healthy_day()
    story.edit(ev.OrderFilled, {"executed_at": at("13:00:30")}, order_id="q3")
    story.moments = [(w, e) for w, e in story.moments if not at("12:59") < w < at("13:01")]
    place = story.find(ev.FillsReported, 2)
    story.insert(place, ev.SessionResumed(entries=place, torn_bytes=0, doubtful=()))

    assert CHECKS["4-A.5"](story.evidence()).status is Status.PASS
    assert CHECKS["0.4"](story.evidence()).status is not Status.ERROR


def test_a_log_that_a_return_did_not_complete_is_seen(tmp_path: Path) -> None:
    """What a power cut took from it stands in it again after the return."""
    story = healthy_day()
    step = BY_ID[task_id("run_strategy", "14:00")]
    place = story.find(ev.TaskQueued, task_id=step.task_id)
    story.moments = [(w, e) for w, e in story.moments if getattr(e, "task_id", "") != step.task_id]
    story.insert(
        place,
        skipped(step, "paused"),
        ev.SessionResumed(entries=place + 1, torn_bytes=0, doubtful=()),
    )
    folder = story.folder(tmp_path / "s")
    whole = folder.sys_log.read_text()
    cut = "".join(row for row in whole.splitlines(keepends=True) if "skip_reason" not in row)
    told = []
    for text in (whole, cut):
        folder.sys_log.write_text(text)
        evidence = Evidence.of_folder(folder)
        told += [CHECKS[c](evidence).status for c in ("0.6", "4-B.3")]

    assert told == [Status.PASS, Status.PASS, Status.FAIL, Status.PASS]


def test_a_start_before_the_first_task_waits_for_it() -> None:
    verdict = CHECKS["0.1"](with_pulses(startup(), until="09:05").evidence())

    assert verdict.status is Status.PENDING


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("operator", "fed meeting"),
        ("somebody", "lunch"),
        ("signal", "SIGINT"),
        ("signal", "SIGTERM"),
        ("signal", "SIGHUP"),
        ("qtkit", "end_of_data"),
    ],
)
def test_an_orderly_stop_has_the_reason_of_whoever_asked_for_it(by: str, reason: str) -> None:
    story = stopped_at_lunch()
    story.edit(ev.StopRequested, {"by": by, "reason": reason})
    story.edit(ev.SessionEnded, {"reason": reason})

    assert CHECKS["1.1"](story.evidence()).status is Status.PASS


def test_an_operator_may_have_the_toolkits_own_name() -> None:
    story = stopped_at_lunch()
    asked = ev.CommandReceived(command="stop", arguments={"reason": "lunch"}, by="qtkit")
    story.insert(story.find(ev.StopRequested), asked)
    story.edit(ev.StopRequested, {"by": "qtkit", "reason": "lunch"})
    story.edit(ev.SessionEnded, {"reason": "lunch"})

    assert CHECKS["1.1"](story.evidence()).status is Status.PASS
