"""Phase 5-B: the gate."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise

from qtkit.core.verdict import Status, Verdict, fail, ok, pending, skip
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.model import events as ev
from qtkit.model.orders import owner
from qtkit.stages.check import check
from qtkit.stages.gate_triggers import unasked, unjudged
from qtkit.stages.phase_5_scenarios import (
    GATE_BLOCKED,
    GATE_BLOCKING,
    GATE_CURED,
    GATE_OFF,
    GATE_RECONNECTED,
    GATE_WARNED,
)
from qtkit.stages.phrases import counted, not_yet, show_command, shown, so_far
from qtkit.stages.scenarios import CUT_AT_STEP, REFERENCE
from qtkit.stages.stage import Stage

__all__ = ["phase_5b"]


_STEP = "run_strategy"
_SHUT = frozenset({Status.FAIL, Status.ERROR})
# what keeps a step out whatever the gate says, and is looked at before it
_OTHER_REASONS = frozenset(
    {
        "missed", "paused", "status_not_allowed", "canceled", "prev_running", "already_queued",
        "not_a_trading_day", "kill_switch", "restart", "broker_disconnected",
    }
)  # fmt: skip


def _mode(evidence: Evidence) -> str:
    return str(evidence.setting("startup_gate_mode"))


def _judged(evidence: Evidence) -> list[Recorded[ev.GateJudged]]:
    """Return every judgement of the session: the day begins with the last one before it."""
    return list(evidence.session.of(ev.GateJudged))


def _shut_at(evidence: Evidence, line: int) -> bool:
    """Whether the last judgement before a line shut the gate."""
    before = [j for j in _judged(evidence) if j.seq < line]
    return bool(before) and not before[-1].event.open


def _not_started(evidence: Evidence) -> Verdict | None:
    if evidence.started is None:
        return not_yet(evidence, "there is no session", fix="start one")
    return None


def _fix(evidence: Evidence) -> str:
    """Return what to look at."""
    return (
        f"`gate` shows every verdict; {show_command(evidence, 'gate_judged')} what it was judged on"
    )


@check("5-B.1", "Healthy days are alike", needs={Capability.GATE, Capability.ORDERS},
       scenarios=True)  # fmt: skip
def the_modes_decide_alike_on_a_healthy_day(evidence: Evidence) -> Verdict:
    """On a healthy day the three modes take the same decisions, and the gate skips none."""
    names = (GATE_OFF.name, REFERENCE.name, GATE_BLOCKING.name)
    runs = {n: evidence.runs[n] for n in names if n in evidence.runs and evidence.runs[n].started}
    modes = {_mode(run): name for name, run in runs.items()}
    if set(modes) != {"off", "warn", "block"}:
        return pending(f"healthy days ran in {', '.join(sorted(modes)) or 'no mode'}", fix="run it")
    kept_out = {
        name: [s for s in run.of(ev.TaskSkipped) if s.event.skip_reason == "gate_failed"]
        for name, run in runs.items()
    }
    wrong = [f"{name}: the gate kept {len(found)} out" for name, found in kept_out.items() if found]
    taken = {name: _decisions(run) for name, run in runs.items()}
    first = taken[modes["off"]]
    for name, decisions in taken.items():
        differ = [s for s in sorted(first.keys() | decisions.keys())
                  if first.get(s) != decisions.get(s)]  # fmt: skip
        if differ:
            wrong.append(f"{name}: {len(differ)} decisions differ, the first is step {differ[0]}")
    if wrong:
        return fail("; ".join(wrong), fix=_fix(evidence))
    if not first:
        return pending("no step was decided", fix="let the day last longer")
    return ok(f"{len(first)} decisions are the same with the gate off, warn and block")


def _decisions(evidence: Evidence) -> dict[str, tuple[object, ...]]:
    """Return what each step saw and wanted, by its task."""
    wants: defaultdict[tuple[date | None, int | None], list[object]] = defaultdict(list)
    for order in evidence.of(ev.OrderRequested):
        key = (order.event.trading_date, order.event.step)
        wants[key].append((order.event.symbol, order.event.quantity, order.event.tag))
    return {
        d.event.task_id: (
            d.event.prices, d.event.aside, d.event.intents,
            *wants[d.event.trading_date, d.event.step]
        )
        for d in evidence.of(ev.DecisionTaken)
    }  # fmt: skip


@check(
    "5-B.2",
    "Warn only warns",
    needs={Capability.GATE, Capability.SCHEDULE},
    applies_to=(GATE_WARNED.name, CUT_AT_STEP.name),
)
def warn_only_warns(evidence: Evidence) -> Verdict:
    """Under `warn` trading goes on, and the steps that `block` would keep out are counted."""
    nothing = _not_started(evidence)
    if nothing is not None:
        return nothing
    if _mode(evidence) != "warn":
        return skip(f"the gate's mode is {_mode(evidence)}")
    judged, decisions = evidence.of(ev.GateJudged), evidence.of(ev.DecisionTaken)
    if not judged and not decisions:
        return not_yet(evidence, "there is no judgement", fix=_fix(evidence))
    wrong = [
        (s.seq, f"{s.event.task_id} was kept out")
        for s in evidence.of(ev.TaskSkipped)
        if s.event.skip_reason == "gate_failed"
    ]
    for decision, shut in _with_the_gate(evidence):
        if decision.event.gate_warned is not shut:
            told = "counted" if decision.event.gate_warned else "not counted"
            wrong.append((decision.seq, f"{decision.event.task_id} is {told} as warned"))
    if wrong:
        return fail(
            f"{len(wrong)} faults: {shown(s for _, s in wrong)}",
            fix=_fix(evidence),
            lines=[line for line, _ in wrong][:50],
        )
    greyed = sum(d.event.gate_warned for d in decisions)
    failed = sum(not j.event.open for j in judged)
    return ok(
        f"{counted(len(judged), 'judgement')}{so_far(evidence)}, {failed} of them failed; "
        f"{greyed} of {counted(len(decisions), 'decided step')} would have been kept out",
        lines=[j.seq for j in judged if not j.event.open][:20],
    )


def _with_the_gate(evidence: Evidence) -> Iterator[tuple[Recorded[ev.DecisionTaken], bool]]:
    """Yield each decision with whether the gate was shut then."""
    shut = False
    for entry in evidence.session.merged(ev.GateJudged, ev.DecisionTaken):
        if isinstance(entry.event, ev.GateJudged):
            shut = not entry.event.open
        elif evidence.day in {None, entry.event.trading_date}:
            yield entry, shut


@check(
    "5-B.3",
    "Block keeps steps out",
    needs={Capability.GATE, Capability.SCHEDULE},
    applies_to=(GATE_BLOCKED.name, GATE_CURED.name, GATE_RECONNECTED.name),
)
def block_keeps_out_steps_and_nothing_else(evidence: Evidence) -> Verdict:
    """Under `block` a shut gate keeps every strategy step out, and nothing else."""
    nothing = _not_started(evidence)
    if nothing is not None:
        return nothing
    if _mode(evidence) != "block":
        return skip(f"the gate's mode is {_mode(evidence)}")
    if not evidence.of(ev.GateJudged) and not evidence.tasks:
        return not_yet(evidence, "there is no judgement", fix=_fix(evidence))
    wrong = [*_slipped_through(evidence), *_kept_out_wrongly(evidence)]
    wrong += _not_steps(evidence)
    if wrong:
        return fail(
            f"{len(wrong)} faults: {shown(s for _, s in wrong)}",
            fix=_fix(evidence),
            lines=sorted({line for line, _ in wrong})[:50],
        )
    return ok(_what_went_on(evidence))


def _slipped_through(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield decisions that were taken while the gate was shut."""
    for decision, shut in _with_the_gate(evidence):
        if shut:
            yield decision.seq, f"{decision.event.task_id} was decided with the gate shut"


