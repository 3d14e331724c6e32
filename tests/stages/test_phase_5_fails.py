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
from tests.stages.parts import BY_ID, CHECKS, A, at, is_found, row, skipped, task_id
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
    ("5-A.2", "none 2",
     lambda s: s.drop(ev.SnapshotTaken, step=2)),
    ("5-A.2", "twice 2",
     lambda s: s.insert(s.find(ev.SnapshotTaken, step=2), snapshot(2))),
    ("5-A.2", "another",
     lambda s: s.edit(ev.DecisionTaken, {"snapshot": "0" * 64}, step=1)),
    ("5-A.2", "another",
     lambda s: s.edit(ev.DecisionTaken, {"snapshot": ""}, step=1)),
    ("5-A.2", "other_time",
     lambda s: s.edit(ev.SnapshotTaken, {"due": at("14:59")}, step=2)),
    ("5-A.2", "younger",
     lambda s: s.edit(ev.SnapshotTaken, {"taken_at": at("14:00:01")}, step=2)),
    ("5-A.2", "too_early 61.0 60.0",
     lambda s: s.edit(ev.SnapshotTaken, {"taken_at": at("13:58:59")}, step=2)),
    ("5-A.2", "unscheduled 2 0",
     lambda s: without_rows(s, preparation(2).task_id)),
    ("5-A.2", "after_its_time 2", prepared_late),
    ("5-A.2", "used_though_off",
     lambda s: s.edit(ev.SessionStarted, {"settings": healthy_day().entries()[0].event.settings})),
    ("5-A.4", "used 91.0",
     lambda s: s.edit(ev.SnapshotTaken, {"taken_at": at("13:58:29")}, step=2)),
    ("5-A.4", "used 95.0",
     lambda s: (s.edit(ev.SnapshotTaken, {"taken_at": at("13:58:30")}, step=2),
                s.shift(ev.TaskStarted, 5, task_id=task_id(STEP, "14:00")))),
    ("5-A.4", "no_snapshot 2",
     lambda s: (s.drop(ev.SnapshotTaken, step=2), skip_the_step(s, 2, "snapshot_stale"))),
]  # fmt: skip


@pytest.mark.parametrize(("check_id", "expected", "plant"), SNAPSHOTS)
def test_a_mistake_about_snapshots_is_found(check_id: str, expected: str, plant: Plant) -> None:
    story = split_day()
    plant(story)

    found = judged(check_id, story)

    assert found.status is Status.FAIL, found
    assert is_found(found, expected)


@pytest.mark.parametrize(
    ("age", "allowed", "taken", "expected"),
    [
        (None, 90, "13:58:20", "no_ages"),
        (100, None, "13:58:20", "no_ages"),
        (95, 90, "13:58:20", "other_ages 100.0 95"),
        (100, 80, "13:58:20", "other_ages 90.0 80"),
        (50, 90, "13:59:10", "fresh 50.0"),
    ],
)
def test_5_a_4_a_refusal_without_ground_is_found(
    age: float | None, allowed: float | None, taken: str, expected: str
) -> None:
    found = judged("5-A.4", refused_as_stale(age, allowed, taken))

    assert found.status is Status.FAIL
    assert is_found(found, expected)


def damaged(name: str, **changes: object) -> Callable[[SessionFolder], None]:
    def damage(folder: SessionFolder) -> None:
        path = folder.snapshots / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


