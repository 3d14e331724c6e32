"""A day's sheet as rows: what the checks say, what the operator says."""

from __future__ import annotations

from qtkit.core.render import mark, verdict_counts
from qtkit.desk.table_view import Column, TableView
from qtkit.reports.daily_sheet.notes import DayNotes
from qtkit.reports.daily_sheet.rows import ROWS
from qtkit.reports.daily_sheet.sheet import Sheet

__all__ = ["accepted", "notes", "sheet"]


def sheet(found: Sheet) -> TableView:
    """Return the rows of a sheet that was judged."""
    record = found.record
    by_stage = {stage.stage: stage for stage in record.stages}
    rows = tuple(
        (
            row.row,
            mark(row.conclusion),
            verdict_counts(v.verdict for s in row.stages for v in by_stage[s].verdicts),
            record.ticks.get(row.row) or "not ticked",
            record.action_summaries.get(row.row, ""),
        )
        for row in record.rows
    )
    names = ("row", "conclusion", "checks", "tick", "action summary")
    return TableView(name="sheet", columns=tuple(Column(name=n) for n in names), rows=rows)


def accepted(found: Sheet) -> list[TableView]:
    """Return what operators accepted on a return of the day; nothing if there was none."""
    names = ("line", "name", "before", "after", "by", "why")
    rows = tuple(tuple(change[name] for name in names) for change in found.record.changes)
    columns = tuple(Column(name=name) for name in names)
    return [TableView(name="accepted", columns=columns, rows=rows)] if rows else []


def notes(written: DayNotes) -> TableView:
    """Return the rows of a sheet as operators left them, with each row's criterion."""
    rows = []
    for row in ROWS:
        note = written.get(row.id)
        tick = f"✓ {note.tick}" if note and note.tick else "not ticked"
        rows.append(
            (row.id, row.criterion, tick, str(note.summary) if note and note.summary else "")
        )
    names = ("row", "tick it when", "tick", "action summary")
    return TableView(name="notes", columns=tuple(Column(name=n) for n in names), rows=tuple(rows))