def _kept_out_wrongly(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield steps that a gate kept out that was open, or that something else kept out."""
    for skipped in evidence.of(ev.TaskSkipped):
        event = skipped.event
        if event.task != _STEP:
            continue
        shut = _shut_at(evidence, skipped.seq)
        if event.skip_reason == "gate_failed" and not shut:
            yield skipped.seq, f"{event.task_id} was kept out by an open gate"
        elif shut and event.skip_reason not in {"gate_failed", *_OTHER_REASONS}:
            yield skipped.seq, f"{event.task_id} was skipped as {event.skip_reason}, gate shut"


def _not_steps(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield what a gate must not touch, and did."""
    for skipped in evidence.of(ev.TaskSkipped):
        if skipped.event.skip_reason == "gate_failed" and skipped.event.task != _STEP:
            yield skipped.seq, f"{skipped.event.task} was kept out"
    for refused in evidence.of(ev.OrderRefused):
        rules = [v.rule for v in refused.event.verdicts if v.rule.startswith("gate")]
        if rules:
            by = owner(refused.event.origin, refused.event.by)
            yield refused.seq, f"an order by {by} was refused by {rules[0]}"
    for refused_command in evidence.of(ev.CommandRefused):
        if "gate" in refused_command.event.reason:
            told = f"the command {refused_command.event.command} was refused because of the gate"
            yield refused_command.seq, told


def _what_went_on(evidence: Evidence) -> str:
    out = sum(s.event.skip_reason == "gate_failed" for s in evidence.of(ev.TaskSkipped))
    while_shut: Counter[str] = Counter()
    kinds: Mapping[type[ev.Event], str] = {
        ev.OrderRequested: "order",
        ev.OrderFilled: "fill",
        ev.OrderCancelled: "cancel",
        ev.DayClosed: "closing",
    }
    shut = _shut_at(evidence, evidence.window.first)
    for entry in evidence.merged(ev.GateJudged, *kinds):
        if isinstance(entry.event, ev.GateJudged):
            shut = not entry.event.open
        elif shut:
            while_shut[kinds[type(entry.event)]] += 1
    went_on = ", ".join(counted(while_shut[noun], noun) for noun in kinds.values())
    return f"{counted(out, 'step')} kept out{so_far(evidence)}; while it was shut: {went_on}"


@check("5-B.4", "Judged when it should be", needs={Capability.GATE, Capability.SCHEDULE})
def the_gate_is_judged_each_time(evidence: Evidence) -> Verdict:
    """Judged at the start, after each day's preparation, a reconnect, on demand: by all checks."""
    nothing = _not_started(evidence)
    if nothing is not None:
        return nothing
    judged, off = evidence.of(ev.GateJudged), _mode(evidence) == "off"
    begun = bool(evidence.of(ev.TaskQueued))
    if not judged and not begun:
        return not_yet(evidence, "there is no task", fix="wait for the first task")
    wrong = [f for j in judged for f in _incomplete(evidence, j)]
    wrong += unasked(evidence) if off else unjudged(evidence)
    if wrong:
        return fail(
            f"{len(wrong)} faults: {shown(s for _, s in wrong)}",
            fix=_fix(evidence),
            lines=sorted({line for line, _ in wrong})[:50],
        )
    counts = Counter(j.event.occasion for j in judged)
    told = ", ".join(f"{occasion} {number}" for occasion, number in sorted(counts.items()))
    if off:
        return ok(f"the gate is off, judged {len(judged)} times: {told or 'nobody asked'}")
    checks = len(evidence.engine.gate_checks)
    return ok(f"{counted(len(judged), 'judgement')}{so_far(evidence)} by {checks} checks: {told}")


def _incomplete(evidence: Evidence, judged: Recorded[ev.GateJudged]) -> Iterator[tuple[int, str]]:
    event = judged.event
    missing = set(evidence.engine.gate_checks) - {v.rule for v in event.verdicts}
    if missing:
        yield judged.seq, f"{event.occasion}: {', '.join(sorted(missing))} were not judged"
    shut = any(v.status in _SHUT for v in event.verdicts)
    if event.open is shut:
        told = "open" if event.open else "shut"
        yield judged.seq, f"{event.occasion}: the gate is {told}, its verdicts say otherwise"
    mute = [v.rule for v in event.verdicts if v.status in _SHUT and not (v.summary and v.fix)]
    if mute:
        yield judged.seq, f"{event.occasion}: {', '.join(mute)} failed without a sentence or a fix"


@check("5-B.5", "A cured fault opens the gate", needs={Capability.GATE, Capability.SCHEDULE})
def a_cured_fault_opens_the_gate(evidence: Evidence) -> Verdict:
    """A cured fault opens the gate at the next judgement, without a restart."""
    nothing = _not_started(evidence)
    if nothing is not None:
        return nothing
    judged = _judged(evidence)
    if not any(not j.event.open for j in judged):
        return skip("the gate was never shut")
    returns = {d.line for d in evidence.downtimes}
    opened, wrong = list[int](), list[tuple[int, str]]()
    for one, two in pairwise(judged):
        cured = not any(v.status in _SHUT for v in two.event.verdicts)
        if not one.event.open and cured:
            if any(one.seq < line < two.seq for line in returns):
                continue
            opened.append(two.seq)
            if not two.event.open and evidence.window.holds(two.seq):
                wrong.append((two.seq, "nothing failed any more, and it stayed shut"))
            wrong += _still_kept_out(evidence, two.seq)
    if wrong:
        return fail(
            f"{len(wrong)} faults: {shown(s for _, s in wrong)}",
            fix=_fix(evidence),
            lines=sorted({line for line, _ in wrong})[:50],
        )
    if opened:
        return ok(f"the gate was shut and opened again {len(opened)} times, without a restart",
                  lines=opened)  # fmt: skip
    if evidence.running:
        return pending("the gate is shut", fix="cure what `gate` shows, then `gate` again")
    return skip("the gate was shut and nothing was cured")


def _still_kept_out(evidence: Evidence, opened: int) -> Iterator[tuple[int, str]]:
    """Yield steps that were kept out after the gate had opened, and before it shut again."""
    again = [j.seq for j in _judged(evidence) if j.seq > opened and not j.event.open]
    until = min(again, default=None)
    for skipped in evidence.of(ev.TaskSkipped):
        late = until is not None and skipped.seq > until
        if skipped.seq > opened and not late and skipped.event.skip_reason == "gate_failed":
            yield skipped.seq, f"{skipped.event.task_id} was kept out by a gate that had opened"


phase_5b = Stage(
    id="5-B",
    title="the gate",
    verifies=(
        "`warn` only warns; `block` keeps strategy steps out when something serious is wrong, and "
        "never on a healthy day."
    ),
    operate="Set `startup_gate_mode`; judge it on demand with `gate`, and read all its verdicts.",
    headless=(
        "The reference day in each mode; a fault under `warn` and under `block`; a fault cured at "
        "noon; a lost broker; a power cut."
    ),
    scenarios=(
        REFERENCE,
        GATE_OFF,
        GATE_BLOCKING,
        GATE_WARNED,
        GATE_BLOCKED,
        GATE_CURED,
        GATE_RECONNECTED,
        CUT_AT_STEP,
    ),
    checks=(
        the_modes_decide_alike_on_a_healthy_day,
        warn_only_warns,
        block_keeps_out_steps_and_nothing_else,
        the_gate_is_judged_each_time,
        a_cured_fault_opens_the_gate,
    ),
)
