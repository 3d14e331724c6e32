"""Orders, what risk rules refused, and executions."""

from __future__ import annotations

from collections.abc import Iterable

from qtkit.desk.table_view import Column, TableView
from qtkit.desk.views.session_tasks import story
from qtkit.journal import story as order_entries
from qtkit.ledger.orders import OrderState
from qtkit.model.events import Entry
from qtkit.model.orders import OrderStatus, owner
from qtkit.projections.session_view import SessionView

__all__ = ["fills", "order_story", "orders", "refusals", "unmatched_fills"]


def orders(
    view: SessionView, *, doubtful: bool = False, rejected: bool = False, symbol: str = ""
) -> TableView:
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
        for order_id in view.orders.records
        if (order := view.state.ledger.order(order_id)) is not None
        and (not wanted or order.status in wanted)
        and symbol in {"", order.symbol}
    ]
    columns = (
        Column(name="order"),
        Column(name="time"),
        Column(name="side"),
        Column(name="quantity", unit=view.unit),
        Column(name="symbol"),
        Column(name="limit", unit=view.state.ledger.currency, places=2),
        Column(name="filled", unit=view.unit),
        Column(name="status"),
        Column(name="broker's id"),
        Column(name="by"),
        Column(name="reason"),
    )
    return TableView(
        name="orders",
        columns=columns,
        rows=tuple(_order_row(view, order) for order in found),
        empty="there are no such orders",
        day=view.now.date(),
    )


def _order_row(view: SessionView, order: OrderState) -> tuple[object, ...]:
    line = view.orders.records[order.order_id]
    return (
        order.order_id,
        view.local(line.requested.at) if line.requested else "earlier",
        "buy" if order.quantity > 0 else "sell",
        abs(order.quantity),
        order.symbol,
        order.limit_price if order.limit_price is not None else "market",
        abs(order.filled),
        str(order.status),
        order.broker_order_id,
        owner(order.origin, order.by),
        _order_reason(view, order),
    )


def _order_reason(view: SessionView, order: OrderState) -> str:
    refused = view.orders.records[order.order_id].rejected
    if refused is not None:
        return f"{refused.reason_code} {refused.reason}".strip()
    return order.reason


def order_story(view: SessionView, order: OrderState, entries: Iterable[Entry]) -> TableView:
    """Return what happened to one order, line by line."""
    return story(view, order_entries(entries, order.order_id), title=order.story)


def refusals(view: SessionView) -> TableView:
    """Return what risk rules refused: no order exists of these."""
    rows = tuple(
        (
            view.local(entry.at),
            "buy" if entry.event.quantity > 0 else "sell",
            abs(entry.event.quantity),
            entry.event.symbol,
            entry.event.price,
            owner(entry.event.origin, entry.event.by),
            "; ".join(f"{v.rule}: {v.summary}" for v in entry.event.verdicts),
        )
        for entry in view.orders.refusals
    )
    columns = (
        Column(name="time"),
        Column(name="side"),
        Column(name="quantity", unit=view.unit),
        Column(name="symbol"),
        Column(name="price", unit=view.state.ledger.currency, places=2),
        Column(name="by"),
        Column(name="rule and reason"),
    )
    return TableView(
        name="refusals",
        title="Refused by risk rules",
        columns=columns,
        rows=rows,
        empty="no risk rule refused anything",
        day=view.now.date(),
    )


def fills(view: SessionView, *, symbol: str = "") -> TableView:
    """Return the executions that were booked, the newest last."""
    currency = view.state.ledger.currency
    columns = (
        Column(name="executed"),
        Column(name="side"),
        Column(name="quantity", unit=view.unit),
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
            view.local(fill.executed_at),
            "buy" if fill.quantity > 0 else "sell",
            abs(fill.quantity),
            fill.symbol,
            fill.price,
            abs(fill.value),
            fill.commission + fill.tax,
            fill.order_id,
            fill.fill_id,
            fill.late,
        )
        for fill in (entry.event for entry in view.orders.fills)
        if symbol in {"", fill.symbol}
    )
    return TableView(
        name="fills",
        columns=columns,
        rows=rows,
        empty="nothing was executed",
        day=view.now.date(),
    )


def unmatched_fills(view: SessionView) -> TableView:
    """Return executions that fit no order of ours: recorded and not booked."""
    return story(view, view.orders.unmatched, title="Not booked: they fit no order of ours")
