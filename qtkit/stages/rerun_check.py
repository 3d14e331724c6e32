"""A re-run of a session's recorded inputs, held against the session."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections.abc import Iterator

from qtkit.core.facts import Finding, Proof, count, finding, table
from qtkit.core.verdict import pending
from qtkit.evidence import Capability, Evidence
from qtkit.journal import compare
from qtkit.model import events as ev
from qtkit.stages.check import Outcome, check, judged
from qtkit.stages.phrases import compare_command

__all__ = ["a_rerun_gives_the_same_journal"]

_SHORT = 12  # hex digits that people read


@check(
    "3.2", "A re-run is the same", needs={Capability.JOURNAL}, scenarios=True,
    facts=(count("lines_again"), table("again", "lines")),
    holds="{lines_again:line} came again in a re-run, all equal: {again}",
    fails="{findings}",
    finds={
        "differ": "{first} and {second} differ: {difference}",
        "code_changed": "until line {until} {first} ran the strategy code {ran}, which {by} then "
        "changed; a re-run has the present file alone ({runs}), and no line before is judged",
        "other_code": "{first} ran the strategy code {ran}; a re-run has the present file alone "
        "({runs}), and nothing is judged",
    },
)  # fmt: skip
def a_rerun_gives_the_same_journal(evidence: Evidence) -> Outcome:
    """A re-run of the recorded inputs gives the same journal, else the first difference shows."""
    pairs = [
        (name, run.scenario.replays)
        for name, run in evidence.runs.items()
        if run.scenario is not None and run.scenario.replays in evidence.runs
    ]
    if not pairs:
        return pending("no recorded inputs were fed in again", fix="run the scenario `rerun`")
    again: dict[str, int] = {}
    for name, replayed in pairs:
        one, two = evidence.runs[replayed], evidence.runs[name]
        found = compare(one.merged(), two.merged())
        if not found.equal and (other := list(_other_code(replayed, one, two))):
            fix = "put the strategy's file of then back, and run its lines again"
            return judged(other, unfinished=True, fix=fix, run=name)
        if not found.equal:
            line = min(e.seq for e in (found.left, found.right) if e)
            difference = finding("differ", line, first=replayed, second=name, difference=found)
            fix = f"{compare_command(one, two)}; look for hidden clocks, chance and sets"
            return judged([difference], fix=fix, run=name)
        if not found.same:
            return pending("the re-run is empty", fix="run the scenario `rerun`")
        again[f"{replayed} in {name}"] = found.same
    lines = sum(again.values())
    return judged(proof=Proof(run=pairs[0][0], count=lines), lines_again=lines, again=again)


def _other_code(first: str, one: Evidence, two: Evidence) -> Iterator[Finding]:
    """Yield that a re-run has other strategy code than the session began with."""
    ran, runs = (run.started.event.digests.code if run.started else "" for run in (one, two))
    if not (ran and runs) or ran == runs:
        return
    facts = {"first": first, "ran": ran[:_SHORT], "runs": runs[:_SHORT]}
    changes = [e for e in one.of(ev.SettingsChanged) if e.event.name == "code"]
    for change in changes[:1]:
        yield finding("code_changed", change.seq, until=change.seq, by=change.event.by, **facts)
    if not changes:
        yield finding("other_code", 1, **facts)
