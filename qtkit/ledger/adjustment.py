"""What an operator may book without a trade: a corporate action, a deposit, a fee."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from qtkit.core.errors import ConfigError
from qtkit.ledger.ledger import Ledger
from qtkit.ledger.positions import Position
from qtkit.model.instruments import Instrument
from qtkit.model.money import CENT, LARGEST_AMOUNT, is_amount

__all__ = ["Adjustment", "demand_bookable"]

_ZERO, _ONE = Decimal(0), Decimal(1)


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Shares and cash that come, or go."""

    symbol: str  # "" for cash alone
    quantity: Decimal  # shares, signed
    cash: Decimal  # account currency, signed

    @property
    def contrary(self) -> Adjustment:
        """The adjustment that undoes this one."""
        return Adjustment(symbol=self.symbol, quantity=-self.quantity, cash=-self.cash)


def demand_bookable(wanted: Adjustment, ledger: Ledger, instrument: Instrument | None) -> None:
    """Make sure that an adjustment leaves a book that holds.

    Parameters
    ----------
    wanted
        What is to be booked.
    ledger
        The book before it.
    instrument
        The symbol's rules today; None when nobody knows it.

    Raises
    ------
    ConfigError
        With everything that is against it.
    """
    wrong = list(_odd_numbers(wanted)) or [
        *_odd_symbol(wanted, ledger, instrument),
        *_odd_steps(wanted, instrument),
        *_odd_book(wanted, ledger),
    ]
    if wrong:
        raise ConfigError("; ".join(wrong))


def _odd_numbers(wanted: Adjustment) -> Iterator[str]:
    for name, number in (("quantity", wanted.quantity), ("cash", wanted.cash)):
        if not is_amount(number):
            yield (
                f"{name} must be a number of at most {LARGEST_AMOUNT:,} and 18 decimal places, was "
                f"{str(number)[:40]}"
            )
    if not wanted.quantity and not wanted.cash:
        yield "an adjustment moves shares or cash: quantity=N, cash=N"


def _odd_symbol(wanted: Adjustment, ledger: Ledger, instrument: Instrument | None) -> Iterator[str]:
    if wanted.quantity and not wanted.symbol:
        yield f"an adjustment of {wanted.quantity} shares names their symbol: symbol=CODE"
    elif not wanted.symbol or wanted.symbol in ledger.positions:
        return
    elif instrument is None:
        yield f"{wanted.symbol!r} is not held and no entry of the instrument table covers it"
    elif instrument.currency != ledger.currency:
        yield f"{wanted.symbol} trades in {instrument.currency}, the account is {ledger.currency}"


def _odd_steps(wanted: Adjustment, instrument: Instrument | None) -> Iterator[str]:
    """Yield what is finer than the instrument's step, or than the currency's smallest coin."""
    step, unit = (instrument.step, instrument.unit) if instrument else (_ONE, "shares")
    if wanted.quantity % step:
        yield f"quantity must be a multiple of {step} {unit}, was {wanted.quantity}"
    if wanted.cash % CENT:
        yield f"cash must be a multiple of {CENT}, was {wanted.cash}"


def _odd_book(wanted: Adjustment, ledger: Ledger) -> Iterator[str]:
    """Yield what the book would be that no book may be."""
    before = ledger.positions.get(wanted.symbol) or Position(symbol=wanted.symbol)
    after, cash = before.quantity + wanted.quantity, ledger.cash + wanted.cash
    if wanted.quantity < 0 and after < before.reserved:
        yield (
            f"{wanted.symbol}: {before.quantity} shares are held, {before.reserved} of them "
            f"promised to open sells; {-wanted.quantity} cannot be taken away"
        )
    if wanted.cash < 0 and ledger.free_cash + wanted.cash < 0:
        yield f"{ledger.free_cash} of cash are free; {-wanted.cash} cannot be taken away"
    if not is_amount(after) or not is_amount(cash):
        yield f"the book would hold {after} shares and {cash} in cash, more than it can"
