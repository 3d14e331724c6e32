from __future__ import annotations

from decimal import Decimal

import pytest

from qtkit.core.errors import ConfigError
from qtkit.trading.brokers.fees import FeeSchedule

FEES = FeeSchedule()  # 0.0003, at least 5.00


@pytest.mark.parametrize(
    ("notional", "commission"),
    [
        ("0", "0"),
        ("0.01", "5.00"),
        ("16666.66", "5.00"),  # 4.999998
        ("16683.33", "5.00"),  # 5.004999
        ("16683.34", "5.01"),  # 5.005002
        ("1000000", "300.00"),
    ],
)
def test_commission_is_the_rate_to_the_cent_and_the_minimum_at_least(
    notional: str, commission: str
) -> None:
    assert FEES.commission(Decimal(notional)) == Decimal(commission)


def test_halves_of_a_cent_are_rounded_up() -> None:
    assert FEES.stamp_duty(Decimal("10.00"), Decimal("0.0005")) == Decimal("0.01")  # 0.005


def test_an_instrument_without_duty_costs_none() -> None:
    assert FEES.stamp_duty(Decimal(100_000), Decimal(0)) == 0


def test_all_mistakes_of_a_tariff_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"commission_rate .* -1; commission_minimum .* NaN"):
        FeeSchedule(commission_rate=Decimal(-1), commission_minimum=Decimal("NaN"))
