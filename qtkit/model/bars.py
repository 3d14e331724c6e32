"""Bars as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qtkit.model.bar_length import BarLength

__all__ = ["BarBatch", "Bars", "nanos", "time_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def nanos(at: datetime) -> int:
    """Return an aware time as nanoseconds since 1970 UTC, exactly.

    Examples
    --------
    >>> nanos(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    60000000000
    """
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


@lru_cache(maxsize=1024)
def time_of(when: int) -> datetime:
    """Return nanoseconds since 1970 as a UTC time, to the microsecond.

    Examples
    --------
    >>> time_of(60_000_000_000).isoformat()
    '1970-01-01T00:01:00+00:00'
    """
    return _EPOCH + when // 1_000 * _MICROSECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One symbol's bars of one length, ordered by time, each once.

    A bar is labelled by its end and covers ``[end - length, end)``, as far as that lies in its
    segment; it is visible when ``end <= now``. A day's bar ends with the date's trading. Every
    column has shape ``(N,)``; prices are account currency per share, unadjusted; volume is shares.
    """

    symbol: str
    end: NDArray[np.int64]  # nanoseconds since 1970 UTC
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    length: BarLength = BarLength.MIN_1

    def __len__(self) -> int:
        return int(self.end.size)

    def rows(self, first: int, last: int) -> Bars:
        """Return rows ``[first, last)`` as views of the same memory."""
        cut = slice(first, last)
        return Bars(
            symbol=self.symbol,
            end=self.end[cut],
            open=self.open[cut],
            high=self.high[cut],
            low=self.low[cut],
            close=self.close[cut],
            volume=self.volume[cut],
            length=self.length,
        )

    def between(self, after: datetime | None, until: datetime | None) -> Bars:
        """Return the bars with ``after < end <= until``; None leaves that side open."""
        first = 0 if after is None else int(np.searchsorted(self.end, nanos(after), "right"))
        last = len(self) if until is None else int(np.searchsorted(self.end, nanos(until), "right"))
        return self.rows(first, max(first, last))


BarBatch = Mapping[str, Bars]
"""Symbol -> its bars."""
