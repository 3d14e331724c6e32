"""How an order meets a bar: price and quantity. Pure functions of one order and one bar."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from qtkit.model.bars import Bars
from qtkit.model.money import decimal_of, round_to_tick
from qtkit.model.orders import OrderType
from qtkit.trading.brokers.protocol import Order
from qtkit.trading.brokers.sim.contract_terms import Band, Terms
from qtkit.trading.brokers.sim.records import OrderRow
from qtkit.trading.brokers.sim.settings import SimSettings

__all__ = ["Match", "limit_price", "market_price", "match", "most_it_pays", "offered"]

_BPS = Decimal(10_000)
_ZERO = Decimal(0)
_MARKET = OrderType.MARKET


class Match(msgspec.Struct, frozen=True, gc=False):
    """What a bar gives to an order."""

    price: Decimal  # account currency per share
    quantity: Decimal  # shares, signed


def most_it_pays(order: Order) -> Decimal:
    """Return the price a buy never goes beyond: its limit, and what cash was reserved at."""
    if order.limit_price is None:
        return order.reserve_price
    return min(order.limit_price, order.reserve_price)


def match(
    row: OrderRow, bars: Bars, index: int, terms: Terms, settings: SimSettings
) -> Match | None:
    """Return what bar `index` gives to an order, None when it gives nothing.

    A bar without volume, or without a positive price, gives nothing; nor does one that stood at
    the edge of the band from open to close to those who would need the other side of it.
    """
    order, side = row.order, row.order.quantity
    low, high = bars.low.item(index), bars.high.item(index)
    open_, volume = bars.open.item(index), bars.volume.item(index)
    if not (volume > 0 and low > 0 and high > 0 and open_ > 0):
        return None
    if terms.band is not None and _locked(side, low, high, terms.band):
        return None
    if order.order_type is _MARKET:
        price = market_price(order, open_, low, high, terms, settings.slippage_bps)
    else:
        price = limit_price(order, open_, low, high, terms)
        if row.straggler and price is None:
            price = most_it_pays(order) if side > _ZERO else order.limit_price
    if price is None:
        return None
    if row.straggler:
        return Match(price, row.straggler)
    wanted = abs(side - row.filled)
    taken = offered(wanted, volume, terms.instrument.lot, settings.participation)
    return Match(price, taken.copy_sign(side)) if taken else None


def offered(wanted: Decimal, volume: float, lot: Decimal, participation: Decimal) -> Decimal:
    """Return the shares a bar gives to one order.

    Parameters
    ----------
    wanted
        Shares still working, > 0.
    volume
        Shares the bar traded, > 0.
    lot
        Shares per lot.
    participation
        Share of `volume` one order may take.

    Returns
    -------
    Decimal
        All of `wanted` if the share covers it (an odd rest of a sell too), else whole lots.

    Examples
    --------
    >>> offered(Decimal(1000), 2560.0, Decimal(100), Decimal("0.10"))
    Decimal('200')
    """
    allowed = participation * (Decimal(int(volume)) if volume.is_integer() else decimal_of(volume))
    return wanted if wanted <= allowed else allowed // lot * lot


def market_price(
    order: Order, open_: float, low: float, high: float, terms: Terms, slippage_bps: Decimal
) -> Decimal | None:
    """Return what a market order gets: the open, moved against it by the slippage.

    It stays on the tick, inside the bar and the band, and a buy never goes beyond the price that
    its cash was reserved at; None when the open itself is beyond that.
    """
    start, band, buys = decimal_of(open_), terms.band, order.quantity > _ZERO
    tick = terms.instrument.tick_at(start)
    slip = start * slippage_bps / _BPS if slippage_bps else slippage_bps
    if buys:
        if start > order.reserve_price:
            return None
        price = round_to_tick(start + slip, tick, up=True)
        # most bars open on the tick, and an order without slippage gets just that
        is_open = price == start and open_ <= high
        if not is_open and price > (top := min(decimal_of(high), order.reserve_price)):
            price = round_to_tick(top, tick, up=False)
        return price if band is None else min(price, band.high)
    price = round_to_tick(start - slip, tick, up=False)
    is_open = price == start and open_ >= low
    if not is_open and price < (bottom := decimal_of(low)):
        price = round_to_tick(bottom, tick, up=True)
    return price if band is None else max(price, band.low)


def limit_price(
    order: Order, open_: float, low: float, high: float, terms: Terms
) -> Decimal | None:
    """Return what a limit order gets: the open if that is better, else its limit, or None."""
    if order.limit_price is None:
        return None
    start = decimal_of(open_)
    tick = terms.instrument.tick_at(start)
    if order.quantity > _ZERO:
        most = most_it_pays(order)
        if start <= most:
            return min(round_to_tick(start, tick, up=True), most)
        return most if decimal_of(low) <= most else None
    if start >= order.limit_price:
        return max(round_to_tick(start, tick, up=False), order.limit_price)
    return order.limit_price if decimal_of(high) >= order.limit_price else None


def _locked(side: Decimal, low: float, high: float, band: Band) -> bool:
    """Whether the whole bar stood at the edge of the band that leaves this side nobody."""
    if low != high:
        return False
    return low >= float(band.high) if side > _ZERO else high <= float(band.low)
