"""What the engine needs from any broker, simulated or real: no callbacks, nothing async."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from qtkit.model.events import Moment
from qtkit.model.orders import Routing
from qtkit.trading.risk.request import OrderRequest

__all__ = [
    "AccountReport",
    "Ack",
    "Broker",
    "BrokerAccept",
    "BrokerEvent",
    "BrokerFill",
    "BrokerOrder",
    "BrokerOrderEnd",
    "Order",
]


class Order(OrderRequest, frozen=True, kw_only=True, gc=False):
    """What goes to a broker: the request that was judged; sending it again must change nothing."""

    trading_date: date  # a day order expires with it
    reserve_price: Decimal  # price per share that a buy reserves cash at; > 0
    routing: Routing | None = None


class Ack(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The broker's answer to `submit` or `cancel`.

    `later` means that the answer comes through `poll_fills`.
    """

    answer: Literal["accepted", "refused", "later"]
    broker_order_id: str = ""  # with accepted
    reason_code: str = ""  # with refused
    reason: str = ""


class BrokerFill(msgspec.Struct, frozen=True, kw_only=True, tag="fill", gc=False):
    """An execution, whole or partial."""

    order_id: str
    broker_order_id: str
    fill_id: str  # the broker's own; the same execution always carries the same
    symbol: str
    quantity: Decimal  # shares, signed
    price: Decimal  # account currency per share
    commission: Decimal  # account currency, >= 0
    tax: Decimal  # account currency, >= 0
    executed_at: Moment  # UTC
    venue: str
    multiplier: Decimal = Decimal(1)  # units that one of the quantity stands for

    @property
    def value(self) -> Decimal:
        """What was paid, account currency, costs apart; below 0 for a sell."""
        value = self.quantity * self.price
        return value if self.multiplier == 1 else value * self.multiplier


class BrokerAccept(msgspec.Struct, frozen=True, kw_only=True, tag="accept", gc=False):
    """A late acceptance."""

    order_id: str
    broker_order_id: str
    at: Moment


class BrokerOrderEnd(msgspec.Struct, frozen=True, kw_only=True, tag="end", gc=False):
    """The rest of an order will not execute."""

    order_id: str
    broker_order_id: str
    how: Literal["cancelled", "expired", "rejected"]
    reason_code: str = ""
    reason: str = ""
    at: Moment


BrokerEvent = BrokerFill | BrokerAccept | BrokerOrderEnd


class BrokerOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as the broker sees it."""

    order_id: str
    broker_order_id: str  # "" when rejected
    symbol: str
    quantity: Decimal  # shares, signed, as ordered
    filled: Decimal  # shares, signed
    status: Literal["accepted", "part_filled", "filled", "cancelled", "expired", "rejected"]
    reason_code: str = ""
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it can still execute."""
        return self.status in {"accepted", "part_filled"}


class AccountReport(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The account as the broker sees it."""

    cash: Decimal  # account currency
    positions: Mapping[str, Decimal]  # symbol -> shares; flat ones absent
    open_orders: tuple[BrokerOrder, ...]
    at: Moment | None = None  # the broker's own clock, UTC; None where it does not tell


class Broker(Protocol):
    """Idempotent, prompt, and silent until polled.

    Every call may raise `BrokerUnavailable` (nothing happened); `submit` and `cancel` may raise
    `BrokerTimeout` (whether it happened is unknown: ask `find`).
    """

    name: str

    def connect(self) -> None:
        """Open the connection; an open one stays as it is."""

    def submit(self, order: Order) -> Ack:
        """Send an order; the same `order_id` again returns the first answer and does nothing."""

    def cancel(self, order_id: str) -> Ack:
        """Ask to cancel what is left; refused for an unknown or ended order."""

    def poll_fills(self) -> Sequence[BrokerEvent]:
        """Return what happened; the only way news come in. Repeats and disorder are allowed."""

    def find(self, order_id: str) -> BrokerOrder | None:
        """Return the order if it ever arrived."""

    def account(self) -> AccountReport:
        """Return cash, positions and open orders."""

    def close(self) -> None:
        """Let go of the connection and of files; the book stays."""
