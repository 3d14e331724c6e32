"""Phases 5-A and 5-B on journals and files with one mistake planted in each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status, fail
from qtkit.evidence import Evidence
from qtkit.model import events as ev
from qtkit.model.orders import OrderOrigin
from qtkit.stages.phase_5_scenarios import GATE_BLOCKING, GATE_OFF, SPLIT
from qtkit.stages.scenarios import REFERENCE
from tests.stages.parts import (
    BY_ID,
    CHECKS,
    A,
    at,
    row,
    skipped,
    task_id,
)
from tests.stages.phase_5_stories import (
    PHASE_5,
    STEP,
    STEPS,
    blocked_day,
    compared,
    cured_day,
    gate,
    gate_command,
    gated_day,
    judged,
    lived,
    preparation,
    refused_as_stale,
    shut_at_13,
    snapshot,
    snapshot_files,
    split_day,
    then,
    warned_day,
)
from tests.stages.story import Story, healthy_day

Plant = Callable[[Story], object]
SKIP_REASON = "skip_reason"


def skip_the_step(story: Story, step: int, reason: str) -> Story:
    planned = BY_ID[task_id(STEP, STEPS[step])]
    place = story.find(ev.TaskQueued, task_id=planned.task_id)
    story.moments = [
        (w, e) for w, e in story.moments if getattr(e, "task_id", "") != planned.task_id
    ]
    return story.insert(place, skipped(planned, reason), when=STEPS[step])


def without_rows(story: Story, *task_ids: str) -> Story:
    """Take rows off the schedule."""
    built = story.moments[story.find(ev.ScheduleBuilt)][1]
    assert isinstance(built, ev.ScheduleBuilt)
    rows = tuple(r for r in built.tasks if r.task_id not in task_ids)
    return story.edit(ev.ScheduleBuilt, {"tasks": rows})


def prepared_late(story: Story) -> Story:
    """Schedule a step's preparation a minute after it."""
    late = row("prepare_strategy", "14:01", 2)
    without_rows(story, preparation(2).task_id)
    built = story.moments[story.find(ev.ScheduleBuilt)][1]
    assert isinstance(built, ev.ScheduleBuilt)
    return story.edit(ev.ScheduleBuilt, {"tasks": (*built.tasks, late)})


SNAPSHOTS: list[tuple[str, str, Plant]] = [
    ("5-A.2", "step 2 was decided without a snapshot before it",
     lambda s: s.drop(ev.SnapshotTaken, step=2)),
    ("5-A.2", "step 2 was prepared twice",
     lambda s: s.insert(s.find(ev.SnapshotTaken, step=2), snapshot(2))),
    ("5-A.2", "decided from another snapshot than its own",
     lambda s: s.edit(ev.DecisionTaken, {"snapshot": "0" * 64}, step=1)),
    ("5-A.2", "decided from another snapshot than its own",
     lambda s: s.edit(ev.DecisionTaken, {"snapshot": ""}, step=1)),
    ("5-A.2", "belongs to a step of another time",
     lambda s: s.edit(ev.SnapshotTaken, {"due": at("14:59")}, step=2)),
    ("5-A.2", "younger than its decision",
     lambda s: s.edit(ev.SnapshotTaken, {"taken_at": at("14:00:01")}, step=2)),
    ("5-A.2", "step 2 was prepared 61 s ahead, asked for were 60 s",
     lambda s: s.edit(ev.SnapshotTaken, {"taken_at": at("13:58:59")}, step=2)),
    ("5-A.2", "step 2 has 0 preparations scheduled",
     lambda s: without_rows(s, preparation(2).task_id)),
    ("5-A.2", "step 2 is prepared after its time", prepared_late),
    ("5-A.2", "the split is off, and 8 snapshots were taken or used",
     lambda s: s.edit(ev.SessionStarted, {"settings": healthy_day().entries()[0].event.settings})),
    ("5-A.4", "one 91 s old was used",
     lambda s: s.edit(ev.SnapshotTaken, {"taken_at": at("13:58:29")}, step=2)),
    ("5-A.4", "one 95 s old was used",
     lambda s: (s.edit(ev.SnapshotTaken, {"taken_at": at("13:58:30")}, step=2),
                s.shift(ev.TaskStarted, 5, task_id=task_id(STEP, "14:00")))),
    ("5-A.4", "step 2 is called stale and has no snapshot",
     lambda s: (s.drop(ev.SnapshotTaken, step=2), skip_the_step(s, 2, "snapshot_stale"))),
]  # fmt: skip


