"""The law of parity: whatever the strategy, the settings and the days, both ways trade the same."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.trading.engine.parity_cases import Case, backtested, cases, data_of_case, lived

# a failing case is shown as it was drawn: making it smaller takes minutes, and is worth it by hand
_OF_FEW = settings(
    max_examples=60,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
_OF_MANY = settings(parent=_OF_FEW, max_examples=500, derandomize=False, database=None)


def _agrees(case: Case) -> None:
    """Hold a backtest against a session: what was seen, decided, ordered and filled."""
    data = data_of_case(case)
    tested, traded = backtested(case, data), lived(case, data)
    assert tested.sights == traded.sights
    assert tested.fills == traded.fills
    assert tested.decisions == traded.decisions
    assert tested.orders == traded.orders


@_OF_FEW
@given(case=cases())
def test_a_backtest_and_a_session_take_the_same_decisions_and_fills(case: Case) -> None:
    _agrees(case)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_three_thousand_cases_agree_as_well(part: int) -> None:
    """Each part draws five hundred of its own."""
    seed(part)(_OF_MANY(given(case=cases())(_agrees)))()
