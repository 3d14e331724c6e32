"""Bars out of a CSV file that somebody else is writing."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from zoneinfo import ZoneInfo

from qtkit.core.errors import DataError
from qtkit.market.feeds.polled import BarRow, Fetched, columns_of
from qtkit.model.bars import nanos

__all__ = ["CsvTail"]

_NUMBERS = ("open", "high", "low", "close", "volume")
_COLUMNS = ("symbol", "end", *_NUMBERS)
_SHOWN = 3  # wrong lines that one sentence names
_LONGEST_LINE = 4096  # bytes
_ONE_READING = 32 * 1024 * 1024  # bytes; the rest comes with the next poll


class CsvTail:
    """Reads what was added to a file since the last look; half a line waits for its rest.

    The file has a header with the columns symbol, end, open, high, low, close, volume in any order;
    `end` is the end of the bar's minute, ISO 8601. An empty price is NaN. A file that was
    replaced or cut is read from its beginning again. A line that makes no sense is told once.

    Parameters
    ----------
    path
        The file; it may appear later.
    zone
        Of times that name no offset.
    """

    def __init__(self, path: Path, zone: ZoneInfo) -> None:
        self._path, self._zone = path, zone
        self._file_id, self._offset, self._line = 0, 0, 0
        self._places: Mapping[str, int] = {}

    def fetch(self, after: int, until: int) -> Fetched:
        """Return the bars of all complete lines that were not read before.

        Raises
        ------
        DataError
            If the file is not there, cannot be read, or its header lacks a column.
        """
        try:
            with self._path.open("rb") as file:
                self._notice_replacement(file)
                lines = self._complete_lines(file)
        except OSError as problem:
            raise DataError(
                f"the feed's file {self._path} cannot be read ({problem.strerror}); check the "
                "path, and that its writer runs"
            ) from None
        return self._read(lines)

    def _notice_replacement(self, file: BufferedReader) -> None:
        """Begin anew in another file, and in one that has become shorter."""
        size = file.seek(0, 2)
        with_inode = self._path.stat().st_ino
        if with_inode != self._file_id or size < self._offset:
            self._file_id, self._offset, self._line, self._places = with_inode, 0, 0, {}

    def _complete_lines(self, file: BufferedReader) -> list[bytes]:
        file.seek(self._offset)
        whole, newline, rest = file.read(_ONE_READING).rpartition(b"\n")
        if len(rest) > _LONGEST_LINE:
            number = self._line + (whole.count(b"\n") + 1 if newline else 0) + 1
            raise DataError(
                f"{self._path.name} line {number} has no end within {_LONGEST_LINE} bytes; "
                "expected a CSV file of bars"
            )
        self._offset += len(whole) + len(newline)
        return whole.split(b"\n") if newline else []

    def _read(self, lines: Sequence[bytes]) -> Fetched:
        rows, wrong = list[BarRow](), list[str]()
        for line in lines:
            self._line += 1
            text = line.decode("utf-8-sig", errors="replace").strip()
            if not self._places:
                self._places = self._header(text)
            elif text:
                try:
                    rows.append(self._row(next(csv.reader([text]))))
                except (ValueError, IndexError, OverflowError, csv.Error) as problem:
                    wrong.append(f"line {self._line} ({problem})")
        return Fetched(columns_of(rows), self._told(wrong))

    def _header(self, text: str) -> Mapping[str, int]:
        names = [name.strip().lower() for name in text.split(",")]
        missing = [name for name in _COLUMNS if names.count(name) != 1]
        if missing:
            self._file_id = 0  # read it again when it has been mended
            raise DataError(
                f"the header of {self._path.name} must have each of {', '.join(_COLUMNS)} once; "
                f"wrong are {', '.join(missing)}, found {text[:200]!r}"
            )
        return {name: names.index(name) for name in _COLUMNS}

    def _row(self, cells: Sequence[str]) -> BarRow:
        place = self._places
        end = datetime.fromisoformat(cells[place["end"]].strip())
        numbers = [_number(cells[place[name]]) for name in _NUMBERS]
        symbol = cells[place["symbol"]].strip()
        if end.tzinfo is None:
            end = end.replace(tzinfo=self._zone)
        return BarRow(symbol, nanos(end), *numbers)

    def _told(self, wrong: Sequence[str]) -> str:
        if not wrong:
            return ""
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        return (
            f"{self._path.name}: {', '.join(wrong[:_SHOWN])}{more} cannot be read and "
            "will be left out"
        )


def _number(cell: str) -> float:
    """Return a number; an empty cell is NaN, which the engine refuses and counts."""
    return float(cell) if cell.strip() else math.nan
