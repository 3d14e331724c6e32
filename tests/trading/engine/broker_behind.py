"""A broker behind which another one stands, and the story of an order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from qtkit.testing import intent
from qtkit.trading.brokers.protocol import AccountReport, Ack, BrokerEvent, BrokerOrder, Order
from qtkit.trading.brokers.sim.broker import SimBroker
from tests.trading.engine.engine_bench import BANK, Bench

BUY = {"09:35": [intent(BANK, 1000)]}


class Behind:
    """A broker behind which another one stands: what is not changed is passed on."""

    def __init__(self, broker: SimBroker) -> None:
        self.broker = broker
        self.name = broker.name

    def connect(self) -> None:
        """Pass on."""
        self.broker.connect()

    def submit(self, order: Order) -> Ack:
        """Pass on."""
        return self.broker.submit(order)

    def cancel(self, order_id: str) -> Ack:
        """Pass on."""
        return self.broker.cancel(order_id)

    def poll_fills(self) -> Sequence[BrokerEvent]:
        """Pass on."""
        return self.broker.poll_fills()

    def find(self, order_id: str) -> BrokerOrder | None:
        """Pass on."""
        return self.broker.find(order_id)

    def account(self) -> AccountReport:
        """Pass on."""
        return self.broker.account()

    def confirm(self) -> None:
        """Pass on."""
        self.broker.confirm()

    def close(self) -> None:
        """Pass on."""
        self.broker.close()


def orders_story(bench: Bench, order_id: str = "q000001") -> list[str]:
    """Return what happened to an order, with local times."""
    told = [e for e in bench.entries if getattr(e.event, "order_id", "") == order_id]
    return [f"{type(e.event).__name__} {(e.at + timedelta(hours=8)):%H:%M:%S}" for e in told]
