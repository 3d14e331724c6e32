"""Phases 5-A, 5-B and 5-C on journals in which everything goes well."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qtkit.core.verdict import Status
from qtkit.evidence import Evidence, Fault, RunFacts, Scenario
from qtkit.model import events as ev
from qtkit.stages.phase_5_scenarios import GATE_BLOCKING, GATE_OFF, SPLIT
from qtkit.stages.scenarios import REFERENCE
from tests.golden.names import names_in
from tests.stages.parts import CHECKS, DAY, A, at, book, diagnosed, open_order
from tests.stages.phase_5_stories import (
    SEEN,
    blocked_day,
    compared,
    cured_day,
    gate,
    gate_command,
    gated_day,
    judged,
    lived,
    on_disk,
    preparation,
    refused_as_stale,
    refused_day,
    rejected_day,
    removed,
    snapshot,
    snapshot_files,
    split_day,
    then,
    two_mornings,
    warned_day,
)
from tests.stages.story import Story, healthy_day, startup, stopped_at_lunch

# --- a day with the split on -----------------------------------------------------------------


@pytest.mark.parametrize("check_id", ["5-A.2", "5-A.4"])
def test_a_day_with_the_split_on_passes(check_id: str) -> None:
    found = judged(check_id, split_day())

    assert found.status is Status.PASS, found
    assert "60 s" in found.summary


def test_5_a_2_with_the_split_off_nothing_is_prepared() -> None:
    found = judged("5-A.2", healthy_day())

    assert found.status is Status.PASS
    assert names_in(found.summary) == ["4"]


@pytest.mark.parametrize("check_id", ["5-A.4", "5-A.6"])
def test_with_the_split_off_there_is_nothing_to_age(check_id: str) -> None:
    assert judged(check_id, healthy_day()).status is Status.SKIP


def test_5_a_6_snapshots_on_disk_read_back_equal(tmp_path: Path) -> None:
    folder = snapshot_files(split_day().folder(tmp_path / "s"))

    found = CHECKS["5-A.6"](Evidence.of_folder(folder))

    assert found.status is Status.PASS, found
    assert found.summary == "4 snapshots on disk, each reads back equal"


def test_5_a_2_a_step_prepared_again_after_a_return_has_one_that_counts() -> None:
    story = split_day()
    place = story.find(ev.TaskFinished, task_id=preparation(2).task_id)
    entries = place
    again = ev.SessionResumed(entries=entries, torn_bytes=0, doubtful=())
    story.insert(place, again, snapshot(2))

    assert judged("5-A.2", story).status is Status.PASS


def test_5_a_4_a_refusal_that_names_both_ages_passes() -> None:
    """Prepared at 13:58:00, refused at 13:59:40 of the engine's clock: 100 s old, 90 s allowed."""
    story = refused_as_stale(100.0, 90.0)

    found = judged("5-A.4", story)

    assert found.status is Status.PASS, found
    assert (found.values["used"], found.values["refused"]) == (3, 1)


# --- days that are compared --------------------------------------------------------------------


def test_5_a_1_a_baseline_that_decides_everything_passes() -> None:
    runs = {"reference": lived(healthy_day(), REFERENCE), "split": lived(split_day(), SPLIT)}

    found = compared("5-A.1", runs)

    assert found.status is Status.PASS
    assert names_in(found.summary) == ["4"]


def test_5_a_3_the_same_decisions_pass() -> None:
    runs = {"split": lived(split_day(), SPLIT), "reference": lived(healthy_day(), REFERENCE)}

    found = compared("5-A.3", runs)

    assert found.status is Status.PASS
    assert found.summary == "4 decisions and their 3 orders are the same, off and on"


def test_5_a_5_combinations_that_lose_nothing_pass() -> None:
    runs = {
        "one": lived(split_day(), SPLIT),
        "two": lived(split_day({"prepare_lead_seconds": 61}), replace(SPLIT, name="two")),
    }

    found = compared("5-A.5", runs)

    assert found.status is Status.PASS
    assert found.summary.startswith("all 8 steps of 2 combinations were decided: 60 s/1 min, 61")


def test_5_b_1_the_same_day_in_three_modes_passes() -> None:
    runs = {
        scenario.name: lived(healthy_day({"startup_gate_mode": mode}), scenario)
        for mode, scenario in (("warn", REFERENCE), ("off", GATE_OFF), ("block", GATE_BLOCKING))
    }

    found = compared("5-B.1", runs)

    assert found.status is Status.PASS
    assert names_in(found.summary) == ["4"]


@pytest.mark.parametrize("check_id", ["5-A.1", "5-A.3", "5-A.5", "5-B.1"])
def test_what_compares_runs_waits_for_them_and_skips_a_lone_session(check_id: str) -> None:
    other = Scenario(name="other", sentence="Another day.", strategy="failing")
    nothing = {"other": lived(healthy_day({"split_strategy_prepare": False}), other)}

    assert compared(check_id, nothing).status is Status.PENDING
    assert judged(check_id, healthy_day()).status is Status.SKIP


