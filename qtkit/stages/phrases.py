"""How checks put numbers and names into sentences."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from qtkit.core.advice import command
from qtkit.core.verdict import Verdict, pending, skip
from qtkit.evidence import Evidence

__all__ = [
    "at_exchange",
    "compare_command",
    "counted",
    "not_on_this_day",
    "not_yet",
    "show_command",
    "shown",
    "so_far",
    "stop_command",
    "story_command",
]

_FEW = 3
_AROUND = 3  # lines before and after those that are in question


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


def not_on_this_day(
    evidence: Evidence, *, begins: bool = False, ends: bool = False
) -> Verdict | None:
    """Return the verdict on a day without the session's beginning, or end; None if it has it."""
    if begins and not evidence.window.begins_the_session:
        return skip("the session did not begin on this day")
    if ends and not evidence.window.ends_the_session:
        return skip("the session did not end on this day")
    return None


# --- commands that can be pasted -------------------------------------------------------------


def show_command(evidence: Evidence, *kinds: str, lines: Iterable[int] = ()) -> str:
    """Return the command that prints entries of a session: some kinds, or around some lines."""
    words: list[object] = [word for kind in kinds for word in ("--kind", kind)]
    if numbers := sorted(lines):
        words += ["--from", max(1, numbers[0] - _AROUND), "--to", numbers[-1] + _AROUND]
    return _journal_command("show", [evidence], *words)


def story_command(evidence: Evidence, order_id: str) -> str:
    """Return the command that tells what happened to an order."""
    return _journal_command("story", [evidence], order_id)


def compare_command(left: Evidence, right: Evidence) -> str:
    """Return the command that shows the first difference of two sessions."""
    return _journal_command("compare", [left, right])


def stop_command(evidence: Evidence) -> str:
    """Return the command that stops a session in order."""
    if evidence.folder is None:
        return command("attach", "--help")
    return command("attach", evidence.folder.path.resolve(), "--ask", "stop")


def _journal_command(verb: str, sources: Iterable[Evidence], *words: object) -> str:
    """Return a command on journals; its help where evidence has no folder."""
    folders = [evidence.folder for evidence in sources]
    if None in folders:
        return command("journal", verb, "--help")
    return command("journal", verb, *(f.path.resolve() for f in folders if f), *words)
