"""The lists that people open in a spreadsheet or grep: trades.csv, trade.log, risk.log."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from qtkit.model.events import OrderFilled, OrderRefused, PositionAdjusted
from qtkit.sessions.chronicle import Booking, Chronicle, Refusal
from qtkit.trading.engine.syslog import format_fields

__all__ = ["RISK_REJECTED", "risk_log", "trade_log", "trades_csv"]

RISK_REJECTED = "<RISK REJECTED>"

_TRADES = (
    "fill_id",
    "order_id",
    "broker_order_id",
    "trading_date",
    "executed_at_utc",
    "executed_at_local",
    "booked_at_utc",
    "symbol",
    "side",
    "quantity",
    "price",
    "notional",
    "commission",
    "tax",
    "settles",
    "venue",
    "source",
    "because",
    "tag",
    "late",
)
_TRADE_LOG = (
    "datetime",
    "reason",
    "order_id",
    "fill_id",
    "symbol",
    "quantity",
    "price",
    "fees",
    "cash",
    "position",
)


def trades_csv(told: Chronicle, zone: ZoneInfo) -> str:
    """Return the fills, one row each: exact numbers, quantities signed, times UTC and local."""
    return _csv(_TRADES, (_trade(b, b.entry.event, zone) for b in told.fills))


def _trade(booking: Booking, fill: OrderFilled, zone: ZoneInfo) -> Sequence[object]:
    return (
        fill.fill_id,
        fill.order_id,
        fill.broker_order_id,
        fill.trading_date,
        _time(fill.executed_at, UTC),
        _time(fill.executed_at, zone),
        _time(booking.entry.at, UTC),
        fill.symbol,
        "buy" if fill.quantity > 0 else "sell",
        fill.quantity,
        fill.price,
        fill.quantity * fill.price,
        fill.commission,
        fill.tax,
        fill.settles,
        fill.venue,
        booking.source,
        booking.because,
        booking.tag,
        fill.late,
    )


def trade_log(told: Chronicle, zone: ZoneInfo) -> str:
    """Return every booked change, one line each; `cash` and `position` are those after it."""
    return _csv(_TRADE_LOG, (_change(b, b.entry.event, zone) for b in told.bookings))


def _change(
    booking: Booking, event: OrderFilled | PositionAdjusted, zone: ZoneInfo
) -> Sequence[object]:
    at = _time(booking.entry.at, zone)
    if isinstance(event, OrderFilled):
        order: Sequence[object] = (event.order_id, event.fill_id)
        price: Sequence[object] = (event.price, event.commission + event.tax)
    else:
        order, price = ("", ""), ("", "")
    what = (event.symbol, event.quantity)
    return at, booking.because, *order, *what, *price, booking.cash, booking.position


def risk_log(told: Chronicle, session_id: str, zone: ZoneInfo) -> str:
    """Return one line per refused intent; values are quoted as in sys.log."""
    return "".join(_refusal(r, r.entry.event, session_id, zone) for r in told.refusals)


def _refusal(refusal: Refusal, event: OrderRefused, session_id: str, zone: ZoneInfo) -> str:
    fields: dict[str, object] = {
        "rule_id": refusal.rule,
        "reason": refusal.reason,
        "symbol": event.symbol,
        "side": "buy" if event.quantity > 0 else "sell",
        "quantity": abs(event.quantity),
        "price": "none" if event.price is None else event.price,
        "source": event.source,
    }
    at = _time(refusal.entry.at, zone)
    return f"{at} | {session_id} | {RISK_REJECTED} {format_fields(fields)}\n"


def _time(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(timespec="microseconds")


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
