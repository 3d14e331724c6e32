"""What trading cost, how deep it fell, and how much was turned over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["max_drawdown", "slippage_bps", "turnover"]

_BPS = 1e4


def slippage_bps(side: int, arrival: float, fill: float) -> float:
    """Return how much worse an execution was than the price on arrival.

    Parameters
    ----------
    side
        +1 for a buy, -1 for a sell.
    arrival
        Price when the order was requested, account currency per share, > 0.
    fill
        Mean price of its fills, weighted by quantity, account currency per share, > 0.

    Returns
    -------
    float
        Basis points of `arrival`; above 0 it cost us money, on either side.

    Raises
    ------
    ValueError
        If `side` is neither +1 nor -1, or a price is not above 0.

    Notes
    -----
    The execution part of implementation shortfall, ``side * (fill / arrival - 1) * 1e4``.
    Source: Perold, "The Implementation Shortfall: Paper versus Reality", Journal of Portfolio
    Management 14(3), 1988.

    Examples
    --------
    >>> slippage_bps(-1, arrival=50.0, fill=49.95)
    10.0
    """
    if side not in {1, -1}:
        raise ValueError(f"side is +1 for a buy or -1 for a sell, was {side}")
    if not (arrival > 0 and fill > 0):
        raise ValueError(f"prices must be above 0, were arrival={arrival} and fill={fill}")
    return round(side * (fill - arrival) / arrival * _BPS, 9)


def max_drawdown(values: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the deepest fall from an earlier peak.

    Parameters
    ----------
    values : (T,) float
        Equity over time, account currency, > 0.

    Returns
    -------
    float
        Fraction of the peak, from 0 (it never fell) to 1; 0 for fewer than two values.

    Raises
    ------
    ValueError
        If a value is not above 0.

    Notes
    -----
    ``max over t of 1 - values[t] / max(values[0..t])``. Source: Magdon-Ismail and Atiya,
    "Maximum Drawdown", Risk 17(10), 2004.

    Examples
    --------
    >>> max_drawdown([100.0, 120.0, 90.0, 130.0])
    0.25
    """
    series = np.asarray(values, dtype=np.float64)
    if not bool(np.all(series > 0)):
        raise ValueError("every value must be above 0; leave out or mend the others")
    if not series.size:
        return 0.0
    return float(np.max(1.0 - series / np.maximum.accumulate(series)))


def turnover(bought: float, sold: float, equity: Sequence[float] | NDArray[np.float64]) -> float:
    """Return how often the portfolio was exchanged.

    Parameters
    ----------
    bought
        Value of all purchases, account currency, >= 0.
    sold
        Value of all sales, account currency, >= 0.
    equity : (T,) float
        Equity over the same time at regular intervals, account currency; its mean must be > 0.

    Returns
    -------
    float
        Number of times; the smaller side counts, so that money paid in or out does not.

    Raises
    ------
    ValueError
        If a side is negative or the mean of `equity` is not above 0.

    Notes
    -----
    ``min(bought, sold) / mean(equity)``. Source: U.S. SEC, Form N-1A, Item 13, instruction on
    the portfolio turnover rate.

    Examples
    --------
    >>> turnover(50_000.0, 30_000.0, [100_000.0, 140_000.0])
    0.25
    """
    series = np.asarray(equity, dtype=np.float64)
    mean = float(series.mean()) if series.size else 0.0
    if not (bought >= 0 and sold >= 0 and mean > 0):
        raise ValueError(
            f"purchases and sales must be >= 0 and mean equity > 0, were bought={bought}, "
            f"sold={sold} and mean equity={mean}"
        )
    return min(bought, sold) / mean
