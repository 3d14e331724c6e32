"""Phase 5-A: strategy snapshots."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise

from qtkit.core.errors import DataError
from qtkit.core.facts import Finding, budget, count, counts, finding, seconds, text
from qtkit.core.verdict import pending, skip
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.evidence.tasks import TaskStory
from qtkit.model import events as ev
from qtkit.stages.check import Outcome, check, judged, runs_judged
from qtkit.stages.phase_5_scenarios import SLOW_PREPARATION, SPLIT, SPLIT_LEADS, STALE
from qtkit.stages.phrases import not_yet
from qtkit.stages.scenarios import REFERENCE
from qtkit.stages.stage import Stage

__all__ = ["phase_5a"]


_STEP = "run_strategy"
_SNAPSHOT_REASONS = frozenset({"snapshot_missing", "snapshot_stale"})
_STARTING = 1.0  # seconds that a step may take to start: its snapshot does not age in them
_BY_HAND = 9_999  # steps that operators ask for are numbered from here on
_FIX = "look at the step's `prepare_strategy` task: {entries}"
_SPLIT_ON = "start a session with split_strategy_prepare on"
_Step = tuple[date | None, int]


def _is_split(evidence: Evidence) -> bool:
    return bool(evidence.setting("split_strategy_prepare"))


def _snapshots(evidence: Evidence) -> Mapping[_Step, list[Recorded[ev.SnapshotTaken]]]:
    found: defaultdict[_Step, list[Recorded[ev.SnapshotTaken]]] = defaultdict(list)
    for taken in evidence.of(ev.SnapshotTaken):
        found[taken.event.trading_date, taken.event.step].append(taken)
    return found


def _own_steps(evidence: Evidence) -> list[Recorded[ev.DecisionTaken]]:
    """Return the decisions of scheduled steps."""
    return [d for d in evidence.of(ev.DecisionTaken) if d.event.step <= _BY_HAND]


@check(
    "5-A.1", "The baseline", needs={Capability.SNAPSHOTS}, scenarios=True,
    facts=counts("steps baselines"),
    holds="all {steps:step} of the baseline decided, none from a snapshot",
    fails="{found} of {steps} steps of the baseline: {findings}",
    finds={
        "undecided": "{run}: {task} was {fate}",
        "prepared": "{run}: {task} was prepared",
    },
    fix="mend the baseline first: look the reasons up in the glossary",
)  # fmt: skip
def the_baseline_decides_every_step(evidence: Evidence) -> Outcome:
    """The baseline, split off, decides every step and skips none for a snapshot."""
    baselines = {
        name: run
        for name, run in evidence.runs.items()
        if run.started and not _is_split(run) and _is_undisturbed(run)
    }
    if not baselines:
        return pending("no run has the split off", fix="run the reference day")
    due = [(name, story) for name, run in baselines.items() for story in _due(run)]
    wrong = [
        finding("undecided", run=name, task=story.task_id, fate=story.fate or "lost")
        for name, story in due
        if story.task_id not in baselines[name].decided
    ]
    wrong += [
        finding("prepared", run=name, task=taken.event.task_id)
        for name, run in baselines.items()
        for taken in run.of(ev.SnapshotTaken)
    ]
    return judged(wrong, proof=runs_judged(evidence), steps=due, baselines=baselines)


def _due(run: Evidence) -> list[TaskStory]:
    """Return the scheduled steps."""
    return [s for s in run.tasks.values() if s.task == _STEP and s.plan is not None]


def _is_undisturbed(run: Evidence) -> bool:
    """Whether nothing was made to go wrong, and nobody did anything."""
    life = run.scenario
    return life is None or not (
        life.broker_faults or life.feed_faults or life.site_faults or life.power_cuts
        or life.commands or life.start_at or life.stop_at or life.strategy != "reference"
    )  # fmt: skip


@check(
    "5-A.2", "A snapshot for each step", needs={Capability.SNAPSHOTS, Capability.SCHEDULE},
    facts=(count("steps"), budget("prepare_lead_seconds")),
    holds="each of {steps:decided step}{so_far} has one snapshot of its own, prepared at most "
    "{prepare_lead_seconds} before its time",
    cases={"off": "the split is off: {steps:step} prepared on the spot"},
    fails="{found:fault} in {steps:step}: {findings}",
    finds={
        "used_though_off": "the split is off, and step {step} used a snapshot",
        "taken_though_off": "the split is off, and a snapshot of step {step} was taken",
        "none": "step {step} was decided without a snapshot before it",
        "twice": "step {step} was prepared twice",
        "another": "step {step} was decided from another snapshot than its own",
        "other_time": "step {step}: its snapshot belongs to a step of another time",
        "younger": "step {step}: its snapshot is younger than its decision",
        "too_early": "step {step} was prepared {ahead:g} s ahead, asked for were {lead:g} s",
        "unscheduled": "step {step} has {number} preparations scheduled",
        "after_its_time": "step {step} is prepared after its time",
    },
    fix=_FIX,
)  # fmt: skip
def each_step_has_a_snapshot_of_its_own(evidence: Evidence) -> Outcome:
    """With the split on each decided step has one snapshot of its own, at most `lead` older."""
    decisions = _own_steps(evidence)
    if not decisions:
        return not_yet(evidence, "there is no decided step", fix="wait for the first step")
    taken = _snapshots(evidence)
    if not _is_split(evidence):
        wrong = [finding("used_though_off", d.seq, step=d.event.step)
                 for d in decisions if d.event.snapshot]  # fmt: skip
        wrong += [finding("taken_though_off", s.seq, step=s.event.step)
                  for rows in taken.values() for s in rows]  # fmt: skip
        return judged(wrong, proof=decisions, case="off", steps=decisions)
    wrong = [f for d in decisions for f in _wrong_snapshot(evidence, d, taken)]
    wrong += _unscheduled(evidence)
    return judged(wrong, proof=decisions, steps=decisions)


def _wrong_snapshot(
    evidence: Evidence,
    decision: Recorded[ev.DecisionTaken],
    taken: Mapping[_Step, list[Recorded[ev.SnapshotTaken]]],
) -> Iterator[Finding]:
    """Yield what is wrong about the snapshot that a step was decided from."""
    event, step = decision.event, decision.event.step
    before = [s for s in taken.get((event.trading_date, step), ()) if s.seq < decision.seq]
    if not before:
        yield finding("none", decision.seq, step=step)
        return
    back = [d.line for d in evidence.downtimes]
    for one, two in pairwise(before):
        if not any(one.seq < line < two.seq for line in back):
            yield finding("twice", two.seq, step=step)
    own = before[-1]
    if own.event.digest != event.snapshot:
        yield finding("another", decision.seq, step=step)
    if own.event.due != event.due:
        yield finding("other_time", own.seq, step=step)
    if own.event.taken_at > decision.at:
        yield finding("younger", own.seq, step=step)
    ahead = (event.due - own.event.taken_at).total_seconds()
    lead = evidence.number("prepare_lead_seconds")
    if ahead > lead:
        yield finding("too_early", own.seq, step=step, ahead=ahead, lead=lead)


def _unscheduled(evidence: Evidence) -> Iterator[Finding]:
    """Yield scheduled steps that have no preparation of their own in the schedule."""
    for built in evidence.of(ev.ScheduleBuilt):
        rows = built.event.tasks
        prepared = [r.step for r in rows if r.task == "prepare_strategy"]
        due = {r.step: r.due for r in rows if r.task == _STEP}
        for step in due:
            if prepared.count(step) != 1:
                yield finding("unscheduled", built.seq, step=step, number=prepared.count(step))
        for row in rows:
            if row.task == "prepare_strategy" and row.due > due.get(row.step, row.due):
                yield finding("after_its_time", built.seq, step=row.step)


@check(
    "5-A.3", "The same decisions", needs={Capability.SNAPSHOTS, Capability.ORDERS}, scenarios=True,
    facts=counts("decisions orders"),
    holds="{decisions} decisions and their {orders:order} are the same, off and on",
    fails="{found} of {decisions} decisions differ with the split on: {findings}",
    finds={"differs": "step {step} of {day}"},
    fix="the strategy's prepare() looks at what is not there yet, or at the clock",
)  # fmt: skip
def splitting_changes_no_decision(evidence: Evidence) -> Outcome:
    """Splitting changes no decision of the reference strategy."""
    wanted = {REFERENCE.name: False, SPLIT.name: True}
    runs = {
        name: run
        for name, run in evidence.runs.items()
        if name in wanted and run.started and _is_split(run) is wanted[name]
    }
    if len(runs) < len(wanted):
        return pending("there is no pair of days with the split off and on", fix="run both")
    off, on = (_decisions(runs[name]) for name in wanted)
    if not off and not on:
        return pending("neither day has a decision", fix="let the days last longer")
    wrong = [
        finding("differs", step=step, day=day)
        for day, step in sorted(off.keys() | on.keys())
        if off.get((day, step)) != on.get((day, step))
    ]
    orders = sum(len(wants) for *_, wants in off.values())
    return judged(wrong, proof=runs_judged(evidence), decisions=off, orders=orders)


_Decision = tuple[object, object, int, str, tuple[object, ...]]


def _decisions(evidence: Evidence) -> dict[tuple[str, int], _Decision]:
    """Return what each step saw and wanted."""
    wants: defaultdict[tuple[str, int], list[object]] = defaultdict(list)
    for order in evidence.of(ev.OrderRequested):
        if order.event.step is not None:
            key = (str(order.event.trading_date), order.event.step)
            wants[key].append((order.event.symbol, order.event.quantity, order.event.tag))
    return {
        (key := (str(d.event.trading_date), d.event.step)): (
            d.event.prices, d.event.aside, d.event.intents, d.event.state_digest, tuple(wants[key])
        )
        for d in evidence.of(ev.DecisionTaken)
    }  # fmt: skip


@check(
    "5-A.4", "Nothing stale is used", needs={Capability.SNAPSHOTS, Capability.SCHEDULE},
    facts=(
        *counts("used refused"),
        seconds("oldest"),
        budget("strategy_snapshot_max_age_seconds"),
        budget("starting_seconds", default=_STARTING),
    ),
    holds="{used:snapshot} used{so_far}, the oldest {oldest:g} s old of "
    "{strategy_snapshot_max_age_seconds} allowed; {refused} refused",
    fails="{found:fault}, allowed are {strategy_snapshot_max_age_seconds}: {findings}",
    finds={
        "used": "step {step} used one {age:g} s old",
        "no_snapshot": "step {step} is called stale and has no snapshot",
        "fresh": "step {step} was refused with a snapshot {age:g} s old",
        "no_ages": "step {step}: the refusal does not name both ages",
        "other_ages": "step {step}: {age:g} s old and {limit:g} s allowed, recorded as "
        "{recorded:g} s and {allowed:g} s",
    },
    fix=_FIX,
)  # fmt: skip
def a_stale_snapshot_is_refused(evidence: Evidence) -> Outcome:
    """A snapshot older than the limit is refused as `snapshot_stale`, with both ages."""
    if evidence.started and not _is_split(evidence):
        return skip("the split is off: steps are prepared on the spot")
    decisions = [d for d in _own_steps(evidence) if d.event.snapshot]
    stale = [s for s in evidence.of(ev.TaskSkipped) if s.event.skip_reason == "snapshot_stale"]
    if not decisions and not stale:
        return not_yet(evidence, "there is no step with a snapshot", fix="wait for the first step")
    limit, taken = evidence.number("strategy_snapshot_max_age_seconds"), _snapshots(evidence)
    ages = [(d, _age(evidence, d, taken)) for d in decisions]
    wrong = [finding("used", d.seq, step=d.event.step, age=age) for d, age in ages if age > limit]
    wrong += [fault for s in stale for fault in _unfounded(s, taken, limit)]
    return judged(
        wrong, proof=[*decisions, *stale], used=decisions, refused=stale,
        oldest=max((age for _, age in ages), default=0.0),
    )  # fmt: skip


def _age(
    evidence: Evidence,
    decision: Recorded[ev.DecisionTaken],
    taken: Mapping[_Step, list[Recorded[ev.SnapshotTaken]]],
) -> float:
    """Return how old a step's snapshot was when the step started, seconds."""
    event = decision.event
    own = [s for s in taken.get((event.trading_date, event.step), ()) if s.seq < decision.seq]
    if not own:
        return 0.0  # check 5-A.2 says so
    story = evidence.tasks.get(event.task_id)
    began = story.started.at if story and story.started else decision.at
    late = (began - event.due).total_seconds()
    start = began if late > _STARTING else event.due
    return (start - own[-1].event.taken_at).total_seconds()


