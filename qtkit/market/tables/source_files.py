"""Files of bars that somebody else wrote: which there are, and their columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import ConfigError, DataError
from qtkit.market.number_text import first_of, numbers_in
from qtkit.market.tables.csv_columns import csv_columns, csv_header, damaged
from qtkit.market.tables.timestamps import Moments, moments_of

__all__ = [
    "ENDINGS",
    "columns_of_file",
    "files_in",
    "header_of",
    "moments_in",
    "name_of",
    "numbers_of",
    "words_of",
]

ENDINGS = (".csv", ".csv.gz", ".parquet")
_NANOS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


def files_in(path: Path) -> tuple[Path, ...]:
    """Return a file, or the files of bars in a folder, by name.

    Raises
    ------
    DataError
        If there is none.
    """
    if not path.is_dir():
        return (path,)
    found = sorted(file for file in path.iterdir() if file.name.lower().endswith(ENDINGS))
    if not found:
        raise DataError(
            f"the folder {path} has no files that end in {', '.join(ENDINGS)}; check the path"
        )
    return tuple(found)


def name_of(path: Path) -> str:
    """Return a file's name without its ending.

    Examples
    --------
    >>> name_of(Path("data/GOOG.csv.gz")), name_of(Path("600036.SH.parquet"))
    ('GOOG', '600036.SH')
    """
    ending = next((e for e in reversed(ENDINGS) if path.name.lower().endswith(e)), path.suffix)
    return path.name[: len(path.name) - len(ending)] if ending else path.name


def header_of(path: Path) -> list[str]:
    """Return the names of a file's columns.

    Raises
    ------
    ConfigError
        If its name ends otherwise than ours.
    DataError
        If there is no such file, or it is damaged.
    """
    # What is no regular file is not opened: a pipe would never answer.
    if not path.is_file():
        raise damaged(path, "it is no file")
    if not path.name.lower().endswith(ENDINGS):
        raise ConfigError(
            f"{path.name} cannot be imported: its name ends in none of {', '.join(ENDINGS)}"
        )
    return _parquet(path).schema_arrow.names if _is_parquet(path) else csv_header(path)


def columns_of_file(path: Path, names: Sequence[str]) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return some columns as an arrow table, of CSV as text.

    Raises
    ------
    DataError
        If the file is damaged, or has no rows.
    """
    table = _read_parquet(path, names) if _is_parquet(path) else csv_columns(path, names)
    if not table.num_rows:
        raise DataError(f"{path.name} has a header and no rows; export it again")
    return table


def moments_in(column: Any) -> Moments:  # noqa: ANN401 - an arrow column
    """Return the times of a column: text, timestamps, dates, or epoch numbers.

    Raises
    ------
    DataError
        If some are no times.
    """
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind):
        return moments_of(column.to_pylist())
    if types.is_integer(kind) or types.is_floating(kind):
        return moments_of([None if cell is None else str(cell) for cell in column.to_pylist()])
    if column.null_count:
        raise DataError(f"{column.null_count} times are empty; export it again without them")
    if types.is_date(kind):
        column, kind = column.cast(pa.timestamp("s")), pa.timestamp("s")
    if not types.is_timestamp(kind):
        raise DataError(f"the times are {kind}, expected timestamps, dates, numbers or text")
    times = column.cast(pa.int64()).to_numpy()
    bound = np.iinfo(np.int64).max // _NANOS[kind.unit]
    if times.size and max(abs(int(times.min())), abs(int(times.max()))) > bound:
        raise DataError("times lie outside 1990 to 2099; expected times of bars")
    walls = times * _NANOS[kind.unit]
    return Moments(written=walls, offsets=None if kind.tz is None else np.zeros_like(walls))


def numbers_of(column: Any) -> NDArray[np.float64] | str:  # noqa: ANN401 - an arrow column
    """Return a column's numbers, an empty cell as NaN; or a sentence about what is none."""
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind):
        return numbers_in(column.to_pylist())
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        return f"it holds {kind}, expected numbers"
    found: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    wrong = np.flatnonzero(np.isinf(found))
    if wrong.size:
        cells = [None if cell is None else str(cell) for cell in column.to_pylist()]
        return f"{wrong.size} cells are no finite numbers, {first_of(wrong.tolist(), cells)}"
    return found


def words_of(column: Any) -> NDArray[np.object_] | str:  # noqa: ANN401 - an arrow column
    """Return a column's words without blanks around them; or a sentence about what is none."""
    from pyarrow import types

    if not (types.is_string(column.type) or types.is_large_string(column.type)):
        return f"it holds {column.type}, expected text"
    cells = [(cell or "").strip() for cell in column.to_pylist()]
    if empty := [row for row, cell in enumerate(cells) if not cell]:
        return f"{len(empty)} cells are empty, {first_of(empty, cells)}"
    return np.array(cells, dtype=np.object_)


def _is_parquet(path: Path) -> bool:
    return path.name.lower().endswith(".parquet")


def _parquet(path: Path) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as problem:
        raise damaged(path, problem) from problem


def _read_parquet(path: Path, names: Sequence[str]) -> Any:  # noqa: ANN401
    import pyarrow as pa
    from pyarrow import types

    try:
        with _parquet(path) as file:
            table = file.read(columns=list(names), use_threads=False)
        plain = [
            column.cast(column.type.value_type) if types.is_dictionary(column.type) else column
            for column in table.columns
        ]
    except (pa.ArrowException, OSError) as problem:
        raise damaged(path, problem) from problem
    return pa.table(dict(zip(table.column_names, plain, strict=True)))
