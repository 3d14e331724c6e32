"""What checks say where there is nothing to judge, and commands that can be pasted."""

from __future__ import annotations

from collections.abc import Iterable

from qtkit.core.advice import command
from qtkit.core.verdict import Verdict, pending, skip
from qtkit.evidence import Evidence

__all__ = [
    "compare_command",
    "not_on_this_day",
    "not_yet",
    "show_command",
    "stop_command",
    "story_command",
]

_AROUND = 3  # lines before and after those that are in question


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