@pytest.mark.parametrize(("check_id", "told", "plant"), SNAPSHOTS)
def test_a_mistake_about_snapshots_is_found(check_id: str, told: str, plant: Plant) -> None:
    story = split_day()
    plant(story)

    found = judged(check_id, story)

    assert found.status is Status.FAIL, found
    assert told in found.summary


@pytest.mark.parametrize(
    ("detail", "taken", "told"),
    [
        ("it is too old", "13:58:20", "does not name both ages"),
        ("the snapshot is 95 s old, allowed are 90 s", "13:58:20", "100 s old and 90 s allowed"),
        ("the snapshot is 100 s old, allowed are 80 s", "13:58:20", "100 s old and 90 s allowed"),
        ("the snapshot is 50 s old, allowed are 90 s", "13:59:10", "with a snapshot 50 s old"),
    ],
)
def test_5_a_4_a_refusal_without_ground_is_found(detail: str, taken: str, told: str) -> None:
    found = judged("5-A.4", refused_as_stale(detail, taken))

    assert found.status is Status.FAIL
    assert told in found.summary


def damaged(name: str, **changes: object) -> Callable[[SessionFolder], None]:
    def damage(folder: SessionFolder) -> None:
        path = folder.snapshots / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


SECOND = "20260304-0001.json"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda f: (f.snapshots / SECOND).unlink(), f"{SECOND} is not there"),
        (lambda f: (f.snapshots / SECOND).write_text("{"), "no JSON"),
        (lambda f: (f.snapshots / SECOND).write_text("[1]"), "holds list"),
        (damaged(SECOND, prepared={"base": "37.51"}), "differs from the journal in prepared"),
        (damaged(SECOND, digest="0"), "in digest"),
        (damaged(SECOND, step=2), "in step"),
        (damaged(SECOND, taken_at="2026-03-04T00:00:00+00:00"), "in taken_at"),
    ],
)
def test_5_a_6_a_damaged_snapshot_is_found(
    damage: Callable[[SessionFolder], object], told: str, tmp_path: Path
) -> None:
    folder = snapshot_files(split_day().folder(tmp_path / "s"))
    damage(folder)

    found = CHECKS["5-A.6"](Evidence.of_folder(folder))

    assert found.status is Status.FAIL
    assert told in found.summary
    assert found.lines == (split_day().line(ev.SnapshotTaken, step=1),)


# --- what compares runs --------------------------------------------------------------------------


def test_5_a_1_a_baseline_that_loses_a_step_is_found() -> None:
    story = skip_the_step(healthy_day(), 2, "snapshot_missing")

    found = compared("5-A.1", {"reference": lived(story, REFERENCE)})

    assert found.status is Status.FAIL
    assert found.summary == (
        f"1 of 4 steps of the baseline: reference: {task_id(STEP, '14:00')} was skipped"
    )


