"""What the engine knows of its own health so far."""

from __future__ import annotations

from collections.abc import Sequence

from qtkit.desk.panels.panel import Panel
from qtkit.desk.report import Report
from qtkit.desk.views.health import gate, health

__all__ = ["HealthPanel"]


class HealthPanel(Panel):
    """Feed, loop, broker, gate, kill switch, errors: each with a mark."""

    name, title = "health", "Health"

    def subject(self) -> Sequence[Report]:
        """Return the signs of life, and the gate's verdicts."""
        watch = self.watch
        found = health(watch.view, watch.signs)
        verdicts = gate(watch.view)
        return (
            self.dated(found),
            self.section("The gate's checks", *((verdicts,) if verdicts else ("Not judged.",))),
        )
