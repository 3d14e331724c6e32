"""Phase 4-B: skips by cause."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from qtkit.core.facts import Finding, budget, count, counts, finding, ratio, table
from qtkit.core.verdict import Status, pending
from qtkit.evidence import Capability, Evidence
from qtkit.model import events as ev
from qtkit.model.engine import SkipMeaning, TaskRole
from qtkit.stages.check import Outcome, check, judged, looked_at, runs_judged
from qtkit.stages.log_checks import the_log_counts_the_same_skips
from qtkit.stages.phase_5_scenarios import GATE_CURED, SLOW_PREPARATION, STALE
from qtkit.stages.phrases import not_yet
from qtkit.stages.scenarios import (
    BUSY_FEED,
    CLOSED_DAY,
    CUT_AT_STEP,
    CUT_IN_CLOSING,
    LATE_STARTS,
    REFERENCE,
    SKIPS,
    SLOW_STRATEGY,
)
from qtkit.stages.skip_counts import by_task_and_reason, skip_counts, tasks_in_session
from qtkit.stages.stage import Stage

__all__ = ["phase_4b"]


_SCHEDULE = "wait until the day's schedule is built"
_AT_SEGMENT_END = next(s for s in LATE_STARTS if s.name == "start_113000")

_NONE = {"none": "none of {tasks:task} was skipped"}


def _nothing_skipped(evidence: Evidence) -> Outcome | None:
    """Return the verdict where there is no skip to look at."""
    if evidence.of(ev.TaskSkipped):
        return None
    if evidence.tasks and not evidence.running:
        proof = looked_at(evidence, len(evidence.tasks))
        return judged(case="none", proof=proof, tasks=evidence.tasks, skips=0)
    return not_yet(evidence, "there is no skipped task", fix=_SCHEDULE)


_GAPS = {
    "empty": "{task} lacks {fields}",
    "twice": "{task} is skipped twice",
    "no_column": "{task} is in no column",
}


@check(
    "4-B.1", "The table of skips", needs={Capability.SCHEDULE},
    facts=(*counts("tasks skips"), table("by_task", "skips")),
    holds="{skips} skips{so_far}, by task and reason: {by_task}",
    cases=_NONE,
    fails="{found:gap} in the table of {skips} skips: {findings}",
    finds=_GAPS,
    fix="read {entries}",
)  # fmt: skip
def the_table_of_skips_is_complete(evidence: Evidence) -> Outcome:
    """The table of reasons by tasks is complete, and all fields are filled."""
    skips, tasks = evidence.of(ev.TaskSkipped), evidence.tasks
    wrong = list(_gaps(evidence))
    nothing = _nothing_skipped(evidence)
    if nothing is not None and not wrong:
        return nothing
    counted_skips = Counter((s.event.task, s.event.skip_reason) for s in skips)
    by_task = by_task_and_reason(counted_skips)
    return judged(wrong, proof=skips, tasks=tasks, skips=skips, by_task=by_task)


def _gaps(evidence: Evidence) -> Iterator[Finding]:
    """Yield what the table of skips lacks."""
    skips = evidence.of(ev.TaskSkipped)
    ids = Counter(s.event.task_id for s in skips)
    for s in skips:
        name = s.event.task_id or "a skip without id"
        if fields := _empty_fields(evidence, s.event):
            yield finding("empty", s.seq, task=name, fields=fields)
        if ids[s.event.task_id] > 1:
            yield finding("twice", s.seq, task=name)
    if not evidence.running:
        for story in evidence.tasks.values():
            if not story.outcomes:
                yield finding("no_column", story.line, task=story.task_id)


def _empty_fields(evidence: Evidence, skip: ev.TaskSkipped) -> list[str]:
    empty = [f for f in ("task_id", "task", "skip_reason", "detail") if not getattr(skip, f)]
    if skip.trading_date is None:
        empty.append("trading_date")
    if evidence.engine.role_of(skip.task) is TaskRole.STEP and skip.step is None:
        empty.append("step")
    return empty


@check(
    "4-B.2", "The glossary explains", needs={Capability.SCHEDULE},
    facts=(*counts("tasks skips"), table("reasons", "skips")),
    holds="{reasons:reason}{so_far}, each explained: {reasons}",
    cases=_NONE,
    fails="{found} of {reasons:reason}: {findings}",
    finds={
        "unknown": "{reason!r} is not in the glossary",
        "no_advice": "{reason!r} has no meaning or no advice",
    },
    fix="write the reason into the engine's glossary, which its journal begins with",
)  # fmt: skip
def the_glossary_explains_each_reason(evidence: Evidence) -> Outcome:
    """Each reason stands in the glossary with its meaning and what to do."""
    nothing = _nothing_skipped(evidence)
    if nothing is not None:
        return nothing
    skips = evidence.of(ev.TaskSkipped)
    reasons = Counter(s.event.skip_reason for s in skips)
    first = {s.event.skip_reason: s.seq for s in reversed(skips)}
    glossary = {reason.name: reason for reason in evidence.engine.skip_reasons}
    wrong = [
        finding(kind, first[r], reason=r) for r in sorted(reasons) if (kind := _faulty(glossary, r))
    ]
    return judged(
        wrong, proof=skips, lines=[s.seq for s in skips if _faulty(glossary, s.event.skip_reason)],
        tasks=evidence.tasks, skips=skips, reasons=dict(sorted(reasons.items())),
    )  # fmt: skip


def _faulty(glossary: Mapping[str, SkipMeaning], reason: str) -> str:
    """Return what the glossary fails to say about a reason; "" if nothing."""
    entry = glossary.get(reason)
    if entry is None:
        return "unknown"
    return "" if entry.meaning.strip() and entry.what_to_do.strip() else "no_advice"


@check(
    "4-B.4", "Each reason on purpose", needs={Capability.SCHEDULE}, scenarios=True,
    facts=(count("reasons"), table("produced")),
    holds="all {reasons} reasons were produced: {produced}",
    fails="{found} of {reasons} reasons were not produced: {findings}",
    finds={"not_produced": "{reason}"},
    fix="a reason that cannot happen does not exist: mend the scenario, or say so in the glossary",
)  # fmt: skip
def each_reason_can_be_produced(evidence: Evidence) -> Outcome:
    """Each reason that a simulated session can have can be produced on purpose."""
    where: dict[str, str] = {}
    for name, run in evidence.runs.items():
        for skip in run.of(ev.TaskSkipped):
            where.setdefault(skip.event.skip_reason, f"in {name}")
    if not where:
        return pending("no run skipped anything", fix="run the scenarios")
    ours = next(iter(evidence.runs.values()), evidence).engine
    exist = [reason.name for reason in ours.skip_reasons if reason.simulated]
    missing = (finding("not_produced", reason=reason) for reason in exist if reason not in where)
    produced = {reason: where[reason] for reason in exist if reason in where}
    return judged(missing, proof=runs_judged(evidence), reasons=exist, produced=produced)


@check(
    "4-B.5", "The share of skipped steps", needs={Capability.SCHEDULE},
    applies_to=(REFERENCE.name,),
    facts=(
        *counts("skipped steps"),
        ratio("share", tolerance=0.02),
        table("by_task", "skips"),
        budget("skip_share_limit", ""),
    ),
    holds="{skipped} of {steps:step} skipped ({share}, allowed {skip_share_limit:.0%}): {by_task}"
    "{so_far}",
    fails="{skipped} of {steps:step} skipped ({share}, allowed {skip_share_limit:.0%}): {by_task}",
    finds={"above": "{skipped} of {steps} steps"},
    fix="look each reason up in the glossary",
)  # fmt: skip
def the_share_of_skipped_steps_is_small(evidence: Evidence) -> Outcome:
    """The share of strategy steps skipped is within limits."""
    limit = evidence.number("skip_share_limit")
    steps = [
        story
        for story in tasks_in_session(evidence)
        if evidence.engine.role_of(story.task) is TaskRole.STEP
    ]
    if not steps:
        return not_yet(evidence, "there is no strategy step of its own", fix=_SCHEDULE)
    counted_skips = skip_counts(steps)
    skipped = counted_skips.total()
    above = skipped > limit * len(steps)
    lines = [s.outcome.seq for s in steps if s.skipped is not None and s.outcome]
    return judged(
        [finding("above", skipped=skipped, steps=len(steps))] * above,
        status=Status.PENDING if evidence.running else Status.PASS,
        proof=lines or looked_at(evidence, len(steps)), lines=lines, skipped=skipped, steps=steps,
        share=skipped / len(steps), by_task=by_task_and_reason(counted_skips),
    )  # fmt: skip


phase_4b = Stage(
    id="4-B",
    title="skips by cause",
    verifies="Every `skip_reason=` can be sorted and understood by a person.",
    operate="`grep skip_reason= sys.log`, and look each reason up in the glossary.",
    headless=(
        "The reference day; a day with a pause, the kill switch, a silent feed, a lost broker and "
        "a cancelled task; a slow strategy; a busy feed; slow and stale preparations; a gate that "
        "is shut; a start at the end of a segment; two power cuts."
    ),
    scenarios=(
        REFERENCE,
        SKIPS,
        CLOSED_DAY,
        SLOW_STRATEGY,
        BUSY_FEED,
        SLOW_PREPARATION,
        STALE,
        GATE_CURED,
        _AT_SEGMENT_END,
        CUT_AT_STEP,
        CUT_IN_CLOSING,
    ),
    checks=(
        the_table_of_skips_is_complete,
        the_glossary_explains_each_reason,
        the_log_counts_the_same_skips,
        each_reason_can_be_produced,
        the_share_of_skipped_steps_is_small,
    ),
)
