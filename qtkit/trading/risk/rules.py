"""The rules. Each is a statement that is true when all is well; nobody else's word counts.

A rule that holds returns a shared verdict, since an order is judged on the hot path; the sentence
with the numbers is built when it refuses. What a rule cannot judge is an error, and refuses too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from decimal import Decimal

from qtkit.core.verdict import Verdict, error, fail, ok
from qtkit.model.orders import OrderType, TimeInForce
from qtkit.trading.risk.request import OrderRequest, RiskView, Rule, reduces

__all__ = [
    "cash_is_enough",
    "instrument_is_known",
    "kill_switch_is_off",
    "lot_and_tick_fit",
    "order_quantity_is_within",
    "order_value_is_within",
    "price_is_in_band",
    "quantity_is_sellable",
    "request_is_well_formed",
    "symbol_is_allowed",
    "time_is_in_window",
]

_REQUEST, _INSTRUMENT, _LOT_AND_TICK = "risk.request", "risk.instrument", "risk.lot_and_tick"
_BAND, _CASH, _SELLABLE = "risk.price_band", "risk.cash", "risk.sellable"
_VALUE, _QUANTITY = "risk.max_order_value", "risk.max_order_quantity"
_SYMBOLS, _WINDOW, _KILL = "risk.allowed_symbols", "risk.trading_window", "risk.kill_switch"

_ZERO = Decimal(0)
_MARKET, _DAY = OrderType.MARKET, TimeInForce.DAY
_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_TAKES = {
    "limit price": "a limit order",
    "stop price": "a stop order",
    "expires": "a good-till-date order",
}  # what each is for

_WELL_FORMED = ok("the request is well formed").named(_REQUEST)
_KNOWN = ok("the instrument is known").named(_INSTRUMENT)
_FITS = ok("quantity and price fit lot and tick").named(_LOT_AND_TICK)
_IN_BAND = ok("the price is inside the band").named(_BAND)
_NO_BAND = ok("the instrument has no price band").named(_BAND)
_NO_QUOTE_NEEDED = ok("no fresh quote, and the order reduces the position").named(_BAND)
_COVERED = ok("the cash is enough").named(_CASH)
_NO_CASH_NEEDED = ok("a sell needs no cash").named(_CASH)
_CAN_BE_SOLD = ok("the shares can be sold").named(_SELLABLE)
_NOT_A_SELL = ok("a buy needs no shares").named(_SELLABLE)
_VALUE_WITHIN = ok("the order value is within the limit").named(_VALUE)
_QUANTITY_WITHIN = ok("the order quantity is within the limit").named(_QUANTITY)
_ALLOWED = ok("the symbol is allowed").named(_SYMBOLS)
_IN_WINDOW = ok("the time is inside a trading window").named(_WINDOW)
_REDUCES_OUTSIDE = ok("outside the trading windows, and the order reduces the position").named(
    _WINDOW
)
_OFF = ok("the kill switch is off").named(_KILL)
_REDUCES_KILLED = ok("the kill switch is on, and the order reduces the position").named(_KILL)


def request_is_well_formed(request: OrderRequest, view: RiskView) -> Verdict:  # noqa: ARG001
    """Whether it asks for some shares, and has the prices and the end that its type needs."""
    quantity = request.quantity
    if not quantity.is_finite() or not quantity:
        return fail(
            f"{request.symbol}: {quantity} is no quantity to order", fix="ask for a number"
        ).named(_REQUEST)
    if request.order_type is _MARKET and request.time_in_force is _DAY:
        fits = request.limit_price is None and request.stop_price is None and not request.expires
    else:
        fits = not _misfits(request)
    if fits:
        return _WELL_FORMED
    name, needs, found = _misfits(request)[0]
    force = "" if request.time_in_force is _DAY else f"{request.time_in_force} "
    kind = f"{force}{request.order_type.replace('_', ' ')} order"
    return fail(
        f"{request.symbol}: a {kind} with {name} {found}",
        fix=f"give {needs}" if needs else f"leave the {name} out, or ask for {_TAKES[name]}",
    ).named(_REQUEST)


def _misfits(request: OrderRequest) -> list[tuple[str, str, object]]:
    """Return what does not fit: its name, what is needed ("" for nothing), and what was there."""
    misfits: list[tuple[str, str, object]] = []
    for name, price, kinds in (
        ("limit price", request.limit_price, _LIMITED),
        ("stop price", request.stop_price, _STOPPED),
    ):
        if request.order_type not in kinds and price is not None:
            misfits.append((name, "", price))
        if request.order_type in kinds and not _is_price(price):
            misfits.append((name, f"a {name} above 0, or ask for a market order", price))
    if (request.time_in_force is TimeInForce.GTD) is not (request.expires is not None):
        needs = "a time with its zone" if request.expires is None else ""
        misfits.append(("expires", needs, request.expires))
    return misfits


def _is_price(price: Decimal | None) -> bool:
    return price is not None and price.is_finite() and price > 0


def instrument_is_known(request: OrderRequest, view: RiskView) -> Verdict:
    """Whether the instrument table has the symbol, in the account's currency."""
    instrument = view.instrument
    if instrument is None or instrument.symbol != request.symbol:
        return fail(
            f"{request.symbol} is in no instrument table for {view.trading_date}",
            fix="correct the symbol, or add it to instruments.toml",
        ).named(_INSTRUMENT)
    if instrument.currency != view.currency:
        return fail(
            f"{request.symbol} trades in {instrument.currency}, the account in {view.currency}",
            fix="trade it on an account of its own currency",
        ).named(_INSTRUMENT)
    return _KNOWN


