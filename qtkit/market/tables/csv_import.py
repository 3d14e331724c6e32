"""Bars out of a CSV file, plain or gzip'd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import ConfigError, DataError, QtkitError
from qtkit.core.text import closest
from qtkit.market.cells import first_of, numbers_in, shortened
from qtkit.market.tables.bar_table import BarTable, MergeReport
from qtkit.market.tables.timestamps import parse_times, zone_named
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, time_of

__all__ = ["DEFAULT_COLUMNS", "Label", "columns_from", "import_csv", "read_csv_bars"]

Label = Literal["start", "end"]
"""Which end of its minute a row's time names."""

DEFAULT_COLUMNS = {
    "time": "timestamp",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
}
_NUMBERS = ("open", "high", "low", "close", "volume")
_SHOWN = 3  # uneven rows that one sentence names


def import_csv(
    path: Path,
    table: BarTable,
    symbol: str,
    *,
    columns: Mapping[str, str] | None = None,
    zone: str,
    label: Label,
    replace: bool = False,
) -> MergeReport:
    """Add the bars of a CSV file to a table; on any error the table stays as it was.

    Parameters
    ----------
    path
        A ``.csv`` or ``.csv.gz`` file with a header.
    table, symbol
        Where the bars go.
    columns
        Ours -> the file's: ``time``, ``open``, ``high``, ``low``, ``close``, ``volume``. What is
        not named keeps its default name. A file without the default volume column has volume 0.
    zone
        Zone of times that name no offset, such as ``"Asia/Shanghai"``.
    label
        Whether a row's time is the start or the end of its minute.
    replace
        Let a new bar that differs take the place of an old one.

    Raises
    ------
    ConfigError
        If a column, the zone or the label is wrong: all mistakes at once.
    DataError
        If the file is missing or damaged, or contradicts the table.
    """
    bars = read_csv_bars(path, symbol, columns=columns, zone=zone, label=label)
    return table.merge(bars, replace=replace)


def read_csv_bars(
    path: Path,
    symbol: str,
    *,
    columns: Mapping[str, str] | None = None,
    zone: str,
    label: Label,
) -> Bars:
    """Return the bars of a CSV file in the order of its rows; arguments as for `import_csv`."""
    header = _header(path)
    named = columns or {}
    wanted = {**DEFAULT_COLUMNS, **named}
    if "volume" not in named and wanted["volume"] not in header:
        del wanted["volume"]
    mistakes = list(_mistakes(header, wanted, zone, label))
    if mistakes:
        raise ConfigError(f"{path.name} cannot be imported: " + "; ".join(mistakes))
    cells = _cells(path, wanted)
    return _bars(path, symbol, cells, zone, label)


def columns_from(words: Sequence[str]) -> dict[str, str]:
    """Return a column mapping from words such as ``time=Date``.

    Raises
    ------
    ConfigError
        Naming all words that are not of this form.

    Examples
    --------
    >>> columns_from(["time=Date", "close=Last"])
    {'time': 'Date', 'close': 'Last'}
    """
    pairs = [word.partition("=") for word in words]
    if wrong := [ours + sign + theirs for ours, sign, theirs in pairs if not (ours and theirs)]:
        raise ConfigError(f"columns are written OURS=THEIRS, like time=Date; found {wrong}")
    return {ours: theirs for ours, _, theirs in pairs}


def _mistakes(
    header: Sequence[str],
    wanted: Mapping[str, str],
    zone: str,
    label: str,
) -> Iterator[str]:
    for ours in sorted(wanted.keys() - DEFAULT_COLUMNS.keys()):
        yield f"{ours!r} is no column of a bar; known: {', '.join(DEFAULT_COLUMNS)}"
    for ours, theirs in wanted.items():
        if ours in DEFAULT_COLUMNS and theirs not in header:
            near = closest(theirs, header, cutoff=0.4)
            hint = f"did you mean {near}?" if near else "name it with a column mapping"
            has = ", ".join(header)
            yield f"the file has no column {theirs!r} for {ours}; {hint} (it has {has})"
        if ours in DEFAULT_COLUMNS and header.count(theirs) > 1:
            yield f"the file has {header.count(theirs)} columns {theirs!r}; rename all but one"
    try:
        zone_named(zone)
    except ConfigError as problem:
        yield str(problem)
    if label not in get_args(Label):
        yield f"the label is 'start' or 'end', was {label!r}"


def _header(path: Path) -> list[str]:
    names: list[str] = _opened(path, {}).schema.names
    return names


