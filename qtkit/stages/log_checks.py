"""Checks 0.6 and 4-B.3: sys.log on disk tells what the journal tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from qtkit.core.facts import Finding, budget, counts, finding
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.sys_log import Told, journal_lives, text_of
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.stages.check import Outcome, check, judged
from qtkit.stages.phrases import not_yet, show_command

__all__ = ["log_tells_the_same_story", "the_log_counts_the_same_skips"]

_LOST_LOG_LINES = 5  # how many lines of the log a power cut may take with it


@check(
    "0.6", "sys.log tells the same story", needs={Capability.SYS_LOG},
    facts=(*counts("entries returns"), budget("lost_log_lines", "", default=_LOST_LOG_LINES)),
    holds="sys.log tells the same {entries} things in the same order{so_far}",
    fails="{findings}",
    finds={
        "no_log": "there is no sys.log: disk full, or rights missing?",
        "returns": "sys.log tells of {log} returns after a crash, the journal of {journal}",
        "differs": "journal line {line} tells '{journal}', sys.log line {number} '{log}'",
        "lacks": "sys.log lacks {missing} lines, the first is '{journal}' (journal line {line})",
        "surplus": "sys.log line {number} tells '{log}', the journal nothing of it",
    },
    fix="hold sys.log against {entries}"
)  # fmt: skip
def log_tells_the_same_story(evidence: Evidence) -> Outcome:
    """sys.log has one line for the schedule, each status change, queued task and outcome."""
    journal = journal_lives(evidence)
    total = sum(len(life) for life in journal)
    if not total:
        return not_yet(evidence, "there is no schedule and no task", fix="start the session")
    wrong = list(_first_difference(evidence, journal))
    proof = list(chain.from_iterable(journal))
    return judged(wrong, proof=proof, entries=total, returns=len(journal) - 1)


def _first_difference(evidence: Evidence, journal: Sequence[list[Entry]]) -> Iterator[Finding]:
    """Yield where the log and the journal part, if they do."""
    if evidence.log is None:
        yield finding("no_log")
        return
    lives = evidence.log.lives
    if len(lives) != len(journal):
        back = evidence.first(ev.SessionResumed)
        line = back.seq if back else 0
        yield finding("returns", line, log=len(lives) - 1, journal=len(journal) - 1)
        return
    for number, (ours, theirs) in enumerate(zip(journal, lives, strict=True)):
        # a life that a return ended was completed by it
        cut = evidence.running and number == len(journal) - 1
        difference = _difference(ours, theirs, cut=cut)
        if difference is not None:
            yield difference
            return


def _difference(journal: list[Entry], log: list[Told], *, cut: bool) -> Finding | None:
    """Return where two tellings part; one that was cut short may lack its last lines."""
    for entry, (number, theirs) in zip(journal, log, strict=False):
        ours = text_of(entry.event)
        if ours != theirs:
            line = entry.seq
            return finding("differs", line, line=line, journal=ours, number=number, log=theirs)
    missing, surplus = len(journal) - len(log), len(log) - len(journal)
    if missing > (_LOST_LOG_LINES if cut else 0):
        first = journal[len(log)]
        ours, line = text_of(first.event), first.seq
        return finding("lacks", line, missing=missing, journal=ours, line=line)
    if surplus > 0 and not cut:
        number, theirs = log[len(journal)]
        return finding("surplus", number=number, log=theirs)
    return None


@check(
    "4-B.3", "grep counts the same", needs={Capability.SYS_LOG, Capability.SCHEDULE},
    facts=counts("log_lines skips"),
    holds="sys.log has {log_lines:line} with skip_reason=, the journal {skips} skips",
    waits="the log is being written: {findings}",
    fails="the log and the journal count differently: {findings}",
    finds={
        "no_log": "there is no sys.log",
        "differ": "{reason} {journal} times in the journal, {log} in the log",
        "missing": "{missing} skips before a crash are missing in the log",
    }
)  # fmt: skip
def the_log_counts_the_same_skips(evidence: Evidence) -> Outcome:
    """`grep skip_reason= sys.log` counts the same as the journal, reason by reason."""
    skips = evidence.of(ev.TaskSkipped)
    if not skips and not evidence.tasks:
        return not_yet(
            evidence, "there is no scheduled task", fix="wait until the day's schedule is built"
        )
    if evidence.log is None:
        fix = "look at the folder: disk full, or rights missing?"
        return judged([finding("no_log")], fix=fix, skips=skips)
    wrong = list(
        _log_differences(evidence, [Counter(r for _, r in life) for life in evidence.log.skips])
    )
    fix = (
        "hold the lines of sys.log that have skip_reason= against "
        f"{show_command(evidence, 'task_skipped')}"
    )
    total = sum(map(len, evidence.log.skips))
    return judged(
        wrong, proof=skips, lines=[s.seq for s in skips], unfinished=evidence.running,
        fix=fix if wrong and not evidence.running else "", log_lines=total, skips=skips
    )  # fmt: skip


def _log_differences(evidence: Evidence, log: Sequence[Counter[str]]) -> Iterator[Finding]:
    """Yield where the log counts otherwise than the journal, one life of the engine at a time."""
    journal = _by_life(evidence)
    if len(log) != len(journal):
        yield from _differences(sum(journal, Counter()), sum(log, Counter()))
        return
    # what a power cut took from one of the two is lost for the comparison of that life only
    yield from _differences(journal[-1], log[-1])
    for one, two in zip(journal[:-1], log[:-1], strict=True):
        if (missing := (one - two).total()) > 1:
            yield finding("missing", missing=missing)


def _by_life(evidence: Evidence) -> list[Counter[str]]:
    """Return how often each reason stands in the journal, split where the session came back."""
    lives: list[Counter[str]] = [Counter()]
    for entry in evidence.merged(ev.TaskSkipped, ev.SessionResumed):
        if isinstance(entry.event, ev.SessionResumed):
            lives.append(Counter())
        else:
            lives[-1][entry.event.skip_reason] += 1
    return lives


def _differences(journal: Counter[str], log: Counter[str]) -> Iterator[Finding]:
    for reason in sorted(journal.keys() | log.keys()):
        if journal[reason] != log[reason]:
            yield finding("differ", reason=reason, journal=journal[reason], log=log[reason])
