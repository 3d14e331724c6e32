"""What can be traded, and by which rules."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from qtkit.model.fees import FREE, Executed, Fees

__all__ = ["Instrument", "InstrumentRules", "Ladder", "OddLots", "Unit"]

_NONE, _ONE = Decimal(0), Decimal(1)
Ladder = tuple[tuple[Decimal, Decimal], ...]
"""Steps by price: (from this price on, the value), the lowest price first."""


class Unit(StrEnum):
    """What one of a quantity is."""

    SHARES = "shares"
    CONTRACTS = "contracts"
    COINS = "coins"
    UNITS = "units"


class OddLots(StrEnum):
    """What may be sold that is no whole lot."""

    AT_ONCE = "at once"  # an odd rest, all of it in one order
    FREELY = "freely"  # any quantity on the step
    NEVER = "never"


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instrument's trading rules, as they stand on one date."""

    symbol: str
    exchange: str  # calendar name, e.g. "XSHG"
    family: str  # the entry of the table that it comes from
    currency: str
    lot: Decimal  # buys are whole lots
    tick: Decimal  # currency per share; the finest where it goes by the price
    ticks: Ladder = ()  # tick by price; empty: the same at each
    price_limit: Decimal | None = None  # share of the last close, e.g. 0.10; None: no band
    price_limits: Ladder = ()  # widest move by last close, currency per share; empty: by share
    settle_days: int  # trading days until what was bought can be sold: 1 is T+1
    fees: Fees = FREE
    unit: Unit = Unit.SHARES
    odd_lots: OddLots = OddLots.AT_ONCE
    step: Decimal = Decimal(1)  # every quantity is a multiple of it
    minimum: Decimal = Decimal(0)  # smallest quantity of an order
    min_notional: Decimal = Decimal(0)  # smallest value of an order, currency
    multiplier: Decimal = Decimal(1)  # units of the underlying that one of a quantity stands for
    venue_symbol: str = ""  # what the venue calls it; "": the same

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the tick of the grid that a price stands on."""
        return _step_at(self.ticks, price) if self.ticks else self.tick

    def value(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what a quantity is worth at a price, currency."""
        value = quantity * price
        return value if self.multiplier == _ONE else value * self.multiplier

    def reserve(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the cash that a new buy of `quantity` at up to `price` may need, fees included."""
        value = self.value(quantity, price)
        return value + self.fees.of_buy(Executed(quantity, value))

    @property
    def can_be_shorted(self) -> bool:
        """Whether more may be sold than is held: accounts are cash accounts, so never yet."""
        return False

    @property
    def has_band(self) -> bool:
        """Whether the exchange refuses prices too far from the last close."""
        return self.price_limit is not None or bool(self.price_limits)

    def widest_move(self, last_close: Decimal) -> Decimal | None:
        """Return how far a price may be from the last close, currency per share; None: at will."""
        if self.price_limits:
            return _step_at(self.price_limits, last_close)
        return None if self.price_limit is None else last_close * self.price_limit

    def misfit(self, quantity: Decimal, sellable: Decimal) -> str:
        """Return why the exchange takes no order of a quantity; "" where it does.

        Parameters
        ----------
        quantity
            Signed.
        sellable
            What a sell could take along at most.
        """
        size = abs(quantity)
        if size % self.step:
            return f"{size} {self.unit} are no multiple of {self.step}"
        if size < self.minimum and not self._takes_all(quantity, sellable):
            return f"{size} {self.unit} are less than the smallest order of {self.minimum}"
        odd = size % self.lot
        if not odd or (quantity < _NONE and self._goes_odd(odd, sellable)):
            return ""
        return f"{size} {self.unit} are no whole lots of {self.lot}"

    def _takes_all(self, quantity: Decimal, sellable: Decimal) -> bool:
        if self.odd_lots is OddLots.NEVER:
            return False
        return quantity < _NONE and -quantity == sellable

    def _goes_odd(self, odd: Decimal, sellable: Decimal) -> bool:
        if self.odd_lots is OddLots.AT_ONCE:
            return odd == sellable % self.lot
        return self.odd_lots is OddLots.FREELY


def _step_at(ladder: Ladder, price: Decimal) -> Decimal:
    return next((step for start, step in reversed(ladder) if price >= start), ladder[0][1])


class InstrumentRules(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """What a judge has to know of an instrument, as the session traded it."""

    symbol: str
    exchange: str  # calendar name, e.g. "XSHG"
    currency: str
    lot: Decimal  # buys are whole lots
    tick: Decimal  # currency per share; the finest where it goes by the price
    settle_days: int  # trading days until what was bought can be sold: 1 is T+1
    multiplier: Decimal = Decimal(1)  # shares or units that one of a quantity stands for
    unit: str = Unit.SHARES
    step: Decimal = Decimal(1)  # every quantity is a multiple of it

    @classmethod
    def of(cls, instrument: Instrument) -> InstrumentRules:
        """Return the rules of an instrument of our own tables."""
        return cls(
            symbol=instrument.symbol,
            exchange=instrument.exchange,
            currency=instrument.currency,
            lot=instrument.lot,
            tick=instrument.tick,
            settle_days=instrument.settle_days,
            multiplier=instrument.multiplier,
            unit=instrument.unit,
            step=instrument.step,
        )
