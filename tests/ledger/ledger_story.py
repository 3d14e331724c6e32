"""Short ways to say what happened, for the ledger's tests."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from qtkit.ledger.ledger import Ledger
from qtkit.model.events import (
    DayStarted,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRequested,
    PositionAdjusted,
)
from qtkit.testing import book, order_accepted, order_filled, order_requested

WEDNESDAY, THURSDAY, FRIDAY = date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6)


def started(day: date = WEDNESDAY) -> DayStarted:
    return DayStarted(trading_date=day, open=True)


def requested(
    order_id: str, quantity: int, *, reserve: str = "0", symbol: str = "600036.SH"
) -> OrderRequested:
    return order_requested(
        order_id, quantity, reserved_cash=reserve, symbol=symbol, trading_date=WEDNESDAY
    )


def accepted(order_id: str) -> OrderAccepted:
    return order_accepted(order_id, trading_date=WEDNESDAY)


def filled(
    order_id: str,
    fill_id: str,
    quantity: int,
    price: str,
    *,
    fees: tuple[str, str] = ("0", "0"),
    day: date = WEDNESDAY,
    **fields: Any,  # noqa: ANN401 - of the event
) -> OrderFilled:
    return order_filled(
        order_id,
        quantity,
        price,
        fill_id=fill_id,
        commission=fees[0],
        tax=fees[1],
        trading_date=day,
        **fields,
    )


def cancelled(order_id: str, quantity: int) -> OrderCancelled:
    return OrderCancelled(
        trading_date=WEDNESDAY, order_id=order_id, quantity=Decimal(quantity), reason="cancelled"
    )


def new_ledger(cash: str = "100000.00") -> Ledger:
    ledger = Ledger.opened(book(cash))
    ledger.apply(started())
    return ledger


def adjustment(symbol: str, quantity: int, cash: str) -> PositionAdjusted:
    return PositionAdjusted(
        symbol=symbol, quantity=Decimal(quantity), cash=Decimal(cash), by="op", why="split"
    )


def decimals(*numbers: str | int) -> tuple[Decimal, ...]:
    return tuple(Decimal(number) for number in numbers)
