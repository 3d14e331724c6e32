"""The account's book beside the orders: reconciliation and adjustments."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from qtkit.core.verdict import Verdict
from qtkit.model.books import Book
from qtkit.model.events.base import Event, Topic
from qtkit.model.money import CENT

__all__ = ["AccountReconciled", "BookEvent", "PositionAdjusted"]


class BookEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.BOOK


class AccountReconciled(BookEvent, frozen=True, kw_only=True, gc=False):
    """Our book was held against the broker's own."""

    verdicts: tuple[Verdict, ...]
    ours: Book
    broker_cash: Decimal
    broker_positions: dict[str, Decimal]
    broker_open_orders: tuple[str, ...]
    cash_tolerance: Decimal = CENT  # largest difference in cash that counted as equal


class PositionAdjusted(BookEvent, frozen=True, kw_only=True, gc=False):
    """An operator booked what no order explains: a corporate action, a deposit."""

    symbol: str  # "" for cash alone
    quantity: Decimal
    cash: Decimal
    by: str
    why: str
    adjustment_id: str = ""  # of the account; a broker that books it does so once
    undoes: int = 0  # journal line of the adjustment that this one takes back; 0 for none
