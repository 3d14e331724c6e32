"""Phase 5-B: the gate."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from qtkit.core.facts import Finding, counts, finding, table
from qtkit.core.verdict import Status, Verdict, pending, skip
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.model import events as ev
from qtkit.model.orders import owner
from qtkit.stages.check import Outcome, check, judged, looked_at, runs_judged
from qtkit.stages.gate_triggers import GATE_FINDINGS, unasked, unjudged
from qtkit.stages.phase_5_scenarios import (
    GATE_BLOCKED,
    GATE_BLOCKING,
    GATE_CURED,
    GATE_OFF,
    GATE_RECONNECTED,
    GATE_WARNED,
)
from qtkit.stages.phrases import not_yet
from qtkit.stages.scenarios import CUT_AT_STEP, REFERENCE
from qtkit.stages.stage import Stage

__all__ = ["phase_5b"]


_STEP = "run_strategy"
_FIX = "`gate` shows every verdict; {entries} what it was judged on"
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


@check(
    "5-B.1", "Healthy days are alike", needs={Capability.GATE, Capability.ORDERS}, scenarios=True,
    facts=counts("decisions modes"),
    holds="{decisions} decisions are the same with the gate off, warn and block",
    fails="{findings}",
    finds={
        "kept_out": "{run}: the gate kept {number} out",
        "differ": "{run}: {number} decisions differ, the first is step {step}",
    },
    fix=_FIX,
)  # fmt: skip
def the_modes_decide_alike_on_a_healthy_day(evidence: Evidence) -> Outcome:
    """On a healthy day the three modes take the same decisions, and the gate skips none."""
    names = (GATE_OFF.name, REFERENCE.name, GATE_BLOCKING.name)
    runs = {n: evidence.runs[n] for n in names if n in evidence.runs and evidence.runs[n].started}
    modes = {_mode(run): name for name, run in runs.items()}
    if set(modes) != {"off", "warn", "block"}:
        return pending(f"healthy days ran in {', '.join(sorted(modes)) or 'no mode'}", fix="run it")
    wrong = [
        finding("kept_out", run=name, number=len(kept_out))
        for name, run in runs.items()
        if (kept_out := _kept_out(run))
    ]
    taken = {name: _decisions(run) for name, run in runs.items()}
    first = taken[modes["off"]]
    for name, decisions in taken.items():
        differ = [s for s in sorted(first.keys() | decisions.keys())
                  if first.get(s) != decisions.get(s)]  # fmt: skip
        if differ:
            wrong.append(finding("differ", run=name, number=len(differ), step=differ[0]))
    if not wrong and not first:
        return pending("no step was decided", fix="let the day last longer")
    return judged(wrong, proof=runs_judged(evidence), decisions=first, modes=modes)


def _kept_out(evidence: Evidence) -> list[Recorded[ev.TaskSkipped]]:
    """Return the skips for which the gate is named."""
    return [s for s in evidence.of(ev.TaskSkipped) if s.event.skip_reason == "gate_failed"]


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
    "5-B.2", "Warn only warns", needs={Capability.GATE, Capability.SCHEDULE},
    applies_to=(GATE_WARNED.name, CUT_AT_STEP.name),
    facts=counts("judgements failed decisions warned"),
    holds="{judgements:judgement}{so_far}, {failed} of them failed; {warned} of "
    "{decisions:decided step} would have been kept out",
    finds={
        "kept_out": "{task} was kept out",
        "not_counted": "{task} is not counted as warned",
        "counted": "{task} is counted as warned",
    },
    fix=_FIX,
)  # fmt: skip
def warn_only_warns(evidence: Evidence) -> Outcome:
    """Under `warn` trading goes on, and the steps that `block` would keep out are counted."""
    nothing = _not_started(evidence)
    if nothing is not None:
        return nothing
    if _mode(evidence) != "warn":
        return skip(f"the gate's mode is {_mode(evidence)}")
    judgements, decisions = evidence.of(ev.GateJudged), evidence.of(ev.DecisionTaken)
    if not judgements and not decisions:
        return not_yet(evidence, "there is no judgement", fix="judge the gate with `gate`")
    wrong = [finding("kept_out", s.seq, task=s.event.task_id) for s in _kept_out(evidence)]
    for decision, shut in _with_the_gate(evidence):
        if decision.event.gate_warned is not shut:
            kind = "counted" if decision.event.gate_warned else "not_counted"
            wrong.append(finding(kind, decision.seq, task=decision.event.task_id))
    shut_gates = [j for j in judgements if not j.event.open]
    warned = [d for d in decisions if d.event.gate_warned]
    return judged(
        wrong, proof=[*judgements, *warned], judgements=judgements, failed=shut_gates,
        decisions=decisions, warned=warned,
    )  # fmt: skip


def _with_the_gate(evidence: Evidence) -> Iterator[tuple[Recorded[ev.DecisionTaken], bool]]:
    """Yield each decision with whether the gate was shut then."""
    shut = False
    for entry in evidence.session.merged(ev.GateJudged, ev.DecisionTaken):
        if isinstance(entry.event, ev.GateJudged):
            shut = not entry.event.open
        elif evidence.day in {None, entry.event.trading_date}:
            yield entry, shut


@check(
    "5-B.3", "Block keeps steps out", needs={Capability.GATE, Capability.SCHEDULE},
    applies_to=(GATE_BLOCKED.name, GATE_CURED.name, GATE_RECONNECTED.name),
    facts=counts("kept_out orders fills cancels closings"),
    holds="{kept_out:step} kept out{so_far}; while it was shut: {orders:order}, {fills:fill}, "
    "{cancels:cancel}, {closings:closing}",
    finds={
        "slipped_through": "{task} was decided with the gate shut",
        "open_gate": "{task} was kept out by an open gate",
        "other_reason": "{task} was skipped as {reason}, gate shut",
        "no_step": "{task} was kept out",
        "order_refused": "an order by {by} was refused by {rule}",
        "command_refused": "the command {command} was refused because of the gate",
    },
    fix=_FIX,
)  # fmt: skip
def block_keeps_out_steps_and_nothing_else(evidence: Evidence) -> Outcome:
    """Under `block` a shut gate keeps every strategy step out, and nothing else."""
    nothing = _not_started(evidence)
    if nothing is not None:
        return nothing
    if _mode(evidence) != "block":
        return skip(f"the gate's mode is {_mode(evidence)}")
    judgements = evidence.of(ev.GateJudged)
    if not judgements and not evidence.tasks:
        return not_yet(evidence, "there is no judgement", fix="judge the gate with `gate`")
    wrong = [*_slipped_through(evidence), *_kept_out_wrongly(evidence), *_not_steps(evidence)]
    kept_out, shut = _kept_out(evidence), _while_shut(evidence)
    return judged(
        wrong, proof=[*judgements, *kept_out], kept_out=kept_out, orders=shut[ev.OrderRequested],
        fills=shut[ev.OrderFilled], cancels=shut[ev.OrderCancelled], closings=shut[ev.DayClosed],
    )  # fmt: skip


def _slipped_through(evidence: Evidence) -> Iterator[Finding]:
    """Yield decisions that were taken while the gate was shut."""
    for decision, shut in _with_the_gate(evidence):
        if shut:
            yield finding("slipped_through", decision.seq, task=decision.event.task_id)


def _kept_out_wrongly(evidence: Evidence) -> Iterator[Finding]:
    """Yield steps that a gate kept out that was open, or that something else kept out."""
    for skipped in evidence.of(ev.TaskSkipped):
        event, line = skipped.event, skipped.seq
        if event.task != _STEP:
            continue
        shut, reason = _shut_at(evidence, line), event.skip_reason
        if reason == "gate_failed" and not shut:
            yield finding("open_gate", line, task=event.task_id)
        elif shut and reason not in {"gate_failed", *_OTHER_REASONS}:
            yield finding("other_reason", line, task=event.task_id, reason=reason)


def _not_steps(evidence: Evidence) -> Iterator[Finding]:
    """Yield what a gate must not touch, and did."""
    for skipped in _kept_out(evidence):
        if skipped.event.task != _STEP:
            yield finding("no_step", skipped.seq, task=skipped.event.task)
    for refused in evidence.of(ev.OrderRefused):
        rules = [v.rule for v in refused.event.verdicts if v.rule.startswith("gate")]
        if rules:
            by = owner(refused.event.origin, refused.event.by)
            yield finding("order_refused", refused.seq, by=by, rule=rules[0])
    for refused_command in evidence.of(ev.CommandRefused):
        if "gate" in refused_command.event.reason:
            command = refused_command.event.command
            yield finding("command_refused", refused_command.seq, command=command)


def _while_shut(evidence: Evidence) -> Counter[type[ev.Event]]:
    """Return how much of what a gate must not touch happened while it was shut."""
    found: Counter[type[ev.Event]] = Counter()
    shut = _shut_at(evidence, evidence.window.first)
    kinds = (ev.OrderRequested, ev.OrderFilled, ev.OrderCancelled, ev.DayClosed)
    for entry in evidence.merged(ev.GateJudged, *kinds):
        if isinstance(entry.event, ev.GateJudged):
            shut = not entry.event.open
        elif shut:
            found[type(entry.event)] += 1
    return found


@check(
    "5-B.4", "Judged when it should be", needs={Capability.GATE, Capability.SCHEDULE},
    facts=(*counts("judgements rules"), table("occasions", "judgements")),
    holds="{judgements:judgement}{so_far} by {rules} checks: {occasions}",
    cases={"off": "the gate is off, judged {judgements} times: {occasions}"},
    finds=GATE_FINDINGS
    | {
        "not_judged": "{occasion}: {rules} were not judged",
        "contradiction": "{occasion}: the gate is {state}, its verdicts say otherwise",
        "mute": "{occasion}: {rules} failed without a sentence or a fix",
    },
    fix=_FIX,
)  # fmt: skip
def the_gate_is_judged_each_time(evidence: Evidence) -> Outcome:
    """Judged at the start, after each day's preparation, a reconnect, on demand: by all checks."""
    nothing = _not_started(evidence)
    if nothing is not None:
        return nothing
    judgements, off = evidence.of(ev.GateJudged), _mode(evidence) == "off"
    if not judgements and not evidence.of(ev.TaskQueued):
        return not_yet(evidence, "there is no task", fix="wait for the first task")
    wrong = [fault for judgement in judgements for fault in _incomplete(evidence, judgement)]
    wrong += unasked(evidence) if off else unjudged(evidence)
    occasions = Counter(j.event.occasion for j in judgements)
    return judged(
        wrong, proof=judgements or looked_at(evidence, 0), case="off" if off else "",
        judgements=judgements, rules=evidence.engine.gate_checks,
        occasions=dict(sorted(occasions.items())),
    )  # fmt: skip


