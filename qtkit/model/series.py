"""Values that are no prices, such as signals, rates and counts, each known from a moment on.

Inside a session a series travels with the bars, in their form: each value is a bar whose prices are
all the value, under a symbol of its own (`carried`). So it is polled, recorded and shown as they
are, and nobody sees it early.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from qtkit.model.bars import BarBatch, Bars

__all__ = ["SeriesTerms", "ValueSeries", "carried", "carried_name", "is_carried", "series_in"]

_MARK = "series:"


class SeriesTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a series is called, what it counts, and how long a value holds."""

    name: str
    unit: str = ""  # of its values, for people
    tags: tuple[str, ...] = ()
    max_gap_seconds: float | None = None  # an older value holds no more; None: all hold


@dataclass(frozen=True, slots=True, eq=False)
class ValueSeries:
    """One series.

    Attributes
    ----------
    at
        Shape ``(N,)``, when each value was known, nanoseconds since 1970 UTC, ascending, each once.
    value
        Shape ``(N,)``, finite; zero and below are values like others.
    """

    terms: SeriesTerms
    at: NDArray[np.int64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.at.size)


def carried_name(name: str) -> str:
    """Return the symbol under which a series travels with the bars.

    Examples
    --------
    >>> carried_name("rate")
    'series:rate'
    """
    return _MARK + name


def is_carried(symbol: str) -> bool:
    """Whether what travels under a symbol is a series."""
    return symbol.startswith(_MARK)


def carried(series: ValueSeries) -> Bars:
    """Return a series in the form of bars."""
    value = series.value
    return Bars(
        symbol=carried_name(series.terms.name),
        end=series.at,
        open=value,
        high=value,
        low=value,
        close=value,
        volume=np.zeros(value.shape),
    )


def series_in(bars: BarBatch, terms: Iterable[SeriesTerms]) -> Mapping[str, ValueSeries]:
    """Return the series that travelled with bars, by name; one that is not among them is empty."""
    none = np.empty(0, np.int64), np.empty(0)
    found = {}
    for one in terms:
        part = bars.get(carried_name(one.name))
        at, value = none if part is None else (part.end, part.close)
        found[one.name] = ValueSeries(one, at, value)
    return found
