"""One symbol's bars as a Parquet file, and back. pyarrow is imported late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import DataError
from qtkit.market.bar_order import empty_bars, is_tidy
from qtkit.market.sealed_parquet import LENGTH_NOTE, noted_length, seal_state, sealed
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars

__all__ = ["COLUMNS", "decoded", "encoded", "length_in"]

COLUMNS = ("end", "open", "high", "low", "close", "volume")
_ADVICE = "restore it, or delete it and import or refill the symbol again"
_ROWS_PER_GROUP = 65_536  # a reader of one day reads one group


def encoded(bars: Bars) -> bytes:
    """Return the file's content.

    Raises
    ------
    DataError
        If `decoded` would refuse it.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if wrong := list(_oddities(bars)):
        raise DataError(f"the bars of {bars.symbol} are not written: they have {', '.join(wrong)}")

    columns = {name: getattr(bars, name) for name in COLUMNS}
    table = pa.table(columns).replace_schema_metadata({LENGTH_NOTE: str(bars.length)})
    sink = pa.BufferOutputStream()
    parquet.write_table(
        table,
        sink,
        row_group_size=_ROWS_PER_GROUP,
        compression="zstd",
        write_page_checksum=True,
    )
    return sealed(sink.getvalue().to_pybytes())


def decoded(path: Path, symbol: str, after: int | None, until: int | None) -> Bars:
    """Return a file's bars in row groups that hold ``after < end <= until``, nanoseconds.

    Raises
    ------
    DataError
        If the file is damaged or is no bar table.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        seal = seal_state(path) if path.is_file() else "broken"
        if seal == "broken":
            raise DataError(f"the bar table file {path} is not as it was written; {_ADVICE}")
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            _check_columns(file.schema_arrow, path)
            length = noted_length(file.schema_arrow, path)
            groups = [
                number
                for number in range(file.metadata.num_row_groups)
                # what a stranger's footer says of a group is not asked for: where it is damaged,
                # the library may end the process
                if seal == "none" or _touches(file.metadata.row_group(number), after, until)
            ]
            if not groups:
                return empty_bars(symbol, length)
            table = file.read_row_groups(groups, columns=list(COLUMNS), use_threads=False)
    except (pa.ArrowException, OSError) as problem:
        raise DataError(
            f"the bar table file {path} cannot be read: {problem}; {_ADVICE}"
        ) from problem
    bars = Bars(
        symbol=symbol,
        end=_column(table, "end", np.int64),
        open=_column(table, "open", np.float64),
        high=_column(table, "high", np.float64),
        low=_column(table, "low", np.float64),
        close=_column(table, "close", np.float64),
        volume=_column(table, "volume", np.float64),
        length=length,
    )
    if wrong := list(_oddities(bars)):
        raise DataError(
            f"the bar table file {path} holds what no bar table does: {', '.join(wrong)}; {_ADVICE}"
        )
    return bars


def length_in(path: Path) -> BarLength | None:
    """Return the length of a file's bars; None where the file does not tell."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return noted_length(parquet.read_schema(path), path)
    except (pa.ArrowException, OSError, DataError):
        return None  # whoever reads its bars is told what is wrong with it


def _oddities(bars: Bars) -> Iterator[str]:
    """Yield what our writer would not have written."""
    if not is_tidy(bars):
        yield "ends that are not in order, each once"
    if (bars.end % BarLength.MIN_1.nanos).any():
        yield "ends that are no whole minute"
    if any(np.isinf(getattr(bars, name)).any() for name in COLUMNS[1:]):
        yield "numbers that are infinite"


def _check_columns(schema: Any, path: Path) -> None:  # noqa: ANN401 - pyarrow has no types
    expected = {name: "int64" if name == "end" else "double" for name in COLUMNS}
    found = {field.name: str(field.type) for field in schema}
    if any(found.get(name) != kind for name, kind in expected.items()):
        raise DataError(
            f"the file {path} is no bar table: found columns {found}, expected {expected}; delete "
            "it and import or refill the symbol again"
        )


def _touches(group: Any, after: int | None, until: int | None) -> bool:  # noqa: ANN401
    times = next(
        column
        for column in map(group.column, range(group.num_columns))
        if column.path_in_schema == "end"
    ).statistics
    if times is None or not times.has_min_max:
        return True
    return (after is None or times.max > after) and (until is None or times.min <= until)


def _column(table: Any, name: str, kind: type[np.generic]) -> NDArray[Any]:  # noqa: ANN401
    column = table.column(name)
    if column.null_count:
        raise DataError(
            f"the bar table has {column.null_count} empty cells in column {name}; import or "
            "refill the symbol again"
        )
    return np.ascontiguousarray(column.to_numpy(), dtype=kind)
