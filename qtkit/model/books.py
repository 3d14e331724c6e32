"""An account's book as a value: cash, positions, open orders."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from qtkit.model.moments import Moment
from qtkit.model.orders import OrderOrigin, OrderStatus, OrderType, TimeInForce

__all__ = ["Book", "OpenOrder", "PositionLine", "UnsettledLot"]

_ZERO = Decimal(0)


class UnsettledLot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Shares that are ours and cannot be sold yet."""

    quantity: Decimal  # shares, > 0
    settles: date  # trading date from which they can be sold


class PositionLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One symbol of a book."""

    symbol: str
    quantity: Decimal  # shares; everything, settled or not
    unsettled: tuple[UnsettledLot, ...] = ()
    cost: Decimal = _ZERO  # what was paid for `quantity`, fees included, account currency
    multiplier: Decimal = Decimal(1)  # units that one of the quantity stands for


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An order that has not ended."""

    order_id: str
    symbol: str
    quantity: Decimal  # shares, signed, as requested
    filled: Decimal  # shares, signed
    status: OrderStatus
    order_type: OrderType
    limit_price: Decimal | None
    reserved_cash: Decimal  # account currency still reserved
    trading_date: date
    broker_order_id: str = ""
    origin: OrderOrigin = OrderOrigin.STRATEGY
    by: str = ""  # the operator's name
    tag: str = ""
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expires: Moment | None = None  # good-till-date orders only


class Book(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Cash, positions and open orders of one account at one moment."""

    cash: Decimal  # account currency
    positions: tuple[PositionLine, ...] = ()
    open_orders: tuple[OpenOrder, ...] = ()
    currency: str = ""  # "": nobody said
