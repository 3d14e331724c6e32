"""Which tasks an operator may run at which time of the day."""

from __future__ import annotations

from datetime import datetime

from qtkit.model.bars import time_of
from qtkit.trading.engine.core import EngineCore

__all__ = ["why_not_by_hand"]

_OF_AN_OPEN_DAY = frozenset({"pre_open", "open_market", "close_market", "post_close", "refill"})


def why_not_by_hand(core: EngineCore, task: str) -> str:
    """Return why a task would contradict the calendar now, and what to do instead; "" if it fits.

    Tasks of a trading segment (polls, preparations, steps) are not judged here: they are skipped,
    with a reason of the glossary.
    """
    if task == "prepare_strategy":
        return "it belongs to a step of the schedule; run_strategy prepares by itself"
    if task not in _OF_AN_OPEN_DAY:
        return ""
    if not core.segments:
        return f"{task} belongs to a trading day, and the exchange is closed today"
    now = core.clock.now()
    opening, close = time_of(core.segments[0][0]), time_of(core.segments[-1][1])
    judged = {
        "open_market": (
            core.inside(now),
            f"the exchange does not trade now; its hours today are {_hours(core)}",
        ),
        "close_market": (
            not core.inside(now),
            f"the exchange trades now, its hours today are {_hours(core)}; see `pause`",
        ),
        "post_close": (
            now >= close,
            f"the day's books are closed after {_local(core, close)}; see `reconcile` and `stop`",
        ),
        "pre_open": (
            now < opening,
            f"the day opened at {_local(core, opening)}; `gate` judges now",
        ),
    }
    fits, reason = judged.get(task, (True, ""))
    return "" if fits else reason


def _hours(core: EngineCore) -> str:
    return ", ".join(
        f"{_local(core, time_of(start))} to {_local(core, time_of(end))}"
        for start, end in core.segments
    )


def _local(core: EngineCore, at: datetime) -> str:
    return f"{at.astimezone(core.calendar.zone):%H:%M}"