def _unfounded(
    skipped: Recorded[ev.TaskSkipped],
    taken: Mapping[_Step, list[Recorded[ev.SnapshotTaken]]],
    limit: float,
) -> Iterator[Finding]:
    """Yield why a step should not have been refused, or not with these ages."""
    event, line = skipped.event, skipped.seq
    step = -1 if event.step is None else event.step
    own = [s for s in taken.get((event.trading_date, step), ()) if s.seq < line]
    if not own:
        yield finding("no_snapshot", line, step=step)
        return
    age = (skipped.at - own[-1].event.taken_at).total_seconds()
    if age <= limit:
        yield finding("fresh", line, step=step, age=age)
    recorded, allowed = event.age_seconds, event.allowed_seconds
    if recorded is None or allowed is None:
        yield finding("no_ages", line, step=step)
    elif abs(recorded - age) > _STARTING or allowed != limit:
        ages = {"age": age, "limit": limit, "recorded": recorded, "allowed": allowed}
        yield finding("other_ages", line, step=step, **ages)


@check(
    "5-A.5", "No combination loses a step", needs={Capability.SNAPSHOTS, Capability.SCHEDULE},
    scenarios=True, facts=(*counts("steps combinations"), text("tried")),
    holds="all {steps} steps of {combinations} combinations were decided: {tried}",
    fails="{found} of {steps} steps lost: {findings}",
    finds={"lost": "lead {lead:g} s, offset {offset:g} min: {task} ({fate})"},
    fix=_FIX,
)  # fmt: skip
def no_lead_and_offset_lose_a_step(evidence: Evidence) -> Outcome:
    """No combination of lead and offset loses a step, first and last of the day included."""
    lost, combinations, steps = list[Finding](), set[tuple[float, float]](), 0
    for run in evidence.runs.values():
        if not run.started or not _is_split(run) or not _is_undisturbed(run):
            continue
        lead = run.number("prepare_lead_seconds")
        offset = run.number("close_offset_minutes")
        combinations.add((lead, offset))
        due = _due(run)
        steps += len(due)
        for story in due:
            if story.task_id not in run.decided:
                reason = story.skipped.skip_reason if story.skipped else ""
                fate = reason or story.fate or "no outcome"
                lost.append(
                    finding("lost", lead=lead, offset=offset, task=story.task_id, fate=fate)
                )
    if not lost and len(combinations) <= 1:
        return pending("there are no combinations to compare", fix="run the scenarios")
    tried = [f"{lead:g} s/{offset:g} min" for lead, offset in sorted(combinations)]
    return judged(
        lost, proof=runs_judged(evidence), steps=steps, combinations=combinations, tried=tried
    )


