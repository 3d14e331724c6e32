"""A book is all that a ledger needs to go on."""

from __future__ import annotations

from decimal import Decimal

from qtkit.ledger.ledger import Ledger
from qtkit.model.books import Book, OpenOrder, PositionLine, UnsettledLot
from qtkit.model.orders import OrderStatus, OrderType
from tests.ledger.ledger_story import (
    FRIDAY,
    THURSDAY,
    WEDNESDAY,
    filled,
    new_ledger,
    requested,
    started,
)

BOOK = Book(
    cash=Decimal("1234.50"),
    currency="USD",
    positions=(
        PositionLine(
            symbol="A",
            quantity=Decimal(500),
            unsettled=(
                UnsettledLot(quantity=Decimal(100), settles=THURSDAY),
                UnsettledLot(quantity=Decimal(50), settles=FRIDAY),
            ),
            cost=Decimal("5001.25"),
        ),
        PositionLine(symbol="B", quantity=Decimal(10)),
    ),
    open_orders=(
        OpenOrder(
            order_id="o1",
            symbol="C",
            quantity=Decimal(300),
            filled=Decimal(100),
            status=OrderStatus.PART_FILLED,
            order_type=OrderType.LIMIT,
            limit_price=Decimal("3.10"),
            reserved_cash=Decimal("640.00"),
            trading_date=WEDNESDAY,
            broker_order_id="b1",
            tag="line 3",
        ),
        OpenOrder(
            order_id="o2",
            symbol="A",
            quantity=Decimal(-200),
            filled=Decimal(0),
            status=OrderStatus.DOUBTFUL,
            order_type=OrderType.MARKET,
            limit_price=None,
            reserved_cash=Decimal(0),
            trading_date=WEDNESDAY,
        ),
    ),
)


def test_a_book_survives_opening_with_its_claims() -> None:
    ledger = Ledger.opened(BOOK)

    assert ledger.book() == BOOK
    assert ledger.currency == "USD"
    assert ledger.free_cash == Decimal("594.50")
    assert ledger.sellable("A") == 150  # 500 owned, 150 unsettled, 200 promised
    assert ledger.orders["o1"].remaining == 200


def test_a_session_goes_on_where_the_last_one_stopped() -> None:
    """200 left of o1 claim 640.00; 150 of them fill, so 160.00 stay: cash 1234.50 - 450 - 1."""
    ledger = Ledger.opened(BOOK)
    ledger.apply(started(THURSDAY))

    ledger.apply(filled("o1", "f7", 150, "3.00", symbol="C", fees=("1", "0"), day=THURSDAY))

    assert ledger.cash == Decimal("783.50")
    assert ledger.reserved_cash == Decimal("160.00")
    assert ledger.sellable("A") == 250


def test_a_book_is_listed_by_symbol_and_order_id_whatever_came_first() -> None:
    ledger = new_ledger()
    for order_id, symbol in (("o4", "B"), ("o3", "A"), ("o2", "B"), ("o1", "A")):
        ledger.apply(requested(order_id, 100, reserve="1100", symbol=symbol))
    ledger.apply(filled("o4", "f4", 100, "10.00", symbol="B"))
    ledger.apply(filled("o3", "f3", 100, "10.00", symbol="A"))

    book = ledger.book()

    assert [line.symbol for line in book.positions] == ["A", "B"]
    assert [order.order_id for order in book.open_orders] == ["o1", "o2"]
