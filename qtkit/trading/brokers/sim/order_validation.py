"""The broker's own checks when an order arrives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from msgspec.structs import replace

from qtkit.model.bars import nanos
from qtkit.model.orders import OrderType, TimeInForce
from qtkit.trading.brokers.protocol import Order
from qtkit.trading.brokers.sim.account import SimAccount
from qtkit.trading.brokers.sim.contract_terms import DatedTerms, Terms
from qtkit.trading.brokers.sim.exchange import SimExchange
from qtkit.trading.brokers.sim.faults import FaultScript, Later, Reject
from qtkit.trading.brokers.sim.records import OrderRow
from qtkit.trading.brokers.sim.settings import SimSettings

__all__ = [
    "OrderValidation",
    "Refusal",
    "cash_refusals",
    "contract_refusals",
    "day_refusals",
    "share_refusals",
]

Refusal = tuple[str, str]
"""Reason code and one sentence."""

Refusals = Sequence[Refusal]

_LIMIT, _DAY = OrderType.LIMIT, TimeInForce.DAY
_KINDS = frozenset({OrderType.MARKET, OrderType.LIMIT})
_ZERO = Decimal(0)


def day_refusals(order: Order, today: date, *, closed: bool, past_close: bool) -> Refusals:
    """Refuse an order of another day, of a closed day, and one that comes after the close."""
    if order.trading_date != today:
        where = f"the order is for {order.trading_date}, the trading date is {today}"
        return (("wrong_trading_date", where),)
    if closed:
        return (("market_closed", f"{today} is no trading day"),)
    if past_close:
        return (("market_closed", f"the last bar of {today} has ended"),)
    return ()


def contract_refusals(order: Order, terms: Terms) -> Refusals:
    """Refuse what breaks the contract: quantity, lot, tick, band.

    Buys are whole lots. Sells are whole steps, so that an odd rest can be sold where the exchange
    takes it.
    """
    quantity, instrument = order.quantity, terms.instrument
    if order.order_type not in _KINDS or order.time_in_force is not _DAY:
        return tuple(_kind_refusals(order))
    if not quantity.is_finite() or not quantity:
        return (("bad_quantity", f"quantity must be a number other than zero, was {quantity}"),)
    refusals = list[Refusal]()
    # whether an odd rest goes all at once is between the owner and the book
    if why := instrument.misfit(quantity, -quantity):
        refusals.append(("lot", why))
    if quantity > _ZERO and not (order.reserve_price.is_finite() and order.reserve_price > _ZERO):
        why = f"a buy reserves cash at a price above 0, was {order.reserve_price}"
        refusals.append(("bad_price", why))
    if order.order_type is _LIMIT:
        refusals += _limit_refusals(order.limit_price, terms)
    elif order.limit_price is not None:
        refusals.append(
            ("bad_price", f"a market order has no limit price, was {order.limit_price}")
        )
    return refusals


def _kind_refusals(order: Order) -> Iterator[Refusal]:
    """Refuse what this broker does not know: it takes market and limit orders of the day."""
    if order.order_type not in _KINDS:
        yield "order_type", f"this broker takes market and limit orders, was {order.order_type}"
    if order.time_in_force is not TimeInForce.DAY:
        yield "time_in_force", f"this broker takes day orders, was {order.time_in_force}"


def _limit_refusals(price: Decimal | None, terms: Terms) -> Iterator[Refusal]:
    """Refuse a limit price that is missing, off the tick, or outside the band."""
    if price is None or not price.is_finite() or price <= 0:
        yield "bad_price", f"a limit order needs a limit price above 0, was {price}"
        return
    tick, band = terms.instrument.tick_at(price), terms.band
    if price % tick:
        yield "tick", f"limit price must be a multiple of {tick}, was {price}"
    if band is not None and not band.low <= price <= band.high:
        yield (
            "price_band",
            f"limit price must be from {band.low} to {band.high} on this date, was {price}",
        )


def cash_refusals(needed: Decimal, free: Decimal) -> Refusals:
    """Refuse a buy that the free cash does not cover."""
    return (("cash", f"the order may need {needed}, free are {free}"),) if needed > free else ()


def share_refusals(wanted: Decimal, sellable: Decimal, held: Decimal) -> Refusals:
    """Refuse a sell of shares that are not there, not settled, or promised to another order."""
    if wanted <= sellable:
        return ()
    why = f"{wanted} to sell, sellable are {sellable} of {held} (rest unsettled or promised)"
    return (("shares", why),)


class OrderValidation:
    """Where orders arrive.

    Parameters
    ----------
    name
        How broker order numbers begin.
    account, floor
        What is there, and what is set aside for working orders.
    terms, settings, faults
        Dated rules, how orders are treated, and what is refused or delayed on purpose.
    """

    def __init__(
        self,
        *,
        name: str,
        account: SimAccount,
        floor: SimExchange,
        terms: DatedTerms,
        settings: SimSettings,
        faults: FaultScript,
    ) -> None:
        self._name = name
        self._account = account
        self._floor = floor
        self._terms = terms
        self._settings = settings
        self._faults, self._is_scripted = faults, bool(faults)

    def judged(self, order: Order, now: datetime) -> OrderRow:
        """Return a new order's row: accepted with cash set aside, or refused with the reason."""
        number = len(self._account.orders) + 1
        refusals, needed = self._contract_refusals(order, now), _ZERO
        if not refusals:
            needed = self._needed(order)
            refusals = self._account_refusals(order, needed)
        scripted = self._faults.on(Reject, order.order_id) if self._is_scripted else None
        if scripted is not None and scripted.after is None:
            refusals = (*refusals, (scripted.code, scripted.reason))
        if refusals:
            return OrderRow(
                number=number,
                order=order,
                broker_order_id="",
                status="rejected",
                reason_code=refusals[0][0],
                reason="; ".join(reason for _, reason in refusals),
            )
        row = OrderRow(
            number=number,
            order=order,
            broker_order_id=f"{self._name}-{number:06d}",
            status="accepted",
            visible_from=self._settings.visible_from(now, order.order_id),
            reserved=needed,
        )
        return self._delayed(row, scripted, now) if self._is_scripted else row

    def _needed(self, order: Order) -> Decimal:
        """Return the cash that an order of today sets aside."""
        if order.quantity < _ZERO:
            return _ZERO
        instrument = self._terms.of(order.symbol, order.trading_date).instrument
        return instrument.reserve(order.quantity, order.reserve_price)

    def _delayed(self, row: OrderRow, scripted: Reject | None, now: datetime) -> OrderRow:
        """Return the row with the answers that come later by script."""
        later = self._faults.on(Later, row.order.order_id)
        if later is not None:
            row = replace(row, later=True, accept_due=nanos(now + later.after))
        if scripted is not None and scripted.after is not None:
            row = replace(
                row,
                reject_due=nanos(now + scripted.after),
                reason_code=scripted.code,
                reason=scripted.reason,
            )
        return row

    def _contract_refusals(self, order: Order, now: datetime) -> Refusals:
        """Return what its day and its contract have against an order."""
        today = self._terms.today(now)
        close = self._terms.close(today)
        refusals = day_refusals(
            order, today, closed=close is None, past_close=close is not None and now >= close
        )
        if refusals:
            return refusals
        try:
            terms = self._terms.of(order.symbol, today)
        except LookupError:
            return (("unknown_instrument", f"{order.symbol} is not known on {today}"),)
        return contract_refusals(order, terms)

    def _account_refusals(self, order: Order, needed: Decimal) -> Refusals:
        """Return what the account has against an order of today: cash, or shares."""
        if order.quantity > _ZERO:
            return cash_refusals(needed, self._account.cash - self._floor.reserved_cash)
        holding = self._account.holdings.get(order.symbol)
        settled, held = _ZERO, _ZERO
        if holding is not None:
            settled, held = holding.settled(order.trading_date), holding.quantity
        sellable = settled - self._floor.promised(order.symbol)
        return share_refusals(-order.quantity, sellable, held)
