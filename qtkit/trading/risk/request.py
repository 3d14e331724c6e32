"""What a risk rule is asked, and everything it may look at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, tzinfo
from decimal import Decimal

import msgspec

from qtkit.core.verdict import Verdict
from qtkit.model.instruments import Instrument
from qtkit.model.moments import Moment
from qtkit.model.orders import OrderType, TimeInForce

__all__ = ["OrderRequest", "RiskView", "Rule", "reduces"]

_NONE = Decimal(0)


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One order that somebody wants to send."""

    order_id: str
    symbol: str
    quantity: Decimal  # shares, signed: + buys, - sells
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None  # account currency per share; limit orders only
    stop_price: Decimal | None = None  # account currency per share; stop orders only
    time_in_force: TimeInForce = TimeInForce.DAY
    expires: Moment | None = None  # good-till-date orders only

    def worth(self, price: Decimal, view: RiskView) -> Decimal:
        """Return what it is worth at a price, account currency, >= 0."""
        size = abs(self.quantity)
        return size * price if view.instrument is None else view.instrument.value(size, price)


class RiskView(msgspec.Struct, frozen=True, gc=False):
    """The moment in which a request is judged."""

    now: datetime  # UTC
    trading_date: date
    zone: tzinfo  # the exchange's
    segment_is_open: bool  # whether `now` is inside a trading segment (half-open)
    instrument: Instrument | None  # None: nobody knows the symbol
    last_price: Decimal | None  # fresh quote, account currency per share; None: there is none
    last_close: Decimal | None  # previous trading date's close, account currency per share
    band: tuple[Decimal, Decimal] | None  # lowest and highest price allowed; None: no band
    reference_price: Decimal | None  # what an order without a limit and a quote is valued at
    free_cash: Decimal  # account currency, what open orders claim taken off
    reserve_needed: Decimal  # what a buy would reserve, fees included, account currency
    position: Decimal  # shares held, settled or not
    sellable: Decimal  # settled shares that no open sell has claimed
    killed: bool  # kill switch by event
    kill_file: bool  # kill switch by file
    currency: str  # the account's
    incoming: Decimal = Decimal(0)  # shares that open buys may still bring
    turnover: Decimal = Decimal(0)  # value of the day's orders so far, account currency

    @property
    def unit(self) -> str:
        """What quantities are of: shares, contracts, coins."""
        return "units" if self.instrument is None else self.instrument.unit

    @property
    def local_time(self) -> time:
        """The exchange's own wall clock, without a zone."""
        return self.now.astimezone(self.zone).time()


Rule = Callable[[OrderRequest, RiskView], Verdict]
"""A statement that is true when all is well, as a pure function."""


def reduces(request: OrderRequest, view: RiskView) -> bool:
    """Whether the order takes the position closer to zero and never past it.

    Such an order lowers risk: no kill switch and no trading window keeps it in.
    """
    quantity, held = request.quantity, view.position
    if not quantity.is_finite():
        return False
    return held <= -quantity < _NONE if held < _NONE else _NONE < -quantity <= held
