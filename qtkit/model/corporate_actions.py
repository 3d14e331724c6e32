"""Splits and dividends: what happens to a holding and to a price on an ex date.

Prices are unadjusted everywhere. What a price loses overnight, the book gains by an event of the
same morning, and the last close that the day is judged by is the theoretical ex price.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

import msgspec

from qtkit.model.money import CENT, round_half_up

__all__ = ["ActionKind", "CorporateAction", "ex_close", "holding_change"]


_FINEST = Decimal("0.000001")  # of a theoretical price


class ActionKind(StrEnum):
    """What a company does to its shares."""

    SPLIT = "split"
    DIVIDEND = "dividend"


class CorporateAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One split or cash dividend.

    A split's `value` is how many shares one becomes: 4 for four for one, 0.1 for a reverse split of
    one for ten. A dividend's is cash per share, in the instrument's currency, net of what is
    withheld.
    """

    symbol: str
    ex_date: date  # the first trading date without it
    kind: ActionKind
    value: Decimal  # above 0
    source: str = ""

    @property
    def action_id(self) -> str:
        """Its name in an account's book: booked once."""
        return f"{self.kind}-{self.symbol}-{self.ex_date}"

    def __str__(self) -> str:
        what = (
            f"split {self.value.normalize():f} for 1"
            if self.kind is ActionKind.SPLIT
            else f"dividend {self.value.normalize():f} per share"
        )
        return f"{self.symbol}: {what}, ex {self.ex_date}"


def ex_close(close: Decimal, actions: Iterable[CorporateAction]) -> Decimal:
    """Return the theoretical price of a share after actions, account currency.

    Examples
    --------
    >>> four = CorporateAction(
    ...     symbol="X", ex_date=date(2026, 3, 5), kind=ActionKind.SPLIT, value=Decimal(4)
    ... )
    >>> ex_close(Decimal(100), [four])
    Decimal('25')
    """
    for action in actions:
        close = close / action.value if action.kind is ActionKind.SPLIT else close - action.value
    return close.quantize(_FINEST).normalize() + 0


def holding_change(
    action: CorporateAction, held: Decimal, step: Decimal, close: Decimal | None
) -> tuple[Decimal, Decimal]:
    """Return the shares and the cash that a holding gains.

    Parameters
    ----------
    held
        Shares before the action.
    step
        The smallest part of a share that can be held.
    close
        Theoretical price after it: what is left of a share that cannot be held is paid at. None:
        nobody knows, and it is not paid.

    Returns
    -------
    tuple
        Shares, signed, and cash, account currency, to the cent.

    Examples
    --------
    >>> half = CorporateAction(
    ...     symbol="X", ex_date=date(2026, 3, 5), kind=ActionKind.SPLIT, value=Decimal("0.5")
    ... )
    >>> holding_change(half, Decimal(7), Decimal(1), Decimal(30))
    (Decimal('-4'), Decimal('15.00'))
    """
    if action.kind is ActionKind.DIVIDEND:
        return Decimal(0), round_half_up(held * action.value, CENT)
    exact = held * action.value
    whole = (exact / step).to_integral_value(rounding=ROUND_FLOOR) * step
    return whole - held, round_half_up((exact - whole) * (close or Decimal(0)), CENT)
