"""Journals by hand for phases 5-A, 5-B and 5-C: all is well in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Verdict, fail, ok
from qtkit.evidence import Evidence, RotationSeen, RunFacts, Scenario
from qtkit.model import events as ev
from qtkit.model.events import Event, PlannedTask
from qtkit.model.gate import GATE_CHECKS
from qtkit.model.orders import OrderOrigin
from tests.stages.parts import (
    BY_ID,
    CHECKS,
    DAY,
    ROWS,
    SHANGHAI,
    A,
    at,
    begun,
    book,
    day_started,
    diagnosed,
    finished,
    price,
    reconciled,
    request,
    skipped,
    task_id,
)
from tests.stages.story import CASH_AT_NIGHT, Story, healthy_day

PHASE_5 = (
    "5-A.1", "5-A.2", "5-A.3", "5-A.4", "5-A.5", "5-A.6",
    "5-B.1", "5-B.2", "5-B.3", "5-B.4", "5-B.5",
    "5-C.1", "5-C.2", "5-C.3", "5-C.4", "5-C.5", "5-C.6", "5-C.7", "5-C.8",
)  # fmt: skip


STEP, PREPARE = "run_strategy", "prepare_strategy"


STEPS = {0: "10:30", 1: "11:30", 2: "14:00", 3: "14:59"}


PREPARED = {"base": "37.50"}


DIGEST = hashlib.sha256(b'{"base":"37.50"}').hexdigest()


LEAD = 60  # seconds


SPLIT_ON: dict[str, Any] = {
    "split_strategy_prepare": True,
    "prepare_lead_seconds": LEAD,
    "strategy_snapshot_max_age_seconds": 90,
}


def judged(check_id: str, story: Story, **parts: Any) -> Verdict:  # noqa: ANN401 - as evidence
    return CHECKS[check_id](story.evidence(**parts))


def on_disk(check_id: str, story: Story, path: Path, facts: RunFacts | None = None) -> Verdict:
    return CHECKS[check_id](Evidence.of_folder(story.folder(path / "s"), facts=facts))


def then(story: Story, when: str, *events: Event) -> Story:
    """Let events happen at a time, after everything of that time."""
    place = next(i for i, (moment, _) in enumerate(story.moments) if moment > at(when))
    return story.insert(place, *events, when=when)


def preparation(step: int) -> PlannedTask:
    """Return the row that prepares a step: a minute before it, named after it."""
    due = at(STEPS[step])
    return PlannedTask(
        task_id=task_id(STEP, STEPS[step]).replace(STEP, PREPARE),
        task=PREPARE,
        due=due - timedelta(seconds=LEAD),
        step=step,
    )


def snapshot(step: int, taken: str | None = None) -> ev.SnapshotTaken:
    return ev.SnapshotTaken(
        task_id=preparation(step).task_id,
        step=step,
        due=at(STEPS[step]),
        taken_at=at(taken) if taken else preparation(step).due,
        digest=DIGEST,
    )


def split_day(settings: Mapping[str, Any] | None = None) -> Story:
    """Return the healthy day, each step prepared a minute ahead."""
    story = healthy_day({**SPLIT_ON, **(settings or {})})
    ahead = {s: preparation(s) for s in STEPS}
    rows = sorted((*ROWS, *ahead.values()), key=lambda r: r.due)
    story.edit(ev.ScheduleBuilt, {"tasks": tuple(rows)})
    for step, planned in ahead.items():
        moment = f"{planned.due.astimezone(SHANGHAI):%H:%M:%S}"
        then(story, moment, *begun(planned), snapshot(step), finished(planned))
        story.edit(ev.DecisionTaken, {"snapshot": DIGEST}, step=step)
    return story


def snapshot_files(folder: SessionFolder) -> SessionFolder:
    """Write the snapshots of a split day, apart from the engine."""
    folder.snapshots.mkdir()
    for step in STEPS:
        told = {
            "format": 1,
            "step": step,
            "task_id": preparation(step).task_id,
            "taken_at": preparation(step).due.isoformat(),
            "digest": DIGEST,
            "prepared": PREPARED,
        }
        (folder.snapshots / f"20260304-{step:04d}.json").write_text(json.dumps(told))
    return folder


def refused_as_stale(age: float | None, allowed: float | None, taken: str = "13:58:20") -> Story:
    """Return a split day on which the third step is refused."""
    story = split_day()
    story.edit(ev.SnapshotTaken, {"taken_at": at(taken)}, step=2)
    planned = BY_ID[task_id(STEP, "14:00")]
    place = story.find(ev.TaskQueued, task_id=planned.task_id)
    story.moments = [
        (w, e) for w, e in story.moments if getattr(e, "task_id", "") != planned.task_id
    ]
    refusal = msgspec.structs.replace(
        skipped(planned, "snapshot_stale"), age_seconds=age, allowed_seconds=allowed
    )
    return story.insert(place, refusal, when="14:00")


def compared(check_id: str, runs: Mapping[str, Evidence]) -> Verdict:
    main = next(iter(runs.values()))
    return CHECKS[check_id](replace(main, runs=runs))


def lived(story: Story, scenario: Scenario) -> Evidence:
    return story.evidence(scenario=scenario)


def gate(occasion: str, mode: str = "warn", **failing: str) -> ev.GateJudged:
    """Return a judgement; what fails is named as ``cash="why"``."""
    verdicts = tuple(
        fail(failing[rule.removeprefix("gate.")], fix="mend it").named(rule)
        if rule.removeprefix("gate.") in failing
        else ok("1 thing is in order").named(rule)
        for rule in sorted(GATE_CHECKS)
    )
    return ev.GateJudged(mode=mode, occasion=occasion, verdicts=verdicts, open=not failing)


def gated_day(mode: str = "warn") -> Story:
    """Return the healthy day with a gate."""
    story = healthy_day({"startup_gate_mode": mode})
    story.insert(story.find(ev.DayStarted) + 1, gate("start", mode))
    pre_open = story.find(ev.TaskFinished, task="pre_open")
    return story.insert(pre_open, gate("day", mode))


def gate_command() -> ev.CommandReceived:
    return ev.CommandReceived(command="gate", arguments={}, by="me")


def shut_at_13(mode: str) -> Story:
    """Return the gated day with a gate that is found shut at 13:30."""
    story = gated_day(mode)
    return then(story, "13:30", gate_command(), gate("demand", mode, cash="1 yuan off"))


def warned_day() -> Story:
    story = shut_at_13("warn")
    for step in (2, 3):
        story.edit(ev.DecisionTaken, {"gate_warned": True}, step=step)
    return story


def blocked_day() -> Story:
    """Return a day whose afternoon the gate keeps out, but for what is not a step."""
    story = shut_at_13("block")
    for step in (2, 3):
        planned = BY_ID[task_id(STEP, STEPS[step])]
        place = story.find(ev.TaskQueued, task_id=planned.task_id)
        story.moments = [
            (w, e) for w, e in story.moments if getattr(e, "task_id", "") != planned.task_id
        ]
        story.insert(place, skipped(planned, "gate_failed", "the gate is shut"), when=STEPS[step])
    return story


def cured_day() -> Story:
    """Return a day on which the gate is shut at lunch and opened again before 14:00."""
    return then(shut_at_13("block"), "13:40", gate_command(), gate("demand", "block"))


def rejected_day() -> Story:
    """Return the healthy day on which the second order is rejected by the counter."""
    story = healthy_day()
    place = story.find(ev.OrderAccepted, order_id="q2") + 1
    extra = request("q4", price(A, "37.50", "10:30"), 100, "4126.00", "initial", 0)
    story.edit(ev.OrderRequested, {"order_id": "q4"}, order_id="q3")
    for kind in (ev.OrderAccepted, ev.OrderFilled):
        story.edit(kind, {"order_id": "q4", "broker_order_id": "b-q4"}, order_id="q3")
    no = ev.OrderRejected(order_id="q3", reason_code="suspended", reason="trading is halted")
    return story.insert(place, msgspec.structs.replace(extra, order_id="q3"), no)


def refusal(quantity: int = 150, limit: str | None = "37.50") -> ev.OrderRefused:
    return ev.OrderRefused(
        symbol=A,
        quantity=Decimal(quantity),
        price=None if limit is None else Decimal(limit),
        because="by hand",
        origin=OrderOrigin.OPERATOR,
        by="me",
        verdicts=(fail("150 shares are no whole lots", fix="none").named("risk.lot_and_tick"),),
    )


def refused_day() -> Story:
    return then(healthy_day(), "13:30", refusal(), refusal(-700, None))


def removed(folder: SessionFolder, name: str = "risk.log", when: str = "2026-05-01") -> None:
    folder.log_removals.write_text(json.dumps({"at": f"{when}T00:00:00+00:00", "log": name}) + "\n")


SEEN = RotationSeen(
    days=30,
    expired=("a/risk.log",),
    listed=("a/risk.log",),
    removed_by_preview=(),
    removed=("a/risk.log",),
    left=("b/risk.log", "c/risk.log"),
)


def two_mornings() -> Story:
    """Return Wednesday's story with a Thursday on which nothing but a dividend of 25.50 comes."""
    story = healthy_day()
    story.cut(story.find(ev.StopRequested))
    thursday = DAY + timedelta(days=1)
    night = book(str(Decimal(CASH_AT_NIGHT) + Decimal("25.50")), 5800, 5000)
    events: tuple[Event, ...] = (
        ev.PositionAdjusted(
            symbol="", quantity=Decimal(0), cash=Decimal("25.50"), by="me", why="a dividend"
        ),
        day_started(),
        reconciled(night),
        diagnosed(),
        ev.DayClosed(early=False, book=night),
    )
    for event in events:
        dated = msgspec.structs.replace(event, trading_date=thursday)
        story.moments.append((at("15:15", thursday), dated))
    return story
