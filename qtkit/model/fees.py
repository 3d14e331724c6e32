"""What an execution costs, as data: a plan of charges, each with the side that pays it."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from qtkit.model.money import CENT

__all__ = ["FREE", "Charge", "Executed", "FeePlan", "Fees", "Side"]

_ZERO, _NOTHING = Decimal(0), Decimal("0.00")


class Side(StrEnum):
    """Who pays a charge."""

    BOTH = "both"
    BUY = "buy"
    SELL = "sell"


class Charge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One charge of a plan; amounts are in the instrument's currency.

    Attributes
    ----------
    rate
        Share of the value.
    per_unit
        For one share, contract or coin.
    fixed
        For an order that executes.
    minimum, maximum, maximum_rate
        What it is at least and at most; the last is a share of the value.
    above
        Orders of this value or less are free of it.
    step, up
        What it is rounded to, a power of ten, halves up; or always up.
    each_fill
        Whether it is charged and rounded for each execution; else for the order as a whole.
    tax
        Whether it is booked as a tax; else as commission.
    first, last
        Dates on which it is in force, both included; None: no end.
    """

    name: str
    side: Side = Side.BOTH
    rate: Decimal = _ZERO
    per_unit: Decimal = _ZERO
    fixed: Decimal = _ZERO
    minimum: Decimal = _ZERO
    maximum: Decimal | None = None
    maximum_rate: Decimal | None = None
    above: Decimal = _ZERO
    step: Decimal = CENT
    up: bool = False
    each_fill: bool = False
    tax: bool = False
    first: date | None = None
    last: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on a date."""
        begun = self.first is None or self.first <= day
        return begun and (self.last is None or day <= self.last)

    def of(self, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what `quantity` executed for `value` costs, both >= 0.

        Examples
        --------
        >>> Charge(name="commission", rate=Decimal("0.0003"), minimum=Decimal(5)).of(
        ...     Decimal(1000), Decimal(100_000)
        ... )
        Decimal('30.00')
        """
        if value <= self.above:
            return _NOTHING
        raw = self.rate * value
        if self.per_unit or self.fixed:
            raw += self.per_unit * quantity + self.fixed
        if raw <= self.minimum:
            raw = self.minimum
            if self.maximum is None and self.maximum_rate is None:
                return raw
        if self.maximum is not None and raw > self.maximum:
            raw = self.maximum
        if self.maximum_rate is not None and raw > (most := self.maximum_rate * value):
            raw = most
        return raw.quantize(self.step, ROUND_CEILING if self.up else ROUND_HALF_UP)


class Executed(NamedTuple):
    """How much of an order has been executed; both >= 0."""

    quantity: Decimal
    value: Decimal  # the instrument's currency


_NONE = Executed(_ZERO, _ZERO)


class Fees(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The charges of a plan on one date, by the side that pays them."""

    buys: tuple[Charge, ...] = ()
    sells: tuple[Charge, ...] = ()

    def costs(self, before: Executed, now: Executed, *, is_buy: bool) -> tuple[Decimal, Decimal]:
        """Return commission and tax of one execution.

        Parameters
        ----------
        before
            What its order had executed before.
        now
            What it executes now.

        Notes
        -----
        A charge of the order as a whole is the difference that this execution makes to it, so
        that a minimum counts once, however many executions an order takes.
        """
        commission, tax = _ZERO, _NOTHING
        quantity, value = now
        for charge in self.buys if is_buy else self.sells:
            if charge.each_fill or not before.value:
                amount = charge.of(quantity, value)
            else:
                after = charge.of(before.quantity + quantity, before.value + value)
                amount = after - charge.of(*before)
            if charge.tax:
                tax += amount
            else:
                commission += amount
        return commission, tax

    def of_buy(self, executed: Executed) -> Decimal:
        """Return all that a buy costs beside its price."""
        costs, (quantity, value) = _ZERO, executed
        for charge in self.buys:
            costs += charge.of(quantity, value)
        return costs

    def still_to_pay(self, before: Executed, rest: Executed) -> Decimal:
        """Return what the rest of a buy costs, given what was executed before."""
        return sum(self.costs(before, rest, is_buy=True), _ZERO)


FREE = Fees()
"""Nothing is charged."""


class FeePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Charges with the dates on which they hold, and where they were looked up."""

    name: str
    charges: tuple[Charge, ...]
    source: str = ""
    as_of: date | None = None
    currency: str = ""  # what fixed amounts are in; "": the instrument's own

    def on(self, day: date) -> Fees:
        """Return the charges in force on a date."""
        held = [charge for charge in self.charges if charge.holds_on(day)]
        return Fees(
            buys=tuple(charge for charge in held if charge.side is not Side.SELL),
            sells=tuple(charge for charge in held if charge.side is not Side.BUY),
        )

    def with_commission(self, rate: Decimal | None, minimum: Decimal | None) -> FeePlan:
        """Return the plan with a tariff of one's own in place of its commissions; taxes stay."""
        if rate is None and minimum is None:
            return self
        own = next((charge for charge in self.charges if not charge.tax), Charge(name="commission"))
        tariff = Charge(
            name="commission",
            rate=own.rate if rate is None else rate,
            minimum=own.minimum if minimum is None else minimum,
        )
        taxes = tuple(charge for charge in self.charges if charge.tax)
        return msgspec.structs.replace(self, charges=(tariff, *taxes))