def _cells(path: Path, wanted: Mapping[str, str]) -> dict[str, list[str | None]]:
    """Return each wanted column's cells as text, by our names."""
    import pyarrow as pa

    odd = _Uneven()
    kinds = {theirs: pa.string() for theirs in wanted.values()}
    try:
        table = _opened(path, kinds, odd).read_all()
    except UnicodeDecodeError as problem:
        raise _damaged(path, f"it is no UTF-8 text ({problem.reason})") from problem
    except (pa.ArrowException, OSError, EOFError) as problem:
        raise _damaged(path, problem) from problem
    if odd.count:
        raise _damaged(path, odd)
    if not table.num_rows:
        raise DataError(f"{path.name} has a header and no rows; export it again")
    return {ours: table.column(theirs).to_pylist() for ours, theirs in wanted.items()}


@dataclass(slots=True)
class _Uneven:
    """Rows of another length than the header: how many, and the first of them."""

    count: int = 0
    first: list[Any] = field(default_factory=list)

    def leave_out(self, row: object) -> str:
        """Count a row, and answer pyarrow that it may go on."""
        self.count += 1
        if self.count <= _SHOWN:
            self.first.append(row)
        return "skip"

    def __str__(self) -> str:
        named = (
            f"{row.actual_columns} in line {row.number} ({shortened(row.text)})"
            for row in self.first
        )
        return (
            f"{self.count} rows have another number of cells than the header's "
            f"{self.first[0].expected_columns}, first {', '.join(named)}"
        )


def _opened(path: Path, kinds: Mapping[str, object], odd: _Uneven | None = None) -> Any:  # noqa: ANN401 - no types there
    """Return a reader of some columns; rows of another length are left out and counted."""
    import pyarrow as pa
    from pyarrow import csv

    # What is no regular file is not opened: a pipe would never answer.
    if not path.is_file():
        raise _damaged(path, "it is no file")
    try:
        return csv.open_csv(
            pa.input_stream(str(path), compression="detect"),
            # by this name Python decodes it all, and no row comes that is no text
            read_options=csv.ReadOptions(use_threads=False, encoding="utf-8-sig"),
            parse_options=csv.ParseOptions(invalid_row_handler=(odd or _Uneven()).leave_out),
            convert_options=csv.ConvertOptions(
                column_types=dict(kinds),
                include_columns=list(kinds),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except UnicodeDecodeError as problem:
        raise _damaged(path, f"it is no UTF-8 text ({problem.reason})") from problem
    except (pa.ArrowException, OSError, EOFError) as problem:
        raise _damaged(path, problem) from problem


def _damaged(path: Path, problem: object) -> DataError:
    if not path.exists():
        return DataError(f"there is no file {path}; check the path")
    return DataError(f"{path.name} is damaged: {problem}; export or download it again")


def _bars(
    path: Path, symbol: str, cells: Mapping[str, list[str | None]], zone: str, label: Label
) -> Bars:
    problems, times = [], np.empty(0, dtype=np.int64)
    try:
        times = _minute_ends(cells["time"], zone, label)
    except QtkitError as problem:
        problems.append(str(problem))
    numbers = dict[str, Any]()
    for name in _NUMBERS:
        found = numbers_in(cells[name]) if name in cells else np.zeros(len(cells["time"]))
        if isinstance(found, str):
            problems.append(f"column {name}: {found}")
        elif (wrong := np.flatnonzero(found < 0 if name == "volume" else found <= 0)).size:
            what = "volumes are below 0" if name == "volume" else "prices are not above 0"
            shown = first_of(wrong.tolist(), cells[name])
            problems.append(f"column {name}: {wrong.size} {what}, {shown}")
        else:
            numbers[name] = np.nan_to_num(found) if name == "volume" else found
    if problems:
        raise DataError(f"{path.name} cannot be imported: " + "; ".join(problems))
    return Bars(symbol=symbol, end=times, **numbers)


def _minute_ends(cells: Sequence[str | None], zone: str, label: Label) -> NDArray[np.int64]:
    times = parse_times(cells, zone_named(zone))
    odd = np.flatnonzero(times % BarLength.MIN_1.nanos)
    if odd.size:
        raise DataError(
            f"{odd.size} times are no whole minutes, {first_of(odd.tolist(), cells)} "
            f"({time_of(int(times[odd[0]]))}); tables hold one-minute bars"
        )
    return times + BarLength.MIN_1.nanos if label == "start" else times
