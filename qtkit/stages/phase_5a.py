"""Phase 5-A: strategy snapshots."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise

from qtkit.core.errors import DataError
from qtkit.core.verdict import Verdict, fail, ok, pending, skip
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.model import events as ev
from qtkit.stages.check import check
from qtkit.stages.phase_5_scenarios import SLOW_PREPARATION, SPLIT, SPLIT_LEADS, STALE
from qtkit.stages.phrases import counted, not_yet, show_command, shown, so_far
from qtkit.stages.scenarios import REFERENCE
from qtkit.stages.stage import Stage

__all__ = ["phase_5a"]


_STEP = "run_strategy"
_SNAPSHOT_REASONS = frozenset({"snapshot_missing", "snapshot_stale"})
_STARTING = 1.0  # seconds that a step may take to start: its snapshot does not age in them
_BY_HAND = 9_999  # steps that operators ask for are numbered from here on
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


def _fix(evidence: Evidence) -> str:
    """Return what to look at."""
    return f"look at the step's `prepare_strategy` task: {show_command(evidence, 'snapshot_taken')}"


@check("5-A.1", "The baseline", needs={Capability.SNAPSHOTS}, scenarios=True)
def the_baseline_decides_every_step(evidence: Evidence) -> Verdict:
    """The baseline, split off, decides every step and skips none for a snapshot."""
    baselines = {
        name: run
        for name, run in evidence.runs.items()
        if run.started and not _is_split(run) and _is_undisturbed(run)
    }
    if not baselines:
        return pending("no run has the split off", fix="run the reference day")
    wrong, steps = list[str](), 0
    for name, run in baselines.items():
        due = [s for s in run.tasks.values() if s.task == _STEP and s.plan is not None]
        steps += len(due)
        wrong += [
            f"{name}: {story.task_id} was {story.fate or 'lost'}"
            for story in due
            if story.task_id not in run.decided
        ]
        wrong += [f"{name}: {s.event.task_id} was prepared" for s in run.of(ev.SnapshotTaken)]
    if wrong:
        return fail(
            f"{len(wrong)} of {steps} steps of the baseline: {shown(wrong)}",
            fix="mend the baseline first: look the reasons up in the glossary",
        )
    return ok(f"all {counted(steps, 'step')} of the baseline decided, none from a snapshot")


def _is_undisturbed(run: Evidence) -> bool:
    """Whether nothing was made to go wrong, and nobody did anything."""
    life = run.scenario
    return life is None or not (
        life.broker_faults or life.feed_faults or life.site_faults or life.power_cuts
        or life.commands or life.start_at or life.stop_at or life.strategy != "reference"
    )  # fmt: skip


@check("5-A.2", "A snapshot for each step", needs={Capability.SNAPSHOTS, Capability.SCHEDULE})
def each_step_has_a_snapshot_of_its_own(evidence: Evidence) -> Verdict:
    """With the split on each decided step has one snapshot of its own, at most `lead` older."""
    decisions = _own_steps(evidence)
    if not decisions:
        return not_yet(evidence, "there is no decided step", fix="wait for the first step")
    taken = _snapshots(evidence)
    if not _is_split(evidence):
        return _on_the_spot(evidence, decisions, taken)
    lead = timedelta(seconds=evidence.number("prepare_lead_seconds"))
    wrong = [f for d in decisions for f in _wrong_snapshot(evidence, d, taken, lead)]
    wrong += _unscheduled(evidence)
    if wrong:
        return fail(
            f"{len(wrong)} faults in {counted(len(decisions), 'step')}: "
            f"{shown(s for _, s in wrong)}",
            fix=_fix(evidence),
            lines=sorted({line for line, _ in wrong}),
        )
    return ok(
        f"each of {counted(len(decisions), 'decided step')}{so_far(evidence)} has one snapshot of "
        f"its own, prepared at most {lead.total_seconds():g} s before its time"
    )


def _on_the_spot(
    evidence: Evidence,
    decisions: list[Recorded[ev.DecisionTaken]],
    taken: Mapping[_Step, list[Recorded[ev.SnapshotTaken]]],
) -> Verdict:
    odd = [d.seq for d in decisions if d.event.snapshot]
    odd += [snapshot.seq for found in taken.values() for snapshot in found]
    if odd:
        return fail(
            f"the split is off, and {counted(len(odd), 'snapshot')} were taken or used",
            fix=_fix(evidence),
            lines=sorted(odd),
        )
    return ok(f"the split is off: {counted(len(decisions), 'step')} prepared on the spot")


def _wrong_snapshot(
    evidence: Evidence,
    decision: Recorded[ev.DecisionTaken],
    taken: Mapping[_Step, list[Recorded[ev.SnapshotTaken]]],
    lead: timedelta,
) -> Iterator[tuple[int, str]]:
    """Yield what is wrong about the snapshot that a step was decided from."""
    event, name = decision.event, f"step {decision.event.step}"
    before = [s for s in taken.get((event.trading_date, event.step), ()) if s.seq < decision.seq]
    if not before:
        yield decision.seq, f"{name} was decided without a snapshot before it"
        return
    back = [d.line for d in evidence.downtimes]
    for one, two in pairwise(before):
        if not any(one.seq < line < two.seq for line in back):
            yield two.seq, f"{name} was prepared twice"
    own = before[-1]
    if own.event.digest != event.snapshot:
        yield decision.seq, f"{name} was decided from another snapshot than its own"
    if own.event.due != event.due:
        yield own.seq, f"{name}: its snapshot belongs to a step of another time"
    if own.event.taken_at > decision.at:
        yield own.seq, f"{name}: its snapshot is younger than its decision"
    ahead = event.due - own.event.taken_at
    if ahead > lead:
        told, asked = ahead.total_seconds(), lead.total_seconds()
        yield own.seq, f"{name} was prepared {told:g} s ahead, asked for were {asked:g} s"


def _unscheduled(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield scheduled steps that have no preparation of their own in the schedule."""
    for built in evidence.of(ev.ScheduleBuilt):
        rows = built.event.tasks
        prepared = [r.step for r in rows if r.task == "prepare_strategy"]
        due = {r.step: r.due for r in rows if r.task == _STEP}
        for step in due:
            if prepared.count(step) != 1:
                yield built.seq, f"step {step} has {prepared.count(step)} preparations scheduled"
        for row in rows:
            if row.task == "prepare_strategy" and row.due > due.get(row.step, row.due):
                yield built.seq, f"step {row.step} is prepared after its time"


