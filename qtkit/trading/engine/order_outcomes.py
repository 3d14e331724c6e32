"""What the broker says about one order, written down."""

from __future__ import annotations

from qtkit.core.text import sentence_of
from qtkit.model import events as ev
from qtkit.trading.brokers.protocol import Ack, BrokerOrder
from qtkit.trading.engine.context import EngineContext

__all__ = ["acknowledge", "doubt", "give_up", "reject", "settle"]


def acknowledge(context: EngineContext, order_id: str, ack: Ack) -> None:
    """Record an acceptance or a refusal; "later" says nothing yet."""
    if ack.answer == "accepted":
        context.record(
            ev.OrderAccepted(
                order_id=order_id,
                broker_order_id=ack.broker_order_id,
                broker_name=context.broker.name,
                accepted_at=context.clock.now(),
            )
        )
    elif ack.answer == "refused":
        reject(context, order_id, ack.reason_code, ack.reason)


def reject(context: EngineContext, order_id: str, code: str, reason: str) -> None:
    """Record that the broker refused an order."""
    context.record(ev.OrderRejected(order_id=order_id, reason_code=code, reason=reason))


def doubt(context: EngineContext, order_id: str, problem: Exception) -> None:
    """Record that nobody knows whether the broker has an order."""
    context.record(ev.OrderDoubted(order_id=order_id, reason=sentence_of(problem)))


def settle(context: EngineContext, found: BrokerOrder) -> None:
    """Take the broker's word for an order that was not answered; its fills come as news."""
    if found.status == "rejected":
        reject(context, found.order_id, found.reason_code, found.reason)
    else:
        ack = Ack(answer="accepted", broker_order_id=found.broker_order_id)
        acknowledge(context, found.order_id, ack)


def give_up(context: EngineContext, order_id: str, reason: str) -> None:
    """Record that an order never reached the broker."""
    context.record(ev.OrderLost(order_id=order_id, reason=reason))
