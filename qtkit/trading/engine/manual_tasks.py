"""Which tasks an operator may run at which time of the day."""

from __future__ import annotations

from datetime import datetime

from qtkit.model.bars import time_of
from qtkit.trading.engine.context import EngineContext

__all__ = ["why_not_by_hand"]

_OF_AN_OPEN_DAY = frozenset({"pre_open", "open_market", "close_market", "post_close", "refill"})


def why_not_by_hand(context: EngineContext, task: str) -> str:
    """Return why a task would contradict the calendar now, and what to do instead; "" if it fits.

    Tasks of a trading segment (polls, preparations, steps) are not judged here: they are skipped,
    with a reason of the glossary.
    """
    if task == "prepare_strategy":
        return "it belongs to a step of the schedule; run_strategy prepares by itself"
    if task not in _OF_AN_OPEN_DAY:
        return ""
    if not context.segments:
        return f"{task} belongs to a trading day, and the exchange is closed today"
    now = context.clock.now()
    opening, close = time_of(context.segments[0][0]), time_of(context.segments[-1][1])
    judged = {
        "open_market": (
            context.inside(now),
            f"the exchange does not trade now; its hours today are {_hours(context)}",
        ),
        "close_market": (
            not context.inside(now),
            f"the exchange trades now, its hours today are {_hours(context)}; see `pause`",
        ),
        "post_close": (
            now >= close,
            f"the books are closed after {_local(context, close)}; see `reconcile` and `stop`",
        ),
        "pre_open": (
            now < opening,
            f"the day opened at {_local(context, opening)}; `gate` judges now",
        ),
    }
    fits, reason = judged.get(task, (True, ""))
    return "" if fits else reason


def _hours(context: EngineContext) -> str:
    return ", ".join(
        f"{_local(context, time_of(start))} to {_local(context, time_of(end))}"
        for start, end in context.segments
    )


def _local(context: EngineContext, at: datetime) -> str:
    return f"{at.astimezone(context.calendar.zone):%H:%M}"
