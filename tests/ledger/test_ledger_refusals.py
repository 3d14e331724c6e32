"""What a ledger refuses to book: by name before booking, as a bug afterwards."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from qtkit.core.errors import InvariantBroken
from qtkit.ledger.ledger import Ledger
from qtkit.ledger.positions import Position, reserving
from qtkit.model.books import Book, OpenOrder, PositionLine, UnsettledLot
from qtkit.model.events import DayStarted, Event, OrderLost, OrderRejected
from qtkit.model.orders import ORDER_TABLE, OrderMove, OrderStatus, OrderType
from tests.ledger.ledger_story import (
    FRIDAY,
    WEDNESDAY,
    accepted,
    adjustment,
    cancelled,
    filled,
    new_ledger,
    requested,
)

BANK = "600036.SH"


def test_a_contradictory_book_is_refused_with_all_its_contradictions() -> None:
    order = OpenOrder(
        order_id="o1",
        symbol="C",
        quantity=Decimal(100),
        filled=Decimal(100),
        status=OrderStatus.FILLED,
        order_type=OrderType.MARKET,
        limit_price=None,
        reserved_cash=Decimal(-1),
        trading_date=WEDNESDAY,
    )
    line = PositionLine(
        symbol="A",
        quantity=Decimal(10),
        unsettled=(UnsettledLot(quantity=Decimal(20), settles=FRIDAY),),
    )

    with pytest.raises(InvariantBroken) as caught:
        Ledger.opened(Book(cash=Decimal(0), positions=(line, line), open_orders=(order, order)))

    for clause in (
        "symbol A is listed 2 times",
        "order o1 is listed 2 times",
        "A has 10 shares and 20 of them unsettled",
        "order o1 is listed as open and is filled",
        "order o1 reserves -1, less than 0",
        "order o1 is open with 100 of 100 filled",
    ):
        assert clause in str(caught.value)


def with_order_of_100() -> Ledger:
    ledger = new_ledger()
    ledger.apply(requested("o1", 100, reserve="1100"))
    return ledger


@pytest.mark.parametrize(
    ("order_id", "symbol", "quantity", "why"),
    [
        ("o1", BANK, "100", ""),
        ("o1", BANK, "1", ""),
        ("o9", BANK, "100", "no order 'o9' is known"),
        ("o1", "000001.SZ", "100", "order o1 is for 600036.SH, not for 000001.SZ"),
        ("o1", BANK, "101", "100 shares left, the"),
        ("o1", BANK, "-100", "order o1 is for 100 shares, the fill for -100"),
        ("o1", BANK, "0", "a fill of 0 shares is none"),
        ("o1", BANK, "NaN", "fill of NaN shares"),
    ],
)
def test_a_fill_that_fits_no_order_is_told_apart_before_booking(
    order_id: str, symbol: str, quantity: str, why: str
) -> None:
    found = with_order_of_100().unbookable(order_id, symbol, Decimal(quantity))
    assert (bool(found), why in found) == (bool(why), True)


def test_a_fill_for_a_rejected_order_fits_no_order() -> None:
    ledger = with_order_of_100()
    ledger.apply(OrderRejected(order_id="o1", reason_code="funds", reason="too little"))

    assert ledger.unbookable("o1", BANK, Decimal(100)) == "order o1 was rejected: too little"


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (filled("o1", "f1", 101, "10.00"), "fill f1 cannot be booked: order o1 has 100 shares"),
        (filled("o9", "f1", 100, "10.00"), "no order 'o9' is known"),
        (accepted("o9"), "OrderAccepted names order 'o9', which was never"),
        (requested("o1", 100), "order id o1 was used before. Its story: requested"),
        (requested("o2", 0), "order o2 asks for 0 shares"),
        (requested("o2", 100, reserve="-1"), "reserves -1"),
        (adjustment("", 5, "0"), "an adjustment of 5 shares by op"),
        (DayStarted(open=True), "without a trading date"),
    ],
)
def test_what_can_never_happen_is_a_bug_and_books_nothing(event: Event, sentence: str) -> None:
    ledger = with_order_of_100()
    before = ledger.book()

    with pytest.raises(InvariantBroken) as caught:
        ledger.apply(event)

    assert sentence in str(caught.value)
    assert ledger.book() == before


def test_an_impossible_move_tells_the_story_of_the_order() -> None:
    ledger = with_order_of_100()
    ledger.apply(accepted("o1"))
    ledger.apply(filled("o1", "f1", 40, "10.00"))
    ledger.apply(cancelled("o1", 60))

    with pytest.raises(InvariantBroken, match="requested → accept → fill_part 40 → cancel"):
        ledger.apply(OrderLost(order_id="o1", reason="restart"))


def test_an_order_outside_any_trading_date_is_a_bug() -> None:
    ledger = Ledger.opened(Book(cash=Decimal(1000)))

    with pytest.raises(InvariantBroken, match="outside any trading date"):
        ledger.apply(replace(requested("o1", 100), trading_date=None))


def test_possible_moves_are_those_of_the_table() -> None:
    ledger = with_order_of_100()

    possible = {move for move in OrderMove if ledger.can("o1", move)}

    assert possible == {move for status, move in ORDER_TABLE if status is OrderStatus.REQUESTED}
    assert not ledger.can("o9", OrderMove.ACCEPT)


def test_more_cash_released_than_was_claimed_is_a_bug() -> None:
    ledger = with_order_of_100()
    ledger._reserved_cash = Decimal(1)

    with pytest.raises(InvariantBroken, match="released 1100 of cash and only 1 was reserved"):
        ledger.apply(cancelled("o1", 100))

    assert ledger.has_open_order(BANK)


def test_more_shares_released_than_were_claimed_is_a_bug() -> None:
    with pytest.raises(InvariantBroken, match="A: 5 reserved shares were"):
        reserving(Position(symbol="A", reserved=Decimal(3)), Decimal(-5))