def lot_and_tick_fit(request: OrderRequest, view: RiskView) -> Verdict:
    """Whether the quantity is whole lots and the limit price on the tick grid.

    A sell may take along the odd shares, all of them at once: 350 sellable at a lot of 100 allow
    350, 250, 150 and 50, and the whole hundreds.
    """
    instrument = view.instrument
    if instrument is None or not request.quantity.is_finite():
        return _unjudged(_LOT_AND_TICK, request, "instrument or quantity unknown")
    if why := instrument.misfit(request.quantity, view.sellable) or _too_little(request, view):
        rest = f"; an odd rest is sold {instrument.odd_lots}" if request.quantity < 0 else ""
        return fail(
            f"{request.symbol}: {why}", fix=f"ask for a multiple of {instrument.lot}{rest}"
        ).named(_LOT_AND_TICK)
    price = request.limit_price
    if price is None:
        return _FITS
    if not price.is_finite():
        return _unjudged(_LOT_AND_TICK, request, f"the limit price is {price}")
    if price % (tick := instrument.tick_at(price)):
        return fail(
            f"{request.symbol}: limit price {price} is not on the tick of {tick}",
            fix=f"round the price to {tick}",
        ).named(_LOT_AND_TICK)
    return _FITS


def _too_little(request: OrderRequest, view: RiskView) -> str:
    """Return why an order is worth less than the exchange takes; "" where it is not."""
    instrument = view.instrument
    price = request.limit_price or view.last_price or view.reference_price
    if instrument is None or not instrument.min_notional or price is None:
        return ""
    value = instrument.value(abs(request.quantity), price)
    if value >= instrument.min_notional:
        return ""
    return f"it is worth {value} {instrument.currency}, less than {instrument.min_notional}"


def price_is_in_band(request: OrderRequest, view: RiskView) -> Verdict:
    """Whether the limit price is inside the day's band, and so is the quote.

    A quote beyond the band contradicts the previous close: a corporate action, or bad data. The
    symbol is blocked until somebody has explained it. A market order needs a quote to judge by,
    unless it reduces the position.
    """
    quote, limit, band = view.last_price, request.limit_price, view.band
    if quote is None and limit is None:
        return _without_price(request, view)
    if band is None:
        return _without_band(request, view)
    if quote is not None and not band[0] <= quote <= band[1]:
        return fail(
            f"{request.symbol}: the quote {quote} is beyond the band {band[0]} to {band[1]} "
            f"around the last close {view.last_close}",
            fix="explain the jump (corporate action, bad data): runbooks/price-jump.md",
        ).named(_BAND)
    if limit is not None and not band[0] <= limit <= band[1]:
        return fail(
            f"{request.symbol}: limit price {limit} is outside the band {band[0]} to {band[1]}",
            fix="choose a price inside the band",
        ).named(_BAND)
    return _IN_BAND


def _without_price(request: OrderRequest, view: RiskView) -> Verdict:
    if reduces(request, view):
        return _NO_QUOTE_NEEDED
    return _unjudged(_BAND, request, "there is no fresh quote")


def _without_band(request: OrderRequest, view: RiskView) -> Verdict:
    if view.instrument is None:
        return _unjudged(_BAND, request, "the instrument is unknown")
    if not view.instrument.has_band:
        return _NO_BAND
    return _unjudged(_BAND, request, "the previous close is unknown, and so is the band")


def cash_is_enough(request: OrderRequest, view: RiskView) -> Verdict:
    """Whether a buy reserves no more than the cash that no open order has claimed."""
    if request.quantity < _ZERO:
        return _NO_CASH_NEEDED
    needed = view.reserve_needed
    if not needed.is_finite() or needed <= _ZERO:
        return _unjudged(_CASH, request, f"the cash it would reserve is {needed}")
    if needed > view.free_cash:
        return fail(
            f"{request.symbol}: the buy would reserve {needed} {view.currency}, "
            f"{view.free_cash} {view.currency} are free",
            fix="ask for less, or wait until open orders end",
        ).named(_CASH)
    return _COVERED


