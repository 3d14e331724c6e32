"""A stage of the checklist, and how it judges a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from msgspec import structs

from qtkit.core.collector import collector_paused
from qtkit.core.facts import count
from qtkit.core.verdict import Status, Verdict
from qtkit.evidence import Capability, Evidence, Scenario, Target
from qtkit.stages.check import Check
from qtkit.stages.report import JudgedJournal, StageReport
from qtkit.stages.sources import Judged, evidence_of, name_of, scenario_runs

__all__ = ["Stage", "judge", "judge_runs"]

_RUNS = count("runs", across_days=True)
_WORST_FIRST = (
    Status.ERROR,
    Status.FAIL,
    Status.WARN,
    Status.PASS,
    Status.PENDING,
    Status.SKIP,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: what it verifies, how to operate, its scenarios and its checks.

    Attributes
    ----------
    id
        E.g. ``"2"``, ``"4-A"``, ``"Grid"``.
    title
        A few words.
    verifies
        What it proves.
    operate
        What a person does on a running session.
    headless
        What the scenarios do instead.
    scenarios
        The first is the one that people would do.
    of_the_end
        Whether it is about a session's end, of which no other day has a part.
    """

    id: str
    title: str
    verifies: str
    operate: str
    headless: str
    scenarios: tuple[Scenario, ...]
    checks: tuple[Check, ...]
    of_the_end: bool = False

    @property
    def label(self) -> str:
        """As people say it."""
        return f"Phase {self.id}" if self.id[0].isdigit() else self.id

    def __call__(
        self, source: Judged, *, day: date | None = None, root: Path | None = None
    ) -> StageReport:
        """Judge a source by this stage; see `judge`."""
        return judge(self, source, day=day, root=root)

    def report(
        self,
        source: str,
        verdicts: Sequence[Verdict],
        judged: Mapping[str, Evidence],
        day: date | None = None,
    ) -> StageReport:
        """Return the stage's report; what was judged stands under the names of its scenarios."""
        ended = any(evidence.window.ends_the_session for evidence in judged.values())
        return StageReport(
            stage=self.id,
            label=self.label,
            title=self.title,
            source=source,
            verdicts=tuple(verdicts),
            titles=tuple(check.title for check in self.checks),
            journals=tuple(_journals(judged)),
            day=day,
            applies=ended or not self.of_the_end,
        )


def judge(
    stage: Stage, source: Judged, *, day: date | None = None, root: Path | None = None
) -> StageReport:
    """Judge a source by a stage.

    Parameters
    ----------
    stage
        What to judge by.
    source
        A session, its evidence, or a target whose scenarios are run.
    day
        Judge this trading date alone.
    root
        Where a target's scenarios are written; a temporary folder without it.
    """
    if isinstance(source, Target):
        return _judge_target(stage, source, root)
    evidence = evidence_of(source)
    if day is not None:
        evidence = evidence.of_day(day)
    with collector_paused():
        verdicts = [check(evidence) for check in stage.checks]
    return stage.report(name_of(source, day), verdicts, {"": evidence}, day)


def _judge_target(stage: Stage, target: Target, root: Path | None) -> StageReport:
    wanted = stage.scenarios
    if Capability.SCENARIOS not in target.capabilities:
        wanted = wanted[:1]
    return judge_runs(stage, target.name, scenario_runs(target, wanted, root))


def judge_runs(stage: Stage, source: str, runs: Mapping[str, Evidence]) -> StageReport:
    """Judge what an engine left of a stage's scenarios, by their names; the first is the main."""
    return stage.report(source, [_over_runs(check, runs) for check in stage.checks], runs)


def _journals(judged: Mapping[str, Evidence]) -> Iterator[JudgedJournal]:
    for name, evidence in judged.items():
        if evidence.folder is not None:
            lines = evidence.whole.entries
            yield JudgedJournal(run=name, folder=evidence.folder, lines=lines)


def _over_runs(check: Check, runs: Mapping[str, Evidence]) -> Verdict:
    """Judge every run that a check applies to; the worst verdict stands, with its run's name."""
    main = next(iter(runs.values()))
    if check.scenarios:
        together = replace(main, runs=runs if len(runs) > 1 else {})
        return check(together)
    judged = {
        name: check(run)
        for name, run in runs.items()
        if not check.applies_to or name in check.applies_to
    }
    if not judged:
        return check(main)
    return _combined(judged)


def _combined(judged: Mapping[str, Verdict]) -> Verdict:
    """Return the worst verdict; where there was nothing to judge in one run, another may tell."""
    name, verdict = min(judged.items(), key=lambda row: _WORST_FIRST.index(row[1].status))
    same = sum(v.status is verdict.status for v in judged.values())
    proof = structs.replace(verdict.proof, run=name)
    facts = (*verdict.facts, _RUNS.fact(same))
    passed = verdict.status is Status.PASS
    summary = verdict.summary
    if passed and same > 1:
        summary = f"{summary} · holds in {same} runs"
    elif not passed and len(judged) > 1:
        where = f"run {name}" if same == 1 else f"run {name} and {same - 1} more"
        summary = f"{where}: {summary}"
    return structs.replace(verdict, summary=summary, proof=proof, facts=facts)
