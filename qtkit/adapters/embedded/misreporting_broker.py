"""A simulated broker that somebody listens in on, and that misreports what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from qtkit.evidence.scenario import Fault
from qtkit.trading.brokers.protocol import (
    AccountReport,
    Ack,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    Order,
)
from qtkit.trading.brokers.sim.broker import SimBroker

__all__ = ["MISREPORTS", "Misreport", "MisreportingBroker"]

MISREPORTS = frozenset({"stray_order", "hidden_order", "nameless_order"})
"""Kinds of faults in what a broker says about orders; its book is right."""


class Misreport(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of a kind of `MISREPORTS`, with its window in UTC."""

    fault: Fault
    start: datetime
    until: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether a time lies in the window."""
        return self.start <= now and (self.until is None or now < self.until)

    def means(self, order_id: str) -> bool:
        """Whether it is about an order; without a number it is about each."""
        number = self.fault.order
        return number is None or order_id.endswith(f"{number:06d}")


class MisreportingBroker:
    """A simulated broker, with a list of the fills it told.

    Parameters
    ----------
    broker
        What answers.
    told
        Gets the id of every fill it tells.
    misreports
        What it says wrong, and when.
    """

    def __init__(
        self, broker: SimBroker, told: list[str], misreports: Sequence[Misreport] = ()
    ) -> None:
        self._broker, self._told, self._misreports = broker, told, misreports
        self.name = broker.name

    def connect(self) -> None:
        """Pass on."""
        self._broker.connect()

    def submit(self, order: Order) -> Ack:
        """Pass on; a nameless order's acceptance comes without the broker's id, at any time."""
        ack = self._broker.submit(order)
        nameless = (m for m in self._misreports if m.fault.kind == "nameless_order")
        if any(m.means(order.order_id) for m in nameless):
            return msgspec.structs.replace(ack, broker_order_id="")
        return ack

    def cancel(self, order_id: str) -> Ack:
        """Pass on."""
        return self._broker.cancel(order_id)

    def poll_fills(self) -> Sequence[BrokerEvent]:
        """Pass on, and note the fills."""
        news = self._broker.poll_fills()
        self._told.extend(item.fill_id for item in news if isinstance(item, BrokerFill))
        return news

    def find(self, order_id: str) -> BrokerOrder | None:
        """Pass on."""
        return self._broker.find(order_id)

    def account(self) -> AccountReport:
        """Pass on, with strangers' orders and without hidden ones."""
        report = self._broker.account()
        now = [m for m in self._misreports if report.at is None or m.holds(report.at)]
        hidden = [m for m in now if m.fault.kind == "hidden_order"]
        seen = [o for o in report.open_orders if not any(m.means(o.order_id) for m in hidden)]
        seen += [_stray(m.fault) for m in now if m.fault.kind == "stray_order"]
        return msgspec.structs.replace(report, open_orders=tuple(seen))

    def adjust(self, adjustment_id: str, symbol: str, quantity: Decimal, cash: Decimal) -> None:
        """Pass on."""
        self._broker.adjust(adjustment_id, symbol, quantity, cash)

    def close(self) -> None:
        """Pass on."""
        self._broker.close()

    def confirm(self) -> None:
        """Pass on."""
        self._broker.confirm()

    def next_event_at(self) -> datetime | None:
        """Pass on."""
        return self._broker.next_event_at()


def _stray(fault: Fault) -> BrokerOrder:
    return BrokerOrder(
        order_id=f"x{fault.order or 1:06d}",
        broker_order_id=f"stray-{fault.order or 1}",
        symbol=fault.symbol or "600036.SH",
        quantity=fault.amount or Decimal(100),
        filled=Decimal(0),
        status="accepted",
    )
