"""What is held, cash, and the newest prices."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from qtkit.core.render import mark
from qtkit.desk.table_view import Column, TableView, number_text
from qtkit.ledger.positions import Position
from qtkit.projections.session_view import SessionView

__all__ = ["cash", "positions", "prices"]

_UNIT_COST = Decimal("0.0001")


def positions(view: SessionView) -> TableView:
    """Return what is held, at the newest prices that the session knows."""
    ledger = view.state.ledger
    held = sorted(ledger.positions.values(), key=_symbol_of)
    currency = ledger.currency
    columns = (
        Column(name="symbol"),
        Column(name="held", unit=view.unit),
        Column(name="sellable", unit=view.unit),
        Column(name="unsettled"),
        Column(name="unit cost", unit=currency, places=2),
        Column(name="price", unit=currency, places=2),
        Column(name="value", unit=currency, places=2),
        Column(name="profit", unit=currency, places=2),
    )
    rows = tuple(_position_row(view, position) for position in held)
    return TableView(name="positions", columns=columns, rows=rows, empty="nothing is held")


def _symbol_of(position: Position) -> str:
    return position.symbol


def _position_row(view: SessionView, position: Position) -> tuple[object, ...]:
    price = _price(view, position.symbol)
    value = None if price is None else price * position.quantity * position.multiplier
    waiting = ", ".join(f"{number_text(x.quantity)} to {x.settles}" for x in position.unsettled)
    return (
        position.symbol,
        position.quantity,
        position.sellable,
        waiting,
        position.unit_cost.quantize(_UNIT_COST).normalize(),
        price,
        value,
        None if value is None else value - position.cost,
    )


def _price(view: SessionView, symbol: str) -> Decimal | None:
    seen = view.prices.bars.get(symbol)
    return seen.close if seen else view.prices.last_closes.get(symbol)


def cash(view: SessionView) -> TableView:
    """Return the session's cash, from its opening to now, and whether it adds up."""
    ledger, flows = view.state.ledger, view.flows
    adds_up = flows.closing == ledger.cash
    rows = (
        ("opening", flows.opening),
        ("sold", flows.sold),
        ("bought", -flows.bought),
        ("fees", -flows.fees),
        ("adjusted by hand", flows.adjusted),
        ("cash", ledger.cash),
        ("reserved by open orders", ledger.reserved_cash),
        ("free", ledger.free_cash),
        ("adds up", mark("pass" if adds_up else "fail")),
    )
    columns = (Column(name="what"), Column(name="amount", unit=ledger.currency, places=2))
    return TableView(name="cash", columns=columns, rows=rows, is_facts=True)


def prices(view: SessionView, symbols: Iterable[str]) -> TableView:
    """Return the newest prices of symbols."""
    rows = tuple(_price_row(view, symbol) for symbol in symbols)
    currency = view.state.ledger.currency
    columns = (
        Column(name="symbol"),
        Column(name="price", unit=currency, places=2),
        Column(name="bar's end"),
        Column(name="last close", unit=currency, places=2),
        Column(name="change", unit="%"),
        Column(name="held", unit=view.unit),
    )
    return TableView(name="prices", columns=columns, rows=rows, day=view.now.date())


def _price_row(view: SessionView, symbol: str) -> tuple[object, ...]:
    seen, before = view.prices.bars.get(symbol), view.prices.last_closes.get(symbol)
    change = None
    if seen is not None and before:
        change = ((seen.close / before - 1) * 100).quantize(Decimal("0.01"))
    return (
        symbol,
        seen.close if seen else "none today",
        view.local(seen.end) if seen else None,
        before,
        change,
        view.state.ledger.position(symbol),
    )
