"""The day as a timeline: planned, done, skipped by reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qtkit.desk import commands, views
from qtkit.desk.panels.book import newest
from qtkit.desk.panels.panel import Panel
from qtkit.desk.panels.widgets import Button, Choice, Element, Kit
from qtkit.desk.report import Report
from qtkit.desk.table_view import View
from qtkit.desk.views.timeline import LEGEND, timeline

__all__ = ["SchedulePanel"]

_NEXT = 12  # rows


class SchedulePanel(Panel):
    """Tasks of the date: the timeline, what was skipped and why, what comes next."""

    name, title = "schedule", "Schedule"

    def subject(self) -> Sequence[Report]:
        """Return the timeline, the skips and the tasks around now."""
        picture = self.watch.picture
        coming = views.schedule(picture)
        return (
            self.dated(timeline(picture), LEGEND),
            self.section("Skipped in this session, by reason", views.skips(picture)),
            self.section(f"To come, {len(coming.rows)}", _first(coming, _NEXT)),
            self.section("Came due, the newest first", *newest(views.tasks(picture), _NEXT)),
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
        picture = self.watch.picture
        coming = [name for name in picture.today if picture.tasks[name].is_open]
        coming = [] if picture.state.ended else coming
        self.part("task", Choice).offer(coming)
        self.part("take_off", Button).enable(on=bool(coming))

    def _take_off(self) -> None:
        task_id, by = self.part("task", Choice).value, self.watch.by
        self.ask(f"take {task_id} off", lambda desk: commands.cancel_task(desk, task_id, by=by))


def _first(view: View, rows: int) -> View:
    return replace(view, rows=view.rows[:rows])
