"""The control desk: every panel of one session, one at a time, under one line on top."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from qtkit.desk import views
from qtkit.desk.panels.base import Screen
from qtkit.desk.panels.book import BookPanel
from qtkit.desk.panels.charts import ChartsPanel
from qtkit.desk.panels.checklist import ChecklistPanel
from qtkit.desk.panels.health import HealthPanel
from qtkit.desk.panels.journal import JournalPanel
from qtkit.desk.panels.operations import OperationsPanel
from qtkit.desk.panels.panel import Panel
from qtkit.desk.panels.risk import RiskPanel
from qtkit.desk.panels.runs import RunsPanel
from qtkit.desk.panels.schedule import SchedulePanel
from qtkit.desk.panels.session import SessionPanel
from qtkit.desk.panels.session_watch import Watch
from qtkit.desk.panels.widgets import Choice, Element, Kit, Text
from qtkit.desk.report import Report
from qtkit.desk.views.health import countdown
from qtkit.evidence.session import Session

__all__ = ["STANDARD", "ControlDesk", "desk"]

STANDARD: tuple[type[Panel], ...] = (
    SessionPanel,
    ChecklistPanel,
    HealthPanel,
    BookPanel,
    RiskPanel,
    SchedulePanel,
    JournalPanel,
    ChartsPanel,
    RunsPanel,
    OperationsPanel,
)
"""The panels that every desk has, in their order."""


class ControlDesk(Screen):
    """Panels side by side behind their names; only the one that is looked at follows the session.

    Parameters
    ----------
    session
        A session, or a `Watch`.
    panels
        What stands on the desk; more can be added.
    """

    name, title = "desk", "Control desk"

    def __init__(
        self,
        session: Session | Watch | None = None,
        *,
        panels: Iterable[type[Panel]] = STANDARD,
    ) -> None:
        super().__init__(session)
        self.panels = {kind.name: kind(self.watch) for kind in panels}
        self._chosen = next((panel.title for panel in self.panels.values()), "")

    def add(self, kind: type[Panel]) -> Panel:
        """Put a further panel on the desk, in place of one of the same name."""
        with self.watch.lock:
            old = self.panels.get(kind.name)
            if old is not None:
                old.close()
            panel = self.panels[kind.name] = kind(self.watch)
            if self.is_open:
                panel.begin()
                self._stack_up()
        return panel

    # --- what it tells -------------------------------------------------------------------------

    def sections(self) -> Sequence[Report]:
        """Return the line on top, and what every panel shows."""
        sections = (section for panel in self.panels.values() for section in panel.sections())
        return (self._line(), *sections)

    def _line(self) -> Report:
        watch, view = self.watch, self.watch.view
        if not watch.has_session:
            return Report(name=self.name, heading=self.title, parts=("No session yet.",))
        state = view.state
        standing = f"engine {state.status}" if watch.alive or state.ended else "its process is gone"
        switch = "kill switch ON" if state.killed else "kill switch off"
        line = f"{standing} · {switch} · next task: {countdown(view, watch.now)}"
        heading = f"{watch.folder.session_id} · {views.as_of(view)}"
        return Report(name=self.name, heading=heading, parts=(line,))

    # --- where it shows ------------------------------------------------------------------------

    def build(self, kit: Kit) -> Element:
        """Make the widgets of every panel; the chosen one is shown."""
        for panel in self.panels.values():
            panel.begin()
        names = tuple(panel.title for panel in self.panels.values())
        nav = kit.switch("panels", names, self._choose)
        self._stack = kit.column(*(panel.root for panel in self.panels.values()))
        return kit.column(kit.text("line"), nav, self._stack, kit.text("news"))

    def _stack_up(self) -> None:
        """Put a panel that came later with the others."""
        self._stack.hold(panel.root for panel in self.panels.values())
        if self._kit is not None:
            nav = self._kit.parts["panels"]
            if isinstance(nav, Choice):
                nav.offer(tuple(panel.title for panel in self.panels.values()))
        self.refresh()

    def _choose(self) -> None:
        """Show the panel whose name was pressed."""
        nav = self._kit.parts["panels"] if self._kit else None
        if isinstance(nav, Choice):
            self.choose(nav.value)

    def choose(self, title: str) -> None:
        """Show the panel of a title."""
        self._chosen = title
        self.refresh()

    def refresh(self) -> None:
        """Write the line on top, and let the panel that is looked at follow."""
        if self._kit is None:
            return
        line = self._kit.parts["line"]
        if isinstance(line, Text):
            line.write(self._line().html())
        for panel in self.panels.values():
            panel.root.show(shown=panel.title == self._chosen)
            if panel.title == self._chosen:
                panel.guarded(panel.refresh)

    def trouble(self, sentence: str) -> None:
        """Show what went wrong under the panels."""
        news = self._kit.parts["news"] if self._kit else None
        if isinstance(news, Text):
            report = Report(name=self.name, heading="✗ that did not work", parts=(sentence,))
            news.write(f'<div role="alert">{report.html()}</div>')

    def close(self) -> None:
        """Stop following, and let every panel go."""
        super().close()
        for panel in self.panels.values():
            panel.close()


def desk(
    session: Session | Watch | None = None,
    *more: type[Panel],
    root: Path | str | None = None,
    by: str = "operator",
) -> ControlDesk:
    """Return the control desk of a session; as the last expression of a cell it shows.

    Parameters
    ----------
    session
        None: one is started or attached to at the desk.
    more
        Further panels.
    root
        Where sessions and runs are; by default the folder that the session is in.
    by
        The operator's name, as the journal has it.
    """
    watch = session if isinstance(session, Watch) else Watch(session, root=root, by=by)
    return ControlDesk(watch, panels=(*STANDARD, *more))
