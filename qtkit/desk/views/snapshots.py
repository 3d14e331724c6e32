"""What each step was prepared with."""

from __future__ import annotations

from qtkit.core.paths import SessionFolder
from qtkit.core.render import mark
from qtkit.desk.table_view import Column, TableView
from qtkit.model import events as ev
from qtkit.projections.session_view import SessionView

__all__ = ["snapshots"]

_SHORT = 12  # hex digits that people read


def snapshots(view: SessionView, folder: SessionFolder) -> TableView:
    """Return the snapshots of a session, and whether each is on disk."""
    taken = (entry.event for entry in view.decisions.snapshots)
    rows = tuple(
        (
            event.step,
            view.local(event.taken_at),
            view.local(event.due),
            event.digest[:_SHORT],
            mark("ok" if folder_has(folder, event) else "fail"),
        )
        for event in taken
    )
    columns = (
        Column(name="step", right=True),
        Column(name="taken"),
        Column(name="step due"),
        Column(name="digest"),
        Column(name="on disk"),
    )
    empty = "no snapshot was taken: split_strategy_prepare is off, or no step has come"
    day = view.now.date()
    return TableView(name="snapshots", columns=columns, rows=rows, empty=empty, day=day)


def folder_has(folder: SessionFolder, event: ev.SnapshotTaken) -> bool:
    """Whether the file of a snapshot is there."""
    name = f"{event.trading_date:%Y%m%d}-{event.step:04d}.json"
    return (folder.snapshots / name).is_file()
