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
from qtkit.trading.brokers.protocol import BrokerAccept, BrokerFill, BrokerOrderEnd, Order
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


_ACCEPT, _REJECT, _BAR, _END = _Step
_LIMIT = OrderType.LIMIT
_After = Literal["part_filled", "filled", "cancelled"]
_PART_FILLED: _After = "part_filled"
_FILLED: _After = "filled"
_CANCELLED: _After = "cancelled"


class _Place:
    """An order's place in its symbol's bars, and its next step."""

    __slots__ = ("at", "bars", "first_end", "index", "row", "step", "symbol", "terms")

    def __init__(self, row: OrderRow, terms: Terms, bars: Bars | None, first_end: int) -> None:
        self.row, self.symbol = row, row.order.symbol
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
        at, step = self.terms.expires, _END
        if row.reject_due:
            at, step = min(row.reject_due, close), _REJECT
        # one whose acceptance is not due any more is here because it works
        elif not row.accept_due or row.working:
            bar = self._next_bar()
            if 0 < bar <= close:
                at, step = bar, _BAR
        if row.accept_due and min(row.accept_due, close) <= at:
            at, step = min(row.accept_due, close), _ACCEPT
        self.at, self.step = at, step

    def _next_bar(self) -> int:
        """Return the end of the next bar that may give something; 0 if none is known."""
        bars, row = self.bars, self.row
        if bars is None:
            return 0
        if row.order.order_type is _LIMIT and not row.straggler:
            self.index = _first_touch(bars, self.index, self.terms.close, row)
        return bars.end.item(self.index) if self.index < bars.end.size else 0


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
            self._enter(row)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can happen any more."""
        return not self._places

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
        working = (p.row.working for p in self._places.values() if p.symbol == symbol)
        return -sum((q for q in working if q < _ZERO), start=_ZERO)

    def next_at(self) -> int | None:
        """Return the time of the next step, nanoseconds since 1970 UTC; None if none is due."""
        if not self._places:
            return None
        self._look_for_new_bars()
        # a list, since a generator costs more on the way of each order
        return min([place.at for place in self._places.values()])

    def put(self, row: OrderRow) -> None:
        """Take a new order in."""
        self._account.put(row)
        self._enter(row)

    def advance(self, now: int) -> None:
        """Take every step that is due at `now`, nanoseconds since 1970 UTC."""
        places = self._places
        self._look_for_new_bars()
        while places:
            place = next(iter(places.values()))
            if len(places) > 1:
                place = min(places.values(), key=_turn)
            if place.at > now:
                return
            self._take(place)

    def cancel(self, row: OrderRow, now: datetime, straggler: Decimal) -> None:
        """End what is left of an order on request; `straggler` shares still execute after it."""
        self._end(self._places[row.order.order_id], "cancelled", now, straggler=straggler)

    def _enter(self, row: OrderRow) -> None:
        """Give an order its place, if anything can happen to it."""
        if row.working or row.accept_due:
            order = row.order
            terms = self._terms.of(order.symbol, order.trading_date)
            bars = self._market.bars.get(order.symbol)
            first_end = self._market.first_end_from(row.visible_from)
            self._places[order.order_id] = _Place(row, terms, bars, first_end)

    def _look_for_new_bars(self) -> None:
        """Plan again where the price source has grown."""
        known = self._market.bars
        for place in self._places.values():
            bars = known.get(place.symbol)
            if bars is not place.bars:
                place.find(bars)

    def _take(self, place: _Place) -> None:
        """Take one order's next step."""
        step, at = place.step, place.at
        if step is _BAR:
            self._meet(place)
        elif step is _ACCEPT:
            self._accept(place, time_of(at))
        elif step is _REJECT:
            self._end(place, "rejected", time_of(at))
        elif place.row.is_open:
            self._end(place, "expired", time_of(at))
        else:
            self._keep(place, replace(place.row, straggler=_ZERO, reserved=_ZERO))

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
            self._fill(place, found, bars.end.item(index))

    def _fill(self, place: _Place, found: Match, end: int) -> None:
        """Book one execution and move its order."""
        row, instrument = place.row, place.terms.instrument
        order, executed = row.order, abs(found.quantity)
        value = instrument.value(executed, found.price)
        before, now = Executed(abs(row.filled), row.notional), Executed(executed, value)
        commission, tax = instrument.fees.costs(before, now, is_buy=found.quantity > _ZERO)
        filled, notional = row.filled + found.quantity, row.notional + value
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
        left, status = order.quantity - filled, _PART_FILLED
        if not left:
            status = _FILLED
        elif row.straggler:
            left, status = _ZERO, _CANCELLED
        self._account.book(fill, place.terms.settles, order.trading_date)
        self._keep(
            place,
            replace(
                row,
                status=status,
                filled=filled,
                fills=row.fills + 1,
                notional=notional,
                commission=row.commission + commission,
                reserved=_reserve(instrument, left, order, filled, notional) if left else left,
                seen_until=end,
                straggler=_ZERO,
            ),
        )

    def _accept(self, place: _Place, at: datetime) -> None:
        """Tell a late acceptance."""
        row = place.row
        self._account.tell(
            BrokerAccept(order_id=row.order.order_id, broker_order_id=row.broker_order_id, at=at)
        )
        self._keep(place, replace(row, accept_due=0))

    def _end(
        self,
        place: _Place,
        how: Literal["cancelled", "expired", "rejected"],
        at: datetime,
        *,
        straggler: Decimal = _ZERO,
    ) -> None:
        """End an order and tell it, its acceptance before it if that was not told yet."""
        row, rejected = place.row, how == "rejected"
        instrument = place.terms.instrument
        if row.accept_due and not rejected:
            self._accept(place, at)
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
        self._keep(
            place,
            replace(
                row,
                status=how,
                straggler=straggler,
                reserved=_reserve(instrument, straggler, row.order, row.filled, row.notional),
                seen_until=max(row.seen_until, nanos(at)),
                accept_due=0,
                reject_due=0,
            ),
        )

    def _keep(self, place: _Place, row: OrderRow) -> None:
        """Keep an order's next state, and drop its place when nothing can happen any more."""
        self._account.put(row)
        place.row = row
        if not (row.working or row.accept_due):
            self._places.pop(row.order.order_id, None)
        elif row.straggler:
            place.find(place.bars)
        else:
            place.plan()


def _reserve(
    instrument: Instrument, left: Decimal, order: Order, filled: Decimal, notional: Decimal
) -> Decimal:
    """Return the cash that the rest of a buy may still need, given what was executed before."""
    if left <= _ZERO:
        return _ZERO
    rest = Executed(left, instrument.value(left, order.reserve_price))
    return rest.value + instrument.fees.still_to_pay(Executed(abs(filled), notional), rest)


def _turn(place: _Place) -> tuple[int, int, int]:
    """Return the key by which steps are taken."""
    return place.at, place.step, place.row.number
