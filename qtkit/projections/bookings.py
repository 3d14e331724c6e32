"""Every change of the book, where it led, and the books as each date closed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.model.events import Entry, Topic
from qtkit.projections.base import Handler, TopicFold
from qtkit.projections.engine_state import EngineState
from qtkit.projections.orders import OrderHistory
from qtkit.projections.prices import PriceHistory

__all__ = ["Booking", "BookingHistory", "DayEnd", "equity_of"]

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One change of the book: a fill, or what an operator booked."""

    entry: Entry
    because: str  # why the order was placed
    source: str  # "strategy", or who
    tag: str
    cash: Decimal  # after it, account currency
    position: Decimal  # shares of its symbol after it
    sellable: Decimal  # of them, settled and not promised to an open sell
    realised: Decimal  # result by average cost, fees included, account currency


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnd:
    """The books of a date as they were closed."""

    day: date | None
    at: datetime
    early: bool
    book: Book
    prices: Mapping[str, Decimal]  # last close known of each symbol, account currency per share

    @property
    def equity(self) -> Decimal | None:
        """Cash and positions at the last closes; None where a price is not known."""
        return equity_of(self.book, self.prices)


def equity_of(book: Book, prices: Mapping[str, Decimal]) -> Decimal | None:
    """Return cash plus positions at `prices`, account currency; None where a price is missing."""
    if any(line.symbol not in prices for line in book.positions):
        return None
    return book.cash + sum(
        (prices[p.symbol] * p.quantity * p.multiplier for p in book.positions), _ZERO
    )


class BookingHistory(TopicFold):
    """What was booked, and what each date ended with.

    Parameters
    ----------
    state, orders, prices
        The projections of the same journal; each entry is applied to them first.

    Attributes
    ----------
    bookings
        In the order of the journal.
    days
        Each closing of the books; a date may have several.
    open_days, closed_days
        Dates that the session entered, by whether the exchange traded.
    """

    def __init__(self, state: EngineState, orders: OrderHistory, prices: PriceHistory) -> None:
        self._state, self._orders, self._prices = state, orders, prices
        self._costs = dict[str, Decimal]()  # symbol -> what the position cost before
        self.bookings = list[Booking]()
        self.days = list[DayEnd]()
        self.open_days, self.closed_days = list[date](), list[date]()

    def _started(self, _: Entry, event: ev.SessionStarted) -> None:
        self._costs = {line.symbol: line.cost for line in event.opening.positions}

    def _filled(self, entry: Entry, event: ev.OrderFilled) -> None:
        paid = event.value + event.commission + event.tax
        origin = self._orders.record(event.order_id)
        gain = self._cost_moved(event.symbol) - paid
        self._book(entry, (origin.because, origin.source, origin.tag), gain)

    def _adjusted(self, entry: Entry, event: ev.PositionAdjusted) -> None:
        self._cost_moved(event.symbol)
        self._book(entry, (event.why, event.by, ""), _ZERO)

    def _cost_moved(self, symbol: str) -> Decimal:
        """Return by how much a position's cost has changed since the last booking."""
        position = self._state.ledger.positions.get(symbol)
        cost = position.cost if position else _ZERO
        before, self._costs[symbol] = self._costs.get(symbol, _ZERO), cost
        return cost - before

    def _book(self, entry: Entry, origin: tuple[str, str, str], realised: Decimal) -> None:
        ledger, symbol = self._state.ledger, entry.event.symbol
        because, source, tag = origin
        self.bookings.append(
            Booking(
                entry=entry,
                because=because,
                source=source,
                tag=tag,
                cash=ledger.cash,
                position=ledger.position(symbol),
                sellable=ledger.sellable(symbol),
                realised=realised,
            )
        )

    def _day_started(self, _: Entry, event: ev.DayStarted) -> None:
        if event.trading_date is not None:
            (self.open_days if event.open else self.closed_days).append(event.trading_date)

    def _day_closed(self, entry: Entry, event: ev.DayClosed) -> None:
        self.days.append(
            DayEnd(
                day=event.trading_date,
                at=entry.at,
                early=event.early,
                book=event.book,
                prices=dict(self._prices.closes),
            )
        )

    covers = frozenset({Topic.BOOK})
    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {
        ev.SessionStarted: _started,
        ev.OrderFilled: _filled,
        ev.PositionAdjusted: _adjusted,
        ev.DayStarted: _day_started,
        ev.DayClosed: _day_closed,
    }
    ignores = frozenset({ev.AccountReconciled})
