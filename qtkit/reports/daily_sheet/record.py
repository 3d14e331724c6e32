"""The record of one day of a session: closed, versioned, and comparable with the day before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from operator import itemgetter
from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from qtkit.core.advice import command
from qtkit.core.errors import DataError
from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Conclusion, conclude
from qtkit.journal import read_journal
from qtkit.journal.prefix import prefix_digest
from qtkit.reports.artifacts import read_metadata
from qtkit.reports.fact_diff import fact_differences
from qtkit.reports.records import (
    Closed,
    Difference,
    Recorded,
    differences,
    flat,
    sealed_json,
    unsealed,
    verdicts_by_name,
)

__all__ = [
    "DayRecord",
    "SheetRow",
    "day_differences",
    "day_record_json",
    "day_record_of",
    "previous_record",
    "sheet_conclusion",
]


class SheetRow(Closed):
    """One row of the sheet: what the checks of its stages add up to."""

    row: str
    criterion: str
    stages: tuple[str, ...]  # ids of those that were judged
    conclusion: Conclusion


class DayRecord(Recorded):
    """What a day of a session came to; ticks and summaries stand under the ids of the rows."""

    format: Literal[2] = 2
    type: Literal["day_record"] = "day_record"
    session_id: str
    account: str
    strategy: str
    mode: str
    exchange: str
    day: date
    journal_lines: int = Field(ge=1)
    journal_digest: str
    written: AwareDatetime  # by the machine's clock
    rows: tuple[SheetRow, ...]
    conclusion: Conclusion
    previous: str = ""  # session id and date of the record before
    differences: tuple[Difference, ...] = ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> DayRecord:
        """Refuse a record that contradicts itself, all contradictions at once."""
        if wrong := list(_contradictions(self)):
            raise ValueError("; ".join(wrong))
        return self


def _contradictions(record: DayRecord) -> Iterable[str]:
    by_stage = {stage.stage: stage for stage in record.stages}
    for row in record.rows:
        verdicts = [v.verdict for s in row.stages if s in by_stage for v in by_stage[s].verdicts]
        if missing := sorted(set(row.stages) - by_stage.keys()):
            yield f"row {row.row} names stages without a report: {', '.join(missing)}"
        elif (found := conclude(verdicts)) != row.conclusion:
            yield f"row {row.row} says {row.conclusion}, but its verdicts add up to {found}"
    if (found := sheet_conclusion(record.rows, record.ticks)) != record.conclusion:
        yield f"conclusion {record.conclusion}, but rows and ticks add up to {found}"
    if record.differences and not record.previous:
        yield "differences without a previous record"


def sheet_conclusion(rows: Iterable[SheetRow], ticks: Mapping[str, str]) -> Conclusion:
    """Return what a sheet adds up to: a blocked row blocks, and an empty box is pending.

    Examples
    --------
    >>> row = SheetRow(row="0", criterion="it starts", stages=("0",), conclusion="passed")
    >>> sheet_conclusion([row], {}), sheet_conclusion([row], {"0": "headless"})
    (<Conclusion.PENDING: 'pending'>, <Conclusion.PASSED: 'passed'>)
    """
    found = list(rows)
    if any(row.conclusion is Conclusion.BLOCKED for row in found):
        return Conclusion.BLOCKED
    all_well = all(row.conclusion is Conclusion.PASSED and ticks.get(row.row) for row in found)
    return Conclusion.PASSED if found and all_well else Conclusion.PENDING


def day_record_json(record: DayRecord) -> str:
    """Return a record as the text of its file."""
    return sealed_json(record)


def day_record_of(
    text: str | bytes, where: str, advice: str = "Write the day's sheet again"
) -> DayRecord:
    """Return the record that a text holds.

    Raises
    ------
    DataError
        If it is no day's record of format 2, with all mistakes, or if it was altered.
    """
    what = f"{where}: this is no day's record of format 2"
    return unsealed(DayRecord, text, what, advice)


# --- the day before --------------------------------------------------------------------------


def previous_record(
    folder: SessionFolder, day: date, *, account: str, strategy: str
) -> DayRecord | None:
    """Return the record of a date that a sheet is compared with.

    Looked for in the session itself, then among its neighbours on the same account, then among
    those of the same strategy; of several the one written last.

    Parameters
    ----------
    day
        The trading date before the sheet's own.

    Raises
    ------
    DataError
        If such a record is damaged or was altered.
    """
    ranked = [
        ((r.session_id == folder.session_id, r.account == account, r.written), r)
        for r in _records(folder, day, account=account, strategy=strategy)
        if account == r.account or strategy == r.strategy
    ]
    return max(ranked, key=itemgetter(0))[1] if ranked else None


def _records(
    folder: SessionFolder, day: date, *, account: str, strategy: str
) -> Iterable[DayRecord]:
    """Yield the records of a date; a damaged one of a session that does not matter is left out."""
    for path in sorted(folder.path.resolve().parent.iterdir()):
        session = SessionFolder(path)
        if not session.day_record(day).exists():
            continue
        try:
            yield _record_of_session(session, day)
        except DataError:
            if _matters(session, account=account, strategy=strategy):
                raise


def _record_of_session(session: SessionFolder, day: date) -> DayRecord:
    """Return the record of a session's day.

    Raises
    ------
    DataError
        If it is damaged, was altered, or tells of another session, day or journal.
    """
    file = session.day_record(day)
    again = command("sheet", session.path.resolve(), "--day", day, "--save")
    advice = f"Write it again with {again}"
    try:
        text = file.read_bytes()
    except OSError as problem:
        raise DataError(f"{file} cannot be read ({problem.strerror}). {advice}") from None
    record = day_record_of(text, str(file), advice)
    if (record.session_id, record.day) != (session.session_id, day):
        raise DataError(
            f"{file} is the record of {record.day} in session {record.session_id}. {advice}"
        )
    if prefix_digest(session.journal, record.journal_lines) != record.journal_digest:
        raise DataError(
            f"{file} was altered, or the journal was: the first {record.journal_lines} lines of "
            f"{session.journal} are not those that it tells of. {advice}"
        )
    return record


def _matters(session: SessionFolder, *, account: str, strategy: str) -> bool:
    """Whether a session is of an account or a strategy; one that cannot be read may be."""
    try:
        opening = next(read_journal(session.journal)).event
        accounts = {opening.account, read_metadata(session).get("account")}
    except (DataError, StopIteration):
        return True
    return account in accounts or strategy == opening.strategy


def day_differences(before: DayRecord, after: DayRecord) -> tuple[Difference, ...]:
    """Return what changed from one day to another; numbers of the day itself are left out."""
    told = differences(before, after, _SECTIONS)
    return (*told, *fact_differences(before, after, same_day=before.day == after.day))


def _conclusions(record: DayRecord) -> Mapping[str, object]:
    return {"sheet": record.conclusion} | {row.row: row.conclusion for row in record.rows}


def _statuses(record: DayRecord) -> Mapping[str, object]:
    return {name: str(verdict.status) for name, verdict in verdicts_by_name(record).items()}


def _made_with(record: DayRecord) -> Mapping[str, object]:
    return {
        "strategy": record.strategy,
        "account": record.account,
        "mode": record.mode,
        "toolkit": record.toolkit_version,
        "commit": record.commit or "none",
    }


def _gate(record: DayRecord) -> Mapping[str, object]:
    return {name: value for name, value in flat(record.gate).items() if name != "line"}


def _reconciliation(record: DayRecord) -> Mapping[str, object]:
    found = record.reconciliation or {}
    return {name: found.get(name, "none") for name in ("is_ok", "failures")}


_SECTIONS: Mapping[str, Callable[[DayRecord], Mapping[str, object]]] = {
    "conclusion": _conclusions,
    "check": _statuses,
    "made with": _made_with,
    "setting": lambda record: flat(record.settings),
    "code": lambda record: flat(record.code),
    "data": lambda record: flat(record.data),
    "gate": _gate,
    "reconciliation": _reconciliation,
    "count": lambda record: {"rejected orders in the sample": len(record.rejected_orders)},
}
