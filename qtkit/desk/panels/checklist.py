"""The smoke checklist on the session: run a stage, read its verdicts, tick the day's sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from html import escape

from qtkit.core.clock import wall_time
from qtkit.core.errors import ConfigError
from qtkit.core.render import html_table, mark, verdict_counts, verdict_table
from qtkit.desk.panels.panel import Panel
from qtkit.desk.panels.session_watch import Watch
from qtkit.desk.panels.widgets import Element, Field, Kit, Text, Tick
from qtkit.desk.report import Report
from qtkit.desk.table_view import Column, TableView
from qtkit.desk.views.sheet import accepted, notes, sheet
from qtkit.evidence.session import Session
from qtkit.reports.daily_sheet.notes import read_notes, write_summary, write_tick
from qtkit.reports.daily_sheet.rows import ROWS, Row
from qtkit.reports.daily_sheet.sheet import Sheet, save_sheet, sheet_of
from qtkit.stages import Stage, StageReport, all_stages, judge

__all__ = ["ChecklistPanel"]


class ChecklistPanel(Panel):
    """Every stage with its brief and verdicts, and the day's sheet.

    Parameters
    ----------
    session
        A session, or the `Watch` that several panels share.
    """

    name, title = "checklist", "Checklist"

    def __init__(self, session: Session | Watch | None = None) -> None:
        super().__init__(session)
        self._forget("")

    def _forget(self, session_id: str) -> None:
        """Begin anew: what was judged is of another session."""
        self._of = session_id
        self._reports = dict[str, StageReport]()
        self._sheet: Sheet | None = None
        self._unfolded = ""  # the stage that was run last
        self._summaries = dict[str, str]()  # row -> what was put into its field last

    # --- what it tells -------------------------------------------------------------------------

    def subject(self) -> Sequence[Report]:
        """Return each stage, and the sheet."""
        self._notice_another_session()
        return (self._overview(), *(self._told(stage) for stage in all_stages()), *self._paper())

    def _notice_another_session(self) -> None:
        if self._of != self.watch.folder.session_id:
            self._forget(self.watch.folder.session_id)

    def _overview(self) -> Report:
        rows = tuple(self._line(stage) for stage in all_stages())
        columns = tuple(Column(name=n) for n in ("stage", "what", "conclusion", "checks"))
        return self.dated(TableView(name="stages", columns=columns, rows=rows))

    def _line(self, stage: Stage) -> tuple[object, ...]:
        report = self._reports.get(stage.id)
        if report is None:
            return stage.id, stage.title, "not run", f"{len(stage.checks)} to run"
        return stage.id, stage.title, mark(report.conclusion), verdict_counts(report.verdicts)

    def _told(self, stage: Stage) -> Report:
        report = self._reports.get(stage.id)
        brief = (f"Verifies: {stage.verifies}", f"Operate: {stage.operate}")
        found = (report.verdicts,) if report else ()
        return self.section(f"{stage.label} · {stage.title}", *brief, *found)

    def _paper(self) -> Sequence[Report]:
        day = self._day
        if day is None:
            return ()
        written = notes(read_notes(self.watch.folder, day))
        if self._sheet is None:
            return (self.section(f"Sheet of {day} · not judged yet", written),)
        conclusion = self._sheet.conclusion
        parts = (sheet(self._sheet), *accepted(self._sheet))
        judged = self.section(f"Sheet of {day} · {conclusion.upper()}", *parts)
        return judged, self.section("What operators wrote", written)

    @property
    def _day(self) -> date | None:
        return self.watch.view.state.today if self.watch.has_session else None

    # --- where it shows ------------------------------------------------------------------------

    def build(self, kit: Kit) -> Element:
        """Make the widgets: a button for each stage, and a field and a box for each row."""
        stages = [self._stage_row(kit, stage) for stage in all_stages()]
        rows = [self._sheet_row(kit, row) for row in ROWS]
        return kit.column(
            kit.text("subject"),
            kit.row(kit.button("run_all", "Run all stages", self._run_all, style="primary")),
            *stages,
            kit.text("sheet"),
            *rows,
            kit.row(
                kit.button("judge", "Judge the day", lambda: self._judge(save=False)),
                kit.button("save", "Save record", lambda: self._judge(save=True), style="success"),
            ),
            kit.text("news"),
        )

    def _stage_row(self, kit: Kit, stage: Stage) -> Element:
        key = _key(stage.id)
        run = kit.button(
            f"run_{key}", f"Run {stage.id}", lambda: self.run(stage.id), hint=f"Run {stage.label}"
        )
        return kit.column(kit.row(run, kit.text(f"stage_{key}")))

    def _sheet_row(self, kit: Kit, row: Row) -> Element:
        key, about = _key(row.id), row.id
        return kit.row(
            kit.field(
                f"summary_{key}",
                f"Row {about}",
                hint="action summary; Enter writes it",
                do=lambda: self._write_summary(about),
            ),
            kit.tick(f"tick_{key}", f"row {about} is done", lambda: self._write_tick(about)),
        )

    def refresh(self) -> None:
        """Write what is known now into the widgets."""
        if not self.is_open:
            return
        if not self.watch.has_session:
            super().refresh()
            return
        self._notice_another_session()
        self.part("subject", Text).write(self._overview().html())
        for stage in all_stages():
            self.part(f"stage_{_key(stage.id)}", Text).write(self._folded(stage))
        self.part("sheet", Text).write("".join(report.html() for report in self._paper()))
        self.write_news()
        self.adjust()

    def _folded(self, stage: Stage) -> str:
        """Return a stage that can be unfolded; the one that was run last is."""
        report = self._reports.get(stage.id)
        found = html_table(verdict_table("", report.verdicts)) if report else ""
        word = str(mark(report.conclusion)) if report else "not run"
        return (
            f"<details{' open' if stage.id == self._unfolded else ''}><summary>"
            f"<strong>{escape(stage.label)}</strong> · {escape(stage.title)} · {escape(word)}"
            f"</summary><p>Verifies: {escape(stage.verifies)}</p>"
            f"<p>Operate: {escape(stage.operate)}</p>{found}</details>"
        )

    def adjust(self) -> None:
        """Let fields and boxes show what is written on the sheet."""
        day = self._day
        if day is None:
            return
        written = read_notes(self.watch.folder, day)
        for row in ROWS:
            note = written.get(row.id)
            text = note.summary.text if note and note.summary else ""
            if self._summaries.get(row.id, "") != text:
                self._summaries[row.id] = text
                self.part(f"summary_{_key(row.id)}", Field).fill(text)
            self.part(f"tick_{_key(row.id)}", Tick).set(on=bool(note and note.tick))

    # --- what it does --------------------------------------------------------------------------

    def run(self, stage_id: str) -> None:
        """Run one stage on the session."""
        self._run([stage for stage in all_stages() if stage.id == stage_id], stage_id)

    def _run_all(self) -> None:
        self._run(list(all_stages()), "")

    def _run(self, stages: Sequence[Stage], unfold: str) -> None:
        session = self.watch.counterpart()

        def work() -> Report:
            found = [judge(stage, session) for stage in stages]
            with self.watch.lock:
                self._keep(session.session_id, found, unfold)
            conclusions = "; ".join(f"{r.label} {r.conclusion}" for r in found)
            return self.section(f"judged {session.session_id}", conclusions)

        self.fetch(f"run {', '.join(stage.label for stage in stages)}", work)

    def _keep(self, of: str, found: Sequence[StageReport], unfold: str) -> None:
        """Take reports over, unless another session is looked at by now."""
        if of == self.watch.folder.session_id:
            self._reports |= {report.stage: report for report in found}
            self._unfolded = unfold

    def _judge(self, *, save: bool) -> None:
        self.fetch("save the record" if save else "judge the day", self._judging(save=save))

    def _judging(self, *, save: bool) -> Callable[[], Report]:
        session = self.watch.counterpart()

        def work() -> Report:
            found = sheet_of(session, at=wall_time())
            file = save_sheet(found) if save else None
            with self.watch.lock:
                if session.folder == self.watch.folder:
                    self._sheet = found
            news = f"written to {file}" if file else "nothing was written"
            return self.section(f"the day is {found.conclusion}", news)

        return work

    def _write_summary(self, row: str) -> None:
        text = self.part(f"summary_{_key(row)}", Field).value
        day = self._asked_day()
        if text == self._summaries.get(row, ""):
            return
        self._summaries[row] = text
        write_summary(self.watch.folder, day, row, text, by=self.watch.by, at=wall_time())
        self._after_writing()

    def _write_tick(self, row: str) -> None:
        ticked = self.part(f"tick_{_key(row)}", Tick).value
        folder, day = self.watch.folder, self._asked_day()
        note = read_notes(folder, day).get(row)
        if ticked == bool(note and note.tick):
            return
        write_tick(folder, day, row, ticked=ticked, by=self.watch.by, at=wall_time())
        self._after_writing()

    def _asked_day(self) -> date:
        day = self._day
        if day is None:
            raise ConfigError("there is no day to write about yet: the session has not begun one")
        return day

    def _after_writing(self) -> None:
        """Judge the sheet anew if it was judged before: what it says may be another thing now."""
        if self._sheet is None:
            self.refresh()
        else:
            self._judge(save=False)


def _key(name: str) -> str:
    """Return an id as it can stand in a class name.

    Examples
    --------
    >>> _key("3.5"), _key("5-A/B")
    ('3_5', '5_a_b')
    """
    return "".join(c.lower() if c.isalnum() else "_" for c in name)
