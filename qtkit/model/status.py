"""The engine's statuses: one table, and nothing else moves them.

=========  ======================================================================
status     meaning
=========  ======================================================================
stopped    before the start and after the end
sleeping   alive, outside trading: before the open, at lunch, after the close
running    inside a trading segment
paused     an operator holds price polls and strategy steps back
=========  ======================================================================
"""

from __future__ import annotations

from enum import StrEnum

from qtkit.core.errors import InvariantBroken
from qtkit.core.process_signals import STOP_REASONS
from qtkit.model.engine import StatusRole

__all__ = ["END_REASONS", "STATUS_ROLES", "STATUS_TABLE", "EngineStatus", "check_move"]


class EngineStatus(StrEnum):
    """What the engine is doing."""

    STOPPED = "stopped"
    SLEEPING = "sleeping"
    RUNNING = "running"
    PAUSED = "paused"


_S = EngineStatus

STATUS_ROLES: dict[EngineStatus, StatusRole] = {
    _S.STOPPED: StatusRole.ENDS,
    _S.SLEEPING: StatusRole.WAITS,
    _S.RUNNING: StatusRole.TRADES,
    _S.PAUSED: StatusRole.HELD,
}
END_REASONS: dict[str, tuple[str, ...]] = {
    "signal": tuple(sorted(STOP_REASONS)),
    # a scenario's stop is told as what it plays
    "qtkit": (*sorted(STOP_REASONS), "end_of_data", "stop"),
}
"""Who else than an operator asks for a stop, and the reasons that each may give."""

STATUS_TABLE: dict[tuple[str, str], frozenset[str]] = {
    (_S.STOPPED, "start"): frozenset({_S.SLEEPING}),
    (_S.SLEEPING, "open_market"): frozenset({_S.RUNNING}),
    (_S.RUNNING, "close_market"): frozenset({_S.SLEEPING}),
    (_S.SLEEPING, "pause"): frozenset({_S.PAUSED}),
    (_S.RUNNING, "pause"): frozenset({_S.PAUSED}),
    (_S.PAUSED, "resume"): frozenset({_S.RUNNING, _S.SLEEPING}),  # where the calendar says
    (_S.RUNNING, "recover"): frozenset({_S.SLEEPING}),  # the segment ended while it was down
    (_S.SLEEPING, "stop"): frozenset({_S.STOPPED}),
    (_S.RUNNING, "stop"): frozenset({_S.STOPPED}),
    (_S.PAUSED, "stop"): frozenset({_S.STOPPED}),
}
"""(status before, because) -> the statuses it may lead to."""


def check_move(before: str, because: str, after: str) -> None:
    """Refuse a move that the table does not have.

    Raises
    ------
    InvariantBroken
        With the moves that are possible.
    """
    if after not in STATUS_TABLE.get((before, because), frozenset()):
        possible = "; ".join(
            f"{why} leads to {' or '.join(sorted(to))}"
            for (status, why), to in STATUS_TABLE.items()
            if status == before
        )
        raise InvariantBroken(
            f"{before} cannot become {after} because of {because}; from {before}: {possible}"
        )
