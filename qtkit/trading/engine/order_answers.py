"""What the broker says about one order, written down."""

from __future__ import annotations

from qtkit.core.text import sentence_of
from qtkit.model import events as ev
from qtkit.trading.brokers.protocol import Ack, BrokerOrder
from qtkit.trading.engine.core import EngineCore

__all__ = ["acknowledge", "doubt", "give_up", "reject", "settle"]


def acknowledge(core: EngineCore, order_id: str, ack: Ack) -> None:
    """Record an acceptance or a refusal; "later" says nothing yet."""
    if ack.answer == "accepted":
        core.record(
            ev.OrderAccepted(
                trading_date=core.state.today,
                order_id=order_id,
                broker_order_id=ack.broker_order_id,
                broker_name=core.broker.name,
                accepted_at=core.clock.now(),
            )
        )
        core.log.say("order_accepted", order_id=order_id, broker_order_id=ack.broker_order_id)
    elif ack.answer == "refused":
        reject(core, order_id, ack.reason_code, ack.reason)


def reject(core: EngineCore, order_id: str, code: str, reason: str) -> None:
    """Record that the broker refused an order."""
    core.record(
        ev.OrderRejected(
            trading_date=core.state.today, order_id=order_id, reason_code=code, reason=reason
        )
    )
    core.log.say("order_rejected", order_id=order_id, reason_code=code, reason=reason)


def doubt(core: EngineCore, order_id: str, problem: Exception) -> None:
    """Record that nobody knows whether the broker has an order."""
    core.record(
        ev.OrderDoubted(
            trading_date=core.state.today, order_id=order_id, reason=sentence_of(problem)
        )
    )
    core.log.say("order_doubted", order_id=order_id, reason=problem)


def settle(core: EngineCore, found: BrokerOrder) -> None:
    """Take the broker's word for an order that was not answered; its fills come as news."""
    if found.status == "rejected":
        reject(core, found.order_id, found.reason_code, found.reason)
    else:
        ack = Ack(answer="accepted", broker_order_id=found.broker_order_id)
        acknowledge(core, found.order_id, ack)


def give_up(core: EngineCore, order_id: str, reason: str) -> None:
    """Record that an order never reached the broker."""
    core.record(ev.OrderLost(trading_date=core.state.today, order_id=order_id, reason=reason))
    core.log.say("order_lost", order_id=order_id, reason=reason)
