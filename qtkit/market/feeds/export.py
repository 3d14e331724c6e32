"""What a feed delivered, as one file: the recorded inputs of a re-run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from qtkit.core.errors import DataError
from qtkit.core.folders import write_atomic
from qtkit.model.bars import Bars

__all__ = ["read_feed", "write_feed"]

_PRICES = ("open", "high", "low", "close", "volume")


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
    pq.write_table(pa.table(columns), sink)
    write_atomic(path, sink.getvalue().to_pybytes())


def _column(parts: list[Bars], name: str) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    return np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0)


def read_feed(path: Path) -> dict[str, Bars]:
    """Return what was written, symbol by symbol.

    Raises
    ------
    DataError
        If there is no such file, or it is no export of a feed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        symbols = np.array(table["symbol"].to_pylist(), dtype=object)
        columns = {name: table[name].to_numpy() for name in ("end", *_PRICES)}
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DataError(f"{path} is no export of a feed: {error}") from None
    return {
        symbol: Bars(symbol=symbol, **{n: c[symbols == symbol] for n, c in columns.items()})
        for symbol in dict.fromkeys(symbols)
    }
