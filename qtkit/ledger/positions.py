"""One symbol of the book, as a value: every booking returns a new one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from qtkit.core.errors import InvariantBroken
from qtkit.model.books import PositionLine, UnsettledLot
from qtkit.model.money import round_half_up

__all__ = ["Position", "adjusted", "bought", "held", "reserving", "settled", "sold"]

_ZERO = Decimal(0)


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Shares of one symbol: owned, not settled yet, promised to open sells."""

    symbol: str
    quantity: Decimal = _ZERO  # shares; everything, settled or not
    unsettled: tuple[UnsettledLot, ...] = ()  # by settlement date, each date once
    cost: Decimal = _ZERO  # what was paid for `quantity`, fees included, account currency
    reserved: Decimal = _ZERO  # shares that open sells may still take, >= 0
    multiplier: Decimal = Decimal(1)  # units that one of the quantity stands for

    @property
    def sellable(self) -> Decimal:
        """Settled shares that no open sell has claimed.

        Negative only when more was sold or taken away than was available: the truth, for checks.
        """
        free = self.quantity - self.reserved
        return free - _shares(self.unsettled) if self.unsettled else free

    @property
    def unit_cost(self) -> Decimal:
        """Average cost per share, fees included, account currency; 0 when flat."""
        return self.cost / self.quantity if self.quantity > 0 else _ZERO

    def line(self) -> PositionLine:
        """Return it as a line of a book; what is reserved follows from the open orders there."""
        return PositionLine(
            symbol=self.symbol,
            quantity=self.quantity,
            unsettled=self.unsettled,
            cost=self.cost,
            multiplier=self.multiplier,
        )


def held(line: PositionLine) -> Position:
    """Return the position that a book's line describes."""
    return Position(
        symbol=line.symbol,
        quantity=line.quantity,
        unsettled=line.unsettled,
        cost=line.cost,
        multiplier=line.multiplier,
    )


def bought(position: Position, shares: Decimal, paid: Decimal, settles: date | None) -> Position:
    """Return the position after a purchase.

    Parameters
    ----------
    position
        The position before.
    shares
        Shares bought, > 0.
    paid
        Notional plus fees, account currency.
    settles
        Trading date from which the shares can be sold; None when they can be sold at once.
    """
    quantity = position.quantity + shares
    lots = position.unsettled
    if settles is not None:
        lots = _with_lot(lots, UnsettledLot(quantity=shares, settles=settles))
    return Position(
        symbol=position.symbol,
        quantity=quantity,
        unsettled=_within(lots, quantity),
        cost=_cost_after_purchase(position, shares, paid, quantity),
        reserved=position.reserved,
        multiplier=position.multiplier,
    )


def sold(position: Position, shares: Decimal) -> Position:
    """Return the position after a sale of `shares` (> 0); cost is released in proportion."""
    quantity = position.quantity - shares
    kept = _ZERO
    if quantity > 0:
        kept = position.cost - round_half_up(position.cost * shares / position.quantity)
    return Position(
        symbol=position.symbol,
        quantity=quantity,
        unsettled=_within(position.unsettled, quantity),
        cost=kept,
        reserved=position.reserved,
        multiplier=position.multiplier,
    )


def settled(position: Position, on: date) -> Position:
    """Return the position at the start of a trading date: lots due by then can be sold."""
    waiting = tuple(lot for lot in position.unsettled if lot.settles > on)
    return msgspec.structs.replace(position, unsettled=waiting)


def adjusted(position: Position, shares: Decimal) -> Position:
    """Return the position after shares came or went without a trade; what was paid stays paid."""
    quantity = position.quantity + shares
    return msgspec.structs.replace(
        position,
        quantity=quantity,
        unsettled=_within(position.unsettled, quantity),
        cost=position.cost if quantity > 0 else _ZERO,
    )


def reserving(position: Position, shares: Decimal) -> Position:
    """Return the position with `shares` more (or fewer, if negative) promised to open sells.

    Raises
    ------
    InvariantBroken
        If more would be released than was promised.
    """
    reserved = position.reserved + shares
    if reserved < 0:
        raise InvariantBroken(
            f"{position.symbol}: {-shares} reserved shares were released and only "
            f"{position.reserved} were reserved; report this with the session folder"
        )
    return msgspec.structs.replace(position, reserved=reserved)


def _shares(lots: tuple[UnsettledLot, ...]) -> Decimal:
    return sum((lot.quantity for lot in lots), _ZERO)


def _cost_after_purchase(
    position: Position, shares: Decimal, paid: Decimal, quantity: Decimal
) -> Decimal:
    """Return the cost after a purchase; one that covers a short costs only what it adds above 0."""
    if quantity <= 0:
        return _ZERO
    if position.quantity < 0:
        return round_half_up(paid * quantity / shares)
    return position.cost + paid


def _with_lot(lots: tuple[UnsettledLot, ...], new: UnsettledLot) -> tuple[UnsettledLot, ...]:
    """Return the lots with one more, merged with the one that settles on the same date."""
    by_date = {lot.settles: lot.quantity for lot in lots}
    by_date[new.settles] = by_date.get(new.settles, _ZERO) + new.quantity
    return tuple(UnsettledLot(quantity=by_date[day], settles=day) for day in sorted(by_date))


def _within(lots: tuple[UnsettledLot, ...], quantity: Decimal) -> tuple[UnsettledLot, ...]:
    """Return the lots cut to what is owned at all, the earliest to settle first."""
    excess = _shares(lots) - max(quantity, _ZERO) if lots else _ZERO
    if excess <= 0:
        return lots
    kept = []
    for lot in lots:
        cut = min(excess, lot.quantity)
        excess -= cut
        if cut < lot.quantity:
            kept.append(UnsettledLot(quantity=lot.quantity - cut, settles=lot.settles))
    return tuple(kept)
