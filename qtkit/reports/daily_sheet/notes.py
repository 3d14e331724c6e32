"""What operators write on a day's sheet: action summaries and ticks, with who and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from pydantic import AwareDatetime, Field, ValidationError

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.input_text import checked_text
from qtkit.core.locks import NamedLock
from qtkit.core.paths import SessionFolder, lock_of, write_atomic
from qtkit.core.render import json_text
from qtkit.reports.daily_sheet.rows import row_named
from qtkit.reports.records import Closed, what_is_wrong

__all__ = ["DayNotes", "RowNote", "Signed", "read_notes", "write_summary", "write_tick"]


class Signed(Closed):
    """Something that a person said at some time."""

    text: str
    by: str
    at: AwareDatetime  # by the machine's clock

    def __str__(self) -> str:
        signature = f"{self.by} {self.at:%Y-%m-%d %H:%M} UTC"
        return f"{self.text} ({signature})" if self.text else signature


class RowNote(Closed):
    """What stands by hand in one row of a sheet."""

    summary: Signed | None = None
    tick: Signed | None = None  # None: the box is empty


DayNotes = Mapping[str, RowNote]
"""Row id -> what stands in it by hand."""


class _Notes(Closed):
    format: int = Field(default=1, ge=1, le=1)
    days: dict[date, dict[str, RowNote]] = Field(default_factory=dict)


def read_notes(folder: SessionFolder, day: date) -> DayNotes:
    """Return what was written on the sheet of a day.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    return _read(folder).days.get(day, {})


def _read(folder: SessionFolder) -> _Notes:
    try:
        return _Notes.model_validate_json(folder.sheet.read_bytes())
    except FileNotFoundError:
        return _Notes()
    except ValidationError as mistake:
        raise DataError(
            f"{folder.sheet} is damaged: {what_is_wrong(mistake)}. It holds summaries and ticks "
            "alone; move it away and write them again"
        ) from None


def write_summary(
    folder: SessionFolder, day: date, row: str, text: str, *, by: str, at: datetime
) -> None:
    """Write the action summary of a row; an empty one takes it away.

    Raises
    ------
    ConfigError
        If there is no such row, or no name.
    DataError
        If the file is damaged.
    """
    signed = Signed(text=text.strip(), by=_name(by), at=at) if text.strip() else None
    _change(folder, day, row_named(row).id, {"summary": signed})


def write_tick(
    folder: SessionFolder, day: date, row: str, *, ticked: bool, by: str, at: datetime
) -> None:
    """Set or clear the tick of a row; raises as `write_summary`."""
    signed = Signed(text="", by=_name(by), at=at) if ticked else None
    _change(folder, day, row_named(row).id, {"tick": signed})


def _name(by: str) -> str:
    if not by.strip():
        raise ConfigError("a sheet is signed: say who you are")
    return checked_text(by.strip(), "the signature")


def _change(
    folder: SessionFolder, day: date, row: str, change: Mapping[str, Signed | None]
) -> None:
    """Change one row in the file; nobody else writes meanwhile."""
    lock = NamedLock(lock_of(folder.sheet), "the sheet")
    lock.acquire()
    try:
        notes = _read(folder)
        rows = dict(notes.days.get(day, {}))
        rows[row] = rows.get(row, RowNote()).model_copy(update=dict(change))
        after = _Notes(days={**notes.days, day: rows})
        write_atomic(folder.sheet, json_text(after.model_dump(mode="json")))
    finally:
        lock.release()
