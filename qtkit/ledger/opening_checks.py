"""What a book must fulfil before a ledger opens on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal

from qtkit.model.books import Book, OpenOrder, PositionLine
from qtkit.model.orders import ENDED

__all__ = ["contradictions"]

_ZERO = Decimal(0)


def contradictions(book: Book) -> list[str]:
    """Return what cannot be true of any book, one clause each; all of it.

    Examples
    --------
    >>> contradictions(Book(cash=Decimal(0), positions=(PositionLine(symbol="A", quantity=_ZERO),)))
    []
    """
    return [
        *_repeated("symbol", (line.symbol for line in book.positions)),
        *_repeated("order", (order.order_id for order in book.open_orders)),
        *(clause for line in book.positions for clause in _of_line(line)),
        *(clause for order in book.open_orders for clause in _of_order(order)),
    ]


def _repeated(what: str, names: Iterable[str]) -> list[str]:
    counts = Counter(names)
    return [f"{what} {name} is listed {n} times" for name, n in sorted(counts.items()) if n > 1]


def _of_line(line: PositionLine) -> Iterator[str]:
    waiting = sum((lot.quantity for lot in line.unsettled), _ZERO)
    if waiting > max(line.quantity, _ZERO):
        yield f"{line.symbol} has {line.quantity} shares and {waiting} of them unsettled"


def _of_order(order: OpenOrder) -> Iterator[str]:
    if order.status in ENDED:
        yield f"order {order.order_id} is listed as open and is {order.status}"
    if order.reserved_cash < 0:
        yield f"order {order.order_id} reserves {order.reserved_cash}, less than 0"
    if not order.quantity or not 0 <= order.filled / order.quantity < 1:
        yield f"order {order.order_id} is open with {order.filled} of {order.quantity} filled"
