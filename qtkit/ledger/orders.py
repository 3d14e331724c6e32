"""One order of the book, as a value: every move returns a new one, by the order table only."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec

from qtkit.core.errors import InvariantBroken
from qtkit.model.books import OpenOrder
from qtkit.model.money import round_half_up
from qtkit.model.orders import (
    ENDED,
    ORDER_TABLE,
    OrderMove,
    OrderOrigin,
    OrderStatus,
    OrderType,
    TimeInForce,
    next_status,
)

__all__ = ["OrderState", "executed", "fits", "misfit", "moved", "reopened"]

_ZERO = Decimal(0)
_REJECTED = OrderStatus.REJECTED
_FILL_REST, _FILL_PART = OrderMove.FILL_REST, OrderMove.FILL_PART


class OrderState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where an order stands and what it still claims."""

    order_id: str
    symbol: str
    quantity: Decimal  # shares, signed, as requested
    order_type: OrderType
    limit_price: Decimal | None
    reserved_cash: Decimal  # account currency still claimed; 0 once it has ended
    trading_date: date
    status: OrderStatus = OrderStatus.REQUESTED
    filled: Decimal = _ZERO  # shares, signed
    broker_order_id: str = ""
    broker_name: str = ""
    origin: OrderOrigin = OrderOrigin.STRATEGY
    by: str = ""  # the operator's name
    tag: str = ""
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expires: datetime | None = None
    reason: str = ""  # why it was rejected, doubted, cancelled or lost
    released_cash: Decimal = _ZERO  # account currency it still claimed when it ended
    moves: tuple[str | Decimal, ...] = ("requested",)  # its story, for people; shares of fills

    @property
    def is_open(self) -> bool:
        """Whether it can still execute, as far as we know."""
        return self.status not in ENDED

    @property
    def remaining(self) -> Decimal:
        """Shares, signed, that have not executed."""
        return self.quantity - self.filled

    @property
    def reserved_shares(self) -> Decimal:
        """Shares that it still claims: the rest of an open sell, else 0."""
        return self.filled - self.quantity if self.quantity < 0 and self.is_open else _ZERO

    @property
    def story(self) -> str:
        """Everything that happened to it, in order."""
        told = (f" {m}" if isinstance(m, Decimal) else f" → {m}" for m in self.moves)
        return "".join(told).removeprefix(" → ")

    def open_order(self) -> OpenOrder:
        """Return it as an open order of a book."""
        return OpenOrder(
            order_id=self.order_id,
            symbol=self.symbol,
            quantity=self.quantity,
            filled=self.filled,
            status=self.status,
            order_type=self.order_type,
            limit_price=self.limit_price,
            reserved_cash=self.reserved_cash,
            trading_date=self.trading_date,
            broker_order_id=self.broker_order_id,
            origin=self.origin,
            by=self.by,
            tag=self.tag,
            stop_price=self.stop_price,
            time_in_force=self.time_in_force,
            expires=self.expires,
        )


def reopened(order: OpenOrder) -> OrderState:
    """Return the order that a book lists; its story before the book is not known here."""
    return OrderState(
        order_id=order.order_id,
        symbol=order.symbol,
        quantity=order.quantity,
        filled=order.filled,
        status=order.status,
        order_type=order.order_type,
        limit_price=order.limit_price,
        reserved_cash=order.reserved_cash,
        trading_date=order.trading_date,
        broker_order_id=order.broker_order_id,
        origin=order.origin,
        by=order.by,
        tag=order.tag,
        stop_price=order.stop_price,
        time_in_force=order.time_in_force,
        expires=order.expires,
        moves=(f"opened as {order.status}",),
    )


def moved(
    order: OrderState, move: OrderMove, *, broker: tuple[str, str] = ("", ""), reason: str = ""
) -> OrderState:
    """Return the order after a move that executes nothing.

    Parameters
    ----------
    order
        The order before.
    move
        What happened.
    broker
        The broker's order id and name, with an acceptance.
    reason
        Why, for people.

    Raises
    ------
    InvariantBroken
        If the order table has no such move; the message tells the order's story.
    """
    status = ORDER_TABLE.get((order.status, move)) or _after(order, move)
    ended = status in ENDED
    return msgspec.structs.replace(
        order,
        status=status,
        broker_order_id=broker[0] or order.broker_order_id,
        broker_name=broker[1] or order.broker_name,
        reason=reason or order.reason,
        reserved_cash=_ZERO if ended else order.reserved_cash,
        released_cash=order.reserved_cash or order.released_cash if ended else _ZERO,
        moves=(*order.moves, move),
    )


def executed(order: OrderState, shares: Decimal, broker_order_id: str) -> OrderState:
    """Return the order after an execution of `shares` (signed); its claim shrinks with its rest.

    Raises
    ------
    InvariantBroken
        If the order table has no such move.
    """
    filled = order.filled + shares
    move = _FILL_REST if filled == order.quantity else _FILL_PART
    status = ORDER_TABLE.get((order.status, move)) or _after(order, move)
    left, claim = order.quantity - filled, _ZERO
    if left:
        claim = _share_of(order.reserved_cash or order.released_cash, left, order)
    ended = status in ENDED
    return msgspec.structs.replace(
        order,
        status=status,
        filled=filled,
        broker_order_id=order.broker_order_id or broker_order_id,
        reserved_cash=_ZERO if ended else claim,
        released_cash=claim if ended else _ZERO,
        moves=(*order.moves, move, shares),
    )


def fits(order: OrderState, symbol: str, shares: Decimal) -> bool:
    """Whether an execution may be booked: some shares, on its side, and no more than are left."""
    if order.symbol != symbol or order.status is _REJECTED or not shares.is_finite():
        return False
    left = order.quantity - order.filled
    return _ZERO < shares <= left if order.quantity > _ZERO else left <= shares < _ZERO


def misfit(order: OrderState, symbol: str, shares: Decimal) -> str:
    """Return why an execution of `shares` (signed) of `symbol` is none of this order's."""
    name = f"order {order.order_id}"
    if order.status is OrderStatus.REJECTED:
        return f"{name} was rejected: {order.reason or 'no reason given'}"
    if order.symbol != symbol:
        return f"{name} is for {order.symbol}, not for {symbol}"
    if not shares.is_finite() or not shares:
        return f"a fill of {shares} shares is none"
    if shares.is_signed() != order.quantity.is_signed():
        return f"{name} is for {order.quantity} shares, the fill for {shares}"
    return f"{name} has {order.remaining} shares left, the fill has {shares}"


def _share_of(claim: Decimal, left: Decimal, order: OrderState) -> Decimal:
    """Return the part of a claim that belongs to what is left, to the cent."""
    return round_half_up(claim * left / order.remaining) if claim and left else _ZERO


def _after(order: OrderState, move: OrderMove) -> OrderStatus:
    try:
        return next_status(order.status, move)
    except InvariantBroken as broken:
        raise InvariantBroken(
            f"order {order.order_id}: {broken}. Its story: {order.story}. "
            "Report this with the session folder"
        ) from None