def test_5_a_1_a_baseline_that_prepares_ahead_is_found() -> None:
    story = then(healthy_day(), "13:30", snapshot(2))

    found = compared("5-A.1", {"reference": lived(story, REFERENCE)})

    assert "was prepared" in found.summary


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.edit(ev.DecisionTaken, {"intents": 7}, step=2),
        lambda s: s.edit(ev.DecisionTaken, {"prices": ()}, step=2),
        lambda s: s.edit(ev.DecisionTaken, {"state_digest": "1" * 64}, step=2),
        lambda s: s.drop(ev.DecisionTaken, step=2),
        lambda s: s.edit(ev.OrderRequested, {"step": 2}, order_id="q3"),
    ],
)
def test_5_a_3_another_decision_is_found(change: Plant) -> None:
    story = split_day()
    change(story)

    found = compared(
        "5-A.3",
        {"split": lived(story, SPLIT), "reference": lived(healthy_day(), REFERENCE)},
    )

    assert found.status is Status.FAIL
    assert "step 2 of 2026-03-04" in found.summary


@pytest.mark.parametrize("step", [0, 3])
def test_5_a_5_a_combination_that_loses_a_step_is_found(step: int) -> None:
    """The first and the last of the day are what leads and offsets lose first."""
    story = skip_the_step(split_day({"close_offset_minutes": 0}), step, "snapshot_missing")
    runs = {"one": lived(split_day(), SPLIT), "two": lived(story, replace(SPLIT, name="two"))}

    found = compared("5-A.5", runs)

    assert found.status is Status.FAIL
    name = task_id(STEP, STEPS[step])
    assert found.summary == (
        f"1 of 8 steps lost: lead 60 s, offset 0 min: {name} (snapshot_missing)"
    )


def in_three_modes(changed: Plant) -> dict[str, Evidence]:
    block = healthy_day({"startup_gate_mode": "block"})
    changed(block)
    return {
        "reference": lived(healthy_day({"startup_gate_mode": "warn"}), REFERENCE),
        "gate_off": lived(healthy_day({"startup_gate_mode": "off"}), GATE_OFF),
        "gate_blocking": lived(block, GATE_BLOCKING),
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: skip_the_step(s, 1, "gate_failed"), "gate_blocking: the gate kept 1 out"),
        (lambda s: s.edit(ev.DecisionTaken, {"intents": 7}, step=1), "1 decisions differ"),
    ],
)
def test_5_b_1_a_mode_that_changes_a_healthy_day_is_found(change: Plant, told: str) -> None:
    found = compared("5-B.1", in_three_modes(change))

    assert found.status is Status.FAIL
    assert told in found.summary


# --- the gate ------------------------------------------------------------------------------------


def with_verdicts(story: Story, number: int, **changes: Any) -> Story:  # noqa: ANN401 - fields
    return story.edit(ev.GateJudged, changes, number)


def verdicts(story: Story, number: int = 0) -> tuple[Any, ...]:
    event = story.moments[story.find(ev.GateJudged, number)][1]
    assert isinstance(event, ev.GateJudged)
    return event.verdicts


REFUSED_BY_THE_GATE = ev.OrderRefused(
    symbol=A,
    quantity=Decimal(-100),
    price=None,
    because="by hand",
    origin=OrderOrigin.OPERATOR,
    by="me",
    verdicts=(fail("the gate is shut", fix="wait").named("gate.cash"),),
)
NO = ev.CommandRefused(command="cancel", reason="the gate is shut", by="me")
POST_CLOSE = BY_ID[task_id("post_close", "15:15")]

