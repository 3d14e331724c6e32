"""The life of an order: one table, and nothing else moves it.

==============  ==========================================================================
status          meaning
==============  ==========================================================================
requested       written in the journal; whether the broker has it is not known yet
accepted        the broker has it and gave it a number
part_filled     some of it is executed, the rest is working
doubtful        the broker did not answer; settled by asking, never by sending again
filled          executed in full                                               (end)
cancelled       the rest was cancelled or expired                              (end)
rejected        the broker refused it                                          (end)
lost            it never reached the broker                                    (end)
==============  ==========================================================================

The ugly truths are in the table too: a fill may overtake the acceptance, and come after the cancel.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from qtkit.core.errors import InvariantBroken

__all__ = [
    "CARRIED_OVER",
    "ENDED",
    "ORDER_TABLE",
    "OrderMove",
    "OrderOrigin",
    "OrderStatus",
    "OrderType",
    "Routing",
    "TimeInForce",
    "next_status",
    "owner",
]

# The reason of an order that is older than the journal that tells of its fill.
CARRIED_OVER = "ordered in an earlier session"


class OrderType(StrEnum):
    """How an order may execute. Our own simulated broker takes market and limit orders."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"  # a market order once the stop price was traded
    STOP_LIMIT = "stop_limit"  # a limit order once the stop price was traded


class TimeInForce(StrEnum):
    """How long an order works. Our own simulated broker takes day orders."""

    DAY = "day"  # until the end of its trading date
    GTC = "gtc"  # until it is cancelled
    GTD = "gtd"  # until the moment that it names
    IOC = "ioc"  # what does not execute at once is cancelled
    FOK = "fok"  # all of it at once, or nothing


class OrderOrigin(StrEnum):
    """Who wanted an order."""

    STRATEGY = "strategy"
    OPERATOR = "operator"  # by hand; the order names the person


class Routing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Where an order is to go, and what its sender expects of the queue there."""

    venue: str = ""
    queue_position: int | None = None  # orders ahead of it at its price, >= 0
    expected_queue_delay_ms: int | None = None  # milliseconds until its turn, >= 0

    def __post_init__(self) -> None:
        """Refuse numbers that no queue has."""
        for name in ("queue_position", "expected_queue_delay_ms"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} must be 0 or more, was {getattr(self, name)}")


class OrderStatus(StrEnum):
    """Where an order stands."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    PART_FILLED = "part_filled"
    DOUBTFUL = "doubtful"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    LOST = "lost"


class OrderMove(StrEnum):
    """What can happen to an order."""

    ACCEPT = "accept"
    REJECT = "reject"
    DOUBT = "doubt"
    FILL_PART = "fill_part"
    FILL_REST = "fill_rest"
    CANCEL = "cancel"
    LOSE = "lose"


ENDED = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.LOST}
)

_S, _M = OrderStatus, OrderMove
ORDER_TABLE: dict[tuple[OrderStatus, OrderMove], OrderStatus] = {
    (_S.REQUESTED, _M.ACCEPT): _S.ACCEPTED,
    (_S.REQUESTED, _M.REJECT): _S.REJECTED,
    (_S.REQUESTED, _M.DOUBT): _S.DOUBTFUL,
    (_S.REQUESTED, _M.LOSE): _S.LOST,
    (_S.REQUESTED, _M.FILL_PART): _S.PART_FILLED,  # the fill overtook the acceptance
    (_S.REQUESTED, _M.FILL_REST): _S.FILLED,
    (_S.REQUESTED, _M.CANCEL): _S.CANCELLED,
    (_S.DOUBTFUL, _M.ACCEPT): _S.ACCEPTED,
    (_S.DOUBTFUL, _M.REJECT): _S.REJECTED,
    (_S.DOUBTFUL, _M.LOSE): _S.LOST,
    (_S.DOUBTFUL, _M.FILL_PART): _S.PART_FILLED,
    (_S.DOUBTFUL, _M.FILL_REST): _S.FILLED,
    (_S.DOUBTFUL, _M.CANCEL): _S.CANCELLED,
    (_S.ACCEPTED, _M.REJECT): _S.REJECTED,  # accepted by the gateway, refused by the counter
    (_S.ACCEPTED, _M.FILL_PART): _S.PART_FILLED,
    (_S.ACCEPTED, _M.FILL_REST): _S.FILLED,
    (_S.ACCEPTED, _M.CANCEL): _S.CANCELLED,
    (_S.PART_FILLED, _M.ACCEPT): _S.PART_FILLED,  # the acceptance came after the fill
    (_S.PART_FILLED, _M.FILL_PART): _S.PART_FILLED,
    (_S.PART_FILLED, _M.FILL_REST): _S.FILLED,
    (_S.PART_FILLED, _M.CANCEL): _S.CANCELLED,
    (_S.FILLED, _M.ACCEPT): _S.FILLED,  # the acceptance came after the last fill
    (_S.CANCELLED, _M.FILL_PART): _S.CANCELLED,  # a fill that raced the cancel is booked
    (_S.CANCELLED, _M.FILL_REST): _S.FILLED,
    (
        _S.LOST,
        _M.FILL_PART,
    ): _S.PART_FILLED,  # we gave it up and the broker had it: booked, reported
    (_S.LOST, _M.FILL_REST): _S.FILLED,
}


def owner(origin: OrderOrigin, by: str) -> str:
    """Return who wanted an order, for people: the operator's name, else what it came from."""
    return by or str(origin)


def next_status(status: OrderStatus, move: OrderMove) -> OrderStatus:
    """Return where a move leads.

    Raises
    ------
    InvariantBroken
        If the table has no such move.

    Examples
    --------
    >>> next_status(OrderStatus.ACCEPTED, OrderMove.FILL_REST)
    <OrderStatus.FILLED: 'filled'>
    """
    try:
        return ORDER_TABLE[status, move]
    except KeyError:
        known = ", ".join(str(m) for s, m in ORDER_TABLE if s is status) or "none, it has ended"
        raise InvariantBroken(
            f"an order that is {status} cannot {move}; possible: {known}"
        ) from None
