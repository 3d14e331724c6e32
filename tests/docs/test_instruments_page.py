"""The files that docs/instruments.md shows are files that hold."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

from qtkit.core.calendars import exchange_calendar
from qtkit.market.instruments import instrument_table
from tests.docs.generated import ROOT

BLOCKS = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/instruments.md").read_text(), re.DOTALL)


def test_the_instruments_of_the_page_are_known(tmp_path: Path) -> None:
    file = tmp_path / "instruments.toml"
    file.write_text(BLOCKS[0], encoding="utf-8")
    symbols = ("GOOG", "7203.T", "VOD.L", "0700.HK", "BTC-PERP", "EURCHF", "SOL-USDT")

    found = instrument_table(file).all_rules(symbols, date(2026, 3, 4))

    assert [one.currency for one in found] == ["USD", "JPY", "GBP", "HKD", "USD", "CHF", "USDT"]
    assert [charge.per_unit for charge in found[0].fees.buys] == [Decimal("0.0035")]


def test_the_overlay_of_the_page_extends_shanghai(tmp_path: Path) -> None:
    file = tmp_path / "calendar_overlay.toml"
    file.write_text(BLOCKS[1], encoding="utf-8")

    assert exchange_calendar("XSHG", file).last == date(2027, 12, 31)