@check("5-A.3", "The same decisions", needs={Capability.SNAPSHOTS, Capability.ORDERS},
       scenarios=True)  # fmt: skip
def splitting_changes_no_decision(evidence: Evidence) -> Verdict:
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
    differ = [step for step in sorted(off.keys() | on.keys()) if off.get(step) != on.get(step)]
    if differ:
        told = [f"step {step} of {day}" for day, step in differ]
        return fail(
            f"{len(differ)} of {len(off)} decisions differ with the split on: {shown(told)}",
            fix="the strategy's prepare() looks at what is not there yet, or at the clock",
        )
    if not off:
        return pending("neither day has a decision", fix="let the days last longer")
    orders = sum(len(wants) for *_, wants in off.values())
    return ok(f"{len(off)} decisions and their {counted(orders, 'order')} are the same, off and on")


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


@check("5-A.4", "Nothing stale is used", needs={Capability.SNAPSHOTS, Capability.SCHEDULE})
def a_stale_snapshot_is_refused(evidence: Evidence) -> Verdict:
    """A snapshot older than the limit is refused as `snapshot_stale`, with both ages."""
    if evidence.started and not _is_split(evidence):
        return skip("the split is off: steps are prepared on the spot")
    decisions = [d for d in _own_steps(evidence) if d.event.snapshot]
    stale = [s for s in evidence.of(ev.TaskSkipped) if s.event.skip_reason == "snapshot_stale"]
    if not decisions and not stale:
        return not_yet(evidence, "there is no step with a snapshot", fix="wait for the first step")
    limit, taken = evidence.number("strategy_snapshot_max_age_seconds"), _snapshots(evidence)
    ages = {d.seq: _age(evidence, d, taken) for d in decisions}
    wrong = [(line, f"one {age:g} s old was used") for line, age in ages.items() if age > limit]
    wrong += [(s.seq, told) for s in stale for told in _unfounded(s, taken, limit)]
    if wrong:
        return fail(
            f"{len(wrong)} faults, allowed are {limit:g} s: {shown(s for _, s in wrong)}",
            fix=_fix(evidence),
            lines=sorted(line for line, _ in wrong),
        )
    return ok(
        f"{counted(len(decisions), 'snapshot')} used{so_far(evidence)}, the oldest "
        f"{max(ages.values(), default=0):g} s old of {limit:g} s allowed; {len(stale)} refused"
    )


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


_TWO_AGES = re.compile(r"(\d+(?:\.\d+)?) s\b.*?(\d+(?:\.\d+)?) s\b")


