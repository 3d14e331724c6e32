"""Pictures of the session, each drawn when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from qtkit.desk import charts
from qtkit.desk.charts import Chart
from qtkit.desk.panels.panel import Panel
from qtkit.desk.panels.session_watch import Watch
from qtkit.desk.panels.widgets import Choice, Element, Kit, Text
from qtkit.desk.report import Report
from qtkit.evidence.session import Session

__all__ = ["ChartsPanel"]

_DRAWN: Mapping[str, Callable[[Session], Chart]] = {
    "equity and drawdown": charts.equity,
    "schedule": charts.schedule,
    "skip reasons": charts.skips,
    "slippage": charts.slippage,
    "grid lines with fills": charts.grid_lines,
}


class ChartsPanel(Panel):
    """One picture at a time, and its facts as text.

    Parameters
    ----------
    session
        A session, or the `Watch` that several panels share.
    """

    name, title = "charts", "Charts"

    def __init__(self, session: Session | Watch | None = None) -> None:
        super().__init__(session)
        self._chart: Chart | None = None
        self._picture = ""

    def subject(self) -> Sequence[Report]:
        """Return the facts of the picture that was drawn last."""
        if self._chart is None:
            names = ", ".join(_DRAWN)
            return (self.section(self.title, f"No picture was drawn yet; there are: {names}."),)
        return (self.section(self._chart.heading, *self._chart.text.splitlines()),)

    def html(self) -> str:
        """Return the facts and the picture."""
        return super().html() + self._picture

    def controls(self, kit: Kit) -> Sequence[Element]:
        """Return the list of pictures and the button."""
        return (
            kit.row(
                kit.choice("which", "Picture", tuple(_DRAWN)),
                kit.button("draw", "Draw", self._draw, hint="Draw it as it stands now"),
            ),
            kit.text("picture"),
        )

    def adjust(self) -> None:
        """Show the picture that was drawn last."""
        self.part("picture", Text).write(self._picture)

    def _draw(self) -> None:
        self.draw(self.part("which", Choice).value)

    def draw(self, which: str) -> None:
        """Draw a picture as the session stands now."""
        session, make = self.watch.counterpart(), _DRAWN[which]

        def work() -> None:
            chart = make(session)
            picture = chart.html()
            with self.watch.lock:
                self._chart, self._picture = chart, picture

        self.fetch(f"draw {which}", work)
