"""The life of an order, its fills included."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar

import msgspec

from qtkit.core.verdict import Verdict
from qtkit.model.events.base import Event, Moment, Topic
from qtkit.model.orders import OrderOrigin, OrderType, Routing, TimeInForce
from qtkit.model.quotes import Quote

__all__ = [
    "CancelFailed",
    "CancelRequested",
    "FillRepeated",
    "FillReport",
    "FillUnmatched",
    "FillsReported",
    "OrderAccepted",
    "OrderCancelled",
    "OrderDoubted",
    "OrderEvent",
    "OrderFilled",
    "OrderLost",
    "OrderRefused",
    "OrderRejected",
    "OrderRequested",
]


class OrderEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.ORDER


class OrderRequested(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The engine decided to send an order; written before the broker is called."""

    order_id: str
    symbol: str
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None
    reserved_cash: Decimal  # account currency, 0 for sells
    because: str
    origin: OrderOrigin
    by: str = ""  # the operator's name; "" for the strategy's own
    tag: str
    quote: Quote | None  # what the market showed when it was requested
    venue: str
    step: int | None = None
    stop_price: Decimal | None = None  # stop orders only
    time_in_force: TimeInForce = TimeInForce.DAY
    expires: Moment | None = None  # good-till-date orders only
    routing: Routing | None = None  # as its intent asked for


class OrderRefused(OrderEvent, frozen=True, kw_only=True, gc=False):
    """A risk rule, or the contract itself, stopped an intent; no order exists."""

    symbol: str
    quantity: Decimal
    price: Decimal | None  # limit price, else the quote
    because: str
    origin: OrderOrigin
    by: str = ""  # the operator's name; "" for the strategy's own
    verdicts: tuple[Verdict, ...]  # those that refused
    step: int | None = None


class OrderAccepted(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The broker has the order."""

    order_id: str
    broker_order_id: str
    broker_name: str
    accepted_at: Moment


class OrderRejected(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The broker refused the order."""

    order_id: str
    reason_code: str
    reason: str


class OrderDoubted(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The broker did not answer; whether it has the order is unknown."""

    order_id: str
    reason: str


class OrderFilled(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The broker reported an execution: one event moves cash, position and order together."""

    order_id: str
    broker_order_id: str
    fill_id: str
    symbol: str
    quantity: Decimal
    price: Decimal  # account currency per share
    commission: Decimal  # account currency, >= 0 is a cost
    tax: Decimal  # account currency, >= 0 is a cost
    executed_at: Moment
    settles: date  # trading date from which bought shares can be sold
    venue: str
    channel: str  # how the report came in; the engine's description names its channels
    late: str = ""  # why it was not expected any more: "cancelled", "lost"
    multiplier: Decimal = Decimal(1)  # units that one of the quantity stands for

    @property
    def value(self) -> Decimal:
        """What was paid, account currency, costs apart; below 0 for a sell."""
        value = self.quantity * self.price
        return value if self.multiplier == 1 else value * self.multiplier


class FillReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One execution as the broker told it."""

    order_id: str
    fill_id: str
    symbol: str
    quantity: Decimal  # shares, signed
    price: Decimal  # account currency per share


class FillsReported(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The broker told executions for the first time; written before any of them is booked."""

    channel: str
    fills: tuple[FillReport, ...]


class FillRepeated(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The broker reported a fill again, or several at once; nothing was booked."""

    order_id: str
    fill_id: str
    count: int = 1  # fills that were booked before and came again in one answer
    last_fill_id: str = ""  # the last of them, where there are several


class FillUnmatched(OrderEvent, frozen=True, kw_only=True, gc=False):
    """A fill that fits no order of ours; recorded, not booked, reconciliation fails."""

    order_id: str
    broker_order_id: str
    fill_id: str
    symbol: str
    quantity: Decimal
    price: Decimal
    reason: str


class CancelRequested(OrderEvent, frozen=True, kw_only=True, gc=False):
    """Somebody asked to cancel an order; written before the broker is called."""

    order_id: str
    by: str


class CancelFailed(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The broker did not take the cancel."""

    order_id: str
    reason: str


class OrderCancelled(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The rest of the order will not execute."""

    order_id: str
    quantity: Decimal  # shares, signed, that were not executed
    reason: str  # "cancelled", "expired", ...


class OrderLost(OrderEvent, frozen=True, kw_only=True, gc=False):
    """The order never reached the broker."""

    order_id: str
    reason: str  # "restart": unsent when the power went; "unknown_at_broker": doubted, asked for
