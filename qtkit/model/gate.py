"""The checks of our gate."""

from __future__ import annotations

__all__ = ["GATE_CHECKS"]

GATE_CHECKS = (
    "gate.strategy",
    "gate.data",
    "gate.calendar",
    "gate.account",
    "gate.cash",
    "gate.positions",
    "gate.open_orders",
    "gate.fills",
    "gate.clock",
    "gate.artifacts",
    "gate.kill_switch",
    "gate.last_reconciliation",
    "gate.order_sizes",
)
"""What our gate looks at, every time."""
