"""The broker's own book, read from its SQLite file by SQL alone: the expected values."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TheirOrder:
    """An order as the broker keeps it."""

    symbol: str
    quantity: Decimal
    filled: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class TheirFill:
    """An execution as the broker told it."""

    order_id: str
    quantity: Decimal
    price: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True)
class TheirBook:
    """Everything we compare ourselves with."""

    cash: Decimal
    positions: dict[str, Decimal]
    orders: dict[str, TheirOrder]
    fills: dict[str, TheirFill]  # by the broker's own id; those that it booked


def their_book(path: Path) -> TheirBook:
    """Read a broker's book."""
    with closing(sqlite3.connect(path)) as db:
        (cash,) = db.execute("SELECT cash FROM account").fetchone()
        orders = [json.loads(row) for (row,) in db.execute("SELECT row FROM orders")]
        holdings = [json.loads(row) for (row,) in db.execute("SELECT row FROM holdings")]
        news = [json.loads(row) for (row,) in db.execute("SELECT row FROM news ORDER BY seq")]
    fills = [n["event"] for n in news if n["event"]["type"] == "fill" and n.get("booked", True)]
    return TheirBook(
        cash=Decimal(cash),
        positions={h["symbol"]: Decimal(h["quantity"]) for h in holdings if Decimal(h["quantity"])},
        orders={o["order"]["order_id"]: _order(o) for o in orders},
        fills={f["fill_id"]: _fill(f) for f in fills},
    )


def _order(row: dict[str, object]) -> TheirOrder:
    order = row["order"]
    assert isinstance(order, dict)
    return TheirOrder(
        symbol=order["symbol"],
        quantity=Decimal(order["quantity"]),
        filled=Decimal(str(row.get("filled", "0"))),
        status=str(row["status"]),
    )


def _fill(event: dict[str, str]) -> TheirFill:
    return TheirFill(
        order_id=event["order_id"],
        quantity=Decimal(event["quantity"]),
        price=Decimal(event["price"]),
        fees=Decimal(event["commission"]) + Decimal(event["tax"]),
    )
