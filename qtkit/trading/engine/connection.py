"""The line to the broker: kept up, and asked about every order that was not answered."""

from __future__ import annotations

from datetime import datetime, timedelta

from qtkit.core.errors import BrokerTimeout, BrokerUnavailable
from qtkit.core.text import sentence_of
from qtkit.model import events as ev
from qtkit.model.orders import OrderStatus
from qtkit.trading.engine.core import EngineCore
from qtkit.trading.engine.order_answers import doubt, give_up, settle

__all__ = ["ConnectionDesk"]


class ConnectionDesk:
    """Connects, reconnects, and settles doubts.

    Parameters
    ----------
    core
        The engine's shared parts.
    """

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._ask_again: datetime | None = None
        self._adjusted = set[int]()  # journal lines that this life has handed to the broker
        self.reconnected = False  # since somebody looked and took note

    def connect(self) -> None:
        """Connect, or say that it did not work; it is tried again."""
        core = self._core
        name = core.broker.name
        try:
            core.broker.connect()
        except (BrokerUnavailable, BrokerTimeout) as problem:
            core.log.say("broker_unavailable", broker=name, error=problem)
            self._ask_again = core.clock.now() + timedelta(seconds=core.settings.retry_seconds)
            return
        self.reconnected = True
        core.record(ev.BrokerConnected(trading_date=core.state.today, broker_name=name))
        core.log.say("broker_connected", broker=name)
        self._ask_again = core.clock.now()
        self.hand_over_adjustments()

    def hand_over_adjustments(self) -> None:
        """Let the broker book what an operator adjusted; its id makes that happen once.

        After a power cut all of this journal's are handed over again, for nobody knows which the
        broker has.
        """
        core = self._core
        for line, event in core.state.adjustments.items():
            if line in self._adjusted or not core.state.connected or not event.adjustment_id:
                continue
            try:
                core.broker.adjust(event.adjustment_id, event.symbol, event.quantity, event.cash)
            except (BrokerUnavailable, BrokerTimeout) as problem:
                self.disconnected(problem)
                return
            self._adjusted.add(line)

    def disconnected(self, problem: Exception) -> None:
        """Record that the broker does not answer any more."""
        core = self._core
        if core.state.connected:
            core.record(
                ev.BrokerDisconnected(
                    trading_date=core.state.today,
                    broker_name=core.broker.name,
                    error=sentence_of(problem),
                )
            )
            core.log.say("broker_disconnected", broker=core.broker.name, error=problem)
        self._ask_again = core.clock.now() + timedelta(seconds=core.settings.retry_seconds)

    def look_after(self) -> None:
        """Reconnect, and settle orders in doubt by asking: never by sending again."""
        core = self._core
        now = core.clock.now()
        if self._ask_again is not None and now < self._ask_again:
            return
        if not core.state.connected:
            self.connect()
        if core.state.connected:
            self._ask_again = None
            for order_id, since in tuple(core.state.doubted_at.items()):
                self._settle_doubt(order_id, since, now)
            if core.state.doubted_at:
                self._ask_again = now + timedelta(seconds=core.settings.retry_seconds)

    def next_due(self) -> datetime | None:
        """Return when `look_after` has something to do."""
        if self._ask_again is not None:
            return self._ask_again
        return self._core.clock.now() if self._core.state.doubted_at else None

    def _settle_doubt(self, order_id: str, since: datetime, now: datetime) -> None:
        core = self._core
        grace = timedelta(seconds=core.settings.doubt_grace_seconds)
        try:
            found = core.broker.find(order_id)
            report = core.broker.account() if found is None and now - since >= grace else None
        except (BrokerUnavailable, BrokerTimeout) as problem:
            core.log.say("doubt_unsettled", order_id=order_id, error=problem)
            return
        if found is not None:
            settle(core, found)
        elif report is not None and all(o.order_id != order_id for o in report.open_orders):
            give_up(core, order_id, "unknown_at_broker")

    def settle_after_crash(self) -> None:
        """Ask for every order whose sending was cut short; the unsent rest is given up."""
        core, orders = self._core, self._core.state.ledger.orders
        waiting = [o.order_id for o in orders.values() if o.status == OrderStatus.REQUESTED]
        for order_id in waiting:
            try:
                found = core.broker.find(order_id)
            except (BrokerUnavailable, BrokerTimeout) as problem:
                doubt(core, order_id, problem)
                continue
            if found is None:
                give_up(core, order_id, "restart")
            else:
                settle(core, found)
