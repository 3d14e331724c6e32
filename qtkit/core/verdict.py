"""The one shape of every judgement: risk rule, gate, health probe, check, reconciliation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct, structs

from qtkit.core.facts import NO_PROOF, Fact, Finding, Proof, Value, proof_of

__all__ = [
    "ALLOWING",
    "Conclusion",
    "Status",
    "Verdict",
    "conclude",
    "error",
    "fail",
    "ok",
    "pending",
    "skip",
    "warn",
]


class Status(StrEnum):
    """How a judgement came out."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    PENDING = "pending"
    SKIP = "skip"
    FAIL = "fail"
    ERROR = "error"


class Conclusion(StrEnum):
    """What a set of verdicts adds up to."""

    PASSED = "passed"
    PENDING = "pending"
    BLOCKED = "blocked"


ALLOWING = frozenset({Status.PASS, Status.WARN})
"""Verdicts on which money may move."""


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One judgement about one rule.

    Attributes
    ----------
    rule
        Stable id, e.g. ``"2.1"`` for a check or ``"risk.price_band"`` for a rule.
    status
        How it came out.
    summary
        One sentence with the numbers and their units.
    fix
        What the operator does next; empty when nothing is needed.
    facts
        The numbers that it rests on, as its check declares them.
    findings
        The first things that are not as they should be.
    proof
        Journal lines of what the sentence counts.
    known_defect
        Name of a defect that the authors of a foreign engine know about; the status stays `fail`.
    """

    rule: str = ""
    status: Status
    summary: str
    fix: str = ""
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()
    proof: Proof = NO_PROOF
    known_defect: str = ""

    @property
    def allows(self) -> bool:
        """Whether money may move on this verdict."""
        return self.status in ALLOWING

    @property
    def lines(self) -> tuple[int, ...]:
        """Journal line numbers that prove it."""
        return self.proof.lines

    @property
    def values(self) -> dict[str, Value]:
        """The facts by their names, as they are written down."""
        return {fact.name: fact.value for fact in self.facts}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its findings, each once."""
        return tuple(dict.fromkeys(finding.kind for finding in self.findings))

    def named(self, rule: str) -> Verdict:
        """Return the same judgement under a rule id."""
        return structs.replace(self, rule=rule)


def ok(summary: str, *, lines: Sequence[int] = ()) -> Verdict:
    """Return a verdict that was judged and holds."""
    return Verdict(status=Status.PASS, summary=summary, proof=proof_of(lines))


def warn(summary: str, *, fix: str, lines: Sequence[int] = ()) -> Verdict:
    """Return a verdict that holds, and that somebody should look at."""
    return Verdict(status=Status.WARN, summary=summary, fix=fix, proof=proof_of(lines))


def pending(summary: str, *, fix: str = "") -> Verdict:
    """Return a verdict whose evidence is not there yet."""
    return Verdict(status=Status.PENDING, summary=summary, fix=fix)


def skip(reason: str) -> Verdict:
    """Return a verdict that does not apply here, with the reason."""
    return Verdict(status=Status.SKIP, summary=reason)


def fail(summary: str, *, fix: str, lines: Sequence[int] = ()) -> Verdict:
    """Return a verdict that was judged and does not hold."""
    return Verdict(status=Status.FAIL, summary=summary, fix=fix, proof=proof_of(lines))


def error(summary: str, *, fix: str, lines: Sequence[int] = ()) -> Verdict:
    """Return a verdict that could not be judged; it never lets money move."""
    return Verdict(status=Status.ERROR, summary=summary, fix=fix, proof=proof_of(lines))


def conclude(verdicts: Iterable[Verdict]) -> Conclusion:
    """Return what the verdicts add up to; nothing judged at all is `pending`, never `passed`.

    Examples
    --------
    >>> conclude([ok("fine"), skip("not here")])
    <Conclusion.PASSED: 'passed'>
    >>> conclude([skip("not here")])
    <Conclusion.PENDING: 'pending'>
    >>> conclude([ok("fine"), error("no price", fix="wait")])
    <Conclusion.BLOCKED: 'blocked'>
    """
    found = {v.status for v in verdicts}
    if found & {Status.FAIL, Status.ERROR}:
        return Conclusion.BLOCKED
    if Status.PENDING in found or not found & {Status.PASS, Status.WARN}:
        return Conclusion.PENDING
    return Conclusion.PASSED
