"""Bars out of a CSV or Parquet file that somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import ConfigError, DataError, QtkitError
from qtkit.market.bar_order import concatenated, take
from qtkit.market.number_text import first_of
from qtkit.market.tables.column_names import named_columns
from qtkit.market.tables.source_files import (
    columns_of_file,
    header_of,
    moments_in,
    name_of,
    numbers_of,
    words_of,
)
from qtkit.market.tables.timestamps import Moments, zone_named
from qtkit.model.bar_length import BarLength, infer_bar_length
from qtkit.model.bars import Bars

__all__ = ["Label", "SourceRows", "read_bars", "read_rows", "reading_mistakes"]

Label = Literal["start", "end"]
"""Which end of its bar a row's time names."""

_NUMBERS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRows:
    """One symbol's rows of a file, in their order; what moments they mean is not yet decided.

    Attributes
    ----------
    title
        The file's name.
    values
        As bars, but for `end`, which is 0.
    """

    title: str
    moments: Moments
    values: Bars

    @property
    def length(self) -> BarLength:
        """How much time each bar covers."""
        return self.values.length

    @property
    def symbol(self) -> str:
        """Whose bars they are."""
        return self.values.symbol

    def __len__(self) -> int:
        return len(self.moments)

    def bars(self, zone: str, label: Label) -> Bars:
        """Return the rows as bars, in the order of the file.

        Raises
        ------
        ConfigError
            If there is no such zone.
        DataError
            If the zone does not have such times.
        """
        try:
            times = self.moments.utc(zone_named(zone))
        except DataError as problem:
            raise DataError(f"{self.title} cannot be imported: {problem}") from None
        return replace(self.values, end=times + self.length.nanos if label == "start" else times)


def reading_mistakes(zone: str, label: str) -> list[str]:
    """Return what is wrong with a zone and a label."""
    mistakes = []
    try:
        zone_named(zone)
    except ConfigError as problem:
        mistakes.append(str(problem))
    if label not in get_args(Label):
        mistakes.append(f"the label is 'start' or 'end', was {label!r}")
    return mistakes


def read_bars(
    path: Path,
    symbol: str,
    *,
    columns: Mapping[str, str] | None = None,
    zone: str,
    label: Label,
) -> Bars:
    """Return a symbol's bars of one minute of a file in the order of its rows.

    Parameters
    ----------
    zone
        Of times that name no offset, such as ``"Asia/Shanghai"``.
    label
        Whether a row's time is the start or the end of its bar.
    path, symbol, columns
        As for `read_rows`.

    Raises
    ------
    ConfigError
        If a column, the zone or the label is wrong.
    DataError
        If the file is missing or damaged.
    """
    found = read_rows(
        path, symbol, columns=columns, length=BarLength.MIN_1, beside=reading_mistakes(zone, label)
    )
    first, *rest = [rows.bars(zone, label) for rows in found]
    return concatenated(first, *rest) if rest else first


def read_rows(
    path: Path,
    symbol: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    length: BarLength | None = None,
    lone: BarLength = BarLength.MIN_1,
    volume: float | None = None,
    beside: Sequence[str] = (),
) -> list[SourceRows]:
    """Return the rows of a file, by symbol.

    Parameters
    ----------
    path
        A ``.csv``, ``.csv.gz`` or ``.parquet`` file; CSV has a header.
    symbol
        Whose bars they are; None: as its symbol column says, or else as the file is named.
    columns
        Ours -> the file's: ``time``, ``open``, ``high``, ``low``, ``close``, ``volume`` and
        ``symbol``. What is not named keeps its default name. A file without the default volume
        column has volume 0.
    length
        Of the bars; None: as far as they are apart.
    lone
        That of a single bar.
    volume
        Of every bar, where the file has no column of volumes; None: 0.
    beside
        What else is wrong with the request.

    Raises
    ------
    ConfigError
        If columns are wrong: all mistakes at once.
    DataError
        If the file is missing or damaged, or holds what is no bar: all mistakes at once.
    """
    names = named_columns(header_of(path), columns or {}, path.name, beside)
    table = columns_of_file(path, list(dict.fromkeys(names.values())))
    found = {ours: table.column(theirs) for ours, theirs in names.items()}
    if volume is not None and "volume" in names:
        raise ConfigError(
            f"{path.name} has volumes of its own, in column {names['volume']!r}; leave --volume out"
        )
    problems, moments = list[str](), Moments(written=np.empty(0, dtype=np.int64))
    bar_length = length or lone
    try:
        moments = _whole_minutes(moments_in(found["time"]))
        if length is None and (moments.written != moments.written[:1]).any():
            bar_length = infer_bar_length(moments.written)
    except QtkitError as problem:
        problems.append(str(problem))
    numbers = {name: _numbers(name, found, table.num_rows, problems) for name in _NUMBERS}
    if volume is not None:
        numbers["volume"] = np.full(table.num_rows, volume)
    words = words_of(found["symbol"]) if "symbol" in found else None
    if isinstance(words, str):
        problems.append(f"column symbol: {words}")
    if problems:
        raise DataError(f"{path.name} cannot be imported: " + "; ".join(problems))
    whole = SourceRows(
        title=path.name,
        moments=moments,
        values=Bars(
            symbol=symbol or name_of(path),
            end=np.zeros(table.num_rows, dtype=np.int64),
            length=bar_length,
            **numbers,
        ),
    )
    return [whole] if words is None or isinstance(words, str) else _by_symbol(whole, words, symbol)


def _by_symbol(
    whole: SourceRows, words: NDArray[np.object_], symbol: str | None
) -> list[SourceRows]:
    """Return the rows of each symbol; of one alone if it is given."""
    names, where = np.unique(words.astype(str), return_inverse=True)
    if symbol is not None and symbol not in names:
        raise DataError(
            f"{whole.title} has no rows of {symbol}; it has {', '.join(names[:10].tolist())}"
        )
    return [
        _part(whole, name, np.flatnonzero(where == number))
        for number, name in enumerate(names.tolist())
        if symbol in {None, name}
    ]


def _part(whole: SourceRows, symbol: str, rows: NDArray[np.int64]) -> SourceRows:
    values = replace(take(whole.values, rows), symbol=symbol)
    return SourceRows(title=whole.title, moments=whole.moments.rows(rows), values=values)


def _numbers(
    name: str, found: Mapping[str, Any], size: int, problems: list[str]
) -> NDArray[np.float64]:
    """Return one column's numbers; what is wrong with them is added to the problems."""
    if name not in found:
        return np.zeros(size)
    numbers = numbers_of(found[name])
    if isinstance(numbers, str):
        problems.append(f"column {name}: {numbers}")
        return np.zeros(size)
    wrong = np.flatnonzero(numbers < 0 if name == "volume" else numbers <= 0)
    if wrong.size:
        what = "volumes are below 0" if name == "volume" else "prices are not above 0"
        cells = [None if cell is None else str(cell) for cell in found[name].to_pylist()]
        problems.append(f"column {name}: {wrong.size} {what}, {first_of(wrong.tolist(), cells)}")
    return np.nan_to_num(numbers) if name == "volume" else numbers


def _whole_minutes(moments: Moments) -> Moments:
    odd = np.flatnonzero(moments.written % BarLength.MIN_1.nanos)
    if odd.size:
        raise DataError(
            f"{odd.size} times are no whole minutes, {moments.named(odd.tolist())}; tables hold "
            "bars of whole minutes"
        )
    return moments
