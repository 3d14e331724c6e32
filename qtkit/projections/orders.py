"""What a journal tells about orders beside the ledger: who wanted them, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from qtkit.model import events as ev
from qtkit.model.books import OpenOrder
from qtkit.model.events import Entry, Topic
from qtkit.model.orders import CARRIED_OVER, owner
from qtkit.projections.base import Handler, TopicFold

__all__ = ["OrderHistory", "OrderRecord", "refused_by"]


def refused_by(event: ev.OrderRefused) -> tuple[str, str]:
    """Return the first rule that stopped an intent, and what all of them say."""
    first = event.verdicts[0].rule if event.verdicts else ""
    return first, "; ".join(v.summary for v in event.verdicts)


@dataclass(slots=True, kw_only=True)
class OrderRecord:
    """One order, as it was requested."""

    requested: Entry | None = None  # None: carried over from an earlier session
    carried: OpenOrder | None = None
    rejected: ev.OrderRejected | None = None

    @property
    def request(self) -> ev.OrderRequested | OpenOrder | None:
        """What was asked for; None of an order that nobody requested."""
        return self.requested.event if self.requested else self.carried

    @property
    def symbol(self) -> str:
        """What it trades."""
        return self.request.symbol if self.request else ""

    @property
    def quantity(self) -> Decimal:
        """Shares, signed."""
        return self.request.quantity if self.request else Decimal(0)

    @property
    def because(self) -> str:
        """Why it was placed."""
        if self.requested is not None:
            return str(self.requested.event.because)
        return CARRIED_OVER if self.carried else ""

    @property
    def source(self) -> str:
        """``strategy``, or who asked for it by hand."""
        return owner(self.request.origin, self.request.by) if self.request else ""

    @property
    def tag(self) -> str:
        """The tag of the strategy's intent."""
        return self.request.tag if self.request else ""


class OrderHistory(TopicFold):
    """The orders of a session, oldest first, and what never became one.

    Attributes
    ----------
    records
        Order id -> order.
    fills, unmatched
        Executions that were booked, and those that fit no order.
    refusals, rejections
        Intents that a risk rule stopped, and orders that the broker refused.
    accepted
        Ids of the orders that the broker has told of.
    """

    def __init__(self) -> None:
        self.records = dict[str, OrderRecord]()
        self.fills, self.unmatched = list[Entry](), list[Entry]()
        self.refusals, self.rejections = list[Entry](), list[Entry]()
        self.accepted = set[str]()

    def record(self, order_id: str) -> OrderRecord:
        """Return an order; an empty record of one that nobody requested."""
        return self.records.get(order_id) or OrderRecord()

    def _started(self, _: Entry, event: ev.SessionStarted) -> None:
        for order in event.opening.open_orders:
            self.records[order.order_id] = OrderRecord(carried=order)

    def _requested(self, entry: Entry, event: ev.OrderRequested) -> None:
        self.records[event.order_id] = OrderRecord(requested=entry)

    def _accepted(self, _: Entry, event: ev.OrderAccepted) -> None:
        self.accepted.add(event.order_id)

    def _rejected(self, entry: Entry, event: ev.OrderRejected) -> None:
        self.rejections.append(entry)
        self.records.setdefault(event.order_id, OrderRecord()).rejected = event

    def _refused(self, entry: Entry, _: ev.OrderRefused) -> None:
        self.refusals.append(entry)

    def _filled(self, entry: Entry, _: ev.OrderFilled) -> None:
        self.fills.append(entry)

    def _unmatched(self, entry: Entry, _: ev.FillUnmatched) -> None:
        self.unmatched.append(entry)

    covers = frozenset({Topic.ORDER})
    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {
        ev.SessionStarted: _started,
        ev.OrderRequested: _requested,
        ev.OrderAccepted: _accepted,
        ev.OrderRejected: _rejected,
        ev.OrderRefused: _refused,
        ev.OrderFilled: _filled,
        ev.FillUnmatched: _unmatched,
    }
    # where an order stands is the ledger's business
    ignores = frozenset(
        {
            ev.CancelFailed,
            ev.CancelRequested,
            ev.FillRepeated,
            ev.FillsReported,
            ev.OrderCancelled,
            ev.OrderDoubted,
            ev.OrderLost,
        }
    )
