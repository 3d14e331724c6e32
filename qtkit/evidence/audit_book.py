"""A book as the checks' own arithmetic keeps it: cash, positions, unsettled lots, open orders."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from qtkit.model.orders import TimeInForce

__all__ = ["AuditBook", "OrderAccount"]

_ZERO = Decimal(0)
_CLOSED = frozenset({"filled", "cancelled", "rejected", "lost"})


@dataclass(slots=True, kw_only=True)
class OrderAccount:
    """One order as the events tell it."""

    order_id: str
    symbol: str
    quantity: Decimal  # shares, signed, as requested
    reserved: Decimal  # account currency, as requested
    line: int  # of the request; 0 for an order of the opening book
    day: date | None
    filled: Decimal = _ZERO
    cancelled: Decimal = _ZERO  # shares, signed, that will not execute
    status: str = "requested"
    broker_order_id: str = ""
    time_in_force: TimeInForce = TimeInForce.DAY
    expires: datetime | None = None
    lines: list[int] = field(default_factory=list)  # of everything that happened to it

    @property
    def is_open(self) -> bool:
        """Whether it has not come to an end."""
        return self.status not in _CLOSED

    def works_beyond(self, at: datetime) -> bool:
        """Whether it may be open then by right: a day order never outlives its session."""
        if self.time_in_force is TimeInForce.GTD:
            return self.expires is not None and self.expires > at
        return self.time_in_force is TimeInForce.GTC

    @property
    def remaining(self) -> Decimal:
        """Shares, signed, that may still execute; 0 once it has ended."""
        return self.quantity - self.filled if self.is_open else _ZERO

    @property
    def reserved_now(self) -> Decimal:
        """Account currency still reserved: the share of what may still execute."""
        return self.reserved * self.remaining / self.quantity if self.quantity else _ZERO


class AuditBook:
    """Where an account stands.

    Attributes
    ----------
    cash
        Account currency.
    positions
        Symbol -> shares.
    lots
        Symbol -> date of settlement -> shares that settle then.
    open
        Order id -> order that has not come to an end.
    booked
        Fills so far.
    """

    def __init__(self) -> None:
        self.cash = _ZERO
        self.positions = defaultdict[str, Decimal](Decimal)
        self.lots = defaultdict[str, defaultdict[date, Decimal]](lambda: defaultdict(Decimal))
        self.open: dict[str, OrderAccount] = {}
        self.booked = 0
