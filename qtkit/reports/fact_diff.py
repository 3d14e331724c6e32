"""How the facts of two records differ: in their own units, and by how much beyond tolerance."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from qtkit.core.facts import Kind
from qtkit.reports.records import Difference, Recorded, RecordedFact, changed, verdicts_by_name

__all__ = ["fact_differences", "inputs_are_equal"]

_INPUTS = ("parameters", "settings", "data", "code")
_NONE = "none"


def inputs_are_equal(before: Recorded, after: Recorded) -> bool:
    """Whether two records were made from the same parameters, settings, data and code."""
    return all(getattr(before, name, None) == getattr(after, name, None) for name in _INPUTS)


def fact_differences(before: Recorded, after: Recorded, *, same_day: bool) -> Iterator[Difference]:
    """Yield each fact that is another, and each check that finds other things.

    A fact that holds for equal inputs only is compared if they are equal.

    Parameters
    ----------
    same_day
        Whether both records are of the same day: only then can their inputs be equal.
    """
    equal = same_day and inputs_are_equal(before, after)
    old, new = verdicts_by_name(before), verdicts_by_name(after)
    for check in (name for name in new if name in old):
        ours = {fact.name: fact for fact in old[check].facts}
        for fact in new[check].facts:
            if fact.name in ours and (fact.across_days or equal):
                yield from _moved(check, ours[fact.name], fact)
    kinds = ({n: _kinds(v.findings) for n, v in rows.items()} for rows in (old, new))
    yield from changed("finding", *kinds)


def _kinds(findings: tuple[object, ...]) -> str:
    return ", ".join(dict.fromkeys(str(getattr(row, "kind", "")) for row in findings)) or _NONE


def _moved(check: str, old: RecordedFact, new: RecordedFact) -> Iterator[Difference]:
    """Yield how a fact differs, a table number by number."""
    name = f"{check} {new.name}"
    if isinstance(old.value, dict) and isinstance(new.value, dict):
        for key in dict.fromkeys([*new.value, *old.value]):
            yield from _pair(
                f"{name} {key}", old.value.get(key, 0), new.value.get(key, 0), old, new
            )
    else:
        yield from _pair(name, old.value, new.value, old, new)


def _pair(
    name: str, one: object, two: object, old: RecordedFact, new: RecordedFact
) -> Iterator[Difference]:
    same_kind = (old.kind, old.unit) == (new.kind, new.unit)
    if one == two and same_kind:
        return
    yield Difference(
        section="fact",
        name=name,
        before=_told(one, old),
        after=_told(two, new),
        beyond=not (same_kind and _within(one, two, new)),
    )


def _told(value: object, fact: RecordedFact) -> str:
    unit = "" if fact.kind is Kind.TEXT else fact.unit
    return f"{value} {unit}".rstrip()


def _within(one: object, two: object, fact: RecordedFact) -> bool:
    """Whether two numbers differ by no more than the fact's tolerance."""
    try:
        return abs(Decimal(str(one)) - Decimal(str(two))) <= Decimal(str(fact.tolerance))
    except InvalidOperation:
        return False
