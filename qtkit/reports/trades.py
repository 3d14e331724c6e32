"""The lists that people open in a spreadsheet or grep: trades.csv, trade.log, risk.log."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from zoneinfo import ZoneInfo

from qtkit.core.render import csv_cell
from qtkit.model.events import OrderFilled
from qtkit.projections.bookings import Booking
from qtkit.projections.session_view import SessionView
from qtkit.trading.engine.logs.trade_logs import local_time, risk_line, trade_line

__all__ = ["risk_lines", "trade_lines", "trades_csv"]

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


def trades_csv(view: SessionView, zone: ZoneInfo) -> str:
    """Return the fills, one row each: exact numbers, quantities signed, times UTC and local."""
    bookings = (b for b in view.books.bookings if isinstance(b.entry.event, OrderFilled))
    return _csv(_TRADES, (_trade(b, b.entry.event, zone) for b in bookings))


def _trade(booking: Booking, fill: OrderFilled, zone: ZoneInfo) -> Sequence[object]:
    return (
        fill.fill_id,
        fill.order_id,
        fill.broker_order_id,
        fill.trading_date,
        local_time(fill.executed_at, UTC),
        local_time(fill.executed_at, zone),
        local_time(booking.entry.at, UTC),
        fill.symbol,
        "buy" if fill.quantity > 0 else "sell",
        fill.quantity,
        fill.price,
        fill.value,
        fill.commission,
        fill.tax,
        fill.settles,
        fill.venue,
        booking.source,
        booking.because,
        booking.tag,
        fill.late,
    )


def trade_lines(view: SessionView, zone: ZoneInfo) -> Iterator[str]:
    """Yield the lines of trade.log below its head: every booked change, as it was written."""
    for booking in view.books.bookings:
        after = (booking.cash, booking.position, booking.sellable)
        yield trade_line(booking.entry, booking.because, after, zone)


def risk_lines(view: SessionView, session_id: str, zone: ZoneInfo) -> Iterator[str]:
    """Yield the lines of risk.log: every refused intent, as it was written."""
    for refusal in view.orders.refusals:
        yield risk_line(refusal, session_id, zone)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([csv_cell(cell) for cell in row] for row in rows)
    return text.getvalue()
