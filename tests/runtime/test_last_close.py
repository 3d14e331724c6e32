"""The last close that a local table knows, where the table has no price in that place."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.market.bar_order import concatenated
from qtkit.market.tables.bar_table import BarTable
from qtkit.runtime.market_data import table_close, table_data
from tests.market.bar_makers import bars_at

DAY = date(2026, 3, 4)


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        (37.5, Decimal("37.5")),
        (float("nan"), None),
        (0.0, None),
        (-1.0, None),
    ],
)
def test_what_is_no_price_is_no_last_close(
    tmp_path: Path, close: float, expected: Decimal | None
) -> None:
    calendar = exchange_calendar("XSHG")
    before = bars_at("A", ["2026-03-03 07:00"], [close])
    BarTable(tmp_path, "t").write(concatenated(before, bars_at("A", ["2026-03-04 01:31"])))

    assert table_close(tmp_path, "t", "A", DAY, calendar) == expected
    assert table_data(tmp_path, "t", ["A"], [DAY], calendar).close_before("A", DAY) == expected
