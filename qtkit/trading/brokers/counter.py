"""The broker's own checks when an order arrives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from qtkit.model.orders import OrderType
from qtkit.trading.brokers.protocol import Order
from qtkit.trading.brokers.terms import Terms

__all__ = ["Refusal", "cash_refusals", "contract_refusals", "day_refusals", "share_refusals"]

Refusal = tuple[str, str]
"""Reason code and one sentence."""

_ONE = Decimal(1)


def day_refusals(order: Order, today: date, *, closed: bool, past_close: bool) -> Iterator[Refusal]:
    """Refuse an order of another day, of a closed day, and one that comes after the close."""
    if order.trading_date != today:
        yield (
            "wrong_trading_date",
            f"the order is for {order.trading_date}, the trading date is {today}",
        )
    elif closed:
        yield "market_closed", f"{today} is no trading day"
    elif past_close:
        yield "market_closed", f"the last bar of {today} has ended"


def contract_refusals(order: Order, terms: Terms) -> Iterator[Refusal]:
    """Refuse what breaks the contract: quantity, lot, tick, band.

    Buys are whole lots. Sells are whole shares (whole lots where a lot is less than a share), so
    that an odd rest can always be sold.
    """
    quantity, instrument = order.quantity, terms.instrument
    if not quantity.is_finite() or not quantity:
        yield "bad_quantity", f"quantity must be a number other than zero, was {quantity}"
        return
    step = instrument.lot if quantity > 0 else min(instrument.lot, _ONE)
    if quantity % step:
        yield "lot", f"quantity must be a multiple of {step} shares, was {quantity}"
    if quantity > 0 and not (order.reserve_price.is_finite() and order.reserve_price > 0):
        yield "bad_price", f"a buy reserves cash at a price above 0, was {order.reserve_price}"
    if order.order_type is OrderType.LIMIT:
        yield from _limit_refusals(order.limit_price, terms)
    elif order.limit_price is not None:
        yield "bad_price", f"a market order has no limit price, was {order.limit_price}"


def _limit_refusals(price: Decimal | None, terms: Terms) -> Iterator[Refusal]:
    """Refuse a limit price that is missing, off the tick, or outside the band."""
    if price is None or not price.is_finite() or price <= 0:
        yield "bad_price", f"a limit order needs a limit price above 0, was {price}"
        return
    tick, band = terms.instrument.tick, terms.band
    if price % tick:
        yield "tick", f"limit price must be a multiple of {tick}, was {price}"
    if band is not None and not band.low <= price <= band.high:
        yield (
            "price_band",
            f"limit price must be from {band.low} to {band.high} on this date, was {price}",
        )


def cash_refusals(needed: Decimal, free: Decimal) -> Iterator[Refusal]:
    """Refuse a buy that the free cash does not cover."""
    if needed > free:
        yield "cash", f"the order may need {needed}, free are {free}"


def share_refusals(wanted: Decimal, sellable: Decimal, held: Decimal) -> Iterator[Refusal]:
    """Refuse a sell of shares that are not there, not settled, or promised to another order."""
    if wanted > sellable:
        yield (
            "shares",
            f"{wanted} to sell, sellable are {sellable} of {held} (rest unsettled or promised)",
        )
