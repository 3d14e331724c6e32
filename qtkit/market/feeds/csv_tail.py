"""Bars out of a CSV file that somebody else is writing."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from zoneinfo import ZoneInfo

from qtkit.core.errors import DataError
from qtkit.market.feeds.polled import BarRow, Fetched, columns_of
from qtkit.market.number_text import first_mistakes, number_in, shortened
from qtkit.market.tables.timestamps import bar_end, time_in

__all__ = ["CsvTail"]

_NUMBERS = ("open", "high", "low", "close", "volume")
_COLUMNS = ("symbol", "end", *_NUMBERS)
_EMPTY = ("", "NaN", "nan")  # how a number that is not there is written
_LONGEST_LINE = 4096
_ONE_READING = 32 * 1024 * 1024  # bytes; the rest comes with the next poll


class CsvTail:
    """Reads what was added to a file since the last look; half a line waits for its rest.

    The file has a header with the columns symbol, end, open, high, low, close, volume in any order;
    `end` is the end of the bar's minute, ISO 8601. An empty price is NaN. A file that was
    replaced or cut is read from its beginning again. A line that makes no sense costs no other
    line, and is told once.

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
        self._in_long_line = False  # what comes up to the next newline is left out
        self._places: Mapping[str, int] = {}
        self._width = 0  # cells of a line

    def fetch(self, after: int, until: int) -> Fetched:
        """Return the bars of all complete lines that were not read before.

        Raises
        ------
        DataError
            If the file is not there, cannot be read, or its header lacks a column.
        """
        # A pipe would never answer.
        if self._path.exists() and not self._path.is_file():
            raise DataError(f"the feed's file {self._path} is no file; check the path")
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
        found = os.fstat(file.fileno())
        if found.st_ino != self._file_id or found.st_size < self._offset:
            self._begin(found.st_ino)

    def _begin(self, file_id: int) -> None:
        self._file_id, self._offset, self._line = file_id, 0, 0
        self._in_long_line, self._places = False, {}

    def _complete_lines(self, file: BufferedReader) -> list[bytes]:
        """Return what ends with a newline; a line without an end comes as far as it is there."""
        file.seek(self._offset)
        data = file.read(_ONE_READING)
        if self._in_long_line:
            end = data.find(b"\n") + 1
            self._offset += end or len(data)
            self._in_long_line = not end
            data = data[end:] if end else b""
        whole, newline, rest = data.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        lines = whole.split(b"\n") if newline else []
        if len(rest) > _LONGEST_LINE:
            self._offset += len(rest)
            self._in_long_line = True
            lines.append(rest)
        return lines

    def _read(self, lines: Sequence[bytes]) -> Fetched:
        rows, wrong = list[BarRow](), list[str]()
        for line in lines:
            self._line += 1
            text = line.decode("utf-8-sig", errors="replace").strip()
            if not self._places:
                self._places = self._header(text)
            elif text:
                try:
                    rows.append(self._row(text))
                except (ValueError, csv.Error) as problem:
                    wrong.append(f"line {self._line} ({problem})")
        return Fetched(columns_of(rows), self._problem(wrong), len(wrong))

    def _header(self, text: str) -> Mapping[str, int]:
        try:
            names = [name.strip().lower() for name in _cells(text[:_LONGEST_LINE])]
        except csv.Error:
            names = []
        missing = [name for name in _COLUMNS if names.count(name) != 1]
        if missing:
            self._begin(0)  # read it again when it has been mended
            raise DataError(
                f"the header of {self._path.name} must have each of {', '.join(_COLUMNS)} once; "
                f"wrong are {', '.join(missing)}, found {text[:200]!r}"
            )
        self._width = len(names)
        return {name: names.index(name) for name in _COLUMNS}

    def _row(self, text: str) -> BarRow:
        if len(text) > _LONGEST_LINE:
            raise ValueError(f"longer than {_LONGEST_LINE} letters: {shortened(text)}")
        cells = [cell.strip() for cell in _cells(text)]
        if len(cells) != self._width:
            raise ValueError(f"{len(cells)} cells, expected {self._width}: {shortened(text)}")
        found = {name: cells[place] for name, place in self._places.items()}
        symbol = found["symbol"]
        if not symbol or not symbol.isprintable():
            raise ValueError(f"no symbol: {shortened(text)}")
        try:
            end = time_in(found["end"])
            at = bar_end(end if end.tzinfo else end.replace(tzinfo=self._zone))
            return BarRow(symbol, at, *(_number(found[name]) for name in _NUMBERS))
        except ValueError as problem:
            raise ValueError(
                f"{shortened(symbol, str)} at {shortened(found['end'], str)}: {problem}"
            ) from None

    def _problem(self, wrong: Sequence[str]) -> str:
        return f"{self._path.name}: {first_mistakes(wrong)} were left out" if wrong else ""


def _cells(line: str) -> list[str]:
    return next(csv.reader([line], strict=True), [])


def _number(cell: str) -> float:
    """Return a number; an empty cell is NaN, which the engine refuses and counts."""
    return math.nan if cell in _EMPTY else number_in(cell)
