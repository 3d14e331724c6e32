"""Phase 4-B: skips by cause."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from qtkit.core.verdict import Verdict, fail, ok, pending
from qtkit.evidence import Capability, Evidence
from qtkit.model import events as ev
from qtkit.model.skip_reasons import GLOSSARY
from qtkit.stages.check import check
from qtkit.stages.phase_5_scenarios import GATE_CURED, SLOW_PREPARATION, STALE
from qtkit.stages.phrases import counted, not_yet, show_command, shown, so_far
from qtkit.stages.report import StageReport
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
from qtkit.stages.skip_counts import skip_counts, table_in_words, tasks_in_session
from qtkit.stages.sources import Judged
from qtkit.stages.stage import Stage, judge

__all__ = ["HEADLESS", "OPERATE", "STAGE", "VERIFIES", "phase_4b"]

VERIFIES = "Every `skip_reason=` can be sorted and understood by a person."
OPERATE = "`grep skip_reason= sys.log`, and look each reason up in the glossary."
HEADLESS = (
    "The reference day; a day with a pause, the kill switch, a silent feed, a lost broker and a "
    "cancelled task; a slow strategy; a busy feed; slow and stale preparations; a gate that is "
    "shut; a start at the end of a segment; two power cuts."
)

_STEP = "run_strategy"
_SCHEDULE = "wait until the day's schedule is built"
_AT_SEGMENT_END = next(s for s in LATE_STARTS if s.name == "start_113000")


def _nothing_skipped(evidence: Evidence) -> Verdict | None:
    """Return the verdict where there is no skip to look at."""
    if evidence.of(ev.TaskSkipped):
        return None
    if evidence.tasks and not evidence.running:
        return ok(f"none of {counted(len(evidence.tasks), 'task')} was skipped")
    return not_yet(evidence, "there is no skipped task", fix=_SCHEDULE)


# --- 4-B.1, 4-B.2 ----------------------------------------------------------------------------


@check("4-B.1", "The table of skips", needs={Capability.SCHEDULE})
def the_table_of_skips_is_complete(evidence: Evidence) -> Verdict:
    """The table of reasons by tasks is complete, and all fields are filled."""
    nothing = _nothing_skipped(evidence)
    left = [s for s in evidence.tasks.values() if not s.outcomes]
    skips = evidence.of(ev.TaskSkipped)
    wrong = [(s.seq, fault) for s in skips for fault in _empty_fields(s.event)]
    ids = Counter(s.event.task_id for s in skips)
    wrong += [
        (s.seq, f"{s.event.task_id} is skipped twice") for s in skips if ids[s.event.task_id] > 1
    ]
    if left and not evidence.running:
        wrong += [(s.plan[1] if s.plan else 0, f"{s.task_id} is in no column") for s in left]
    if wrong:
        return fail(
            f"{len(wrong)} gaps in the table of {len(skips)} skips: {shown(s for _, s in wrong)}",
            fix=f"read {show_command(evidence, 'task_skipped')}",
            lines=sorted({line for line, _ in wrong if line}),
        )
    if nothing is not None:
        return nothing
    counts = Counter((s.event.task, s.event.skip_reason) for s in skips)
    return ok(f"{len(skips)} skips{so_far(evidence)}, by task and reason: {table_in_words(counts)}")


def _empty_fields(skip: ev.TaskSkipped) -> Iterator[str]:
    name = skip.task_id or "a skip without id"
    empty = [f for f in ("task_id", "task", "skip_reason", "detail") if not getattr(skip, f)]
    if skip.trading_date is None:
        empty.append("trading_date")
    if skip.task == _STEP and skip.step is None:
        empty.append("step")
    if empty:
        yield f"{name} lacks {', '.join(empty)}"


@check("4-B.2", "The glossary explains", needs={Capability.SCHEDULE})
def the_glossary_explains_each_reason(evidence: Evidence) -> Verdict:
    """Each reason stands in the glossary with its meaning and what to do."""
    nothing = _nothing_skipped(evidence)
    if nothing is not None:
        return nothing
    lines: defaultdict[str, list[int]] = defaultdict(list)
    for skip in evidence.of(ev.TaskSkipped):
        lines[skip.event.skip_reason].append(skip.seq)
    wrong = {reason: fault for reason in lines if (fault := _unexplained(reason))}
    if wrong:
        return fail(
            f"{len(wrong)} of {counted(len(lines), 'reason')}: {shown(wrong.values())}",
            fix="write the reason into the glossary: qtkit/model/skip_reasons.py",
            lines=sorted(line for reason in wrong for line in lines[reason][:20]),
        )
    told = ", ".join(sorted(lines))
    return ok(f"{counted(len(lines), 'reason')}{so_far(evidence)}, each explained: {told}")


def _unexplained(reason: str) -> str:
    """Return what the glossary fails to say about a reason; "" if nothing."""
    entry = GLOSSARY.get(reason)
    if entry is None:
        return f"{reason!r} is not in the glossary"
    if not entry.meaning.strip() or not entry.what_to_do.strip():
        return f"{reason!r} has no meaning or no advice"
    return "" if entry.exists else f"{reason!r} is said not to exist in this version"


# --- 4-B.3 -----------------------------------------------------------------------------------


@check("4-B.3", "grep counts the same", needs={Capability.SYS_LOG, Capability.SCHEDULE})
def the_log_counts_the_same_skips(evidence: Evidence) -> Verdict:
    """`grep skip_reason= sys.log` counts the same as the journal, reason by reason."""
    skips = evidence.of(ev.TaskSkipped)
    if not skips and not evidence.tasks:
        return not_yet(evidence, "there is no scheduled task", fix=_SCHEDULE)
    if evidence.log is None:
        return fail("there is no sys.log", fix="look at the folder: disk full, or rights missing?")
    journal = _by_life(evidence)
    log = [Counter(reason for _, reason in life) for life in evidence.log.skips]
    if len(log) == len(journal):
        # what a power cut took from one of the two is lost for the comparison of that life only
        pairs = zip(journal[-1:], log[-1:], strict=True) if len(log) > 1 else [(journal[0], log[0])]
        wrong = [f for one, two in pairs for f in _differences(one, two)]
        wrong += [
            f for one, two in zip(journal[:-1], log[:-1], strict=True) for f in _gross(one, two)
        ]
    else:
        wrong = list(_differences(sum(journal, Counter()), sum(log, Counter())))
    if wrong and evidence.running:
        return pending(f"the log is being written: {shown(wrong)}", fix="judge again")
    if wrong:
        return fail(
            f"the log and the journal count differently: {shown(wrong)}",
            fix="hold the lines of sys.log that have skip_reason= against "
            f"{show_command(evidence, 'task_skipped')}",
            lines=[s.seq for s in skips][:20],
        )
    total = sum(map(len, evidence.log.skips))
    return ok(
        f"sys.log has {counted(total, 'line')} with skip_reason=, the journal {len(skips)} skips"
    )


def _by_life(evidence: Evidence) -> list[Counter[str]]:
    """Return how often each reason stands in the journal, split where the session came back."""
    lives: list[Counter[str]] = [Counter()]
    for entry in evidence.merged(ev.TaskSkipped, ev.SessionResumed):
        if isinstance(entry.event, ev.SessionResumed):
            lives.append(Counter())
        else:
            lives[-1][entry.event.skip_reason] += 1
    return lives


def _differences(journal: Counter[str], log: Counter[str]) -> Iterator[str]:
    for reason in sorted(journal.keys() | log.keys()):
        if journal[reason] != log[reason]:
            yield f"{reason} {journal[reason]} times in the journal, {log[reason]} in the log"


def _gross(journal: Counter[str], log: Counter[str]) -> Iterator[str]:
    """Yield what more than the one line that a power cut may take from the log is missing."""
    missing = journal - log
    if missing.total() > 1:
        yield f"{missing.total()} skips before a crash are missing in the log"


# --- 4-B.4, 4-B.5 ----------------------------------------------------------------------------


@check("4-B.4", "Each reason on purpose", needs={Capability.SCHEDULE}, scenarios=True)
def each_reason_can_be_produced(evidence: Evidence) -> Verdict:
    """Each reason that a simulated session can have can be produced on purpose."""
    where: dict[str, str] = {}
    for name, run in evidence.runs.items():
        for skip in run.of(ev.TaskSkipped):
            where.setdefault(skip.event.skip_reason, name)
    exist = [reason for reason, e in GLOSSARY.items() if e.exists and e.simulated]
    missing = [reason for reason in exist if reason not in where]
    if not where:
        return pending("no run skipped anything", fix="run the scenarios")
    if missing:
        return fail(
            f"{len(missing)} of {len(exist)} reasons were not produced: {', '.join(missing)}",
            fix="a reason that cannot happen does not exist: mend the scenario, or say so in the "
            "glossary",
        )
    told = ", ".join(f"{reason} in {where[reason]}" for reason in exist)
    return ok(f"all {len(exist)} reasons were produced: {told}")


@check(
    "4-B.5",
    "The share of skipped steps",
    needs={Capability.SCHEDULE},
    applies_to=(REFERENCE.name,),
)
def the_share_of_skipped_steps_is_small(evidence: Evidence) -> Verdict:
    """The share of strategy steps skipped is within limits."""
    limit = evidence.number("skip_share_limit")
    steps = [story for story in tasks_in_session(evidence) if story.task == _STEP]
    if not steps:
        return not_yet(evidence, "there is no strategy step of its own", fix=_SCHEDULE)
    counts = skip_counts(steps)
    skipped = counts.total()
    told = (
        f"{skipped} of {counted(len(steps), 'step')} skipped ({skipped / len(steps):.1%}, allowed "
        f"{limit:.0%}): {table_in_words(counts)}"
    )
    if skipped > limit * len(steps):
        lines = [s.outcome.seq for s in steps if s.skipped is not None and s.outcome]
        return fail(told, fix="look each reason up in the glossary", lines=lines[:50])
    return pending(f"{told} so far") if evidence.running else ok(told)


STAGE = Stage(
    id="4-B",
    title="skips by cause",
    verifies=VERIFIES,
    operate=OPERATE,
    headless=HEADLESS,
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


def phase_4b(source: Judged, *, day: date | None = None, root: Path | None = None) -> StageReport:
    """Judge a source by phase 4-B: skips by cause."""
    return judge(STAGE, source, day=day, root=root)
