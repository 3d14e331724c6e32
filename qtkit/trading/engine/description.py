"""What our engine says of itself, from the tables that it obeys."""

from __future__ import annotations

from functools import lru_cache

from qtkit import __version__
from qtkit.model.engine import (
    ALL_CAPABILITIES,
    Capability,
    EngineDescription,
    SkipMeaning,
    StatusMove,
)
from qtkit.model.gate import GATE_CHECKS
from qtkit.model.skip_reasons import GLOSSARY
from qtkit.model.status import END_REASONS, STATUS_ROLES, STATUS_TABLE
from qtkit.model.tasks import TASK_ROLES

__all__ = ["FILL_CHANNEL", "backtest_description", "engine_description"]

FILL_CHANNEL = "poll_fills"  # the only way that executions come in

# the backtest's loop has no clock of its own, no tasks, no folder and nobody at it
_NOT_IN_A_BACKTEST = frozenset(
    {
        Capability.SCENARIOS, Capability.SCHEDULE, Capability.GRID, Capability.PULSE,
        Capability.POLLS, Capability.BROKER_BOOK, Capability.DIAGNOSIS, Capability.ERRORS,
        Capability.SYS_LOG, Capability.FILES, Capability.SNAPSHOTS, Capability.GATE,
    }
)  # fmt: skip


@lru_cache(maxsize=1)
def engine_description() -> EngineDescription:
    """Return what a session of ours says of its engine."""
    return _described(ALL_CAPABILITIES)


@lru_cache(maxsize=1)
def backtest_description() -> EngineDescription:
    """Return what a backtest says of its engine."""
    return _described(ALL_CAPABILITIES - _NOT_IN_A_BACKTEST)


def _described(capabilities: frozenset[Capability]) -> EngineDescription:
    return EngineDescription(
        name="qtkit",
        version=__version__,
        capabilities=tuple(sorted(capabilities)),
        statuses={str(status): role for status, role in STATUS_ROLES.items()},
        moves=tuple(
            StatusMove(before=str(before), because=because, after=str(after))
            for (before, because), allowed in STATUS_TABLE.items()
            for after in sorted(allowed)
        ),
        end_reasons=END_REASONS,
        tasks=TASK_ROLES,
        skip_reasons=tuple(
            SkipMeaning(
                name=reason.name,
                meaning=reason.meaning,
                what_to_do=reason.what_to_do,
                simulated=reason.simulated,
            )
            for reason in GLOSSARY.values()
            if reason.exists
        ),
        gate_checks=GATE_CHECKS,
        fill_channels=(FILL_CHANNEL,),
    )