def _incomplete(evidence: Evidence, judged_gate: Recorded[ev.GateJudged]) -> Iterator[Finding]:
    event, line = judged_gate.event, judged_gate.seq
    missing = set(evidence.engine.gate_checks) - {v.rule for v in event.verdicts}
    if missing:
        yield finding("not_judged", line, occasion=event.occasion, rules=missing)
    shut = any(v.status in _SHUT for v in event.verdicts)
    if event.open is shut:
        state = "open" if event.open else "shut"
        yield finding("contradiction", line, occasion=event.occasion, state=state)
    mute = [v.rule for v in event.verdicts if v.status in _SHUT and not (v.summary and v.fix)]
    if mute:
        yield finding("mute", line, occasion=event.occasion, rules=mute)


@check(
    "5-B.5", "A cured fault opens the gate", needs={Capability.GATE, Capability.SCHEDULE},
    facts=counts("opened"),
    holds="the gate was shut and opened again {opened} times, without a restart",
    finds={
        "stayed_shut": "nothing failed any more, and it stayed shut",
        "still_kept_out": "{task} was kept out by a gate that had opened",
    },
    fix=_FIX,
)  # fmt: skip
def a_cured_fault_opens_the_gate(evidence: Evidence) -> Outcome:
    """A cured fault opens the gate at the next judgement, without a restart."""
    nothing = _not_started(evidence)
    if nothing is not None:
        return nothing
    judgements = _judged(evidence)
    if not any(not j.event.open for j in judgements):
        return skip("the gate was never shut")
    opened, wrong = list[int](), list[Finding]()
    for one, two in pairwise(judgements):
        if not _was_cured(evidence, one, two):
            continue
        opened.append(two.seq)
        if not two.event.open and evidence.window.holds(two.seq):
            wrong.append(finding("stayed_shut", two.seq))
        wrong += _still_kept_out(evidence, two.seq)
    if wrong or opened:
        return judged(wrong, proof=opened, opened=opened)
    if evidence.running:
        return pending("the gate is shut", fix="cure what `gate` shows, then `gate` again")
    return skip("the gate was shut and nothing was cured")


def _was_cured(
    evidence: Evidence, one: Recorded[ev.GateJudged], two: Recorded[ev.GateJudged]
) -> bool:
    """Whether a gate was shut, and nothing failed at the next judgement of the same life."""
    cured = not any(v.status in _SHUT for v in two.event.verdicts)
    back = any(one.seq < down.line < two.seq for down in evidence.downtimes)
    return not one.event.open and cured and not back


def _still_kept_out(evidence: Evidence, opened: int) -> Iterator[Finding]:
    """Yield steps that were kept out after the gate had opened, and before it shut again."""
    again = [j.seq for j in _judged(evidence) if j.seq > opened and not j.event.open]
    until = min(again, default=None)
    for skipped in _kept_out(evidence):
        late = until is not None and skipped.seq > until
        if skipped.seq > opened and not late:
            yield finding("still_kept_out", skipped.seq, task=skipped.event.task_id)


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
