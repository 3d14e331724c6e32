"""A grid as configured, and the bases that its journal shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from qtkit.core.verdict import Verdict, skip
from qtkit.evidence import Evidence
from qtkit.model import events as ev
from qtkit.stages.phrases import not_yet

__all__ = ["GridParameters", "base_states", "grid_parameters", "no_grid", "number"]


@dataclass(frozen=True, slots=True)
class GridParameters:
    """One symbol's grid as configured."""

    spacing: Decimal
    batch: Decimal
    base: Decimal | None


def grid_parameters(evidence: Evidence) -> dict[str, GridParameters]:
    """Return each symbol's grid; none if the strategy is not a grid."""
    rows = evidence.settings.get("strategy_parameters")
    if not isinstance(rows, Mapping):
        return {}
    try:
        return {
            symbol: GridParameters(
                Decimal(str(row["grid"])), Decimal(str(row["batch"])), number(row.get("base"))
            )
            for symbol, row in rows.items()
        }
    except (KeyError, TypeError, AttributeError, InvalidOperation):
        return {}


def number(value: object) -> Decimal | None:
    """Return a number of a configuration or a state; None where there is none."""
    return None if value is None else Decimal(str(value))


def no_grid(evidence: Evidence) -> Verdict | None:
    """Return the verdict on a session whose strategy is not a grid."""
    if evidence.started is None:
        return not_yet(evidence, "there is no session", fix="start a session of live_grid_multi")
    if grid_parameters(evidence):
        return None
    return skip(f"the strategy {evidence.started.event.strategy!r} is not a grid")


def base_states(evidence: Evidence, symbol: str) -> Iterator[tuple[int, Decimal | None]]:
    """Yield (line, base) of a symbol, from the session's start on."""
    origin = evidence.session
    if origin.started is not None:
        row = origin.started.event.strategy_state.get(symbol, {})
        yield origin.started.seq, number(row.get("base"))
    for saved in origin.of(ev.StrategySaved):
        row = saved.event.state.get(symbol)
        if isinstance(row, Mapping):
            yield saved.seq, number(row.get("base"))
