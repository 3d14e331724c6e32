"""The day as a timeline: planned, done, skipped by reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qtkit.desk import commands, views
from qtkit.desk.panels.book import newest
from qtkit.desk.panels.panel import Panel
from qtkit.desk.panels.widgets import Button, Choice, Element, Kit
from qtkit.desk.report import Report
from qtkit.desk.table_view import TableView
from qtkit.desk.views.timeline import LEGEND, timeline

__all__ = ["SchedulePanel"]

_NEXT = 12  # rows


class SchedulePanel(Panel):
    """Tasks of the date: the timeline, what was skipped and why, what comes next."""

    name, title = "schedule", "Schedule"

    def subject(self) -> Sequence[Report]:
        """Return the timeline, the skips and the tasks around now."""
        view = self.watch.view
        coming = views.schedule(view)
        return (
            self.dated(timeline(view), LEGEND),
            self.section("Skipped in this session, by reason", views.skips(view)),
            self.section(f"To come, {len(coming.rows)}", _first(coming, _NEXT)),
            self.section("Came due, the newest first", *newest(views.tasks(view), _NEXT)),
        )

    def controls(self, kit: Kit) -> Sequence[Element]:
        """Return the control that takes a task off."""
        return (
            kit.row(
                kit.choice("task", "Task to come", ()),
                kit.button("take_off", "Take off", self._take_off, style="warning"),
            ),
        )

    def adjust(self) -> None:
        """Offer the tasks that are still to come."""
        view = self.watch.view
        coming = [name for name in view.tasks.today if view.tasks.stories[name].is_open]
        coming = [] if view.state.ended else coming
        self.part("task", Choice).offer(coming)
        self.part("take_off", Button).enable(on=bool(coming))

    def _take_off(self) -> None:
        task_id, by = self.part("task", Choice).value, self.watch.by
        self.ask(
            f"take {task_id} off", lambda session: commands.cancel_task(session, task_id, by=by)
        )


def _first(view: TableView, rows: int) -> TableView:
    return replace(view, rows=view.rows[:rows])
