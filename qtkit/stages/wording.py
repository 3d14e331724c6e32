"""How checks put numbers and names into sentences."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from qtkit.core.verdict import Verdict, pending
from qtkit.evidence import Evidence

__all__ = ["at_exchange", "counted", "not_yet", "shown", "so_far"]

_FEW = 3


def shown(items: Iterable[object], few: int = _FEW) -> str:
    """Return the first few items as a list, and how many more there are.

    Examples
    --------
    >>> shown(["a", "b", "c", "d", "e"])
    'a; b; c; and 2 more'
    """
    found = [str(item) for item in items]
    more = len(found) - few
    return "; ".join(found[:few] + ([f"and {more} more"] if more > 0 else []))


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "fill"), counted(2, "fill")
    ('1 fill', '2 fills')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def at_exchange(evidence: Evidence, at: datetime) -> str:
    """Return a time as people at the exchange read it."""
    local = evidence.local(at)
    return f"{local:%Y-%m-%d %H:%M:%S}"


def so_far(evidence: Evidence) -> str:
    """Return what a sentence about a running session ends with."""
    return " so far" if evidence.running else ""


def not_yet(evidence: Evidence, what: str, *, fix: str) -> Verdict:
    """Return the verdict where the evidence is missing, and what would bring it."""
    if evidence.running:
        return pending(f"{what} yet", fix=fix)
    return pending(f"the session has {what.replace('there is ', '')}: nothing to judge", fix=fix)