@check(
    "5-A.6", "Snapshots are on disk", needs={Capability.SNAPSHOTS, Capability.FILES},
    facts=counts("snapshots"),
    holds="{snapshots:snapshot}{so_far} on disk, each reads back equal",
    fails="{found:fault} in {snapshots:snapshot}: {findings}",
    finds={
        "unreadable": "{problem}",
        "missing": "{file} is not there",
        "differs": "{file} differs from the journal in {fields}",
    },
    fix="look at the folder: disk full, or rights missing?",
)  # fmt: skip
def snapshots_read_back_equal(evidence: Evidence) -> Outcome:
    """Each snapshot is on disk with step, time and digest, and reads back equal."""
    if evidence.started and not _is_split(evidence):
        return skip("the split is off: there are no snapshots")
    taken = [rows[-1] for rows in _snapshots(evidence).values()]
    if not taken:
        return not_yet(evidence, "there is no snapshot", fix=_SPLIT_ON)
    wrong = (fault for snapshot in taken for fault in _on_disk(evidence, snapshot))
    return judged(wrong, proof=taken, snapshots=taken)


def _on_disk(evidence: Evidence, taken: Recorded[ev.SnapshotTaken]) -> Iterator[Finding]:
    """Yield how a snapshot's file differs from what the journal says."""
    event = taken.event
    if evidence.folder is None:
        return
    path = evidence.folder.snapshots / f"{event.trading_date:%Y%m%d}-{event.step:04d}.json"
    try:
        found = evidence.json_file(path)
    except DataError as problem:
        yield finding("unreadable", taken.seq, problem=problem)
        return
    if found is None:
        yield finding("missing", taken.seq, file=path.name)
        return
    wanted = {
        "step": event.step,
        "task_id": event.task_id,
        "taken_at": event.taken_at.isoformat(),
        "digest": event.digest,
    }
    differ = [key for key, value in wanted.items() if found.get(key) != value]
    prepared = json.dumps(found.get("prepared"), sort_keys=True, separators=(",", ":"))
    if hashlib.sha256(prepared.encode()).hexdigest() != event.digest:
        differ.append("prepared")
    if differ:
        yield finding("differs", taken.seq, file=path.name, fields=differ)


phase_5a = Stage(
    id="5-A",
    title="strategy snapshots",
    verifies=(
        "With `split_strategy_prepare` on, each step is prepared ahead, by a task of its own that "
        "stands in schedule and log, and run from its own snapshot."
    ),
    operate=(
        "A session with the split off is the baseline; then one with it on, with "
        "`prepare_lead_seconds` and `strategy_snapshot_max_age_seconds`."
    ),
    headless=(
        "The reference day with the split off and on; days with each lead of 0, 5, 60 and 300 "
        "seconds and each offset of 0 and 1 minutes; a slow preparation; a stale snapshot."
    ),
    scenarios=(SPLIT, REFERENCE, *SPLIT_LEADS, SLOW_PREPARATION, STALE),
    checks=(
        the_baseline_decides_every_step,
        each_step_has_a_snapshot_of_its_own,
        splitting_changes_no_decision,
        a_stale_snapshot_is_refused,
        no_lead_and_offset_lose_a_step,
        snapshots_read_back_equal,
    ),
)
