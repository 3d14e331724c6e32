"""Limits on what orders add up to: a day's turnover, and a symbol's position."""

from __future__ import annotations

from decimal import Decimal

from qtkit.core.verdict import Verdict, error, fail, ok
from qtkit.trading.risk.request import OrderRequest, RiskView, Rule, reduces

__all__ = ["day_turnover_is_within", "position_is_within"]

_TURNOVER, _POSITION = "risk.max_day_turnover", "risk.max_position_quantity"
_TURNOVER_WITHIN = ok("the day's turnover is within the limit").named(_TURNOVER)
_REDUCES = ok("the order reduces the position").named(_TURNOVER)
_POSITION_WITHIN = ok("the position stays within the limit").named(_POSITION)
_NO_BUY = ok("a sell does not add to a position").named(_POSITION)


def day_turnover_is_within(limit: Decimal) -> Rule:
    """Return the rule: with this order the day's orders are worth at most `limit` together.

    Orders of the trading date count that left and were neither rejected nor lost, buys and sells,
    at the price they were judged by. An order that reduces the position is not kept in.

    Parameters
    ----------
    limit
        Account currency, > 0.
    """

    def rule(request: OrderRequest, view: RiskView) -> Verdict:
        if reduces(request, view):
            return _REDUCES
        price = request.limit_price or view.last_price or view.reference_price
        value = Decimal("NaN") if price is None else request.worth(price, view)
        if not value.is_finite():
            return _unjudged(_TURNOVER, request, "there is no price to value it at")
        if view.turnover + value > limit:
            return fail(
                f"{request.symbol}: {value:,} {view.currency} on top of today's {view.turnover:,} "
                f"are over the day's limit of {limit:,} {view.currency}",
                fix="wait for the next trading day, or raise max_day_turnover",
            ).named(_TURNOVER)
        return _TURNOVER_WITHIN

    return rule


def position_is_within(limit: Decimal) -> Rule:
    """Return the rule: with this buy, and with open ones, at most `limit` shares are held.

    Parameters
    ----------
    limit
        Shares of one symbol, > 0.
    """

    def rule(request: OrderRequest, view: RiskView) -> Verdict:
        if not request.quantity.is_finite():
            return _unjudged(_POSITION, request, f"its quantity is {request.quantity}")
        if request.quantity < 0:
            return _NO_BUY
        held = view.position + view.incoming + request.quantity
        if held > limit:
            return fail(
                f"{request.symbol}: {held:,} {view.unit} would be held, open buys included; the "
                f"limit is {limit:,}",
                fix="ask for less, or raise max_position_quantity",
            ).named(_POSITION)
        return _POSITION_WITHIN

    return rule


def _unjudged(rule: str, request: OrderRequest, why: str) -> Verdict:
    return error(
        f"{request.symbol}: cannot be judged, {why}",
        fix="see runbooks/feed-silent.md, then try again",
    ).named(rule)
