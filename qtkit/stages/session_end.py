"""What the checks of a session's end say of one that has not come to it."""

from __future__ import annotations

from qtkit.core.facts import finding
from qtkit.core.verdict import pending
from qtkit.evidence import Evidence
from qtkit.stages.check import Outcome, judged
from qtkit.stages.phrases import not_on_this_day, stop_command

__all__ = ["NOT_ENDED", "unended"]


_CRASHED = "start the session's account again: it resumes; then stop it in order"


NOT_ENDED = {"crashed": "the session neither runs nor ended: it crashed"}


def unended(evidence: Evidence) -> Outcome:
    """Return the verdict on a session that has not come to its end, or not on the day judged."""
    elsewhere = not_on_this_day(evidence, ends=True)
    if elsewhere is not None:
        return elsewhere
    if evidence.running or not evidence.whole.entries:
        fix = f"stop the session: {stop_command(evidence)}, or `stop` in the shell"
        return pending("the session has not been stopped yet", fix=fix)
    return judged([finding("crashed", evidence.whole.entries)], fix=_CRASHED)
