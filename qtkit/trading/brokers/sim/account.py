"""The simulated broker's account while it works: cash, holdings, orders, news, and what changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import msgspec

from qtkit.core.errors import DataError
from qtkit.trading.brokers.protocol import BrokerEvent, BrokerFill
from qtkit.trading.brokers.sim.records import (
    Adjusted,
    BookChange,
    BookState,
    Holding,
    Lot,
    News,
    Opening,
    OrderRow,
)

__all__ = ["SimAccount", "audited"]

_ZERO = Decimal(0)


class SimAccount:
    """A working copy of the book. `change` returns what is not kept yet.

    Parameters
    ----------
    state
        What the store holds.
    """

    def __init__(self, state: BookState) -> None:
        self.opening = state.opening
        self.cash = state.cash
        self.confirmed = state.confirmed
        self.orders = {row.order.order_id: row for row in state.orders}
        self.holdings = {holding.symbol: holding for holding in state.holdings}
        self.news = list(state.news)
        self.is_changed = False  # whether something is not kept yet
        self._new_news = list[News]()
        self._new_opening: Opening | None = None
        # in the order in which they came: of two with one number or symbol the later one counts
        self._new_rows, self._new_holdings = list[OrderRow](), list[Holding]()

    def open(self, cash: Decimal, positions: dict[str, Decimal]) -> None:
        """Begin with cash and settled shares."""
        self.opening = self._new_opening = Opening(cash=cash, positions=positions)
        self.cash, self.is_changed = cash, True
        for symbol, quantity in positions.items():
            self._hold(Holding(symbol=symbol, quantity=quantity))

    def put(self, row: OrderRow) -> None:
        """Add an order, or replace it by its next state."""
        self.orders[row.order.order_id] = row
        self._new_rows.append(row)
        self.is_changed = True

    def tell(self, event: BrokerEvent, *, booked: bool = True) -> None:
        """Add a piece of news for the client."""
        news = News(seq=len(self.news) + 1, event=event, booked=booked)
        self.news.append(news)
        self._new_news.append(news)
        self.is_changed = True

    def confirm(self, told: int) -> None:
        """Take note that the client has kept the news up to a number."""
        if told > self.confirmed:
            self.confirmed, self.is_changed = told, True

    def book(self, fill: BrokerFill, settles: date, today: date) -> None:
        """Move cash and shares by one execution, and tell it."""
        self.cash -= fill.value + fill.commission + fill.tax
        before = self.holdings.get(fill.symbol)
        held = _ZERO if before is None else before.quantity
        lots = before.lots if before is not None else ()
        if lots:
            lots = tuple(lot for lot in lots if lot.settles > today)
        if settles > today and fill.quantity > _ZERO:
            lots = _with_lot(lots, fill.quantity, settles)
        self._hold(Holding(symbol=fill.symbol, quantity=held + fill.quantity, lots=lots))
        self.tell(fill)

    def adjust(self, adjusted: Adjusted) -> bool:
        """Move cash and shares without a trade; return whether it was not done before."""
        opening = self.opening
        if opening is None or any(
            adjusted.adjustment_id == known.adjustment_id for known in opening.adjusted
        ):
            return False
        self.opening = self._new_opening = msgspec.structs.replace(
            opening, adjusted=(*opening.adjusted, adjusted)
        )
        self.cash += adjusted.cash
        self.is_changed = True
        if adjusted.quantity:
            before = self.holdings.get(adjusted.symbol) or Holding(
                symbol=adjusted.symbol, quantity=_ZERO
            )
            quantity = before.quantity + adjusted.quantity
            lots = _within(before.lots, quantity)
            self._hold(Holding(symbol=adjusted.symbol, quantity=quantity, lots=lots))
        return True

    def positions(self) -> dict[str, Decimal]:
        """Return symbol -> shares; flat ones absent."""
        return {s: h.quantity for s, h in sorted(self.holdings.items()) if h.quantity}

    def change(self) -> BookChange:
        """Return what is not kept yet as one step; from now on it counts as kept."""
        change = BookChange(
            cash=self.cash,
            confirmed=self.confirmed,
            opening=self._new_opening,
            orders=tuple(self._new_rows),
            holdings=tuple(self._new_holdings),
            news=tuple(self._new_news),
        )
        self._new_opening, self.is_changed = None, False
        self._new_rows.clear()
        self._new_holdings.clear()
        self._new_news.clear()
        return change

    def _hold(self, holding: Holding) -> None:
        """Replace a holding."""
        self.holdings[holding.symbol] = holding
        self._new_holdings.append(holding)
        self.is_changed = True


def _with_lot(lots: tuple[Lot, ...], quantity: Decimal, settles: date) -> tuple[Lot, ...]:
    """Return the lots with more shares that settle on a date."""
    same = sum((lot.quantity for lot in lots if lot.settles == settles), start=_ZERO)
    others = tuple(lot for lot in lots if lot.settles != settles)
    return (*others, Lot(quantity=same + quantity, settles=settles))


def _within(lots: tuple[Lot, ...], quantity: Decimal) -> tuple[Lot, ...]:
    """Return the lots cut to what is held at all, the earliest to settle first."""
    held = max(quantity, _ZERO)
    excess = sum((lot.quantity for lot in lots), start=_ZERO) - held
    kept = list[Lot]()
    for lot in sorted(lots, key=lambda lot: lot.settles):
        cut = min(max(excess, _ZERO), lot.quantity)
        excess -= cut
        if cut < lot.quantity:
            kept.append(Lot(quantity=lot.quantity - cut, settles=lot.settles))
    return tuple(kept)


def audited(state: BookState) -> BookState:
    """Return the state if opening plus booked fills add up to it.

    Raises
    ------
    DataError
        If cash, a position or an order's executed quantity says otherwise, or a number is
        missing in orders or news: the book was damaged or edited.
    """
    wrong = list(_differences(state))
    if wrong:
        raise DataError(
            f"the broker's book does not add up: {'; '.join(wrong)}. No order leaves. "
            "See runbooks/broker-book-damaged.md"
        )
    return state


def _differences(state: BookState) -> Iterator[str]:
    """Yield what does not add up."""
    opening = state.opening or Opening(cash=_ZERO, positions={})
    cash, shares, executed = opening.cash, dict(opening.positions), dict[str, Decimal]()
    for adjusted in opening.adjusted:
        cash += adjusted.cash
        shares[adjusted.symbol] = shares.get(adjusted.symbol, _ZERO) + adjusted.quantity
    for news in state.news:
        fill = news.event
        if isinstance(fill, BrokerFill) and news.booked:
            cash -= fill.value + fill.commission + fill.tax
            shares[fill.symbol] = shares.get(fill.symbol, _ZERO) + fill.quantity
            executed[fill.order_id] = executed.get(fill.order_id, _ZERO) + fill.quantity
    if cash != state.cash:
        yield f"cash is {state.cash}, opening and fills make {cash}"
    held = {h.symbol: h.quantity for h in state.holdings}
    for symbol in sorted(held.keys() | shares.keys()):
        if held.get(symbol, _ZERO) != shares.get(symbol, _ZERO):
            yield (
                f"{symbol} is {held.get(symbol, _ZERO)} shares, "
                f"opening and fills make {shares.get(symbol, _ZERO)}"
            )
    for row in state.orders:
        booked = executed.get(row.order.order_id, _ZERO)
        if row.broker_order_id and row.status != "rejected" and booked != row.filled:
            yield f"order {row.order.order_id} executed {row.filled}, its fills make {booked}"
    yield from _holes("orders", [row.number for row in state.orders])
    yield from _holes("news", [news.seq for news in state.news])


def _holes(what: str, numbers: list[int]) -> Iterator[str]:
    """Yield a sentence if numbers are not 1, 2, 3, ..."""
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{what} are not numbered without holes"