SECOND = "20260304-0001.json"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda f: (f.snapshots / SECOND).unlink(), "missing 20260304-0001.json"),
        (lambda f: (f.snapshots / SECOND).write_text("{"), "unreadable"),
        (lambda f: (f.snapshots / SECOND).write_text("[1]"), "unreadable"),
        (damaged(SECOND, prepared={"base": "37.51"}), "differs prepared"),
        (damaged(SECOND, digest="0"), "differs digest"),
        (damaged(SECOND, step=2), "differs step"),
        (damaged(SECOND, taken_at="2026-03-04T00:00:00+00:00"), "differs taken_at"),
    ],
)
def test_5_a_6_a_damaged_snapshot_is_found(
    damage: Callable[[SessionFolder], object], expected: str, tmp_path: Path
) -> None:
    folder = snapshot_files(split_day().folder(tmp_path / "s"))
    damage(folder)

    found = CHECKS["5-A.6"](Evidence.of_folder(folder))

    assert found.status is Status.FAIL
    assert is_found(found, expected)
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

    assert is_found(found, "prepared")


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
    assert is_found(found, "differs 2 2026-03-04")


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
    ("change", "expected"),
    [
        (lambda s: skip_the_step(s, 1, "gate_failed"), "kept_out gate_blocking 1"),
        (lambda s: s.edit(ev.DecisionTaken, {"intents": 7}, step=1), "differ 1"),
    ],
)
def test_5_b_1_a_mode_that_changes_a_healthy_day_is_found(change: Plant, expected: str) -> None:
    found = compared("5-B.1", in_three_modes(change))

    assert found.status is Status.FAIL
    assert is_found(found, expected)


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
    ("5-B.2", warned_day, "kept_out", lambda s: skip_the_step(s, 3, "gate_failed")),
    ("5-B.2", warned_day, "not_counted",
     lambda s: s.edit(ev.DecisionTaken, {"gate_warned": False}, step=3)),
    ("5-B.2", warned_day, "counted",
     lambda s: s.edit(ev.DecisionTaken, {"gate_warned": True}, step=0)),
    ("5-B.3", lambda: shut_at_13("block"), "slipped_through", lambda _: None),
    ("5-B.3", blocked_day, "open_gate",
     lambda s: skip_the_step(s, 1, "gate_failed")),
    ("5-B.3", blocked_day, "other_reason snapshot_missing",
     lambda s: s.edit(ev.TaskSkipped, {SKIP_REASON: "snapshot_missing"}, step=3)),
    ("5-B.3", blocked_day, "no_step post_close",
     lambda s: then(s, "15:16", skipped(POST_CLOSE, "gate_failed"))),
    ("5-B.3", blocked_day, "order_refused me gate.cash",
     lambda s: then(s, "13:35", REFUSED_BY_THE_GATE)),
    ("5-B.3", blocked_day, "command_refused cancel",
     lambda s: then(s, "13:35", NO)),
    ("5-B.4", gated_day, "not_judged day gate.cash",
     lambda s: with_verdicts(s, 1, verdicts=tuple(
         v for v in verdicts(s, 1) if v.rule != "gate.cash"))),
    ("5-B.4", gated_day, "contradiction shut",
     lambda s: with_verdicts(s, 0, open=False)),
    ("5-B.4", warned_day, "contradiction open",
     lambda s: with_verdicts(s, 2, open=True)),
    ("5-B.4", warned_day, "mute",
     lambda s: with_verdicts(s, 2, verdicts=tuple(
         structs.replace(v, fix="") for v in verdicts(s, 2)))),
    ("5-B.4", gated_day, "day_unjudged",
     lambda s: s.drop(ev.GateJudged, 1)),
    ("5-B.4", gated_day, "misnamed day start",
     lambda s: (s.drop(ev.GateJudged, 1), with_verdicts(s, 0, occasion="day"))),
    ("5-B.4", gated_day, "overdue reconnect",
     lambda s: then(s, "13:30", ev.BrokerConnected(broker_name="sim"))),
    ("5-B.4", gated_day, "overdue restart",
     lambda s: then(s, "13:30", ev.SessionResumed(entries=1, torn_bytes=0, doubtful=()))),
    ("5-B.4", gated_day, "overdue demand",
     lambda s: then(s, "13:30", gate_command())),
    ("5-B.4", gated_day, "misnamed demand none",
     lambda s: then(s, "13:30", gate("demand"))),
    ("5-B.4", lambda: healthy_day({"startup_gate_mode": "off"}),
     "unasked start",
     lambda s: s.insert(s.find(ev.DayStarted), gate("start", "off"))),
    ("5-B.5", cured_day, "still_kept_out",
     lambda s: skip_the_step(s, 2, "gate_failed")),
    ("5-B.5", cured_day, "stayed_shut",
     lambda s: with_verdicts(s, 3, open=False)),
]  # fmt: skip


@pytest.mark.parametrize(("check_id", "made", "expected", "plant"), GATE)
def test_a_mistake_about_the_gate_is_found(
    check_id: str, made: Callable[[], Story], expected: str, plant: Plant
) -> None:
    story = made()
    plant(story)

    found = judged(check_id, story)

    assert found.status is Status.FAIL, found
    assert is_found(found, expected)


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