def _unfounded(
    skipped: Recorded[ev.TaskSkipped],
    taken: Mapping[_Step, list[Recorded[ev.SnapshotTaken]]],
    limit: float,
) -> Iterator[str]:
    """Yield why a step should not have been refused, or not in these words."""
    event, name = skipped.event, f"step {skipped.event.step}"
    step = -1 if event.step is None else event.step
    own = [s for s in taken.get((event.trading_date, step), ()) if s.seq < skipped.seq]
    if not own:
        yield f"{name} is called stale and has no snapshot"
        return
    age = (skipped.at - own[-1].event.taken_at).total_seconds()
    if age <= limit:
        yield f"{name} was refused with a snapshot {age:g} s old"
    ages = _TWO_AGES.search(event.detail)
    if ages is None:
        yield f"{name}: the refusal does not name both ages"
    elif abs(float(ages[1]) - age) > _STARTING or float(ages[2]) != limit:
        yield f"{name}: {age:g} s old and {limit:g} s allowed, told as {event.detail!r}"


@check("5-A.5", "No combination loses a step", needs={Capability.SNAPSHOTS, Capability.SCHEDULE},
       scenarios=True)  # fmt: skip
def no_lead_and_offset_lose_a_step(evidence: Evidence) -> Verdict:
    """No combination of lead and offset loses a step, first and last of the day included."""
    lost, combinations, steps = list[str](), set[tuple[float, float]](), 0
    for run in evidence.runs.values():
        if not run.started or not _is_split(run) or not _is_undisturbed(run):
            continue
        lead = run.number("prepare_lead_seconds")
        offset = run.number("close_offset_minutes")
        combinations.add((lead, offset))
        due = [s for s in run.tasks.values() if s.task == _STEP and s.plan is not None]
        steps += len(due)
        lost += [
            f"lead {lead:g} s, offset {offset:g} min: {story.task_id} "
            f"({story.skipped.skip_reason if story.skipped else story.fate or 'no outcome'})"
            for story in due
            if story.task_id not in run.decided
        ]
    if lost:
        return fail(f"{len(lost)} of {steps} steps lost: {shown(lost)}", fix=_fix(evidence))
    if len(combinations) <= 1:
        return pending("there are no combinations to compare", fix="run the scenarios")
    told = ", ".join(f"{lead:g} s/{offset:g} min" for lead, offset in sorted(combinations))
    return ok(f"all {steps} steps of {len(combinations)} combinations were decided: {told}")


@check("5-A.6", "Snapshots are on disk", needs={Capability.SNAPSHOTS, Capability.FILES})
def snapshots_read_back_equal(evidence: Evidence) -> Verdict:
    """Each snapshot is on disk with step, time and digest, and reads back equal."""
    if evidence.started and not _is_split(evidence):
        return skip("the split is off: there are no snapshots")
    taken = _snapshots(evidence)
    if not taken:
        return not_yet(evidence, "there is no snapshot", fix=_SPLIT_ON)
    wrong = [f for found in taken.values() for f in _on_disk(evidence, found[-1])]
    if wrong:
        return fail(
            f"{len(wrong)} faults in {counted(len(taken), 'snapshot')}: "
            f"{shown(s for _, s in wrong)}",
            fix="look at the folder: disk full, or rights missing?",
            lines=sorted({line for line, _ in wrong}),
        )
    return ok(f"{counted(len(taken), 'snapshot')}{so_far(evidence)} on disk, each reads back equal")


def _on_disk(evidence: Evidence, taken: Recorded[ev.SnapshotTaken]) -> Iterator[tuple[int, str]]:
    """Yield how a snapshot's file differs from what the journal says."""
    event = taken.event
    if evidence.folder is None:
        return
    path = evidence.folder.snapshots / f"{event.trading_date:%Y%m%d}-{event.step:04d}.json"
    try:
        found = evidence.json_file(path)
    except DataError as problem:
        yield taken.seq, str(problem)
        return
    if found is None:
        yield taken.seq, f"{path.name} is not there"
        return
    wanted = {
        "step": event.step,
        "task_id": event.task_id,
        "taken_at": event.taken_at.isoformat(),
        "digest": event.digest,
    }
    differ = [key for key, value in wanted.items() if found.get(key) != value]
    text = json.dumps(found.get("prepared"), sort_keys=True, separators=(",", ":"))
    if hashlib.sha256(text.encode()).hexdigest() != event.digest:
        differ.append("prepared")
    if differ:
        yield taken.seq, f"{path.name} differs from the journal in {', '.join(differ)}"


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
