"""What one order costs, and where: a backtest that trades against the same one that only looks."""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from collections.abc import Callable, Iterable

from benchmarks.strategies import MovingAverageCross
from qtkit.model.intents import Intent
from qtkit.trading.strategy.protocol import Prepared, View

__all__ = ["OnlyLooks", "parts_of"]

# the first name that fits counts
_PARTS = (
    ("qtkit/trading/brokers/", "simulated broker"),
    ("qtkit/trading/risk/", "risk rules"),
    ("qtkit/core/verdict", "risk rules"),
    ("order_entry", "risk view and request"),
    ("qtkit/ledger/", "ledger"),
    ("qtkit/journal/", "record"),
    ("engine_state", "record"),
    ("context.py", "record"),
    ("execution_reports", "taking the broker's news"),
    ("strategy_runner", "decision and strategy's state"),
    ("qtkit/trading/strategy/", "decision and strategy's state"),
    ("plain_json", "decision and strategy's state"),
    ("qtkit/model/", "conversions of time and money"),
    ("qtkit/core/", "conversions of time and money"),
    ("benchmarks/", "strategy"),
)
_REST = "the rest of the engine"


class OnlyLooks(MovingAverageCross):
    """Works everything out and wants nothing: what is left when no order is sent."""

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Work it out, and want nothing."""
        super().decide(view, prepared)
        return ()


def parts_of(trades: Callable[[], object], looks: Callable[[], object]) -> dict[str, float]:
    """Return the share of each part in what trading costs beside looking; they add up to 1.

    The shares come from a profiler's own times, of which those of the run that only looks are
    taken off. A profiler slows calls down, so that parts with many small calls look larger.
    """
    cost = _own_seconds(trades)
    cost.subtract(_own_seconds(looks))
    whole = sum(seconds for seconds in cost.values() if seconds > 0)
    return {part: seconds / whole for part, seconds in cost.most_common() if seconds > 0}


def _own_seconds(run: Callable[[], object]) -> Counter[str]:
    """Return the seconds that each part spent itself; what is built in counts for its callers."""
    profile = cProfile.Profile()
    profile.runcall(run)
    found = Counter[str]()
    for (file, _, _), row in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        _, _, own, _, callers = row
        if file == "~":
            for (caller, _, _), (_, _, own_then, _) in callers.items():
                found[_part(caller)] += own_then
        else:
            found[_part(file)] += own
    return found


def _part(file: str) -> str:
    return next((part for name, part in _PARTS if name in file), _REST)
