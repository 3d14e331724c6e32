"""Orders, what risk rules refused, and executions."""

from __future__ import annotations

from collections.abc import Iterable

from qtkit.desk.picture import Picture
from qtkit.desk.table_view import Column, View
from qtkit.desk.views.standing import story
from qtkit.ledger.orders import OrderState
from qtkit.model.events import Entry
from qtkit.model.orders import OrderStatus, owner

__all__ = ["fills", "order_story", "orders", "refusals", "unmatched_fills"]


def orders(
    picture: Picture, *, doubtful: bool = False, rejected: bool = False, symbol: str = ""
) -> View:
    """Return the session's orders, the newest last.

    Parameters
    ----------
    doubtful, rejected
        Only orders in doubt, or only those that the broker refused; both: either.
    symbol
        Only orders of this symbol.
    """
    asked_for = {OrderStatus.DOUBTFUL: doubtful, OrderStatus.REJECTED: rejected}
    wanted = {status for status, is_wanted in asked_for.items() if is_wanted}
    found = [
        order
        for order_id in picture.orders
        if (order := picture.state.ledger.order(order_id)) is not None
        and (not wanted or order.status in wanted)
        and symbol in {"", order.symbol}
    ]
    columns = (
        Column(name="order"),
        Column(name="time"),
        Column(name="side"),
        Column(name="quantity", unit="shares"),
        Column(name="symbol"),
        Column(name="limit", unit=picture.state.ledger.currency, places=2),
        Column(name="filled", unit="shares"),
        Column(name="status"),
        Column(name="broker's id"),
        Column(name="by"),
        Column(name="reason"),
    )
    return View(
        name="orders",
        columns=columns,
        rows=tuple(_order_row(picture, order) for order in found),
        empty="there are no such orders",
        day=picture.now.date(),
    )


def _order_row(picture: Picture, order: OrderState) -> tuple[object, ...]:
    line = picture.orders[order.order_id]
    return (
        order.order_id,
        picture.local(line.asked.at) if line.asked else "earlier",
        "buy" if order.quantity > 0 else "sell",
        abs(order.quantity),
        order.symbol,
        order.limit_price if order.limit_price is not None else "market",
        abs(order.filled),
        str(order.status),
        order.broker_order_id,
        owner(order.origin, order.by),
        _order_reason(picture, order),
    )


def _order_reason(picture: Picture, order: OrderState) -> str:
    refused = picture.orders[order.order_id].rejected
    if refused is not None:
        return f"{refused.reason_code} {refused.reason}".strip()
    return order.reason


def order_story(picture: Picture, order: OrderState, entries: Iterable[Entry]) -> View:
    """Return what happened to one order, line by line."""
    lines = set(picture.orders[order.order_id].lines)
    return story(picture, (e for e in entries if e.seq in lines), title=order.story)


def refusals(picture: Picture) -> View:
    """Return what risk rules refused: no order exists of these."""
    rows = tuple(
        (
            picture.local(entry.at),
            "buy" if entry.event.quantity > 0 else "sell",
            abs(entry.event.quantity),
            entry.event.symbol,
            entry.event.price,
            owner(entry.event.origin, entry.event.by),
            "; ".join(f"{v.rule}: {v.summary}" for v in entry.event.verdicts),
        )
        for entry in picture.refusals
    )
    columns = (
        Column(name="time"),
        Column(name="side"),
        Column(name="quantity", unit="shares"),
        Column(name="symbol"),
        Column(name="price", unit=picture.state.ledger.currency, places=2),
        Column(name="by"),
        Column(name="rule and reason"),
    )
    return View(
        name="refusals",
        title="Refused by risk rules",
        columns=columns,
        rows=rows,
        empty="no risk rule refused anything",
        day=picture.now.date(),
    )


def fills(picture: Picture, *, symbol: str = "") -> View:
    """Return the executions that were booked, the newest last."""
    currency = picture.state.ledger.currency
    columns = (
        Column(name="executed"),
        Column(name="side"),
        Column(name="quantity", unit="shares"),
        Column(name="symbol"),
        Column(name="price", unit=currency, places=2),
        Column(name="value", unit=currency, places=2),
        Column(name="fees", unit=currency, places=2),
        Column(name="order"),
        Column(name="fill id"),
        Column(name="late"),
    )
    rows = tuple(
        (
            picture.local(fill.executed_at),
            "buy" if fill.quantity > 0 else "sell",
            abs(fill.quantity),
            fill.symbol,
            fill.price,
            abs(fill.quantity) * fill.price,
            fill.commission + fill.tax,
            fill.order_id,
            fill.fill_id,
            fill.late,
        )
        for fill in (entry.event for entry in picture.fills)
        if symbol in {"", fill.symbol}
    )
    return View(
        name="fills",
        columns=columns,
        rows=rows,
        empty="nothing was executed",
        day=picture.now.date(),
    )


def unmatched_fills(picture: Picture) -> View:
    """Return executions that fit no order of ours: recorded and not booked."""
    return story(picture, picture.unmatched, title="Not booked: they fit no order of ours")
