"""Bars made by hand, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from qtkit.model.bars import Bars
from qtkit.testing import bars_of


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bars_at(symbol: str, ends: Sequence[str], closes: Sequence[float] | None = None) -> Bars:
    """Bars that end at the given UTC times, flat at their close, 100 shares each."""
    rows = zip(ends, closes or [10.0] * len(ends), strict=True)
    return bars_of(symbol, ((utc(end), p, p, p, p, 100.0) for end, p in rows))


def minutes(symbol: str, first: str, count: int, price: float = 10.0) -> Bars:
    """`count` bars in a row, the first ending at `first` (UTC), flat at one price."""
    ends = [utc(first) + timedelta(minutes=n) for n in range(count)]
    return bars_of(symbol, ((end, price, price, price, price, 100.0) for end in ends))
