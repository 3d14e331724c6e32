"""Money and quantities: the one conversion from float, and the one rounding."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import lru_cache

__all__ = [
    "CENT",
    "LARGEST_AMOUNT",
    "decimal_of",
    "is_amount",
    "round_half_up",
    "round_to_tick",
]

CENT = Decimal("0.01")
LARGEST_AMOUNT = 10**15  # of money or shares: beyond it arithmetic on 28 digits is no longer exact
_LARGEST_EXPONENT = 15  # looked at first: arithmetic itself may overflow
_LARGEST = Decimal(LARGEST_AMOUNT)
_MOST_PLACES = 18  # behind the point
_ONE = Decimal(1)


def is_amount(number: object) -> bool:
    """Whether a number can be booked: finite, within `LARGEST_AMOUNT`, at most 18 decimal places.

    Examples
    --------
    >>> is_amount(Decimal("-12.50")), is_amount(Decimal("1E+999999")), is_amount(Decimal("NaN"))
    (True, False, False)
    """
    # cents and whole shares are what is booked most: no need to take them apart
    if type(number) is Decimal and (number.same_quantum(CENT) or number.same_quantum(_ONE)):
        return -_LARGEST <= number <= _LARGEST
    if not isinstance(number, Decimal) or not number.is_finite():
        return False
    if number.adjusted() > _LARGEST_EXPONENT or abs(number) > LARGEST_AMOUNT:
        return False
    return int(number.as_tuple().exponent) >= -_MOST_PLACES


@lru_cache(maxsize=4096)
def decimal_of(number: float) -> Decimal:
    """Return a float as the decimal number that it prints as; a zero has no sign.

    Prices come again and again: they stand on a grid.

    Raises
    ------
    ValueError
        If `number` is NaN or infinite.

    Examples
    --------
    >>> decimal_of(37.3)
    Decimal('37.3')
    """
    exact = Decimal(repr(float(number) + 0.0))
    if not exact.is_finite():
        raise ValueError(f"money and quantities are finite, was {number!r}")
    return exact


def round_half_up(amount: Decimal, step: Decimal = CENT) -> Decimal:
    """Return `amount` rounded to `step`, halves away from zero.

    Examples
    --------
    >>> round_half_up(Decimal("1.005"))
    Decimal('1.01')
    """
    return amount.quantize(step, rounding=ROUND_HALF_UP)


def round_to_tick(price: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    """Return `price` on the tick grid, rounded up or down.

    Examples
    --------
    >>> round_to_tick(Decimal("37.318"), Decimal("0.01"), up=False)
    Decimal('37.31')
    """
    rounding = ROUND_CEILING if up else ROUND_FLOOR
    # most ticks are a power of ten; of others, what lies on the finer grid may be on theirs too
    rounded = price.quantize(tick, rounding)
    if not rounded % tick:
        return rounded
    steps = (price / tick).to_integral_value(rounding=rounding)
    return (steps * tick).quantize(tick)