GATE: list[tuple[str, Callable[[], Story], str, Plant]] = [
    ("5-B.2", warned_day, "was kept out", lambda s: skip_the_step(s, 3, "gate_failed")),
    ("5-B.2", warned_day, "is not counted as warned",
     lambda s: s.edit(ev.DecisionTaken, {"gate_warned": False}, step=3)),
    ("5-B.2", warned_day, "is counted as warned",
     lambda s: s.edit(ev.DecisionTaken, {"gate_warned": True}, step=0)),
    ("5-B.3", lambda: shut_at_13("block"), "was decided with the gate shut", lambda _: None),
    ("5-B.3", blocked_day, "was kept out by an open gate",
     lambda s: skip_the_step(s, 1, "gate_failed")),
    ("5-B.3", blocked_day, "skipped as snapshot_missing, gate shut",
     lambda s: s.edit(ev.TaskSkipped, {SKIP_REASON: "snapshot_missing"}, step=3)),
    ("5-B.3", blocked_day, "post_close was kept out",
     lambda s: then(s, "15:16", skipped(POST_CLOSE, "gate_failed"))),
    ("5-B.3", blocked_day, "an order by me was refused by gate.cash",
     lambda s: then(s, "13:35", REFUSED_BY_THE_GATE)),
    ("5-B.3", blocked_day, "the command cancel was refused because of the gate",
     lambda s: then(s, "13:35", NO)),
    ("5-B.4", gated_day, "gate.cash were not judged",
     lambda s: with_verdicts(s, 1, verdicts=tuple(
         v for v in verdicts(s, 1) if v.rule != "gate.cash"))),
    ("5-B.4", gated_day, "the gate is shut, its verdicts say otherwise",
     lambda s: with_verdicts(s, 0, open=False)),
    ("5-B.4", warned_day, "the gate is open, its verdicts say otherwise",
     lambda s: with_verdicts(s, 2, open=True)),
    ("5-B.4", warned_day, "failed without a sentence or a fix",
     lambda s: with_verdicts(s, 2, verdicts=tuple(
         structs.replace(v, fix="") for v in verdicts(s, 2)))),
    ("5-B.4", gated_day, "the day was prepared and the gate not judged",
     lambda s: s.drop(ev.GateJudged, 1)),
    ("5-B.4", gated_day, "a judgement is called day, due was start",
     lambda s: (s.drop(ev.GateJudged, 1), with_verdicts(s, 0, occasion="day"))),
    ("5-B.4", gated_day, "began before the judgement due at reconnect",
     lambda s: then(s, "13:30", ev.BrokerConnected(broker_name="sim"))),
    ("5-B.4", gated_day, "began before the judgement due at restart",
     lambda s: then(s, "13:30", ev.SessionResumed(entries=1, torn_bytes=0, doubtful=()))),
    ("5-B.4", gated_day, "began before the judgement due at demand",
     lambda s: then(s, "13:30", gate_command())),
    ("5-B.4", gated_day, "a judgement is called demand, due was none",
     lambda s: then(s, "13:30", gate("demand"))),
    ("5-B.4", lambda: healthy_day({"startup_gate_mode": "off"}),
     "the gate is off and was judged: start",
     lambda s: s.insert(s.find(ev.DayStarted), gate("start", "off"))),
    ("5-B.5", cured_day, "was kept out by a gate that had opened",
     lambda s: skip_the_step(s, 2, "gate_failed")),
    ("5-B.5", cured_day, "nothing failed any more, and it stayed shut",
     lambda s: with_verdicts(s, 3, open=False)),
]  # fmt: skip


@pytest.mark.parametrize(("check_id", "made", "told", "plant"), GATE)
def test_a_mistake_about_the_gate_is_found(
    check_id: str, made: Callable[[], Story], told: str, plant: Plant
) -> None:
    story = made()
    plant(story)

    found = judged(check_id, story)

    assert found.status is Status.FAIL, found
    assert told in found.summary


def test_5_b_5_a_return_is_no_cure() -> None:
    """What opens with a restart was not opened without one."""
    story = cured_day()
    story.insert(
        story.find(ev.CommandReceived, 1), ev.SessionResumed(entries=1, torn_bytes=0, doubtful=())
    )

    assert judged("5-B.5", story).status is Status.SKIP


def test_each_check_fails_somewhere_here() -> None:
    """By hand: every id of 5-A and 5-B stands in one of the lists or in the name of a test."""
    listed = {check_id for check_id, *_ in (*SNAPSHOTS, *GATE)}
    named = {"5-A.1", "5-A.3", "5-A.5", "5-A.6", "5-B.1"}

    assert listed | named == {c for c in PHASE_5 if not c.startswith("5-C")}
