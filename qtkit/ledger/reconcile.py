"""Our book held against the broker's own, as verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from qtkit.core.verdict import Verdict, fail, ok
from qtkit.model.books import Book, OpenOrder
from qtkit.model.money import CENT

__all__ = ["CASH_TOLERANCE", "BrokerStatement", "WorkingOrder", "reconcile"]

CASH_TOLERANCE = CENT  # account currency; brokers round each component of a fee
_ZERO = Decimal(0)
_FIX = "do not trade on; follow runbooks/reconcile-break.md"
_NAMED = 10  # differences that a sentence names; the rest is counted


class WorkingOrder(Protocol):
    """An open order as the broker sees it."""

    @property
    def order_id(self) -> str:
        """Our id of the order."""

    @property
    def filled(self) -> Decimal:
        """Shares executed, signed."""


class BrokerStatement(Protocol):
    """The account as the broker sees it; a broker's `AccountReport` is one."""

    @property
    def cash(self) -> Decimal:
        """Cash, account currency."""

    @property
    def positions(self) -> Mapping[str, Decimal]:
        """Symbol -> shares."""

    @property
    def open_orders(self) -> Sequence[WorkingOrder]:
        """Orders that can still execute."""


def reconcile(
    book: Book,
    report: BrokerStatement,
    *,
    cash_tolerance: Decimal = CASH_TOLERANCE,
    unmatched_fills: int = 0,
) -> tuple[Verdict, ...]:
    """Return whether our book equals the broker's: cash, positions, open orders, fills.

    Parameters
    ----------
    book
        What we believe.
    report
        What the broker says.
    cash_tolerance
        Largest difference in cash that still counts as equal, account currency, >= 0.
    unmatched_fills
        Executions that the broker reported and that fit no order of ours.

    Returns
    -------
    tuple of Verdict
        ``reconcile.cash``, ``reconcile.positions``, ``reconcile.open_orders``, ``reconcile.fills``.

    Raises
    ------
    ValueError
        If `cash_tolerance` is not a number of at least 0.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> theirs = SimpleNamespace(cash=Decimal("99.50"), positions={}, open_orders=())
    >>> reconcile(Book(cash=Decimal(100), currency="CNY"), theirs)[0].summary
    'cash differs by 0.50 CNY: ours 100, the broker says 99.50, tolerance 0.01'
    """
    if not cash_tolerance.is_finite() or cash_tolerance < 0:
        raise ValueError(f"cash_tolerance must be a number >= 0, was {cash_tolerance}")
    return (
        _cash(book, report.cash, cash_tolerance).named("reconcile.cash"),
        _positions(book, report.positions).named("reconcile.positions"),
        _open_orders(book.open_orders, report.open_orders).named("reconcile.open_orders"),
        _fills(unmatched_fills).named("reconcile.fills"),
    )


def _cash(book: Book, theirs: Decimal, tolerance: Decimal) -> Verdict:
    unit = book.currency
    if not theirs.is_finite():
        return fail(f"the broker says its cash is {theirs}; ours is {book.cash} {unit}", fix=_FIX)
    difference = book.cash - theirs
    if abs(difference) > tolerance:
        return fail(
            f"cash differs by {difference} {unit}: ours {book.cash}, the broker says {theirs}, "
            f"tolerance {tolerance}",
            fix=_FIX,
        )
    return ok(f"cash agrees: ours {book.cash} {unit}, the broker's {theirs} {unit}")


def _positions(book: Book, theirs: Mapping[str, Decimal]) -> Verdict:
    ours = {line.symbol: line.quantity for line in book.positions}
    symbols = sorted({s for s, q in (*ours.items(), *theirs.items()) if q})
    broken = [
        f"{symbol} ours {ours.get(symbol, _ZERO)}, the broker's {theirs.get(symbol, _ZERO)}"
        for symbol in symbols
        if ours.get(symbol, _ZERO) != theirs.get(symbol, _ZERO)
    ]
    if broken:
        return fail(
            f"{len(broken)} of {len(symbols)} positions differ (shares): {_named(broken)}", fix=_FIX
        )
    return ok(f"all {len(symbols)} positions agree")


def _open_orders(ours: Sequence[OpenOrder], theirs: Sequence[WorkingOrder]) -> Verdict:
    mine = {order.order_id: order for order in ours}
    known = {order.order_id: order for order in theirs}
    clauses = [
        *(
            f"{i} is open here ({mine[i].status}), not there"
            for i in sorted(mine.keys() - known.keys())
        ),
        *(f"{i} is open there, not here" for i in sorted(known.keys() - mine.keys())),
        *(
            f"{i} has {mine[i].filled} shares filled here, {known[i].filled} there"
            for i in sorted(mine.keys() & known.keys())
            if mine[i].filled != known[i].filled
        ),
    ]
    if clauses:
        return fail(f"{len(clauses)} open orders differ: {_named(clauses)}", fix=_FIX)
    return ok(f"all {len(mine)} open orders agree")


def _fills(unmatched: int) -> Verdict:
    if unmatched:
        return fail(f"{unmatched} fills fit no order of ours and were not booked", fix=_FIX)
    return ok("0 fills fit no order of ours")


def _named(clauses: list[str]) -> str:
    rest = len(clauses) - _NAMED
    return "; ".join(clauses[:_NAMED]) + (f"; and {rest} more" if rest > 0 else "")
