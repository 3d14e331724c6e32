"""The account's book: cash, positions, orders, fills; cancels and orders by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from qtkit.core.errors import ConfigError
from qtkit.desk import commands, views
from qtkit.desk.panels.panel import Panel, command_button
from qtkit.desk.panels.widgets import Button, Choice, Element, Field, Kit
from qtkit.desk.report import Part, Report
from qtkit.desk.table_view import TableView

__all__ = ["BookPanel", "newest"]

_SHOWN = 100  # rows of a long table


def newest(view: TableView, rows: int = _SHOWN) -> tuple[Part, ...]:
    """Return a view with its newest rows first, and how many are left out."""
    shown = replace(view, rows=tuple(reversed(view.rows[-rows:])))
    left = len(view.rows) - len(shown.rows)
    return (shown, f"… {left} older are not shown") if left else (shown,)


class BookPanel(Panel):
    """Cash, positions, orders and fills."""

    name, title = "book", "Book"

    def subject(self) -> Sequence[Report]:
        """Return the book, table by table."""
        view = self.watch.view
        unmatched = views.unmatched_fills(view)
        return (
            self.dated(views.cash(view)),
            self.section("Positions", views.positions(view)),
            self.section("Orders, the newest first", *newest(views.orders(view))),
            self.section("Fills, the newest first", *newest(views.fills(view))),
            *((self.section("Not booked", unmatched),) if unmatched.rows else ()),
        )

    def controls(self, kit: Kit) -> Sequence[Element]:
        """Return the controls: cancel an open order, and orders by hand."""
        return (
            kit.row(
                kit.choice("open_order", "Open order", ()),
                command_button(kit, "cancel", self._cancel, label="Cancel order", style="warning"),
            ),
            kit.row(
                kit.choice("symbol", "Symbol", ()),
                kit.field("shares", "Shares", hint="such as 100"),
                kit.field("limit", "Limit price", hint="empty: at market"),
                command_button(kit, "buy", lambda: self._order("buy")),
                command_button(kit, "sell", lambda: self._order("sell")),
            ),
        )

    def adjust(self) -> None:
        """Offer the orders that are open and the symbols that are traded."""
        view = self.watch.view
        is_there = self.watch.has_session
        orders = tuple(view.state.ledger.orders) if is_there else ()
        self.part("open_order", Choice).offer(orders)
        self.part("cancel", Button).enable(on=bool(orders))
        self.part("symbol", Choice).offer(view.opening.symbols if is_there else ())
        for name in ("buy", "sell"):
            self.part(name, Button).enable(on=is_there and not view.state.ended)

    def _cancel(self) -> None:
        order_id, by = self.part("open_order", Choice).value, self.watch.by
        self.ask(f"cancel {order_id}", lambda session: commands.cancel(session, order_id, by=by))

    def _order(self, side: str) -> None:
        symbol, by = self.part("symbol", Choice).value, self.watch.by
        shares = _number("shares", self.part("shares", Field).value)
        typed = self.part("limit", Field).value
        limit = _number("limit price", typed) if typed else None
        verb = commands.buy if side == "buy" else commands.sell
        self.ask(
            f"{side} {shares} {symbol}",
            lambda session: verb(session, symbol, shares, limit=limit, by=by),
        )


def _number(what: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number <= 0:
        raise ConfigError(f"{what}: {text or 'nothing'!r} is no number above 0")
    return number
