"""Headless notebook runs: their records, two of them compared, one run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtkit.core.errors import ConfigError
from qtkit.core.paths import RunFolder
from qtkit.core.render import Table
from qtkit.desk.panels.panel import Panel
from qtkit.desk.panels.widgets import Button, Choice, Element, Field, Kit
from qtkit.desk.report import Report
from qtkit.desk.table_view import Column, TableView
from qtkit.runs.execute import execute
from qtkit.runs.record import RunRecord
from qtkit.runs.record_diff import compare, differences_table
from qtkit.runs.report import error_sentence, facts_table, open_findings, stages_table
from qtkit.runs.run_store import Listed, list_runs, read_record, runs_table

__all__ = ["RunsPanel"]

_SHOWN = 50  # runs


class RunsPanel(Panel):
    """The runs of the output folder."""

    name, title = "runs", "Runs"
    needs_session = False
    _runs: tuple[Listed, ...] | None = None  # read when it is asked for, not with each news

    def subject(self) -> Sequence[Report]:
        """Return the list of runs, the newest first."""
        runs = self._listed()
        shown = _view("runs", runs_table(runs[:_SHOWN]), "no notebook has been run headlessly yet")
        heading = f"Runs · {len(runs)} records, the newest first, times in UTC"
        return (self.section(heading, shown),)

    def _listed(self) -> tuple[Listed, ...]:
        if self._runs is None or not self.is_open:
            self._runs = list_runs(self.watch.root)
        return self._runs

    def _reload(self) -> None:
        self._runs = None
        self.refresh()

    def answered(self) -> None:
        """List the runs anew: one that was run again is there now."""
        self._reload()

    def controls(self, kit: Kit) -> Sequence[Element]:
        """Return the controls: choose a run, compare it, run it again."""
        return (
            kit.row(
                kit.choice("run", "Run", ()),
                kit.button("show", "Show record", self._show),
                kit.button("reload", "Reload list", self._reload),
            ),
            kit.row(
                kit.choice("before", "Compare with", ()),
                kit.button("compare", "Compare", self._compare),
            ),
            kit.row(
                kit.field("notebooks", "Notebooks in", value="."),
                kit.button("again", "Run again", self._again, hint="With the same parameters"),
            ),
        )

    def adjust(self) -> None:
        """Offer the runs that can be read."""
        ids = [run.run_id for run in self._listed() if run.record][:_SHOWN]
        for name in ("run", "before"):
            self.part(name, Choice).offer(ids)
        for name in ("show", "compare", "again"):
            self.part(name, Button).enable(on=bool(ids))

    def _record(self, name: str) -> RunRecord:
        run_id = self.part(name, Choice).value
        return read_record(RunFolder(self.watch.root.run_records / run_id))

    def _show(self) -> None:
        record = self._record("run")
        self.fetch(f"record {record.run_id}", lambda: _told(record), aside=False)

    def _compare(self) -> None:
        found = compare(self._record("before"), self._record("run"))
        table = _view("differences", differences_table(found.differences), "nothing changed")
        report = self.section(found.heading, table)
        self.fetch("compare", lambda: report, aside=False)

    def _again(self) -> None:
        record, root = self._record("run"), self.watch.root
        notebook = Path(self.part("notebooks", Field).value or ".") / record.notebook
        if not notebook.is_file():
            raise ConfigError(
                f"{notebook} is not there; type the folder of {record.notebook} into the field"
            )
        self.fetch(
            f"run {record.notebook} again",
            lambda: _told(execute(notebook, record.parameters, root=root)),
        )


def _told(record: RunRecord) -> Report:
    findings = open_findings(record)
    return Report(
        name="runs",
        heading=f"run {record.run_id} · {record.status}",
        parts=(
            error_sentence(record),
            _view("stages", stages_table(record), "no stage was judged"),
            findings,
            _view("facts", facts_table(record), ""),
        ),
    )


def _view(name: str, table: Table, empty: str) -> TableView:
    """Return a table as a view."""
    sides = table.align.ljust(len(table.columns), "l")
    columns = tuple(
        Column(name=title, right=side == "r")
        for title, side in zip(table.columns, sides, strict=True)
    )
    return TableView(name=name, title=table.title, columns=columns, rows=table.rows, empty=empty)
