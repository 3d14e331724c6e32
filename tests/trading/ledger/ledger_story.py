"""Short ways to say what happened, for the ledger's tests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from qtkit.ledger.ledger import Ledger
from qtkit.model.books import Book
from qtkit.model.events import (
    DayStarted,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRequested,
    PositionAdjusted,
)
from qtkit.model.orders import OrderOrigin, OrderType

WEDNESDAY, THURSDAY, FRIDAY = date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6)
AT = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)


def started(day: date = WEDNESDAY) -> DayStarted:
    return DayStarted(trading_date=day, open=True)


def requested(
    order_id: str, quantity: int, *, reserve: str = "0", symbol: str = "600036.SH"
) -> OrderRequested:
    return OrderRequested(
        trading_date=WEDNESDAY,
        order_id=order_id,
        symbol=symbol,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET,
        limit_price=None,
        reserved_cash=Decimal(reserve),
        because="test",
        origin=OrderOrigin.STRATEGY,
        tag=f"tag of {order_id}",
        quote=None,
        venue="XSHG",
    )


def accepted(order_id: str) -> OrderAccepted:
    return OrderAccepted(
        trading_date=WEDNESDAY,
        order_id=order_id,
        broker_order_id=f"b-{order_id}",
        broker_name="sim",
        accepted_at=AT,
    )


def filled(  # noqa: PLR0913 - a fill has that much to say
    order_id: str,
    fill_id: str,
    quantity: int,
    price: str,
    *,
    fees: tuple[str, str] = ("0", "0"),
    symbol: str = "600036.SH",
    settles: date = THURSDAY,
    day: date = WEDNESDAY,
    late: str = "",
) -> OrderFilled:
    return OrderFilled(
        trading_date=day,
        order_id=order_id,
        broker_order_id=f"b-{order_id}",
        fill_id=fill_id,
        symbol=symbol,
        quantity=Decimal(quantity),
        price=Decimal(price),
        commission=Decimal(fees[0]),
        tax=Decimal(fees[1]),
        executed_at=AT,
        settles=settles,
        venue="XSHG",
        channel="poll_fills",
        late=late,
    )


def cancelled(order_id: str, quantity: int) -> OrderCancelled:
    return OrderCancelled(
        trading_date=WEDNESDAY, order_id=order_id, quantity=Decimal(quantity), reason="cancelled"
    )


def new_ledger(cash: str = "100000.00") -> Ledger:
    ledger = Ledger.opened(Book(cash=Decimal(cash)))
    ledger.apply(started())
    return ledger


def adjustment(symbol: str, quantity: int, cash: str) -> PositionAdjusted:
    return PositionAdjusted(
        symbol=symbol, quantity=Decimal(quantity), cash=Decimal(cash), by="op", why="split"
    )


def decimals(*numbers: str | int) -> tuple[Decimal, ...]:
    return tuple(Decimal(number) for number in numbers)
