"""The line to the broker: kept up, and asked about every order that was not answered."""

from __future__ import annotations

from datetime import datetime, timedelta

from qtkit.core.errors import BrokerTimeout, BrokerUnavailable
from qtkit.core.text import sentence_of
from qtkit.model import events as ev
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.order_outcomes import give_up, settle

__all__ = ["BrokerSession"]


class BrokerSession:
    """Connects, reconnects, and settles doubts.

    Parameters
    ----------
    context
        The engine's shared parts.
    """

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._ask_again: datetime | None = None
        self._adjusted = set[int]()  # journal lines that this life has handed to the broker
        self.reconnected = False  # since somebody looked and took note

    def connect(self) -> None:
        """Connect, or say that it did not work; it is tried again."""
        context = self._context
        name = context.broker.name
        try:
            context.broker.connect()
        except (BrokerUnavailable, BrokerTimeout) as problem:
            context.note_trouble("broker_unavailable", name, problem)
            self._ask_again = context.clock.now() + timedelta(
                seconds=context.settings.retry_seconds
            )
            return
        self.reconnected = True
        context.record(ev.BrokerConnected(broker_name=name))
        self._ask_again = context.clock.now()
        self.hand_over_adjustments()

    def hand_over_adjustments(self) -> None:
        """Let the broker book what an operator adjusted; its id makes that happen once.

        After a power cut all of this journal's are handed over again, for nobody knows which the
        broker has.
        """
        context = self._context
        for line, event in context.state.adjustments.items():
            if line in self._adjusted or not context.state.connected or not event.adjustment_id:
                continue
            try:
                context.broker.adjust(event.adjustment_id, event.symbol, event.quantity, event.cash)
            except (BrokerUnavailable, BrokerTimeout) as problem:
                self.disconnected(problem)
                return
            self._adjusted.add(line)

    def disconnected(self, problem: Exception) -> None:
        """Record that the broker does not answer any more."""
        context = self._context
        if context.state.connected:
            context.record(
                ev.BrokerDisconnected(
                    broker_name=context.broker.name,
                    error=sentence_of(problem),
                )
            )
        self._ask_again = context.clock.now() + timedelta(seconds=context.settings.retry_seconds)

    def look_after(self) -> None:
        """Reconnect, and settle orders in doubt by asking: never by sending again."""
        context = self._context
        now = context.clock.now()
        if self._ask_again is not None and now < self._ask_again:
            return
        if not context.state.connected:
            self.connect()
        if context.state.connected:
            self._ask_again = None
            for order_id, since in tuple(context.state.doubted_at.items()):
                self._settle_doubt(order_id, since, now)
            if context.state.doubted_at:
                self._ask_again = now + timedelta(seconds=context.settings.retry_seconds)

    def next_due(self) -> datetime | None:
        """Return when `look_after` has something to do."""
        if self._ask_again is not None:
            return self._ask_again
        return self._context.clock.now() if self._context.state.doubted_at else None

    def _settle_doubt(self, order_id: str, since: datetime, now: datetime) -> None:
        context = self._context
        grace = timedelta(seconds=context.settings.doubt_grace_seconds)
        try:
            found = context.broker.find(order_id)
            report = context.broker.account() if found is None and now - since >= grace else None
        except (BrokerUnavailable, BrokerTimeout) as problem:
            context.note_trouble("doubt_unsettled", order_id, problem)
            return
        if found is not None:
            settle(context, found)
        elif report is not None and all(o.order_id != order_id for o in report.open_orders):
            give_up(context, order_id, "unknown_at_broker")
