"""What a feed delivered, as one file: the recorded inputs of a re-run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from qtkit.core.errors import DataError
from qtkit.core.paths import write_atomic
from qtkit.market.sealed_parquet import LENGTH_NOTE, noted_length, seal_state, sealed
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars

__all__ = ["read_feed", "write_feed"]

_PRICES = ("open", "high", "low", "close", "volume")
_TYPES = {"symbol": ("string", "large_string"), "end": ("int64",)}
_TYPES |= dict.fromkeys(_PRICES, ("double",))


def write_feed(path: Path, bars: Iterable[Bars]) -> None:
    """Write several symbols' bars into one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [part for part in bars if len(part)]
    names = [np.full(len(part), part.symbol, dtype=object) for part in parts]
    columns: dict[str, object] = {
        "symbol": pa.array(np.concatenate(names) if names else [], pa.string()),
        "end": pa.array(_column(parts, "end"), pa.int64()),
    }
    columns |= {name: pa.array(_column(parts, name), pa.float64()) for name in _PRICES}
    sink = pa.BufferOutputStream()
    # series of values travel with the bars, and have no length of their own
    length = max((part.length for part in parts), key=_nanos, default=BarLength.MIN_1)
    table = pa.table(columns).replace_schema_metadata({LENGTH_NOTE: str(length)})
    pq.write_table(table, sink, write_page_checksum=True)
    write_atomic(path, sealed(sink.getvalue().to_pybytes()))


def _nanos(length: BarLength) -> int:
    return length.nanos


def _column(parts: list[Bars], name: str) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    return np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0)


def read_feed(path: Path) -> dict[str, Bars]:
    """Return what was written, symbol by symbol.

    Raises
    ------
    DataError
        If there is no such file, or it is no export of a feed: all that is wrong at once.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # What is no regular file is not opened: a pipe would never answer.
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no export of a feed: it is no file")
    try:
        if seal_state(path) == "broken":
            raise DataError(
                f"{path} is no export of a feed: it is not as it was written; restore it"
            )
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _check_columns(path, file.schema_arrow)
            length = noted_length(file.schema_arrow, path)
            table = file.read(columns=["symbol", "end", *_PRICES], use_threads=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} is no export of a feed: {error}") from None
    if table["symbol"].null_count or table["end"].null_count:
        raise DataError(f"{path} is no export of a feed: a symbol or an end is empty")
    symbols = np.array(table["symbol"].to_pylist(), dtype=object)
    columns = {name: table[name].to_numpy() for name in ("end", *_PRICES)}
    return {
        symbol: Bars(
            symbol=symbol, length=length, **{n: c[symbols == symbol] for n, c in columns.items()}
        )
        for symbol in dict.fromkeys(symbols)
    }


def _check_columns(path: Path, schema: Any) -> None:  # noqa: ANN401 - pyarrow has no types
    from pyarrow.types import is_dictionary

    found = [
        (field.name, str(field.type.value_type if is_dictionary(field.type) else field.type))
        for field in schema
    ]
    wrong = [
        f"{name} ({', '.join(kind for other, kind in found if other == name) or 'not there'})"
        for name, allowed in _TYPES.items()
        if [kind in allowed for other, kind in found if other == name] != [True]
    ]
    if wrong:
        raise DataError(
            f"{path} is no export of a feed: wrong are {', '.join(wrong)}; expected symbol (text), "
            "end (int64, nanoseconds since 1970 UTC) and the rest (float64), each once"
        )
