"""The account's book, folded from events: the only thing that moves it is `apply`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from qtkit.core.errors import DataError, InvariantBroken
from qtkit.ledger.opening_checks import contradictions
from qtkit.ledger.orders import OrderState, executed, fits, misfit, moved, reopened
from qtkit.ledger.positions import (
    Position,
    adjusted,
    bought,
    held,
    reserving,
    settled,
    sold,
)
from qtkit.model.books import Book, OpenOrder
from qtkit.model.events import (
    AccountReconciled,
    CancelFailed,
    CancelRequested,
    DayStarted,
    Event,
    FillRepeated,
    FillsReported,
    FillUnmatched,
    OrderAccepted,
    OrderCancelled,
    OrderDoubted,
    OrderFilled,
    OrderLost,
    OrderRefused,
    OrderRejected,
    OrderRequested,
    PositionAdjusted,
    Topic,
)
from qtkit.model.orders import ENDED, ORDER_TABLE, OrderMove

__all__ = ["Ledger"]

_ZERO = Decimal(0)
_ACCEPT = OrderMove.ACCEPT


class Ledger:
    """Cash, positions and orders of one account, as the journal tells them.

    A ledger opened on a book and given the same events is always the same ledger. An event that
    cannot be booked raises `InvariantBroken` and leaves everything as it was.
    """

    __slots__ = (
        "_cash",
        "_currency",
        "_ended",
        "_fills",
        "_open_by_symbol",
        "_orders",
        "_positions",
        "_reserved_cash",
        "_trading_date",
    )

    def __init__(self, cash: Decimal, currency: str) -> None:
        self._cash = cash
        self._currency = currency
        self._reserved_cash = _ZERO
        self._positions: dict[str, Position] = {}
        self._orders: dict[str, OrderState] = {}
        self._ended: dict[str, OrderState] = {}
        self._open_by_symbol: dict[str, int] = {}
        self._fills: set[str] = set()
        self._trading_date: date | None = None

    @classmethod
    def opened(cls, book: Book, *, known_fills: Iterable[str] = ()) -> Ledger:
        """Return a ledger that starts from a book.

        Parameters
        ----------
        book
            Cash, positions and open orders to begin with.
        known_fills
            Ids of fills that are in the book already.

        Raises
        ------
        InvariantBroken
            If the book contradicts itself; all contradictions are named.
        """
        mistakes = contradictions(book)
        if mistakes:
            raise InvariantBroken(
                f"the opening book contradicts itself: {'; '.join(mistakes)}. "
                "Report this with the session folder"
            )
        ledger = cls(book.cash, book.currency)
        ledger._positions = {line.symbol: held(line) for line in book.positions if line.quantity}
        ledger._fills.update(known_fills)
        for order in book.open_orders:
            ledger._put(None, reopened(order))
        return ledger

    # --- what it knows ---------------------------------------------------------------------

    @property
    def cash(self) -> Decimal:
        """Cash, reserved or not, account currency; below 0 only if the broker booked it so."""
        return self._cash

    @property
    def reserved_cash(self) -> Decimal:
        """Cash that open buys may still take, account currency, >= 0."""
        return self._reserved_cash

    @property
    def free_cash(self) -> Decimal:
        """Cash that no open order has claimed, account currency."""
        return self._cash - self._reserved_cash

    @property
    def currency(self) -> str:
        """The account's currency."""
        return self._currency

    @property
    def positions(self) -> Mapping[str, Position]:
        """Symbol -> position; symbols that are flat and not promised are absent."""
        return self._positions

    @property
    def orders(self) -> Mapping[str, OrderState]:
        """Order id -> open order, in the order of their requests."""
        return self._orders

    @property
    def ended(self) -> Mapping[str, OrderState]:
        """Order id -> order that ended in this session."""
        return self._ended

    @property
    def trading_date(self) -> date | None:
        """The trading date entered last; None before the first."""
        return self._trading_date

    def order(self, order_id: str) -> OrderState | None:
        """Return an order of this session, open or ended."""
        return self._orders.get(order_id) or self._ended.get(order_id)

    def knows_fill(self, fill_id: str) -> bool:
        """Whether a fill was booked already."""
        return fill_id in self._fills

    def can(self, order_id: str, move: OrderMove) -> bool:
        """Whether the order table has such a move for an order that we know."""
        order = self.order(order_id)
        return order is not None and (order.status, move) in ORDER_TABLE

    def unbookable(self, order_id: str, symbol: str, quantity: Decimal) -> str:
        """Return why an execution cannot be booked on this order; "" when it can.

        Parameters
        ----------
        order_id
            The order that the broker names.
        symbol
            What was executed.
        quantity
            Shares, signed.
        """
        order = self.order(order_id)
        if order is None:
            return f"no order {order_id!r} is known"
        return "" if fits(order, symbol, quantity) else misfit(order, symbol, quantity)

    def position(self, symbol: str) -> Decimal:
        """Return the shares held, settled or not."""
        position = self._positions.get(symbol)
        return _ZERO if position is None else position.quantity

    def sellable(self, symbol: str) -> Decimal:
        """Return the settled shares that no open sell has claimed."""
        position = self._positions.get(symbol)
        return _ZERO if position is None else position.sellable

    def has_open_order(self, symbol: str) -> bool:
        """Whether an order of this symbol has not ended."""
        return symbol in self._open_by_symbol

    def invested(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Return what the positions are worth.

        Parameters
        ----------
        prices
            Symbol -> price, account currency per share; one for each symbol held.

        Returns
        -------
        Decimal
            Account currency.

        Raises
        ------
        DataError
            If a price is missing; all missing ones are named.
        """
        owned = {s: p.quantity * p.multiplier for s, p in self._positions.items() if p.quantity}
        missing = sorted(owned.keys() - prices.keys())
        if missing:
            raise DataError(
                f"positions cannot be valued: no price for {', '.join(missing)}; "
                "give one for each symbol held"
            )
        return sum((prices[symbol] * quantity for symbol, quantity in owned.items()), _ZERO)

    def equity(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Return cash plus what the positions are worth (see `invested`), account currency."""
        return self._cash + self.invested(prices)

    def book(self) -> Book:
        """Return everything as a value, in an order that does not depend on history."""
        held_now = (p for p in self._positions.values() if p.quantity)
        open_now = (order.open_order() for order in self._orders.values())
        return Book(
            cash=self._cash,
            positions=tuple(p.line() for p in sorted(held_now, key=_symbol)),
            open_orders=tuple(sorted(open_now, key=_order_id)),
            currency=self._currency,
        )

    # --- how it moves ----------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Book an event; those that do not concern the book change nothing.

        Raises
        ------
        InvariantBroken
            If the event contradicts what was booked before; nothing was booked.
        """
        booking = self.handlers.get(type(event))
        if booking is not None:
            booking(self, event)

    def _day_started(self, event: DayStarted) -> None:
        if event.trading_date is None:
            raise InvariantBroken("a day started without a trading date")
        self._trading_date = event.trading_date
        waiting = [p for p in self._positions.values() if p.unsettled]
        for position in waiting:
            self._keep(settled(position, event.trading_date))

    def _requested(self, event: OrderRequested) -> None:
        known = self._orders.get(event.order_id) or self._ended.get(event.order_id)
        day = event.trading_date or self._trading_date
        if known is not None or day is None or not event.quantity or event.reserved_cash < _ZERO:
            raise InvariantBroken(_why_not_requested(event, known, day))
        self._put(
            None,
            OrderState(
                order_id=event.order_id,
                symbol=event.symbol,
                quantity=event.quantity,
                order_type=event.order_type,
                limit_price=event.limit_price,
                reserved_cash=event.reserved_cash,
                trading_date=day,
                origin=event.origin,
                by=event.by,
                tag=event.tag,
                stop_price=event.stop_price,
                time_in_force=event.time_in_force,
                expires=event.expires,
            ),
        )

    def _accepted(self, event: OrderAccepted) -> None:
        order = self._order(event.order_id, event)
        broker = (event.broker_order_id, event.broker_name)
        after = moved(order, _ACCEPT, broker=broker)
        if order.status not in ENDED:
            self._orders[after.order_id] = after  # what it claims stays as it was
        else:
            self._put(order, after)

    def _rejected(self, event: OrderRejected) -> None:
        order = self._order(event.order_id, event)
        self._put(order, moved(order, OrderMove.REJECT, reason=event.reason or event.reason_code))

    def _doubted(self, event: OrderDoubted) -> None:
        order = self._order(event.order_id, event)
        self._put(order, moved(order, OrderMove.DOUBT, reason=event.reason))

    def _cancelled(self, event: OrderCancelled) -> None:
        order = self._order(event.order_id, event)
        self._put(order, moved(order, OrderMove.CANCEL, reason=event.reason))

    def _lost(self, event: OrderLost) -> None:
        order = self._order(event.order_id, event)
        self._put(order, moved(order, OrderMove.LOSE, reason=event.reason))

    def _filled(self, event: OrderFilled) -> None:
        if event.fill_id in self._fills:
            raise InvariantBroken(
                f"fill {event.fill_id} of order {event.order_id} was booked before and was about "
                "to be booked again; report this with the session folder"
            )
        quantity, order_id = event.quantity, event.order_id
        before = self._orders.get(order_id) or self._ended.get(order_id)
        if before is None or not fits(before, event.symbol, quantity):
            why = self.unbookable(event.order_id, event.symbol, quantity)
            raise InvariantBroken(
                f"fill {event.fill_id} cannot be booked: {why}; report this with the session folder"
            )
        after = executed(before, quantity, event.broker_order_id)
        fees = event.commission + event.tax
        notional = event.value
        position = self._positions.get(event.symbol)
        if position is None:
            position = Position(symbol=event.symbol, multiplier=event.multiplier)
        if quantity > _ZERO:
            position = bought(position, quantity, notional + fees, self._waits(event))
        else:
            position = sold(position, -quantity)
        self._put(before, after, position)
        self._cash -= notional + fees
        self._fills.add(event.fill_id)

    def _adjusted(self, event: PositionAdjusted) -> None:
        if event.quantity and not event.symbol:
            raise InvariantBroken(
                f"an adjustment of {event.quantity} shares by {event.by} names no symbol"
            )
        if event.quantity:
            position = self._positions.get(event.symbol) or Position(symbol=event.symbol)
            self._keep(adjusted(position, event.quantity))
        self._cash += event.cash

    # --- the parts of a booking --------------------------------------------------------------

    def _order(self, order_id: str, event: Event) -> OrderState:
        order = self._orders.get(order_id) or self._ended.get(order_id)
        if order is None:
            raise InvariantBroken(
                f"{type(event).__name__} names order {order_id!r}, which was never requested; "
                "report this with the session folder"
            )
        return order

    def _waits(self, event: OrderFilled) -> date | None:
        """Return the date that bought shares wait for, None if they can be sold at once."""
        day = event.trading_date or self._trading_date
        return event.settles if day is None or event.settles > day else None

    def _put(
        self, before: OrderState | None, after: OrderState, position: Position | None = None
    ) -> None:
        """Replace an order, and with it what it claims; `position` is its symbol's new one."""
        cash, shares = after.reserved_cash, _ZERO
        if before is not None:
            cash -= before.reserved_cash
        if after.quantity < _ZERO:
            shares = after.reserved_shares - (before.reserved_shares if before else _ZERO)
        if shares:
            known = position or self._positions.get(after.symbol) or Position(symbol=after.symbol)
            position = reserving(known, shares)
        reserved = self._reserved_cash + cash
        if reserved < _ZERO and cash:
            raise InvariantBroken(
                f"order {after.order_id} released {-cash} of cash and only {self._reserved_cash} "
                f"was reserved. Its story: {after.story}. Report this with the session folder"
            )
        self._reserved_cash = reserved
        if position is not None:
            self._keep(position)
        self._file(before, after)

    def _keep(self, position: Position) -> None:
        if position.quantity or position.reserved:
            self._positions[position.symbol] = position
        else:
            self._positions.pop(position.symbol, None)

    def _file(self, before: OrderState | None, after: OrderState) -> None:
        """Put an order where open ones or ended ones are kept, and count the open ones."""
        order_id, symbol, count = after.order_id, after.symbol, self._open_by_symbol
        was_open = before is not None and before.status not in ENDED
        if after.status not in ENDED:
            self._orders[order_id] = after
            if not was_open:
                self._ended.pop(order_id, None)
                count[symbol] = count.get(symbol, 0) + 1
            return
        self._ended[order_id] = after
        if was_open:
            del self._orders[order_id]
            left = count.pop(symbol) - 1
            if left:
                count[symbol] = left

    covers: ClassVar[frozenset[Topic]] = frozenset({Topic.BOOK, Topic.ORDER})
    ignores: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            AccountReconciled,
            CancelFailed,
            CancelRequested,
            FillRepeated,
            FillUnmatched,
            FillsReported,
            OrderRefused,
        }
    )
    handlers: ClassVar[dict[type[Event], Callable[[Ledger, Any], None]]] = {
        DayStarted: _day_started,
        OrderRequested: _requested,
        OrderAccepted: _accepted,
        OrderRejected: _rejected,
        OrderDoubted: _doubted,
        OrderFilled: _filled,
        OrderCancelled: _cancelled,
        OrderLost: _lost,
        PositionAdjusted: _adjusted,
    }


def _symbol(position: Position) -> str:
    return position.symbol


def _order_id(order: OpenOrder) -> str:
    return order.order_id


def _why_not_requested(event: OrderRequested, known: OrderState | None, day: date | None) -> str:
    if known is not None:
        return f"order id {event.order_id} was used before. Its story: {known.story}"
    if day is None:
        return f"order {event.order_id} was requested outside any trading date"
    return (
        f"order {event.order_id} asks for {event.quantity} shares and reserves "
        f"{event.reserved_cash}; a request is for some shares and reserves no less than 0"
    )
