"""A day's sheet: one row per stage, what the operator says about it, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from qtkit.core.advice import command
from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.errors import BeyondCalendar, ConfigError
from qtkit.core.paths import SessionFolder, write_atomic
from qtkit.core.render import (
    Table,
    html_report,
    mark,
    mimebundle,
    text_report,
    verdict_counts,
    verdict_rows,
    verdict_text,
)
from qtkit.core.verdict import Conclusion, Status, conclude
from qtkit.evidence import Evidence
from qtkit.evidence.session import Session
from qtkit.model.events import Entry, GateJudged, JsonObject, SessionStarted
from qtkit.projections.session_view import SessionView
from qtkit.reports.artifacts import journal_digest, read_metadata
from qtkit.reports.daily_sheet.notes import DayNotes, read_notes
from qtkit.reports.daily_sheet.record import (
    DayRecord,
    SheetRow,
    day_differences,
    day_record_json,
    previous_record,
    sheet_conclusion,
)
from qtkit.reports.daily_sheet.rows import ROWS, Row
from qtkit.reports.records import RecordedVerdict, StageRecord
from qtkit.reports.run_facts import accepted_change, record_facts
from qtkit.stages import StageReport, all_stages, judge

__all__ = ["Sheet", "save_sheet", "sheet_day", "sheet_of"]

_HEADLESS = "headless"
_EXIT_CODES = {Conclusion.PASSED: 0, Conclusion.BLOCKED: 1, Conclusion.PENDING: 5}
_SHORT = 12  # characters of a digest that people read
_DIGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A day's sheet.

    Attributes
    ----------
    record
        Everything that is kept of it.
    compared_with
        The trading date before; None where the calendar does not reach.
    lived_before
        Whether the session lived through that date itself.
    """

    folder: SessionFolder
    record: DayRecord
    compared_with: date | None
    lived_before: bool = False

    @property
    def conclusion(self) -> Conclusion:
        """What rows and ticks add up to."""
        return self.record.conclusion

    @property
    def exit_code(self) -> int:
        """What the shell sees: 0 passed, 1 blocked, 5 pending."""
        return _EXIT_CODES[self.conclusion]

    def as_json(self) -> JsonObject:
        """Return the record as JSON."""
        return self.record.model_dump(mode="json")

    def __str__(self) -> str:
        wrong = verdict_text(v.verdict for v in self._wrong())
        findings = f"To be settled\n{wrong}" if wrong else ""
        parts = (self._rows(), self._criteria(), findings, *self._changes(), self._news())
        return text_report(self._heading(), *parts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        columns = ("check", "status", "finding", "next step", "journal lines")
        rows = verdict_rows(v.verdict for v in self._wrong())
        findings = [Table("To be settled", columns, rows)] if rows else []
        parts = (self._rows(), self._criteria(), *findings, *self._changes(), self._news())
        html = html_report(self._title(), *parts, status=self.conclusion)
        return mimebundle(str(self), html, self.as_json())

    def _title(self) -> str:
        record = self.record
        return f"Sheet of {record.day} · {record.session_id} · account {record.account}"

    def _heading(self) -> str:
        return f"{self._title()} · {self.conclusion.upper()}"

    def _rows(self) -> Table:
        record = self.record
        by_stage = {stage.stage: stage for stage in record.stages}
        rows = tuple(
            (
                row.row,
                mark(row.conclusion),
                verdict_counts(v.verdict for s in row.stages for v in by_stage[s].verdicts),
                record.ticks.get(row.row, "") or "not ticked",
                record.action_summaries.get(row.row, ""),
            )
            for row in record.rows
        )
        return Table("", ("stage", "conclusion", "checks", "tick", "action summary"), rows)

    def _criteria(self) -> Table:
        rows = tuple((row.row, row.criterion) for row in self.record.rows)
        return Table("Tick a row when", ("stage", "criterion"), rows)

    def _wrong(self) -> list[RecordedVerdict]:
        bad = {Status.FAIL, Status.ERROR, Status.PENDING}
        return [v for stage in self.record.stages for v in stage.verdicts if v.status in bad]

    def _changes(self) -> list[Table]:
        """Return what operators accepted on a return of the day; nothing if there was none."""
        columns = ("line", "name", "before", "after", "by", "why")
        rows = tuple(
            tuple(_short(str(change[name])) for name in columns) for change in self.record.changes
        )
        return [Table("Accepted on a return", columns, rows, "rlllll")] if rows else []

    def _news(self) -> Table | str:
        told, before = self.record, self.compared_with
        if before is None:
            return f"What changed: the calendar does not know the trading day before {told.day}."
        if not told.previous:
            return (
                f"What changed: there is no record of {before}, the trading day before, on account "
                f"{told.account} or of {told.strategy}; {self._first_sheet(before)} writes one."
            )
        if not told.differences:
            return f"Nothing changed since {told.previous}."
        rows = tuple(
            (d.section, d.name, _short(d.before), _short(d.after)) for d in told.differences
        )
        title = f"What changed since {told.previous}"
        return Table(title, ("what", "name", "before", "now"), rows)

    def _first_sheet(self, before: date) -> str:
        """Return what writes the record that is not there."""
        if not self.lived_before:
            return "the sheet of a session that lived through it"
        return command("sheet", self.folder.path.resolve(), "--day", before, "--save")


def _short(text: str) -> str:
    is_digest = len(text) == _DIGEST and all(c in "0123456789abcdef" for c in text)
    return text[:_SHORT] if is_digest else text


# --- making one ------------------------------------------------------------------------------


def sheet_of(
    session: Session,
    *,
    at: datetime,
    day: date | None = None,
    headless: bool = False,
) -> Sheet:
    """Judge a day of a session, and put it beside what operators wrote.

    Parameters
    ----------
    at
        Now, by the machine's clock.
    day
        A date that the session lived through; None: its last trading date.
    headless
        Nobody is there to tick: the boxes read "headless" and do not count as pending.

    Raises
    ------
    ConfigError
        If the session did not live through the day.
    DataError
        If journal, metadata or notes cannot be read.
    """
    folder, entries, view = session.folder, session.entries(), session.view
    date_ = sheet_day(view, day)
    evidence = Evidence.of_folder(folder, entries=entries)
    wanted = {stage for row in ROWS for stage in row.stages}
    reports = {s.id: judge(s, evidence, day=date_) for s in all_stages() if s.id in wanted}
    rows = tuple(_row(row, reports) for row in ROWS)
    notes = read_notes(folder, date_)
    before = _day_before(view.opening, date_)
    ticks = {row.row: _tick(notes, row.row, headless=headless) for row in rows}
    record = DayRecord(
        **_identity(session, date_),
        **_judged(rows, reports, ticks),
        action_summaries={name: str(note.summary) for name, note in notes.items() if note.summary},
        gate=_gate(evidence, date_),
        changes=tuple(accepted_change(e) for e in view.terms.changes if _is_of(e, view, date_)),
        written=at,
    )
    return Sheet(
        folder=folder,
        record=_compared(folder, record, before),
        compared_with=before,
        lived_before=before in view.books.open_days,
    )


def sheet_day(view: SessionView, day: date | None) -> date:
    """Return the date that is meant.

    Raises
    ------
    ConfigError
        If the session did not live through it.
    """
    lived = [*view.books.closed_days, *view.books.open_days]
    if day is None and lived:
        return lived[-1]
    if day is None or day not in lived:
        known = ", ".join(str(each) for each in sorted(lived)) or "none yet"
        wanted_day = day or "the last one"
        raise ConfigError(f"the session did not live through {wanted_day}; its dates are: {known}")
    return day


def _row(row: Row, reports: Mapping[str, StageReport]) -> SheetRow:
    there = tuple(stage for stage in row.stages if stage in reports)
    verdicts = [verdict for stage in there for verdict in reports[stage].verdicts]
    return SheetRow(
        row=row.id, criterion=row.criterion, stages=there, conclusion=conclude(verdicts)
    )


def _identity(session: Session, day: date) -> JsonObject:
    """Return what was judged, and what it was made with."""
    folder, view = session.folder, session.view
    metadata, facts, opening = read_metadata(folder), record_facts(session, day=day), view.opening
    dirty = "+dirty" if metadata.get("dirty") else ""
    return {
        "session_id": folder.session_id,
        "account": metadata.get("account") or opening.account,
        "strategy": opening.strategy,
        "mode": opening.mode,
        "exchange": opening.exchange,
        "day": day,
        "journal_lines": view.last.seq,
        "journal_digest": journal_digest(folder),
        "toolkit_version": metadata.get("toolkit_version", "unknown"),
        "commit": f"{metadata.get('commit', '')}{dirty}",
        "settings": facts.settings,
        "data": facts.data,
        "code": facts.code,
        "rejected_orders": facts.rejected_orders,
        "reconciliation": facts.reconciliation,
    }


def _judged(
    rows: tuple[SheetRow, ...], reports: Mapping[str, StageReport], ticks: Mapping[str, str]
) -> JsonObject:
    """Return what the checks said, and what rows and ticks add up to."""
    return {
        "stages": tuple(_stage(report) for report in reports.values()),
        "rows": rows,
        "ticks": ticks,
        "conclusion": sheet_conclusion(rows, ticks),
    }


def _tick(notes: DayNotes, row: str, *, headless: bool) -> str:
    note = notes.get(row)
    if note is not None and note.tick is not None:
        return f"✓ {note.tick}"
    return _HEADLESS if headless else ""


def _stage(report: StageReport) -> StageRecord:
    return StageRecord.model_validate(
        {
            "stage": report.stage,
            "title": report.title,
            "source": report.source,
            "conclusion": report.conclusion,
            "verdicts": tuple(RecordedVerdict.of(verdict) for verdict in report.verdicts),
        }
    )


def _gate(evidence: Evidence, day: date) -> JsonObject | None:
    """Return how the gate was judged last on a day; None if it was not."""
    lines = evidence.lines.get(GateJudged, ())
    judged = [entry for entry in lines if entry.event.trading_date == day]
    if not judged:
        return None
    event = judged[-1].event
    shut = (v for v in event.verdicts if v.status in {Status.FAIL, Status.ERROR})
    return {
        "mode": event.mode,
        "open": event.open,
        "judgements": len(judged),
        "failures": [f"{v.rule}: {v.summary}" for v in shut],
        "line": judged[-1].seq,
    }


def _is_of(change: Entry, view: SessionView, day: date) -> bool:
    """Whether a change is of a day; one between two days is on the sheets of both."""
    calendar = _calendar(view.opening)
    accepted = calendar.local_date(change.at)
    first = accepted if calendar.is_session(accepted) else calendar.next_session(accepted)
    return day in {change.event.trading_date, first}


def _day_before(opening: SessionStarted, day: date) -> date | None:
    """Return the trading date before another, by the exchange's calendar: Friday before Monday."""
    try:
        return _calendar(opening).previous_session(day)
    except BeyondCalendar:
        return None


def _calendar(opening: SessionStarted) -> Calendar:
    overlay = opening.settings.get("calendar_overlay")
    return exchange_calendar(opening.exchange, Path(overlay) if overlay else None)


def _compared(folder: SessionFolder, record: DayRecord, before: date | None) -> DayRecord:
    if before is None:
        return record
    previous = previous_record(folder, before, account=record.account, strategy=record.strategy)
    if previous is None:
        return record
    name = f"{previous.day} (session {previous.session_id})"
    news = day_differences(previous, record)
    return record.model_copy(update={"previous": name, "differences": news})


def save_sheet(sheet: Sheet) -> Path:
    """Write the day's record into the session's folder, and return its file."""
    file = sheet.folder.day_record(sheet.record.day)
    write_atomic(file, day_record_json(sheet.record))
    return file
