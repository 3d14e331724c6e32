"""Columns of a CSV file, plain or gzip'd, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qtkit.core.errors import DataError
from qtkit.market.number_text import shortened

__all__ = ["csv_columns", "csv_header", "damaged"]

_SHOWN = 3  # uneven rows that one sentence names
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def csv_header(path: Path) -> list[str]:
    """Return the names of a file's columns.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged or no CSV.
    """
    names: list[str] = _opened(path, []).schema.names
    if len(names) == 1:
        for sign, word in _OTHER_SEPARATORS.items():
            if sign in names[0]:
                raise DataError(
                    f"{path.name} has one column {shortened(names[0])}: its cells are separated "
                    f"by {word}, expected commas; export it again with commas"
                )
    return names


def csv_columns(path: Path, names: Sequence[str]) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return some columns as an arrow table of text; an empty cell is null.

    Raises
    ------
    DataError
        If the file is damaged: no UTF-8, or rows of another length than the header.
    """
    import pyarrow as pa

    odd = _Uneven()
    try:
        table = _opened(path, names, odd).read_all()
    except UnicodeDecodeError as problem:
        raise damaged(path, f"it is no UTF-8 text ({problem.reason})") from problem
    except (pa.ArrowException, OSError, EOFError) as problem:
        raise damaged(path, problem) from problem
    if odd.count:
        raise damaged(path, odd)
    return table


def damaged(path: Path, problem: object) -> DataError:
    """Return the error of a file that cannot be read."""
    if not path.exists():
        return DataError(f"there is no file {path}; check the path")
    return DataError(f"{path.name} is damaged: {problem}; export or download it again")


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


def _opened(path: Path, names: Sequence[str], odd: _Uneven | None = None) -> Any:  # noqa: ANN401
    """Return a reader of some columns; rows of another length are left out and counted."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        return csv.open_csv(
            pa.input_stream(str(path), compression="detect"),
            # by this name Python decodes it all, and no row comes that is no text
            read_options=csv.ReadOptions(use_threads=False, encoding="utf-8-sig"),
            parse_options=csv.ParseOptions(invalid_row_handler=(odd or _Uneven()).leave_out),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=list(names),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except UnicodeDecodeError as problem:
        raise damaged(path, f"it is no UTF-8 text ({problem.reason})") from problem
    except (pa.ArrowException, OSError, EOFError) as problem:
        raise damaged(path, problem) from problem
