"""A broker that trades against recorded or generated bars, with a book of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NoReturn

from qtkit.core.clock import Clock
from qtkit.core.errors import (
    BrokerTimeout,
    BrokerUnavailable,
    ConfigError,
)
from qtkit.model.bars import nanos, time_of
from qtkit.trading.brokers.protocol import (
    AccountReport,
    Ack,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    Order,
)
from qtkit.trading.brokers.sim.account import SimAccount, audited
from qtkit.trading.brokers.sim.contract_terms import DatedTerms
from qtkit.trading.brokers.sim.exchange import SimExchange
from qtkit.trading.brokers.sim.faults import (
    NO_FAULTS,
    CancelRefused,
    FaultScript,
    FillAfterCancel,
    UnmatchedFill,
)
from qtkit.trading.brokers.sim.order_validation import OrderValidation
from qtkit.trading.brokers.sim.records import Adjusted, OrderRow
from qtkit.trading.brokers.sim.report_delivery import Delivery
from qtkit.trading.brokers.sim.settings import SimMarket, SimSettings
from qtkit.trading.brokers.sim.store import BookStore

__all__ = ["SimBroker"]

_ZERO = Decimal(0)


class SimBroker:
    """The simulated broker.

    Bars meet orders only when somebody calls, and always up to the clock's time, so that the
    outcome does not depend on how often that happens. Each call that changes the book keeps the
    change as one step before it answers.

    News are told once on a connection. A new connection tells everything again that was not
    confirmed: the client may have lost what it was told last.

    Parameters
    ----------
    book
        Where the book is kept.
    market
        Prices and dated rules.
    clock
        The time; the same clock as the engine's.
    settings
        Fees, slippage, participation, latency, seed.
    faults
        What goes wrong on purpose.
    name
        What the broker is called, and how its order numbers begin.
    """

    def __init__(
        self,
        *,
        book: BookStore,
        market: SimMarket,
        clock: Clock,
        settings: SimSettings | None = None,
        faults: FaultScript = NO_FAULTS,
        name: str = "sim",
    ) -> None:
        self.name = name
        self._book = book
        self._market = market
        self._clock = clock
        self._settings = settings or SimSettings()
        self._faults, self._is_scripted = faults, bool(faults)
        self._terms = DatedTerms(market)
        self._connected = False
        self._quiet = False  # True: a poll can only find nothing

    # --- the account -------------------------------------------------------------------------

    @property
    def has_account(self) -> bool:
        """Whether the book already holds an account."""
        return self._book.load().opening is not None

    def open_account(self, cash: Decimal, positions: Mapping[str, Decimal] | None = None) -> None:
        """Open the account, once for a book; the shares it begins with are settled.

        Raises
        ------
        ConfigError
            If the book has an account already, or an amount is negative.
        """
        held = dict(positions or {})
        wrong = [
            f"{what} must be zero or more, was {amount}"
            for what, amount in [("cash", cash), *held.items()]
            if not amount.is_finite() or amount < 0
        ]
        if wrong:
            raise ConfigError(f"broker {self.name}: {'; '.join(wrong)}")
        account = SimAccount(self._book.load())
        if account.opening is not None:
            raise ConfigError(
                f"broker {self.name}: the book already has an account, opened with "
                f"{account.opening.cash}. Connect to it, or name a new account."
            )
        account.open(cash, {symbol: quantity for symbol, quantity in held.items() if quantity})
        self._book.commit(account.change)

    # --- the connection ----------------------------------------------------------------------

    def connect(self) -> None:
        """Open the connection; an open one stays as it is.

        Raises
        ------
        BrokerUnavailable
            If a fault says so.
        ConfigError
            If no account was opened.
        DataError
            If the book is damaged.
        """
        self._reachable(self._clock.now())
        if self._connected:
            return
        state = audited(self._book.load())
        if state.opening is None:
            raise ConfigError(
                f"broker {self.name}: the book has no account. Open one before connecting."
            )
        self._account = SimAccount(state)
        self._floor = SimExchange(self._account, self._market, self._terms, self._settings)
        self._counter = OrderValidation(
            name=self.name,
            account=self._account,
            floor=self._floor,
            terms=self._terms,
            settings=self._settings,
            faults=self._faults,
        )
        self._delivery = Delivery(self._faults, state.confirmed)
        self._ran_into: set[tuple[str, str]] = set()
        delivered = {
            item.event.fill_id for item in state.news if isinstance(item.event, BrokerFill)
        }
        self._ghosts = [g for g in self._faults.unmatched() if self._ghost_id(g) not in delivered]
        self._connected = True
        self._quiet = False

    def close(self) -> None:
        """Let go of the connection and of files; the book stays."""
        self._connected = self._quiet = False
        self._book.close()

    def confirm(self) -> None:
        """Take note that the client has kept everything it was told so far.

        A later connection does not tell it again. For the orderly end of a session.
        """
        self._ready()
        self._account.confirm(self._delivery.told)
        self._keep()

    # --- orders ------------------------------------------------------------------------------

    def submit(self, order: Order) -> Ack:
        """Send an order; the same `order_id` again returns the first answer and does nothing."""
        now = self._ready()
        known = self._account.orders.get(order.order_id)
        if known is not None:
            return known.answer()
        unanswered = self._is_scripted and self._unanswered("submit", order.order_id)
        self._advance(now)
        row = self._counter.judged(order, now)
        self._floor.put(row)
        self._keep()
        if unanswered:
            self._time_out("submit", order.order_id)
        return row.answer()

    def cancel(self, order_id: str) -> Ack:
        """Ask to cancel what is left; refused for an unknown order and for one that ended.

        The same cancel again gets the same answer and does nothing.
        """
        now = self._ready()
        unanswered = self._is_scripted and self._unanswered("cancel", order_id)
        self._advance(now)
        answer = self._cancelled(order_id, now)
        self._keep()
        if unanswered:
            self._time_out("cancel", order_id)
        return answer

    def find(self, order_id: str) -> BrokerOrder | None:
        """Return the order if it ever arrived."""
        self._advance(self._ready())
        self._keep()
        row = self._account.orders.get(order_id)
        return None if row is None else row.seen()

    # --- what happened -----------------------------------------------------------------------

    def poll_fills(self) -> Sequence[BrokerEvent]:
        """Return what happened since the last call on this connection."""
        if self._quiet:
            return ()
        now = self._ready()
        self._advance(now)
        self._keep()
        news = self._delivery.take(self._account.news, now, self._is_open)
        waits = self._delivery.waits(self._account.news)
        self._quiet = self._floor.is_empty and not (waits or self._is_scripted)
        return news

    def next_event_at(self) -> datetime | None:
        """Return when a poll may next find something, None if nothing is to come.

        A time that is not in the future means: now. While the broker cannot be reached, it is
        the end of that.
        """
        if self._quiet or not self._connected:
            return None
        if self._delivery.waits(self._account.news):
            now = self._clock.now()
            return self._reachable_from(now, now)
        due = self._floor.next_at()
        at = None if due is None else time_of(due)
        return self._next_scripted(at, self._clock.now()) if self._is_scripted else at

    def account(self) -> AccountReport:
        """Return cash, positions and open orders as the broker sees them, in order of arrival."""
        now = self._ready()
        self._advance(now)
        self._keep()
        positions = self._account.positions()
        for symbol, off in self._faults.positions_off(now).items():
            positions[symbol] = positions.get(symbol, _ZERO) + off
        return AccountReport(
            cash=self._account.cash + self._faults.cash_off(now),
            positions={symbol: quantity for symbol, quantity in positions.items() if quantity},
            open_orders=tuple(row.seen() for row in self._floor.open_orders()),
            at=now + self._faults.clock_off(now),
        )

    def _next_scripted(self, at: datetime | None, now: datetime) -> datetime | None:
        """Return the earliest of a time and of what the script does, once the broker answers."""
        times = [g.at for g in self._ghosts[:1]]
        times += [moment for moment in (at, self._delivery.next_at()) if moment is not None]
        return self._reachable_from(min(times), now) if times else None

    def adjust(self, adjustment_id: str, symbol: str, quantity: Decimal, cash: Decimal) -> None:
        """Book shares and cash that came or went without a trade; the same id again does nothing.

        An operator books a corporate action on both sides: a real broker knows of it by itself.
        """
        self._advance(self._ready())
        self._account.adjust(
            Adjusted(adjustment_id=adjustment_id, symbol=symbol, quantity=quantity, cash=cash)
        )
        self._keep()

    # --- inside ------------------------------------------------------------------------------

    def _is_open(self, order_id: str) -> bool:
        row = self._account.orders.get(order_id)
        return row is not None and row.is_open

    def _ready(self) -> datetime:
        """Return the time of this call, if the broker can be reached."""
        now = self._clock.now()
        if not self._connected:
            raise BrokerUnavailable(f"broker {self.name}: not connected. Call connect first.")
        if self._is_scripted:
            self._reachable(now)
        return now

    def _reachable(self, now: datetime) -> None:
        """Raise while the connection is down."""
        fault = self._faults.disconnect(now)
        if fault is not None:
            until = "for good" if fault.until is None else f"until {fault.until.isoformat()}"
            raise BrokerUnavailable(f"broker {self.name}: the connection is down {until}.")

    def _reachable_from(self, at: datetime, now: datetime) -> datetime | None:
        """Return a time, put off to the end of a disconnection that covers it."""
        if not self._is_scripted:
            return at
        fault = self._faults.disconnect(max(at, now))
        return at if fault is None else fault.until

    def _advance(self, now: datetime) -> None:
        """Let bars and scripted fills happen up to now, in order of time."""
        while self._ghosts and self._ghosts[0].at <= now:
            ghost = self._ghosts.pop(0)
            self._floor.advance(nanos(ghost.at))
            self._haunt(ghost)
        if not self._floor.is_empty:
            self._floor.advance(nanos(now))

    def _keep(self) -> None:
        """Keep what changed; a broker that cannot is disconnected, and its book stays as it was."""
        if not self._account.is_changed:
            return
        self._quiet = False
        try:
            self._book.commit(self._account.change)
        except BaseException:
            self._connected = False
            raise

    def _cancelled(self, order_id: str, now: datetime) -> Ack:
        """Cancel what is left of an order and return the answer."""
        row = self._account.orders.get(order_id)
        if row is None:
            return Ack(
                answer="refused", reason_code="unknown_order", reason=f"no order {order_id} arrived"
            )
        refused = self._faults.on(CancelRefused, order_id)
        if refused is not None:
            return Ack(answer="refused", reason_code=refused.code, reason=refused.reason)
        if row.is_open:
            self._floor.cancel(row, now, self._straggler(row))
        elif row.status != "cancelled":
            return Ack(
                answer="refused", reason_code="already_ended", reason=f"the order is {row.status}"
            )
        return Ack(answer="accepted", broker_order_id=row.broker_order_id)

    def _straggler(self, row: OrderRow) -> Decimal:
        """Return the shares, signed, that execute after the cancel by script."""
        fault = self._faults.on(FillAfterCancel, row.order.order_id)
        if fault is None:
            return _ZERO
        left = row.working
        most = abs(left) if fault.quantity is None else min(abs(left), fault.quantity)
        return most.copy_sign(left)

    def _haunt(self, ghost: UnmatchedFill) -> None:
        """Tell a fill that no order asked for, and book it if the script says so."""
        day = self._terms.today(ghost.at)
        terms = self._terms.of(ghost.symbol, day)
        fill = BrokerFill(
            order_id=ghost.order_id,
            broker_order_id=self._ghost_id(ghost),
            fill_id=self._ghost_id(ghost),
            symbol=ghost.symbol,
            quantity=ghost.quantity,
            price=ghost.price,
            commission=_ZERO,
            tax=_ZERO,
            executed_at=ghost.at,
            venue=terms.instrument.exchange,
        )
        if ghost.booked:
            self._account.book(fill, terms.settles, day)
        else:
            self._account.tell(fill, booked=False)

    def _ghost_id(self, ghost: UnmatchedFill) -> str:
        """Return the id of a fill without an order: the same however often it is asked for."""
        return f"{self.name}-unmatched-{ghost.order_id}-{nanos(ghost.at)}"

    def _unanswered(self, call: str, order_id: str) -> bool:
        """Whether a call arrives and is not answered; raise if it does not even arrive.

        Only the first such call on a connection runs into it.
        """
        fault = self._faults.timeout(call, order_id)
        if fault is None or (call, order_id) in self._ran_into:
            return False
        self._ran_into.add((call, order_id))
        if not fault.arrived:
            self._time_out(call, order_id)
        return True

    def _time_out(self, call: str, order_id: str) -> NoReturn:
        raise BrokerTimeout(
            f"broker {self.name}: no answer to {call} of order {order_id}; whether it arrived is "
            "unknown. Ask find."
        )
