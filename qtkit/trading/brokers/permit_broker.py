"""The second lock: nothing reaches a broker without a permit, nor past a kill file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Protocol, runtime_checkable

from qtkit.core.errors import BrokerError, BrokerUnavailable, InvariantBroken
from qtkit.trading.brokers.answer_validation import (
    NewsItem,
    account_of,
    ack_of,
    moment_of,
    name_of,
    news_of,
    order_of,
)
from qtkit.trading.brokers.protocol import (
    AccountReport,
    Ack,
    Broker,
    BrokerOrder,
    Order,
)
from qtkit.trading.risk.judge import Permit
from qtkit.trading.risk.kill_file import kill_file_is_there
from qtkit.trading.risk.request import OrderRequest

__all__ = ["AdjustableBroker", "ConfirmingBroker", "PermitBroker", "ScheduledBroker"]


@runtime_checkable
class ScheduledBroker(Protocol):
    """A broker that knows when news may come: a simulated one."""

    def next_event_at(self) -> datetime | None:
        """Return the earliest time at which something may happen; None if nothing can."""


@runtime_checkable
class ConfirmingBroker(Protocol):
    """A broker that repeats its news on each connection until they are confirmed."""

    def confirm(self) -> None:
        """Take note that the client has kept everything it was told so far."""


@runtime_checkable
class AdjustableBroker(Protocol):
    """A broker whose book an operator adjusts beside ours: a simulated one."""

    def adjust(self, adjustment_id: str, symbol: str, quantity: Decimal, cash: Decimal) -> None:
        """Book shares and cash that came or went without a trade; the same id twice does it once.

        Parameters
        ----------
        adjustment_id
            The client's own.
        symbol
            What the shares are of; "" for cash alone.
        quantity
            Shares, signed.
        cash
            Account currency, signed.
        """


class PermitBroker:
    """A broker that sends exactly what was judged, once, and nothing past a kill file.

    Everything but `submit` goes straight through: asking and cancelling are never kept in. What the
    broker returns is taken over by its type; what has another raises `BrokerError`.

    Parameters
    ----------
    broker
        The broker behind the lock.
    kill_file
        While anything exists at this path only orders that reduce a position leave; it is looked
        at before every order. None for an account without one.
    is_typed
        Whether the broker's answers are of their types by construction, as our own one's are.
    """

    def __init__(
        self, broker: Broker, kill_file: Path | None = None, *, is_typed: bool = False
    ) -> None:
        self._broker, self._name = broker, name_of(broker)
        self._kill_file, self._is_typed = kill_file, is_typed
        self._spent: set[str] = set()
        self._foresight = broker if isinstance(broker, ScheduledBroker) else None
        self._confirming = broker if isinstance(broker, ConfirmingBroker) else None

    @property
    def name(self) -> str:
        """The broker's name."""
        return self._name

    @property
    def must_be_polled(self) -> bool:
        """Whether nobody knows when news come, so that somebody has to keep asking."""
        return self._foresight is None

    def confirm(self) -> None:
        """Tell a broker that wants to know that its news are in a journal, on disk."""
        if self._confirming is not None:
            self._confirming.confirm()

    def adjust(self, adjustment_id: str, symbol: str, quantity: Decimal, cash: Decimal) -> None:
        """Tell an adjustment to a broker that books them; any other knows of it by itself."""
        if isinstance(self._broker, AdjustableBroker):
            self._broker.adjust(adjustment_id, symbol, quantity, cash)

    def submit(self, order: Order, permit: Permit) -> Ack:
        """Send an order that was judged.

        Parameters
        ----------
        order
            What goes to the broker.
        permit
            The judge's permit for exactly this order; good once.

        Returns
        -------
        Ack
            The broker's answer, or refused as ``kill_file``.

        Raises
        ------
        InvariantBroken
            If the permit is for something else or was used; nothing was sent.
        BrokerUnavailable
            If nothing was sent; the permit stays good.
        BrokerTimeout
            If it is unknown whether the order arrived; ask `find`.
        """
        _demand(order, permit)
        if order.order_id in self._spent:
            raise InvariantBroken(
                f"the permit of order {order.order_id} was used before; "
                "ask `find` about the order and never send it again"
            )
        self._spent.add(order.order_id)
        if kill_file_is_there(self._kill_file) and not permit.reducing:
            return Ack(
                answer="refused",
                reason_code="kill_file",
                reason=f"the kill file {_name(self._kill_file)} is there; see "
                "runbooks/kill-switch.md",
            )
        try:
            answer = self._broker.submit(order)
            return answer if self._is_typed else ack_of(answer, "submit")
        except BrokerUnavailable:
            self._spent.discard(order.order_id)
            raise

    def cancel(self, order_id: str) -> Ack:
        """Ask to cancel what is left of an order; no kill switch keeps a cancel in."""
        return ack_of(self._broker.cancel(order_id), "cancel")

    def poll_fills(self) -> Sequence[NewsItem]:
        """Return what happened; what is no news is told as such, and does not cost the rest."""
        news = self._broker.poll_fills()
        return news if self._is_typed else news_of(news)

    def find(self, order_id: str) -> BrokerOrder | None:
        """Return the order if it ever arrived."""
        return order_of(self._broker.find(order_id), order_id)

    def account(self) -> AccountReport:
        """Return cash, positions and open orders."""
        return account_of(self._broker.account())

    def connect(self) -> None:
        """Open the connection."""
        self._broker.connect()

    def close(self) -> None:
        """Let go of the connection."""
        self._broker.close()

    def next_event_at(self) -> datetime | None:
        """Return when news may come; None if nothing can, or if the broker cannot tell."""
        if self._foresight is None:
            return None
        try:
            at = self._foresight.next_event_at()
            return at if self._is_typed else moment_of(at)
        except BrokerError:
            self._foresight = None  # it cannot tell after all: from now on it is polled
            return None


def _demand(order: Order, permit: Permit) -> None:
    if not isinstance(permit, Permit):
        raise InvariantBroken(
            f"order {order.order_id} came with {permit!r} instead of a permit; nothing was sent"
        )
    if order is not permit.request and _judged(order) != _judged(permit.request):
        differences = "; ".join(_differences(order, permit))
        raise InvariantBroken(
            f"order {order.order_id} is not what was judged ({differences}); nothing was sent"
        )


_JUDGED = (
    "order_id", "symbol", "quantity", "order_type", "limit_price",
    "stop_price", "time_in_force", "expires",
)  # fmt: skip
_judged: Callable[[Order | OrderRequest], tuple[object, ...]] = attrgetter(*_JUDGED)
"""Return all that a permit is for."""


def _differences(order: Order, permit: Permit) -> Iterator[str]:
    for part in _JUDGED:
        sent, judged = getattr(order, part), getattr(permit.request, part)
        if sent != judged:
            yield f"{part} is {sent}, the permit says {judged}"


def _name(path: Path | None) -> str:
    return "" if path is None else path.name