@pytest.mark.parametrize("check_id", ["5-A.3", "5-B.1"])
def test_days_without_a_decision_compare_nothing(check_id: str) -> None:
    quiet = {
        name: lived(startup(settings=settings), replace(REFERENCE, name=name))
        for name, settings in (
            (REFERENCE.name, {"startup_gate_mode": "warn"}),
            (SPLIT.name, {"split_strategy_prepare": True}),
            (GATE_OFF.name, {"startup_gate_mode": "off"}),
            (GATE_BLOCKING.name, {"startup_gate_mode": "block"}),
        )
    }

    assert compared(check_id, quiet).status is Status.PENDING


# --- the gate ----------------------------------------------------------------------------------


def test_5_b_2_warned_steps_are_counted() -> None:
    found = judged("5-B.2", warned_day())

    assert found.status is Status.PASS, found
    assert names_in(found.summary) == ["3", "1", "2", "4"]


def test_5_b_3_block_keeps_steps_out_and_nothing_else() -> None:
    """After 13:30: two steps kept out, the closing goes on."""
    found = judged("5-B.3", blocked_day())

    assert found.status is Status.PASS, found
    assert found.summary == (
        "2 steps kept out; while it was shut: 0 orders, 0 fills, 0 cancels, 1 closing"
    )


@pytest.mark.parametrize("mode", ["warn", "block"])
def test_5_b_4_a_gate_judged_at_the_start_and_by_day_passes(mode: str) -> None:
    found = judged("5-B.4", gated_day(mode))

    assert found.status is Status.PASS, found
    assert found.summary == "2 judgements by 13 checks: day 1, start 1"


def test_5_b_4_a_gate_that_is_off_is_judged_when_asked() -> None:
    assert judged("5-B.4", healthy_day()).values["judgements"] == 0
    story = healthy_day()
    place = story.find(ev.TaskQueued, due=at("14:00"))
    story.insert(place, gate_command(), gate("demand", "off"))

    assert judged("5-B.4", story).values["occasions"] == {"demand": 1}


def test_5_b_4_a_return_and_a_reconnect_are_judged_too() -> None:
    story = gated_day()
    place = story.find(ev.TaskQueued, due=at("14:00"))
    lost = ev.BrokerDisconnected(broker_name="sim", error="gone")
    found = ev.BrokerConnected(broker_name="sim")
    back = ev.SessionResumed(entries=place + 3, torn_bytes=0, doubtful=())
    gates = gate("reconnect"), back, found, gate("restart"), gate("prices")
    story.insert(place, lost, found, *gates)

    verdict = judged("5-B.4", story)

    assert verdict.status is Status.PASS, verdict
    assert verdict.summary.endswith("day 1, prices 1, reconnect 1, restart 1, start 1")


def test_5_b_4_a_command_that_a_power_cut_took_away_is_no_occasion() -> None:
    story = gated_day()
    place = story.find(ev.TaskQueued, due=at("14:00"))
    gone = ev.CommandRefused(command="gate", reason="the power went", by="me")
    back = ev.SessionResumed(entries=place + 1, torn_bytes=0, doubtful=())
    story.insert(place, gate_command(), back, gone, gate("restart"))

    assert judged("5-B.4", story).status is Status.PASS


def test_5_b_5_a_cured_fault_opens_the_gate() -> None:
    found = judged("5-B.5", cured_day())

    assert found.status is Status.PASS, found
    assert "shut and opened again 1 times" in found.summary


def test_5_b_5_waits_for_the_cure_and_skips_where_nothing_was_wrong() -> None:
    assert judged("5-B.5", gated_day()).status is Status.SKIP
    assert judged("5-B.5", blocked_day()).status is Status.SKIP
    assert judged("5-B.5", blocked_day(), running=True).status is Status.PENDING


@pytest.mark.parametrize(
    ("check_id", "mode"), [("5-B.2", "off"), ("5-B.2", "block"), ("5-B.3", "warn")]
)
def test_another_mode_has_nothing_to_show(check_id: str, mode: str) -> None:
    found = judged(check_id, gated_day(mode))

    assert found.status is Status.SKIP
    assert found.summary == f"the gate's mode is {mode}"


# --- mapping, logs, diagnosis, reconciliation ----------------------------------------------------


@pytest.mark.parametrize(
    "check_id", ["5-C.1", "5-C.2", "5-C.3", "5-C.4", "5-C.5", "5-C.6", "5-C.7"]
)
@pytest.mark.parametrize("story", [healthy_day(), stopped_at_lunch()], ids=["whole", "stopped"])
def test_a_good_day_passes_phase_5_c(check_id: str, story: Story, tmp_path: Path) -> None:
    found = on_disk(check_id, story, tmp_path)

    assert found.status is Status.PASS, found
    assert any(letter.isdigit() for letter in found.summary)


def test_5_c_1_a_kept_order_keeps_its_name_in_the_next_session() -> None:
    kept = open_order("q3", A, 500, "20631.19")
    story = stopped_at_lunch(settings={"on_stop": "keep"}, keep=(kept,))
    following = story.entries()[0].event
    following = msgspec.structs.replace(following, opening=book("601004.33", 5300, 5000, kept))

    found = judged("5-C.1", story, facts=RunFacts(successor=following))

    assert found.status is Status.PASS, found


