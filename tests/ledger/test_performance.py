"""Measures against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qtkit.ledger.performance import max_drawdown, slippage_bps, turnover


@pytest.mark.parametrize(
    ("side", "arrival", "fill", "expected"),
    [
        (1, 100.0, 100.05, 5.0),
        (1, 100.0, 99.9, -10.0),
        (-1, 50.0, 49.95, 10.0),
        (-1, 50.0, 50.05, -10.0),
        (1, 40.0, 40.0, 0.0),
    ],
)
def test_slippage_is_a_cost_when_it_is_above_zero(
    side: int, arrival: float, fill: float, expected: float
) -> None:
    assert slippage_bps(side, arrival, fill) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("side", "arrival", "fill"),
    [(0, 1.0, 1.0), (2, 1.0, 1.0), (1, 0.0, 1.0), (1, 1.0, -1.0), (1, math.nan, 1.0)],
)
def test_slippage_of_what_is_no_execution_is_refused(
    side: int, arrival: float, fill: float
) -> None:
    with pytest.raises(ValueError, match=r"side is|prices must"):
        slippage_bps(side, arrival, fill)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], 0.0),
        ([100.0], 0.0),
        ([100.0, 110.0, 120.0], 0.0),
        ([100.0, 80.0, 120.0, 90.0], 0.25),
        ([200.0, 100.0, 150.0, 90.0], 0.55),
    ],
)
def test_drawdown_is_the_deepest_fall_from_the_highest_before(
    values: list[float], expected: float
) -> None:
    assert max_drawdown(values) == pytest.approx(expected)
    assert max_drawdown(np.array(values)) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_drawdown_of_worthless_equity_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        max_drawdown([100.0, bad])


def test_turnover_counts_the_smaller_side_against_mean_equity() -> None:
    """Bought 300, sold 120, equity 100 and 140 (mean 120): once."""
    assert turnover(300.0, 120.0, [100.0, 140.0]) == 1.0
    assert turnover(0.0, 120.0, [100.0, 140.0]) == 0.0


@pytest.mark.parametrize(
    ("bought", "sold", "equity"),
    [(-1.0, 1.0, [1.0]), (1.0, -1.0, [1.0]), (1.0, 1.0, []), (1.0, 1.0, [0.0])],
)
def test_turnover_of_nothing_is_refused(bought: float, sold: float, equity: list[float]) -> None:
    with pytest.raises(ValueError, match="mean equity"):
        turnover(bought, sold, equity)
