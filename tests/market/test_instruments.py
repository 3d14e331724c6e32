from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtkit.core.errors import ConfigError, DataError
from qtkit.market.instruments import InstrumentTable, instrument_table, price_band
from qtkit.model.instruments import Instrument

D = Decimal
TODAY = date(2026, 3, 4)
TABLE = instrument_table()


def duty_of(instrument: Instrument) -> Decimal:
    """Return what a sell pays in taxes, as a share of its value."""
    return sum((charge.rate for charge in instrument.fees.sells if charge.tax), Decimal(0))


@pytest.mark.parametrize(
    ("symbol", "family", "lot", "tick", "limit", "duty"),
    [
        ("600036.SH", "SSE main", "100", "0.01", "0.10", "0.0005"),
        ("601398.SH", "SSE main", "100", "0.01", "0.10", "0.0005"),
        ("000651.SZ", "SZSE main", "100", "0.01", "0.10", "0.0005"),
        ("300750.SZ", "ChiNext", "100", "0.01", "0.20", "0.0005"),
        ("688981.SH", "STAR", "200", "0.01", "0.20", "0.0005"),
        ("830799.BJ", "BSE", "100", "0.01", "0.30", "0.0005"),
        ("510300.SH", "ETF", "100", "0.001", "0.10", "0"),
        ("159919.SZ", "ETF", "100", "0.001", "0.10", "0"),
        ("588000.SH", "STAR ETF", "100", "0.001", "0.20", "0"),
        ("159915.SZ", "ChiNext ETF", "100", "0.001", "0.20", "0"),
    ],
)
def test_chinese_boards_by_code(
    symbol: str, family: str, lot: str, tick: str, limit: str, duty: str
) -> None:
    found = TABLE.rules(symbol, TODAY)

    assert (found.symbol, found.family, found.exchange, found.currency) == (
        symbol,
        family,
        "XSHG",
        "CNY",
    )
    assert (found.lot, found.tick, duty_of(found)) == (Decimal(lot), Decimal(tick), Decimal(duty))
    assert found.price_limit == Decimal(limit)
    assert found.settle_days == 1


def test_american_shares_and_the_perpetual_have_no_band() -> None:
    spy, bitcoin = TABLE.rules("SPY", TODAY), TABLE.rules("BTC-PERP", TODAY)

    assert (spy.exchange, spy.currency, spy.lot, spy.tick) == (
        "XNYS",
        "USD",
        Decimal(1),
        Decimal("0.01"),
    )
    assert (bitcoin.exchange, bitcoin.lot, bitcoin.tick) == (
        "24/7",
        Decimal("0.001"),
        Decimal("0.1"),
    )
    for one in (spy, bitcoin):
        assert (one.price_limit, one.settle_days) == (None, 0)
        assert price_band(one, Decimal(100)) is None


def test_stamp_duty_was_halved_on_28_august_2023() -> None:
    assert duty_of(TABLE.rules("600036.SH", date(2023, 8, 27))) == Decimal("0.001")
    assert duty_of(TABLE.rules("600036.SH", date(2023, 8, 28))) == Decimal("0.0005")


def test_the_chinext_band_was_widened_on_24_august_2020() -> None:
    assert TABLE.rules("300059.SZ", date(2020, 8, 21)).price_limit == Decimal("0.10")
    assert TABLE.rules("300059.SZ", date(2020, 8, 24)).price_limit == Decimal("0.20")
    assert duty_of(TABLE.rules("300059.SZ", date(2020, 8, 24))) == Decimal("0.001")


