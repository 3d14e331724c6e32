"""Bars made by hand, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from qtkit.core.calendars import exchange_calendar
from qtkit.market.tables.bar_import import BarImport, import_bars
from qtkit.market.tables.bar_table import BarTable, MergeReport
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


def imported(path: Path, table: BarTable, symbol: str, **request: object) -> MergeReport:
    """Import a file of a market that is always open."""
    asked = BarImport(symbol=symbol, **request)  # type: ignore[arg-type] # fields of BarImport
    report = import_bars(path, table, asked, lambda _: exchange_calendar("24/7"))
    return report.merges[0]
