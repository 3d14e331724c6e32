"""Every shipped plan, worked out by hand to the last digit, on both sides."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from qtkit.market.instruments import InstrumentTable, instrument_table
from qtkit.model.fees import Charge, Executed, Fees

TABLE = instrument_table()
PLANS = TABLE.known.plans
TODAY = date(2026, 3, 4)
NOTHING = Executed(Decimal(0), Decimal(0))


def executed(quantity: str, value: str) -> Executed:
    return Executed(Decimal(quantity), Decimal(value))


def costs(plan: str, quantity: str, value: str, *, is_buy: bool, day: date = TODAY) -> list[str]:
    """Return commission and tax of an order that executes at once."""
    found = PLANS[plan].on(day).costs(NOTHING, executed(quantity, value), is_buy=is_buy)
    return [format(amount.normalize(), "f") for amount in found]


@pytest.mark.parametrize(
    ("plan", "quantity", "value", "buy", "sell"),
    [
        # 16,683.34 at 0.03% is 5.005002; at 0.05% it is 8.34167
        ("China shares", "1000", "16683.34", ["5.01", "0"], ["5.01", "8.34"]),
        ("China shares", "100", "10", ["5", "0"], ["5", "0.01"]),  # 0.005, halves up
        ("China funds", "1000", "100000", ["30", "0"], ["30", "0"]),
        # 0.08% is 40.04; 50.05 of stamp duty is 51; levies 1.35135 and 0.075075; fee 2.827825
        ("Hong Kong shares", "100", "50050", ["40.04", "55.26"], ["40.04", "55.26"]),
        # 18 at least; 1.001 of stamp duty is 2; 0.027027, 0.0015015, 0.0565565
        ("Hong Kong shares", "100", "1001", ["18", "2.09"], ["18", "2.09"]),
        ("Japan shares", "100", "280100", ["224", "0"], ["224", "0"]),  # 224.08
        ("Japan shares", "100", "90000", ["80", "0"], ["80", "0"]),  # 72
        # 1,000 shares: 5.00; FINRA 0.195
        ("US per share", "1000", "150000", ["5", "0"], ["5", "0.2"]),
        ("US per share", "100", "15000", ["1", "0"], ["1", "0.02"]),
        ("US per share", "100", "50", ["0.5", "0"], ["0.5", "0.02"]),  # 1% of the value at most
        ("US per share", "100000", "5000000", ["500", "0"], ["500", "9.79"]),  # 19.50 is cut
        ("US per contract", "3", "750000", ["6.69", "0"], ["6.69", "0"]),
        ("London shares", "10000", "7550", ["3.78", "37.75"], ["3.78", "0"]),  # 3.775
        ("London shares", "10000", "10000", ["5", "50"], ["5", "0"]),  # the levy is on more
        ("London shares", "10000", "10000.01", ["5", "51.5"], ["5", "1.5"]),
        ("Europe per value", "50", "10000", ["5", "0"], ["5", "0"]),
        ("Europe per value", "1", "200", ["3", "0"], ["3", "0"]),
        ("Crypto in quote currency", "0.123", "246.00123", ["0.24600123", "0"],
         ["0.24600123", "0"]),
        ("Crypto perpetual", "0.5", "32500.05", ["16.250025", "0"], ["16.250025", "0"]),
        ("FX spread", "10000", "12500", ["0.5", "0"], ["0.5", "0"]),
    ],
)  # fmt: skip
def test_a_plan_by_hand(
    plan: str, quantity: str, value: str, buy: list[str], sell: list[str]
) -> None:
    assert costs(plan, quantity, value, is_buy=True) == buy
    assert costs(plan, quantity, value, is_buy=False) == sell


@pytest.mark.parametrize(
    ("plan", "day", "sell"),
    [
        ("China shares", date(2023, 8, 27), ["30", "100"]),
        ("China shares", date(2023, 8, 28), ["30", "50"]),
        ("Hong Kong shares", date(2023, 11, 16), ["80", "138.5"]),  # 130, 2.70, 0.15, 5.65
        ("Hong Kong shares", date(2023, 11, 17), ["80", "108.5"]),
        ("US per share", date(2025, 5, 13), ["5", "2.95"]),  # 2.78 and 0.166
        ("US per share", date(2025, 5, 14), ["5", "0.17"]),
    ],
)
def test_a_charge_counts_on_the_dates_on_which_it_is_in_force(
    plan: str, day: date, sell: list[str]
) -> None:
    assert costs(plan, "1000", "100000", is_buy=False, day=day) == sell


def test_every_plan_names_its_source_and_the_date() -> None:
    assert [name for name, plan in PLANS.items() if not (plan.source and plan.as_of)] == []


def test_every_plan_is_worked_out_here() -> None:
    rows = test_a_plan_by_hand.pytestmark[0].args[1]  # type: ignore[attr-defined] # pytest's own

    assert {row[0] for row in rows} == set(PLANS)


def test_a_minimum_counts_once_for_an_order_in_parts() -> None:
    plan = PLANS["China shares"].on(TODAY)
    first, second = executed("100", "10000"), executed("200", "20000")

    assert plan.costs(NOTHING, first, is_buy=True)[0] == Decimal(5)
    assert plan.costs(first, second, is_buy=True)[0] == Decimal(4)  # 9 of 30,000 in all


def test_what_a_buy_sets_aside_has_its_taxes_in_it() -> None:
    lines = InstrumentTable(TABLE.known, exchange="XLON")

    assert lines.rules("VOD.L", TODAY).reserve(Decimal(1000), Decimal(5)) == Decimal("5028.00")


def test_a_tariff_of_one_s_own_takes_the_place_of_commissions_and_leaves_taxes() -> None:
    table = TABLE.with_commission(Decimal("0.001"), Decimal(0))

    sell = table.rules("600036.SH", TODAY).fees.costs(
        NOTHING, executed("100", "1000"), is_buy=False
    )

    assert sell == (Decimal("1.00"), Decimal("0.50"))


def test_a_charge_without_a_value_is_none() -> None:
    charge = Charge(name="commission", minimum=Decimal(5))

    assert Fees(buys=(charge,)).of_buy(NOTHING) == 0