@pytest.mark.parametrize(
    ("symbol", "hint"),
    [
        ("600036", "did you mean 600036.SH?"),
        ("600036.SZ", "did you mean 600036.SH?"),
        ("SPYY", "did you mean SPY?"),
        ("btc-perp", "did you mean BTC-PERP?"),
        ("??", '"??" = "XNYS"'),
        ("900901.SH", '"900901.SH" = "XNYS"'),
    ],
)
def test_an_unknown_symbol_is_refused_and_the_nearest_named(symbol: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        TABLE.rules(symbol, TODAY)

    assert hint in str(caught.value)


def test_a_date_before_the_table_is_refused() -> None:
    with pytest.raises(DataError, match="known from 2019-07-22 on, not for 2019-07-21"):
        TABLE.rules("688981.SH", date(2019, 7, 21))


@pytest.mark.parametrize(
    ("symbol", "close", "low", "high"),
    [
        ("000651.SZ", "37.35", "33.62", "41.09"),  # 33.615 and 41.085, halves up
        ("600036.SH", "37.50", "33.75", "41.25"),
        ("601398.SH", "5.63", "5.07", "6.19"),  # 5.067, 6.193
        ("300750.SZ", "240.01", "192.01", "288.01"),  # 192.008, 288.012
        ("510300.SH", "4.005", "3.605", "4.406"),  # 3.6045, 4.4055
        ("600000.SH", "0.04", "0.03", "0.05"),  # at least a tick each way
        ("600000.SH", "0.01", "0.01", "0.02"),  # never below a tick
    ],
)
def test_price_bands_by_hand(symbol: str, close: str, low: str, high: str) -> None:
    band = price_band(TABLE.rules(symbol, TODAY), Decimal(close))

    assert band == (Decimal(low), Decimal(high))


@given(cents=st.integers(min_value=10, max_value=1_000_000))
def test_a_band_holds_the_close_and_lies_on_the_grid(cents: int) -> None:
    close = Decimal(cents) / 100

    band = price_band(TABLE.rules("600036.SH", TODAY), close)

    assert band is not None
    low, high = band
    assert low < close < high
    assert low % Decimal("0.01") == high % Decimal("0.01") == 0


def test_a_band_around_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        price_band(TABLE.rules("600036.SH", TODAY), Decimal(0))


WARNED = """
[symbols]
"600036.SH" = { exchange = "XSHG", price_limit = "0.05" }
"""


def test_a_table_of_one_s_own_is_asked_first(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(WARNED, encoding="utf-8")

    table = instrument_table(path)

    assert table.rules("600036.SH", TODAY).price_limit == Decimal("0.05")
    assert table.rules("601398.SH", TODAY).price_limit == Decimal("0.10")


OWN = """
[exchanges.XNYS]
fees = "my broker"

[symbols]
GOOG = "XNYS"
"7203.T" = "XTKS"
ESM6 = { exchange = "CMES", multiplier = 50, venue_symbol = "ES 06-26" }
"0700.HK" = { exchange = "XHKG", lot = 100, minimum = 200, min_notional = 5000 }

[[family]]
name = "my coins"
pattern = '[A-Z]+-USDT'
exchange = "24/7"
currency = "USDT"
lot = 0.01
from = 2020-01-01
[[family.since]]
from = 2025-01-01
lot = 0.001

[fees."my broker"]
[[fees."my broker".charge]]
per_unit = 0.01
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> InstrumentTable:
    path = tmp_path_factory.mktemp("own") / "instruments.toml"
    path.write_text(OWN, encoding="utf-8")
    return instrument_table(path)


def test_one_line_makes_a_symbol_of_an_exchange(own: InstrumentTable) -> None:
    goog = own.rules("GOOG", TODAY)

    assert (goog.exchange, goog.currency, goog.lot, goog.tick) == ("XNYS", "USD", D(1), D("0.01"))


def test_an_exchange_s_default_of_one_s_own_counts_for_all_of_it(own: InstrumentTable) -> None:
    fees = {symbol: own.rules(symbol, TODAY).fees for symbol in ("GOOG", "AAPL")}

    assert {symbol: [c.per_unit for c in found.buys] for symbol, found in fees.items()} == {
        "GOOG": [D("0.01")], "AAPL": [D("0.01")],
    }  # fmt: skip


def test_a_family_is_known_from_a_date_on_and_changes_with_another(own: InstrumentTable) -> None:
    assert own.rules("ETH-USDT", date(2024, 12, 31)).lot == D("0.01")
    assert own.rules("ETH-USDT", date(2025, 1, 1)).lot == D("0.001")
    assert own.rules("ETH-USDT", TODAY).unit == "coins"
    with pytest.raises(DataError, match="known from 2020-01-01 on"):
        own.rules("ETH-USDT", date(2019, 12, 31))


@pytest.mark.parametrize(
    ("symbol", "price", "tick", "last_close", "band"),
    [
        ("7203.T", "2999", "1", "2800", ("2300", "3300")),
        ("7203.T", "3001", "5", "3100", ("2400", "3800")),
        ("7203.T", "99", "1", "99", ("69", "129")),
        ("0700.HK", "19.99", "0.01", "20", None),
        ("0700.HK", "500", "0.5", "20", None),
    ],
)
def test_ticks_and_bands_go_by_the_price(
    own: InstrumentTable,
    symbol: str,
    price: str,
    tick: str,
    last_close: str,
    band: Any,  # noqa: ANN401 - two texts, or none
) -> None:
    found = own.rules(symbol, TODAY)

    assert found.tick_at(D(price)) == D(tick)
    assert price_band(found, D(last_close)) == (band and tuple(map(D, band)))


@pytest.mark.parametrize(
    ("symbol", "quantity", "sellable", "fits"),
    [
        ("600036.SH", "200", "0", True),
        ("600036.SH", "150", "0", False),
        ("600036.SH", "-50", "350", True),  # the odd rest at once
        ("600036.SH", "-30", "350", False),
        ("600036.SH", "-0.5", "0.5", False),
        ("7203.T", "-50", "150", False),  # never
        ("0700.HK", "-30", "350", False),  # freely, but less than the smallest order
        ("0700.HK", "-230", "350", True),
        ("0700.HK", "100", "0", False),
        ("0700.HK", "-30", "30", True),  # all of it
        ("ETH-USDT", "0.123", "0", True),
        ("ETH-USDT", "0.1234", "0", False),
    ],
)
def test_quantities_that_an_exchange_takes(
    own: InstrumentTable, symbol: str, quantity: str, sellable: str, *, fits: bool
) -> None:
    found = own.rules(symbol, TODAY)

    assert (found.misfit(D(quantity), D(sellable)) == "") is fits


def test_symbols_that_nobody_lists_have_an_exchange_s_defaults_where_it_is_asked_for() -> None:
    found = instrument_table(exchange="XETR").rules("SAP", TODAY)

    assert (found.exchange, found.currency) == ("XETR", "EUR")


@pytest.mark.parametrize(
    ("exchange", "hint"), [("XETRA", "did you mean XETR"), ("XBUE", "currency, lot, tick")]
)
def test_defaults_of_an_exchange_that_has_none_are_refused(exchange: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        instrument_table(exchange=exchange)


def test_the_digest_moves_with_what_concerns_a_symbol_alone(own: InstrumentTable) -> None:
    assert own.digest(["600036.SH"]) == TABLE.digest(["600036.SH"])
    assert own.digest(["AAPL"]) != TABLE.digest(["AAPL"])


def test_all_unknown_symbols_are_named_with_the_lines_to_add() -> None:
    with pytest.raises(DataError) as caught:
        TABLE.all_rules(["GOOG", "AAPL", "NVDA"], TODAY, "XNAS")

    assert str(caught.value).endswith('[symbols]\n  "GOOG" = "XNAS"\n  "NVDA" = "XNAS"')
