"""What a check is: a pure function from evidence to facts, whose words are declared beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from qtkit.core.facts import (
    NO_PROOF,
    Fact,
    Finding,
    Kind,
    Measure,
    Proof,
    Words,
    fields_of,
    literals_of,
    most_findings,
    proof_of,
    shown,
)
from qtkit.core.verdict import Status, Verdict, error, skip
from qtkit.evidence import Capability, Evidence
from qtkit.stages.phrases import show_command

__all__ = ["Check", "Judge", "Judgement", "Outcome", "check", "judged", "looked_at", "runs_judged"]

_READS_DAMAGE = "0.5"  # the one check that a damaged journal does not stop
_IMPLIED = frozenset({"so_far", "found", "findings"})
_A_NUMBER = re.compile(r"(?<![\w+-])\d")
_FAILS = "{found:fault}: {findings}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a check measured and found, before it is put into words."""

    status: Status
    facts: Mapping[str, object]
    findings: Sequence[Finding] = ()
    proof: Proof = NO_PROOF
    case: str = ""
    fix: str = ""


Outcome = Verdict | Judgement
Judge = Callable[[Evidence], Outcome]


def judged(
    findings: Iterable[Finding] = (),
    /,
    *,
    proof: Sequence[Any] | Proof = NO_PROOF,
    lines: Collection[int] = (),
    run: str = "",
    status: Status = Status.PASS,
    unfinished: bool = False,
    case: str = "",
    fix: str = "",
    **facts: object,
) -> Judgement:
    """Return what a check measured: it fails if there is a finding, else has the status given.

    Parameters
    ----------
    findings
        What is not as it should be.
    proof
        The objects that the sentence counts: entries, or line numbers. Without it the range judged.
    lines
        Of a fail, beside those of its findings; of one run of several, in place of them.
    run
        Name of the run that the proof is of.
    status
        Where nothing was found: `pass`, `warn` or `pending`.
    unfinished
        Whether a finding may yet vanish: the verdict is pending then.
    case
        Which of the check's sentences of its own is meant.
    fix
        What to do, where the check does not declare it.
    facts
        The declared facts; what has a size counts by it.
    """
    rows = list(findings)
    of_findings = () if run and lines else (row.line for row in rows)
    objects = sorted({*lines, *of_findings} - {0}) if rows else proof
    found = Status.PENDING if unfinished else Status.FAIL
    return Judgement(
        status=found if rows else status,
        facts=facts,
        findings=rows,
        proof=objects if isinstance(objects, Proof) else proof_of(objects, run),
        case="" if rows else case,
        fix=fix,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of a stage; calling it judges evidence and never raises.

    Attributes
    ----------
    id
        Stable: it appears in records, in runbooks and in other people's notes.
    title
        A few words.
    sentence
        What holds when it passes.
    needs
        Without these capabilities of the source it is skipped, with the reason.
    scenarios
        Whether it compares several runs; a lone session skips it.
    applies_to
        Names of the scenarios whose runs it judges; empty for all of the stage.
    measures
        The facts that it states, its budgets among them.
    templates
        Its sentences, by status or by a case of its own.
    finds
        The kinds of its findings, with the sentence of each.
    fix
        What to do when it fails; ``{entries}`` is the command that shows the lines.
    """

    id: str
    title: str
    sentence: str
    judge: Judge
    needs: frozenset[Capability]
    scenarios: bool = False
    applies_to: tuple[str, ...] = ()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    finds: Mapping[str, str] = field(default_factory=dict)
    fix: str = ""

    def __post_init__(self) -> None:
        """Refuse a sentence that names what is not declared, or says a number by itself."""
        for case, template in self.templates.items():
            if unknown := set(fields_of(template)) - self.measures.keys() - _IMPLIED:
                raise ValueError(
                    f"check {self.id}: its sentence for {case!r} names {', '.join(sorted(unknown))}"
                    "; declare it among the facts"
                )
        for template in (*self.templates.values(), *self.finds.values()):
            if _A_NUMBER.search(literals_of(template)):
                raise ValueError(f"check {self.id}: {template!r} says a number that is no fact")

    def __call__(self, evidence: Evidence) -> Verdict:
        """Judge evidence; the verdict carries this check's id."""
        verdict = (self._objection(evidence) or self._judged(evidence)).named(self.id)
        defect = evidence.known_defects.get(self.id, "")
        if defect and verdict.status is Status.FAIL:
            return structs.replace(verdict, known_defect=defect)
        return verdict

    def _objection(self, evidence: Evidence) -> Verdict | None:
        """Return why the check cannot be judged on this evidence."""
        lacks = sorted(self.needs - evidence.capabilities)
        if lacks:
            return skip(f"the source does not show: {', '.join(lacks)}")
        if self.scenarios and not evidence.runs:
            return skip("needs scenarios: one session alone has nothing to compare with")
        corrupt = _corrupt(evidence)
        if corrupt and self.id != _READS_DAMAGE:
            return error(
                f"there is no whole journal to judge by: {corrupt}",
                fix="see check 0.5 and runbooks/journal-corrupt.md",
            )
        return None

    def _judged(self, evidence: Evidence) -> Verdict:
        try:
            judgement = self.judge(evidence)
            if isinstance(judgement, Verdict):
                return judgement
            return self._verdict(evidence, judgement)
        except Exception as problem:  # noqa: BLE001 - a check that raises has not judged: error
            return error(
                f"check {self.id} raised {type(problem).__name__}: {problem}",
                fix="mend the evidence that the message names; else report it with the session",
            )

    # --- from facts to a sentence --------------------------------------------------------------

    def _verdict(self, evidence: Evidence, judgement: Judgement) -> Verdict:
        """Return a judgement in words."""
        zone = evidence.calendar.zone if evidence.started else None
        words = Words(self.measures, zone)
        findings = self._in_words(judgement.findings, Words({}, zone))
        facts = self._facts(evidence, judgement)
        implied = {
            "so_far": " so far" if evidence.running else "",
            "found": len(judgement.findings),
            "findings": shown((row.sentence for row in findings), len(judgement.findings)),
        }
        values = {name: value for name, (value, _) in facts.items()} | implied
        proof = judgement.proof
        if proof == NO_PROOF and not judgement.findings:
            proof = _range_judged(evidence)
        case = judgement.case or judgement.status
        template = self.templates.get(case, self.templates[Status.PASS])
        if not set(fields_of(template)) <= values.keys():
            template = "{findings}"  # found before anything was measured
        return Verdict(
            status=judgement.status,
            summary=words.vformat(template, (), values),
            fix=self._fix(evidence, judgement, proof),
            facts=tuple(fact for _, fact in facts.values()),
            findings=findings,
            proof=proof,
        )

    def _in_words(self, findings: Sequence[Finding], words: Words) -> tuple[Finding, ...]:
        """Return the first findings, each with its sentence; every kind has to be declared."""
        if unknown := {row.kind for row in findings} - self.finds.keys():
            raise ValueError(f"the findings {', '.join(sorted(unknown))} are not declared")
        return tuple(words.finding(row, self.finds[row.kind]) for row in most_findings(findings))

    def _facts(self, evidence: Evidence, judgement: Judgement) -> dict[str, tuple[object, Fact]]:
        """Return each declared fact with its value, the budgets from the session's settings."""
        if unknown := judgement.facts.keys() - self.measures.keys():
            raise ValueError(f"the facts {', '.join(sorted(unknown))} are not declared")
        found = {}
        for name, measure in self.measures.items():
            if name in judgement.facts:
                value = judgement.facts[name]
                found[name] = value, measure.fact(value)
            elif measure.kind is Kind.BUDGET:
                value, source = _allowed(evidence, measure)
                found[name] = value, measure.fact(value, source)
            elif judgement.status is Status.PASS and not judgement.case:
                raise ValueError(f"the fact {name} was not measured")
        return found

    def _fix(self, evidence: Evidence, judgement: Judgement, proof: Proof) -> str:
        if judgement.status is not Status.FAIL or judgement.fix:
            return judgement.fix
        if "{entries}" not in self.fix:
            return self.fix
        return self.fix.replace("{entries}", show_command(evidence, lines=proof.lines))


def looked_at(evidence: Evidence, number: int) -> Proof:
    """Return the proof that there is none: the range judged, and the number looked at."""
    return structs.replace(_range_judged(evidence), count=number)


def runs_judged(evidence: Evidence) -> Proof:
    """Return the proof of a comparison: every line of every run was looked at."""
    lines = sum(run.whole.entries for run in evidence.runs.values())
    return Proof(run=", ".join(evidence.runs), count=lines)


def _allowed(evidence: Evidence, measure: Measure) -> tuple[float, str]:
    """Return a budget, and whether the session set it."""
    if measure.name in evidence.settings or measure.default is None:
        source = "setting" if measure.name in evidence.settings else "default"
        return evidence.number(measure.name), source
    return measure.default, "default"


def _range_judged(evidence: Evidence) -> Proof:
    """Return the lines that were looked at, where none is named."""
    whole = evidence.whole
    if not whole.entries:
        return NO_PROOF
    window = evidence.window
    first, last = window.first, (window.end or whole.entries + 1) - 1
    return Proof(count=last - first + 1, span=(first, last))


def _corrupt(evidence: Evidence) -> str:
    """Return why a journal of the evidence could not be read to its end; "" if all could."""
    if evidence.whole.corrupt:
        return evidence.whole.corrupt
    broken = ((name, run.whole.corrupt) for name, run in evidence.runs.items())
    return next((f"run {name}: {reason}" for name, reason in broken if reason), "")


def check(  # noqa: PLR0913 - a check is declared in one place
    check_id: str,
    title: str,
    *,
    needs: Collection[Capability] = (),
    scenarios: bool = False,
    applies_to: tuple[str, ...] = (),
    facts: Iterable[Measure] = (),
    holds: str = "",
    fails: str = _FAILS,
    waits: str = "",
    warns: str = "",
    cases: Mapping[str, str] | None = None,
    finds: Mapping[str, str] | None = None,
    fix: str = "",
) -> Callable[[Judge], Check]:
    """Return a decorator that makes a check of a function from evidence to facts.

    Parameters
    ----------
    needs
        Capabilities of the source without which it is skipped.
    scenarios
        Whether it compares several runs.
    applies_to
        Names of the scenarios whose runs it judges; empty for all.
    facts
        What it measures, and the budgets that it judges by.
    holds, fails, waits, warns
        Its sentence when it passes, fails, is pending, and warns.
    cases
        Further sentences, by a word that `judged` is given.
    finds
        What can be wrong: a kind, and the sentence of a finding of that kind.
    fix
        What to do when it fails; ``{entries}`` is the command that shows the lines in question.

    Raises
    ------
    ValueError
        If a sentence names a fact that is not declared, or a number that is none.
    """
    wanted = frozenset(needs) | ({Capability.SCENARIOS} if scenarios else set())
    sentences = {"pass": holds, "fail": fails, "pending": waits, "warn": warns, **(cases or {})}

    def made(judge: Judge) -> Check:
        return Check(
            id=check_id, title=title, judge=judge, needs=wanted, scenarios=scenarios,
            applies_to=applies_to, finds=finds or {}, fix=fix,
            sentence=(judge.__doc__ or title).strip().splitlines()[0],
            measures={measure.name: measure for measure in facts},
            templates={case: template for case, template in sentences.items() if template},
        )  # fmt: skip

    return made
