"""What stands in the simulated broker's book: frozen rows, and one change of many rows at once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from qtkit.trading.brokers.protocol import Ack, BrokerEvent, BrokerOrder, Order

__all__ = ["Adjusted", "BookChange", "BookState", "Holding", "Lot", "News", "Opening", "OrderRow"]

_ZERO = Decimal(0)
_OPEN = frozenset({"accepted", "part_filled"})


class Adjusted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Shares and cash that came or went without a trade."""

    adjustment_id: str  # the client's own; the same again changes nothing
    symbol: str  # "" for cash alone
    quantity: Decimal  # shares, signed
    cash: Decimal  # account currency, signed


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What the account began with, and what came to it without a trade; fills make the rest."""

    cash: Decimal  # account currency
    positions: dict[str, Decimal]  # symbol -> shares, all settled
    adjusted: tuple[Adjusted, ...] = ()


class Lot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Bought shares that cannot be sold yet."""

    quantity: Decimal  # shares, > 0
    settles: date  # trading date from which they can be sold


class Holding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One symbol of the account."""

    symbol: str
    quantity: Decimal  # shares, settled or not
    lots: tuple[Lot, ...] = ()  # the part that is not settled, by date

    def settled(self, today: date) -> Decimal:
        """Return the shares that can be sold on a trading date."""
        if not self.lots:
            return self.quantity
        return self.quantity - sum(
            (lot.quantity for lot in self.lots if lot.settles > today), start=_ZERO
        )


class OrderRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An order as the broker keeps it."""

    number: int  # 1, 2, 3, ... as they arrived
    order: Order
    broker_order_id: str  # "" when refused at once
    status: Literal["accepted", "part_filled", "filled", "cancelled", "expired", "rejected"]
    visible_from: int = 0  # nanoseconds since 1970; bars that start earlier do not see it
    seen_until: int = 0  # end of the last bar that it took from
    filled: Decimal = _ZERO  # shares, signed
    fills: int = 0
    notional: Decimal = _ZERO  # account currency, executed so far
    commission: Decimal = _ZERO  # account currency, charged so far
    reserved: Decimal = _ZERO  # cash still set aside, account currency
    reason_code: str = ""
    reason: str = ""
    later: bool = False  # the answer to submit was "later"
    accept_due: int = 0  # when the late acceptance comes; 0 for none
    reject_due: int = 0  # when the late rejection comes; 0 for none
    straggler: Decimal = _ZERO  # shares, signed, that still execute after the end

    @property
    def is_open(self) -> bool:
        """Whether it can still execute, as far as the client is told."""
        return self.status in _OPEN

    @property
    def working(self) -> Decimal:
        """Shares, signed, that may still execute."""
        return self.order.quantity - self.filled if self.status in _OPEN else self.straggler

    def answer(self) -> Ack:
        """Return what the client was answered when the order arrived."""
        if self.later:
            return Ack(answer="later")
        if not self.broker_order_id:
            return Ack(answer="refused", reason_code=self.reason_code, reason=self.reason)
        return Ack(answer="accepted", broker_order_id=self.broker_order_id)

    def seen(self) -> BrokerOrder:
        """Return the order as the client may see it."""
        rejected = self.status == "rejected"
        return BrokerOrder(
            order_id=self.order.order_id,
            broker_order_id="" if rejected else self.broker_order_id,
            symbol=self.order.symbol,
            quantity=self.order.quantity,
            filled=self.filled,
            status=self.status,
            reason_code=self.reason_code if rejected else "",
            reason=self.reason if rejected else "",
        )


class News(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Something to tell the client, numbered 1, 2, 3, ..."""

    seq: int
    event: BrokerEvent
    booked: bool = True  # False only for a fill that the broker's own account does not know


class BookState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything in a book."""

    opening: Opening | None = None  # None: no account was opened yet
    cash: Decimal = _ZERO
    confirmed: int = 0  # news up to this number are not told again
    orders: tuple[OrderRow, ...] = ()  # by number
    holdings: tuple[Holding, ...] = ()
    news: tuple[News, ...] = ()  # by number


class BookChange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of the book: all of it is stored, or none of it."""

    cash: Decimal
    confirmed: int
    opening: Opening | None = None
    orders: tuple[OrderRow, ...] = ()  # new, or replacing those of the same number; the last counts
    holdings: tuple[Holding, ...] = ()  # new, or replacing those of the same symbol, likewise
    news: tuple[News, ...] = ()  # new ones
