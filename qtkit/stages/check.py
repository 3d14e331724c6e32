"""What a check is: a pure function from evidence to a verdict, with an id that never changes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from qtkit.core.verdict import Status, Verdict, error, skip
from qtkit.evidence import Capability, Evidence

__all__ = ["Check", "Judge", "check"]

Judge = Callable[[Evidence], Verdict]
_READS_DAMAGE = "0.5"  # the one check that a damaged journal does not stop


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
    """

    id: str
    title: str
    sentence: str
    judge: Judge
    needs: frozenset[Capability]
    scenarios: bool = False
    applies_to: tuple[str, ...] = ()

    def __call__(self, evidence: Evidence) -> Verdict:
        """Judge evidence; the verdict carries this check's id."""
        verdict = (self._objection(evidence) or self._judged(evidence)).named(self.id)
        defect = evidence.known_defects.get(self.id, "")
        if defect and verdict.status is Status.FAIL:
            return replace(verdict, known_defect=defect)
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
            return self.judge(evidence)
        except Exception as problem:  # noqa: BLE001 - a check that raises has not judged: error
            return error(
                f"check {self.id} raised {type(problem).__name__}: {problem}",
                fix="mend the evidence that the message names; else report it with the session",
            )


def _corrupt(evidence: Evidence) -> str:
    """Return why a journal of the evidence could not be read to its end; "" if all could."""
    if evidence.whole.corrupt:
        return evidence.whole.corrupt
    broken = ((name, run.whole.corrupt) for name, run in evidence.runs.items())
    return next((f"run {name}: {reason}" for name, reason in broken if reason), "")


def check(
    check_id: str,
    title: str,
    *,
    needs: Collection[Capability] = (),
    scenarios: bool = False,
    applies_to: tuple[str, ...] = (),
) -> Callable[[Judge], Check]:
    """Return a decorator that makes a check of a function from evidence to a verdict."""
    wanted = frozenset(needs) | ({Capability.SCENARIOS} if scenarios else set())

    def made(judge: Judge) -> Check:
        return Check(
            id=check_id,
            title=title,
            sentence=(judge.__doc__ or title).strip().splitlines()[0],
            judge=judge,
            needs=wanted,
            scenarios=scenarios,
            applies_to=applies_to,
        )

    return made
