"""Booking what no order explains: shown first, done when it is really meant, undone by its line."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import SessionFolder
from qtkit.desk import views
from qtkit.desk.commands.queries import report_of
from qtkit.desk.report import Report
from qtkit.desk.table_view import Column, TableView
from qtkit.evidence.session import OperableSession
from qtkit.ledger.adjustment import Adjustment, demand_bookable
from qtkit.model.instruments import Instrument
from qtkit.projections.session_view import SessionView
from qtkit.runtime.sources import folder_instruments

__all__ = ["adjust"]

_ZERO = Decimal(0)


def adjust(
    session: OperableSession,
    symbol: str = "",
    *,
    shares: Decimal | int = 0,
    cash: Decimal | int = 0,
    undo: int = 0,
    why: str = "",
    really: bool = False,
    by: str = "operator",
) -> Report:
    """Book shares or cash that came or went without an order; a simulated broker books them too.

    Parameters
    ----------
    symbol
        What the shares are of; "" for cash alone.
    shares
        Signed: + come, - go.
    cash
        Account currency, signed.
    undo
        Journal line of an adjustment to be taken back, instead of all that.
    why
        For the journal; not empty.
    really
        Book it; otherwise the book before and after it is shown.

    Raises
    ------
    ConfigError
        If it leaves no book that holds; nothing was booked.
    """
    view = session.view
    wanted = Adjustment(symbol=symbol, quantity=Decimal(shares), cash=Decimal(cash))
    wanted = _contrary(view, undo, wanted) if undo else wanted
    demand_bookable(wanted, view.state.ledger, _rules_of(session.folder, view, wanted.symbol))
    shown = _before_and_after(view, wanted)
    if not why.strip():
        raise ConfigError("an adjustment needs a reason: --why TEXT")
    if not really:
        return report_of("adjust", view, shown, "Nothing was booked; add --yes to book it.")
    entries = session.command("adjust", by=by, why=why, **_arguments(wanted, undo)).entries
    later = session.view
    return report_of("adjust", later, shown, views.story(later, entries))


def _arguments(wanted: Adjustment, undo: int) -> dict[str, Any]:
    if undo:
        return {"undo": str(undo)}
    return {
        "symbol": wanted.symbol,
        "quantity": str(wanted.quantity),
        "cash": str(wanted.cash),
    }


def _contrary(view: SessionView, line: int, beside: Adjustment) -> Adjustment:
    if beside != Adjustment(symbol="", quantity=_ZERO, cash=_ZERO):
        raise ConfigError("--undo takes a whole adjustment back: leave symbol, shares and cash out")
    known = view.state.adjustments
    event = known.get(line)
    if event is None:
        there = ", ".join(map(str, known)) or "none"
        raise ConfigError(f"line {line} of the journal is no adjustment; there are {there}")
    return Adjustment(symbol=event.symbol, quantity=event.quantity, cash=event.cash).contrary


def _rules_of(folder: SessionFolder, view: SessionView, symbol: str) -> Instrument | None:
    day = view.state.today or view.now.date()
    try:
        return folder_instruments(folder).rules(symbol, day) if symbol else None
    except DataError:
        return None


def _before_and_after(view: SessionView, wanted: Adjustment) -> TableView:
    ledger = view.state.ledger
    rows = [("cash", ledger.cash, ledger.cash + wanted.cash)]
    if wanted.quantity:
        held = ledger.position(wanted.symbol)
        rows.append((wanted.symbol, held, held + wanted.quantity))
    columns = (Column(name="what"), Column(name="before"), Column(name="after"))
    return TableView(name="adjustment", columns=columns, rows=tuple(rows))
