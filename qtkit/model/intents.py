"""What a strategy wants. It cannot reach a broker itself."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from qtkit.model.orders import OrderType, Routing, TimeInForce

__all__ = ["Intent"]


class Intent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One order that somebody wants: a strategy, or an operator."""

    symbol: str
    quantity: Decimal  # shares, signed: + buys, - sells
    because: str  # one phrase for people
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None  # account currency per share; limit orders only
    stop_price: Decimal | None = None  # account currency per share; stop orders only
    time_in_force: TimeInForce = TimeInForce.DAY
    expires: datetime | None = None  # with its zone; good-till-date orders only
    routing: Routing | None = None  # copied to the order
    tag: str = ""  # the strategy's own note; it comes back with each fill
    withheld: str = ""  # why it is not to be sent after all: it is written down, and nothing leaves
