"""Series out of a CSV or Parquet file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.text import closest
from qtkit.market.tables.column_names import column_option
from qtkit.market.tables.source_files import columns_of_file, header_of, moments_in, numbers_of
from qtkit.market.tables.timestamps import zone_named
from qtkit.model.bars import time_of
from qtkit.model.series import SeriesTerms, ValueSeries

__all__ = ["read_series"]

_OURS = ("time", "value")


def read_series(
    path: Path, terms: SeriesTerms, *, columns: Mapping[str, str], zone: str
) -> ValueSeries:
    """Return the values of a file, in order of time.

    Parameters
    ----------
    path
        A ``.csv``, ``.csv.gz`` or ``.parquet`` file.
    terms
        What the series is.
    columns
        ``time`` and ``value`` -> the file's names of them; one that is not named is called so.
    zone
        Of times that name no offset.

    Raises
    ------
    ConfigError
        If a column or the zone is wrong: all mistakes at once.
    DataError
        If the file is missing or damaged, a cell says no time or finite number, or two values are
        known at one moment.
    """
    there, wanted = zone_named(zone), {**dict(zip(_OURS, _OURS, strict=True)), **columns}
    header = header_of(path)
    _demand(path, header, wanted)
    table = columns_of_file(path, list(wanted.values()))
    problems, value = list[str](), numbers_of(table.column(wanted["value"]))
    try:
        at = moments_in(table.column(wanted["time"])).utc(there)
    except DataError as problem:
        problems.append(f"column {wanted['time']}: {problem}")
    if isinstance(value, str):
        problems.append(f"column {wanted['value']}: {value}")
    elif np.isnan(value).any():
        problems.append(f"column {wanted['value']}: {int(np.isnan(value).sum())} cells are empty")
    if problems or isinstance(value, str):
        raise DataError(f"{path.name} cannot be imported: {'; '.join(problems)}")
    order = np.argsort(at, kind="stable")
    repeated = np.flatnonzero(np.diff(at[order]) == 0)
    if repeated.size:
        first = time_of(int(at[order][repeated[0]]))
        raise DataError(
            f"{path.name} cannot be imported: {repeated.size} values are known at the moment of "
            f"another, first at {first}; keep one of each"
        )
    return ValueSeries(terms, at[order], value[order])


def _demand(path: Path, header: Sequence[str], wanted: Mapping[str, str]) -> None:
    """Refuse columns that a series has not, or the file has not."""
    wrong = [f"{name!r} is no column of a series" for name in wanted if name not in _OURS]
    for ours, theirs in wanted.items():
        if ours in _OURS and theirs not in header:
            near = closest(theirs, header) or "NAME"
            wrong.append(f"it has no column {theirs!r} for {ours} ({column_option(ours, near)})")
    if wrong:
        raise ConfigError(
            f"{path.name} cannot be imported: {'; '.join(wrong)}; a series has "
            f"{' and '.join(_OURS)}, the file has {', '.join(header)}"
        )