def quantity_is_sellable(request: OrderRequest, view: RiskView) -> Verdict:
    """Whether a sell takes no more than the settled shares that no open sell has claimed."""
    if request.quantity > _ZERO:
        return _NOT_A_SELL
    if -request.quantity > view.sellable:
        return fail(
            f"{request.symbol}: {-request.quantity} {view.unit} to sell, {view.sellable} can be "
            f"sold (held {view.position})",
            fix="ask for less, or wait for settlement or for open sells to end",
        ).named(_SELLABLE)
    return _CAN_BE_SOLD


def order_value_is_within(limit: Decimal) -> Rule:
    """Return the rule: quantity times price is at most `limit`, account currency.

    The price is the limit price, else the quote, else the reference price.
    """

    def rule(request: OrderRequest, view: RiskView) -> Verdict:
        price = request.limit_price or view.last_price or view.reference_price
        if price is None:
            return _unjudged(_VALUE, request, "there is no price to value it at")
        value = request.worth(price, view)
        if not value.is_finite():
            return _unjudged(_VALUE, request, f"its value is {value}")
        if value > limit:
            return fail(
                f"{request.symbol}: order value {value:,} {view.currency} is over the limit of "
                f"{limit:,} {view.currency}",
                fix="split the order, or raise max_order_value",
            ).named(_VALUE)
        return _VALUE_WITHIN

    return rule


def order_quantity_is_within(limit: Decimal) -> Rule:
    """Return the rule: the order is for at most `limit` shares."""

    def rule(request: OrderRequest, view: RiskView) -> Verdict:
        shares = abs(request.quantity)
        if not shares.is_finite():
            return _unjudged(_QUANTITY, request, f"its quantity is {shares}")
        if shares > limit:
            return fail(
                f"{request.symbol}: {shares:,} {view.unit} are over the limit of {limit:,}",
                fix="split the order, or raise max_order_quantity",
            ).named(_QUANTITY)
        return _QUANTITY_WITHIN

    return rule


def symbol_is_allowed(symbols: Iterable[str]) -> Rule:
    """Return the rule: the symbol is one of `symbols`; none are allowed if there are none."""
    allowed = frozenset(symbols)

    def rule(request: OrderRequest, view: RiskView) -> Verdict:  # noqa: ARG001
        if request.symbol in allowed:
            return _ALLOWED
        return fail(
            f"{request.symbol} is none of the {len(allowed)} allowed symbols: "
            f"{', '.join(sorted(allowed)[:10]) or 'there are none'}",
            fix="correct the symbol, or add it to allowed_symbols",
        ).named(_SYMBOLS)

    return rule


def time_is_in_window(windows: Iterable[tuple[time, time]] = ()) -> Rule:
    """Return the rule: the exchange trades, and the time is in one of the half-open `windows`.

    Windows narrow the exchange's own segments and never widen them; without any, the segments
    alone count. An order that reduces the position is not kept in.

    Parameters
    ----------
    windows
        Pairs of local times, first included, last excluded.
    """
    spans = tuple(windows)

    def rule(request: OrderRequest, view: RiskView) -> Verdict:
        if view.segment_is_open and not spans:
            return _IN_WINDOW
        at = view.local_time
        if view.segment_is_open and any(a <= at < b for a, b in spans):
            return _IN_WINDOW
        if reduces(request, view):
            return _REDUCES_OUTSIDE
        hours = ", ".join(f"{a:%H:%M} to {b:%H:%M}" for a, b in spans) or "the exchange's segments"
        state = "open" if view.segment_is_open else "closed"
        return fail(
            f"{request.symbol}: {at:%H:%M:%S} is outside {hours} (the exchange is {state})",
            fix="wait for the next window",
        ).named(_WINDOW)

    return rule


def kill_switch_is_off(request: OrderRequest, view: RiskView) -> Verdict:
    """Whether nobody has stopped trading, by event or by file; a reduction is not kept in."""
    if not view.killed and not view.kill_file:
        return _OFF
    if reduces(request, view):
        return _REDUCES_KILLED
    doors = " and ".join(
        door for door, shut in (("by command", view.killed), ("by file", view.kill_file)) if shut
    )
    return fail(
        f"{request.symbol}: trading was stopped {doors}",
        fix="find out why, then lift it: runbooks/kill-switch.md",
    ).named(_KILL)


def _unjudged(rule: str, request: OrderRequest, why: str) -> Verdict:
    return error(
        f"{request.symbol}: cannot be judged, {why}",
        fix="see runbooks/feed-silent.md, then try again",
    ).named(rule)
