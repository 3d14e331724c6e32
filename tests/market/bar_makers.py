"""Bars made by hand, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from qtkit.model.bars import BAR_NANOS, Bars, nanos


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bars_at(symbol: str, ends: Sequence[str], closes: Sequence[float] | None = None) -> Bars:
    """Bars that end at the given UTC times, flat at their close, 100 shares each."""
    prices = np.array(closes or [10.0] * len(ends), dtype=np.float64)
    return Bars(
        symbol=symbol,
        end=np.array([nanos(utc(end)) for end in ends], dtype=np.int64),
        open=prices.copy(),
        high=prices.copy(),
        low=prices.copy(),
        close=prices,
        volume=np.full(len(ends), 100.0),
    )


def minutes(symbol: str, first: str, count: int, price: float = 10.0) -> Bars:
    """`count` bars in a row, the first ending at `first` (UTC), flat at one price."""
    ends = nanos(utc(first)) + BAR_NANOS * np.arange(count, dtype=np.int64)
    flat = np.full(count, price)
    return Bars(
        symbol=symbol,
        end=ends,
        open=flat,
        high=flat.copy(),
        low=flat.copy(),
        close=flat.copy(),
        volume=np.full(count, 100.0),
    )
