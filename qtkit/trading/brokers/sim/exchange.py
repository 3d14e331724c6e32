"""The trading floor of the simulated broker: open orders meet bars, in one fixed order.

What happens depends on the orders and the bars alone, never on how often somebody looks: every
step has a time, and steps are taken by (time, kind, order number).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Literal

import numpy as np
from msgspec.structs import replace

from qtkit.model.bars import Bars, nanos, time_of
from qtkit.model.fees import Executed
from qtkit.model.instruments import Instrument
from qtkit.model.orders import OrderType
from qtkit.trading.brokers.protocol import BrokerAccept, BrokerFill, BrokerOrderEnd
from qtkit.trading.brokers.sim.account import SimAccount
from qtkit.trading.brokers.sim.contract_terms import DatedTerms, Terms
from qtkit.trading.brokers.sim.matching import Match, match, most_it_pays
from qtkit.trading.brokers.sim.records import OrderRow
from qtkit.trading.brokers.sim.settings import SimMarket, SimSettings

__all__ = ["SimExchange"]

_ZERO = Decimal(0)


class _Step(IntEnum):
    """What can happen to an order, in the order in which it happens at equal times."""

    ACCEPT = 0
    REJECT = 1
    BAR = 2
    END = 3


class _Place:
    """An order's place in its symbol's bars, and its next step."""

    __slots__ = ("at", "bars", "first_end", "index", "row", "step", "terms")

    def __init__(self, row: OrderRow, terms: Terms, bars: Bars | None, first_end: int) -> None:
        self.row = row
        self.terms = terms
        self.first_end = first_end  # of the first bar that may see the order, nanoseconds
        self.find(bars)

    def find(self, bars: Bars | None) -> None:
        """Go to the first bar that may see the order, and plan from there."""
        self.bars = bars
        self.index = 0
        if bars is not None:
            first = max(self.first_end, self.row.seen_until + 1)
            self.index = int(bars.end.searchsorted(first, "left"))
        self.plan()

    def plan(self) -> None:
        """Set the next step and its time."""
        row, close = self.row, self.terms.close
        self.at, self.step = self.terms.expires, _Step.END
        if row.reject_due:
            self.at, self.step = min(row.reject_due, close), _Step.REJECT
        elif row.working:
            bar = self._next_bar()
            if bar and bar <= close:
                self.at, self.step = bar, _Step.BAR
        if row.accept_due and min(row.accept_due, close) <= self.at:
            self.at, self.step = min(row.accept_due, close), _Step.ACCEPT

    def _next_bar(self) -> int:
        """Return the end of the next bar that may give something; 0 if none is known."""
        bars, order = self.bars, self.row.order
        if bars is None:
            return 0
        if order.order_type is OrderType.LIMIT and not self.row.straggler:
            self.index = _first_touch(bars, self.index, self.terms.close, self.row)
        return bars.end.item(self.index) if self.index < len(bars) else 0


def _first_touch(bars: Bars, first: int, close: int, row: OrderRow) -> int:
    """Return the first bar from `first` whose prices reach the limit; past the end if none does."""
    last = int(bars.end.searchsorted(close, "right"))
    order = row.order
    if order.quantity > 0:
        touched = bars.low[first:last] <= float(most_it_pays(order))
    else:
        touched = bars.high[first:last] >= float(order.limit_price or 0)
    hit = int(np.argmax(touched)) if touched.size else 0
    return first + hit if touched.size and touched[hit] else len(bars)


class SimExchange:
    """Holds the working orders and moves the account when bars give them something.

    Parameters
    ----------
    account
        The account to move.
    market, terms, settings
        Prices, dated rules, and how orders are treated.
    """

    def __init__(
        self, account: SimAccount, market: SimMarket, terms: DatedTerms, settings: SimSettings
    ) -> None:
        self._account = account
        self._market = market
        self._terms = terms
        self._settings = settings
        self._places: dict[str, _Place] = {}
        for row in account.orders.values():
            self._follow(row)

    def __bool__(self) -> bool:
        return bool(self._places)

    def open_orders(self) -> list[OrderRow]:
        """Return the orders that can still execute, in order of arrival."""
        rows = (place.row for place in self._places.values())
        return sorted((row for row in rows if row.is_open), key=lambda row: row.number)

    @property
    def reserved_cash(self) -> Decimal:
        """Cash set aside for working buys, account currency."""
        if not self._places:
            return _ZERO
        return sum((p.row.reserved for p in self._places.values()), start=_ZERO)

    def promised(self, symbol: str) -> Decimal:
        """Return the shares that working sells of a symbol stand for."""
        if not self._places:
            return _ZERO
        working = (p.row.working for p in self._places.values() if p.row.order.symbol == symbol)
        return -sum((q for q in working if q < 0), start=_ZERO)

    def next_at(self) -> int | None:
        """Return the time of the next step, nanoseconds since 1970 UTC; None if none is due."""
        if not self._places:
            return None
        self._look_for_new_bars()
        return min([place.at for place in self._places.values()])

    def put(self, row: OrderRow) -> None:
        """Take a new order in."""
        self._account.put(row)
        self._follow(row)

    def advance(self, now: int) -> None:
        """Take every step that is due at `now`, nanoseconds since 1970 UTC."""
        self._look_for_new_bars()
        while self._places:
            place = next(iter(self._places.values()))
            if len(self._places) > 1:
                place = min(self._places.values(), key=_turn)
            if place.at > now:
                return
            self._take(place)

    def cancel(self, row: OrderRow, now: datetime, straggler: Decimal) -> None:
        """End what is left of an order on request; `straggler` shares still execute after it."""
        self._end(row, "cancelled", now, straggler=straggler)

    def _follow(self, row: OrderRow) -> None:
        """Keep an order's place up to date, and drop it when nothing can happen any more."""
        order = row.order
        if not (row.working or row.accept_due):
            self._places.pop(order.order_id, None)
            return
        place = self._places.get(order.order_id)
        if place is None:
            terms = self._terms.of(order.symbol, order.trading_date)
            bars = self._market.bars.get(order.symbol)
            first_end = self._market.first_end_from(row.visible_from)
            self._places[order.order_id] = _Place(row, terms, bars, first_end)
        else:
            place.row = row
            if row.straggler:
                place.find(place.bars)
            else:
                place.plan()

    def _look_for_new_bars(self) -> None:
        """Plan again where the price source has grown."""
        for place in self._places.values():
            bars = self._market.bars.get(place.row.order.symbol)
            if bars is not place.bars:
                place.find(bars)

    def _take(self, place: _Place) -> None:
        """Take one order's next step."""
        row, at = place.row, place.at
        if place.step is _Step.BAR:
            self._meet(place)
        elif place.step is _Step.ACCEPT:
            self._accept(row, time_of(at))
        elif place.step is _Step.REJECT:
            self._end(row, "rejected", time_of(at))
        elif row.is_open:
            self._end(row, "expired", time_of(at))
        else:
            self._put(replace(row, straggler=_ZERO, reserved=_ZERO))

    def _meet(self, place: _Place) -> None:
        """Let an order meet its next bar."""
        bars, index = place.bars, place.index
        if bars is None:
            return
        place.index += 1
        found = match(place.row, bars, index, place.terms, self._settings)
        if found is None:
            place.plan()
        else:
            self._fill(place.row, found, bars.end.item(index), place.terms)

    def _fill(self, row: OrderRow, found: Match, end: int, terms: Terms) -> None:
        """Book one execution and move its order."""
        order, instrument = row.order, terms.instrument
        value = instrument.value(abs(found.quantity), found.price)
        before, now = Executed(abs(row.filled), row.notional), Executed(abs(found.quantity), value)
        commission, tax = instrument.fees.costs(before, now, is_buy=found.quantity > 0)
        filled = row.filled + found.quantity
        after = Executed(abs(filled), before.value + value)
        fill = BrokerFill(
            order_id=order.order_id,
            broker_order_id=row.broker_order_id,
            fill_id=f"{row.broker_order_id}-{row.fills + 1}",
            symbol=order.symbol,
            quantity=found.quantity,
            price=found.price,
            commission=commission,
            tax=tax,
            executed_at=time_of(self._market.revealed(order.symbol, end)),
            venue=instrument.exchange,
            multiplier=instrument.multiplier,
        )
        status: Literal["filled", "part_filled", "cancelled"] = "part_filled"
        if filled == order.quantity:
            status = "filled"
        elif row.straggler:
            status = "cancelled"
        self._account.book(fill, terms.settles, order.trading_date)
        left = order.quantity - filled if status == "part_filled" else _ZERO
        self._put(
            replace(
                row,
                status=status,
                filled=filled,
                fills=row.fills + 1,
                notional=after.value,
                commission=row.commission + commission,
                reserved=_reserve(instrument, left, order.reserve_price, after),
                seen_until=end,
                straggler=_ZERO,
            )
        )

    def _accept(self, row: OrderRow, at: datetime) -> None:
        """Tell a late acceptance."""
        self._account.tell(
            BrokerAccept(order_id=row.order.order_id, broker_order_id=row.broker_order_id, at=at)
        )
        self._put(replace(row, accept_due=0))

    def _end(
        self,
        row: OrderRow,
        how: Literal["cancelled", "expired", "rejected"],
        at: datetime,
        *,
        straggler: Decimal = _ZERO,
    ) -> None:
        """End an order and tell it, its acceptance before it if that was not told yet."""
        rejected = how == "rejected"
        instrument = self._terms.of(row.order.symbol, row.order.trading_date).instrument
        if row.accept_due and not rejected:
            self._accept(row, at)
        self._account.tell(
            BrokerOrderEnd(
                order_id=row.order.order_id,
                broker_order_id="" if rejected else row.broker_order_id,
                how=how,
                reason_code=row.reason_code if rejected else "",
                reason=row.reason if rejected else "",
                at=at,
            )
        )
        self._put(
            replace(
                row,
                status=how,
                straggler=straggler,
                reserved=_reserve(
                    instrument,
                    straggler,
                    row.order.reserve_price,
                    Executed(abs(row.filled), row.notional),
                ),
                seen_until=max(row.seen_until, nanos(at)),
                accept_due=0,
                reject_due=0,
            )
        )

    def _put(self, row: OrderRow) -> None:
        """Keep an order's next state."""
        self._account.put(row)
        self._follow(row)


def _reserve(instrument: Instrument, left: Decimal, price: Decimal, before: Executed) -> Decimal:
    """Return the cash that the rest of a buy may still need."""
    if left <= 0:
        return _ZERO
    rest = Executed(left, instrument.value(left, price))
    return rest.value + instrument.fees.still_to_pay(before, rest)


def _turn(place: _Place) -> tuple[int, int, int]:
    """Return the key by which steps are taken."""
    return place.at, place.step, place.row.number