def test_5_c_2_a_rejection_with_its_reason_passes() -> None:
    found = judged("5-C.2", rejected_day())

    assert found.status is Status.PASS, found
    assert found.summary == "1 of 4 orders rejected, by reason: suspended 1"


def test_5_c_3_refusals_stand_in_risk_log(tmp_path: Path) -> None:
    found = on_disk("5-C.3", refused_day(), tmp_path)

    assert found.status is Status.PASS, found
    assert found.summary == (
        "2 refusals beside 3 orders; risk.log: 2 lines; by rule: risk.lot_and_tick 2"
    )


def test_5_c_3_lines_that_a_power_cut_took_from_the_journal_may_stay_in_the_log(
    tmp_path: Path,
) -> None:
    story = refused_day()
    folder = story.folder(tmp_path / "s")
    story.drop(ev.OrderRefused)
    place = story.find(ev.OrderRefused)
    story.insert(place, ev.SessionResumed(entries=place, torn_bytes=0, doubtful=()))

    evidence = Evidence.of_entries(story.entries(), folder=folder)

    assert CHECKS["5-C.3"](evidence).status is Status.PASS, CHECKS["5-C.3"](evidence)


@pytest.mark.parametrize("check_id", ["5-C.3", "5-C.4", "5-C.5"])
def test_a_risk_log_that_an_operator_had_removed_is_no_loss(check_id: str, tmp_path: Path) -> None:
    folder = refused_day().folder(tmp_path / "s")
    folder.risk_log.unlink()
    removed(folder)

    found = CHECKS[check_id](Evidence.of_folder(folder))

    assert found.status is Status.PASS, found


def test_5_c_5_what_expired_went_and_was_shown_first(tmp_path: Path) -> None:
    found = on_disk("5-C.5", healthy_day(), tmp_path, RunFacts(rotation=SEEN))

    assert found.status is Status.PASS, found
    assert found.summary.endswith(
        "of 3 risk logs 1 expired after 30 days, shown first, then removed"
    )


def test_5_c_6_what_was_planted_is_found() -> None:
    planted = Scenario(
        name="x", sentence="A stranger's order.", broker_faults=(Fault(kind="stray_order"),)
    )
    story = healthy_day()
    found = {"remote_pending_not_in_local": ("b-9",), "remote_pending_count": 1, "is_ok": False}
    story.edit(ev.PendingDiagnosed, found)

    verdict = judged("5-C.6", story, scenario=planted)

    assert verdict.status is Status.PASS, verdict
    assert verdict.summary.endswith("found as planted: remote_pending_not_in_local")


AWAY: dict[str, Any] = {
    "failures": ("remote_pending_read_error: gone",),
    "remote_pending_count": 0,
    "is_ok": False,
}


def test_5_c_6_a_diagnosis_while_the_broker_is_away_finds_nothing_out() -> None:
    gone = ev.BrokerDisconnected(broker_name="sim", error="gone")
    back = ev.BrokerConnected(broker_name="sim")
    story = then(healthy_day(), "13:30", gone, diagnosed(**AWAY), back)
    never = healthy_day().edit(ev.PendingDiagnosed, AWAY).drop(ev.BrokerConnected)

    assert judged("5-C.6", story).summary.startswith("1 of 2 diagnoses clean")
    assert judged("5-C.6", never).status is Status.PENDING


def test_5_c_6_open_orders_are_counted_with_the_opening_book_and_partial_fills() -> None:
    """q1 fills 3000 of 5300 at 10:31, q2 is open, and one order came from the day before."""
    story = healthy_day()
    old = open_order("q0", A, 100, "0")
    story.edit(ev.SessionStarted, {"opening": book("1000000", 0, 0, old)})
    place = story.find(ev.OrderFilled, 1)
    story.insert(place, diagnosed(3))
    ended = ev.OrderCancelled(order_id="q0", quantity=Decimal(100), reason="expired")
    story.insert(story.find(ev.OrderFilled, 1), ended)

    assert judged("5-C.6", story).status is Status.PASS, judged("5-C.6", story)


def test_5_c_8_a_morning_equal_to_the_evening_passes() -> None:
    story = two_mornings()

    found = judged("5-C.8", story)
    alone = CHECKS["5-C.8"](story.evidence().of_day(DAY + timedelta(days=1)))

    assert found.status is Status.PASS, found
    assert names_in(found.summary) == ["1"]
    assert alone.status is Status.PASS
    assert judged("5-C.8", healthy_day()).status is Status.SKIP


def test_5_c_8_the_next_session_opens_with_the_last_ones_book() -> None:
    story = healthy_day()
    closing = story.entries()[-1].event.closing
    following = msgspec.structs.replace(story.entries()[0].event, opening=closing)

    found = judged("5-C.8", story, facts=RunFacts(successor=following))

    assert found.status is Status.PASS, found
