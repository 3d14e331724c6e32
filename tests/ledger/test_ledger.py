"""The ledger: cash, positions and orders as a fold, with every number worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from qtkit.core.errors import DataError, InvariantBroken
from qtkit.ledger.ledger import Ledger
from qtkit.model.books import Book, PositionLine, UnsettledLot
from qtkit.model.events import (
    CancelRequested,
    FillRepeated,
    FillUnmatched,
    OrderDoubted,
    OrderLost,
    OrderRejected,
)
from qtkit.model.orders import OrderStatus
from tests.ledger.ledger_story import (
    FRIDAY,
    THURSDAY,
    WEDNESDAY,
    accepted,
    adjustment,
    cancelled,
    decimals,
    filled,
    new_ledger,
    requested,
    started,
)

BANK = "600036.SH"


def test_a_buy_and_a_part_sale_by_hand() -> None:
    """100000 - 1000*10.00 - 5.00 = 89995; next day + 400*11 - 5 - 2.20 = 94387.80.

    Cost: 10005 for 1000, of which 400 take 4002 along, so 6003 stay for 600.
    """
    ledger = new_ledger()

    ledger.apply(requested("o1", 1000, reserve="11005.00"))
    ledger.apply(accepted("o1"))
    ledger.apply(filled("o1", "f1", 1000, "10.00", fees=("5.00", "0")))

    assert ledger.cash == Decimal("89995.00")
    assert ledger.position(BANK) == 1000
    assert ledger.sellable(BANK) == 0

    ledger.apply(started(THURSDAY))
    ledger.apply(requested("o2", -400))
    ledger.apply(filled("o2", "f2", -400, "11.00", fees=("5.00", "2.20"), day=THURSDAY))

    assert ledger.cash == Decimal("94387.80")
    position = ledger.positions[BANK]
    assert (position.quantity, position.sellable, position.cost) == decimals(600, 600, "6003.00")
    assert position.unit_cost == Decimal("10.005")


def test_a_request_claims_cash_and_an_end_gives_all_of_it_back() -> None:
    ledger = new_ledger()

    ledger.apply(requested("o1", 1000, reserve="11005.00"))

    assert ledger.reserved_cash == Decimal("11005.00")
    assert ledger.free_cash == Decimal("88995.00")
    assert ledger.cash == Decimal("100000.00")

    ledger.apply(OrderRejected(order_id="o1", reason_code="funds", reason="too little"))

    assert ledger.reserved_cash == 0
    assert ledger.ended["o1"].reason == "too little"


def test_a_part_fill_keeps_the_claim_of_what_is_left() -> None:
    """300 of 1000 filled: 11005.00 * 700/1000 = 7703.50 stay claimed; then 400: 3301.50."""
    ledger = new_ledger()
    ledger.apply(requested("o1", 1000, reserve="11005.00"))

    ledger.apply(filled("o1", "f1", 300, "10.00"))
    assert ledger.reserved_cash == Decimal("7703.50")
    ledger.apply(filled("o1", "f2", 400, "10.00"))
    assert ledger.reserved_cash == Decimal("3301.50")
    assert ledger.orders["o1"].remaining == 300
    ledger.apply(filled("o1", "f3", 300, "10.00"))

    assert ledger.reserved_cash == 0
    assert ledger.orders == {}
    assert ledger.ended["o1"].status is OrderStatus.FILLED
    assert ledger.cash == Decimal("90000.00")


def test_an_odd_claim_is_rounded_to_the_cent_and_ends_at_exactly_zero() -> None:
    """100.00 for 3 shares: 66.67 after one, 33.34 after two (half of 66.67), nothing after all."""
    ledger = new_ledger()
    ledger.apply(requested("o1", 3, reserve="100.00"))
    claims = []

    for fill_id in ("f1", "f2", "f3"):
        ledger.apply(filled("o1", fill_id, 1, "30.00"))
        claims.append(ledger.reserved_cash)

    assert claims == [Decimal("66.67"), Decimal("33.34"), Decimal(0)]


def test_an_open_sell_claims_shares_until_it_ends() -> None:
    book = Book(cash=Decimal(0), positions=(PositionLine(symbol=BANK, quantity=Decimal(1000)),))
    ledger = Ledger.opened(book)
    ledger.apply(started())

    ledger.apply(requested("o1", -600))
    assert (ledger.sellable(BANK), ledger.position(BANK)) == decimals(400, 1000)
    ledger.apply(filled("o1", "f1", -200, "10.00"))
    assert (ledger.sellable(BANK), ledger.position(BANK)) == decimals(400, 800)
    ledger.apply(cancelled("o1", -400))

    assert (ledger.sellable(BANK), ledger.position(BANK)) == decimals(800, 800)
    assert ledger.positions[BANK].reserved == 0


def test_bought_shares_settle_on_their_own_date_and_not_before() -> None:
    ledger = new_ledger()
    ledger.apply(requested("o1", 500, reserve="6000"))
    ledger.apply(filled("o1", "f1", 200, "10.00", settles=THURSDAY))
    ledger.apply(filled("o1", "f2", 300, "10.00", settles=FRIDAY))
    sellable = [ledger.sellable(BANK)]

    for day in (THURSDAY, FRIDAY):
        ledger.apply(started(day))
        sellable.append(ledger.sellable(BANK))

    assert sellable == [0, 200, 500]
    assert ledger.trading_date == FRIDAY


def test_shares_that_settle_today_can_be_sold_at_once() -> None:
    ledger = new_ledger()
    ledger.apply(requested("o1", 100, reserve="1100"))

    ledger.apply(filled("o1", "f1", 100, "10.00", settles=WEDNESDAY))

    assert ledger.sellable(BANK) == 100
    assert ledger.positions[BANK].unsettled == ()


def test_a_position_sold_out_leaves_nothing_behind() -> None:
    ledger = new_ledger()
    ledger.apply(requested("o1", 100, reserve="1100"))
    ledger.apply(filled("o1", "f1", 100, "10.00", fees=("5.00", "0"), settles=WEDNESDAY))

    ledger.apply(requested("o2", -100))
    ledger.apply(filled("o2", "f2", -100, "10.00"))

    assert dict(ledger.positions) == {}
    assert ledger.book().positions == ()


def test_repeats_and_strangers_book_nothing() -> None:
    ledger = new_ledger()
    ledger.apply(requested("o1", 100, reserve="1100"))
    ledger.apply(filled("o1", "f1", 50, "10.00"))
    before = ledger.book()

    ledger.apply(FillRepeated(order_id="o1", fill_id="f1"))
    ledger.apply(
        FillUnmatched(
            order_id="x",
            broker_order_id="b",
            fill_id="f9",
            symbol=BANK,
            quantity=Decimal(100),
            price=Decimal(10),
            reason="no such order",
        )
    )
    ledger.apply(CancelRequested(order_id="o1", by="op"))

    assert ledger.book() == before
    assert ledger.knows_fill("f1")
    assert not ledger.knows_fill("f9")


def test_the_same_fill_is_never_booked_twice() -> None:
    ledger = new_ledger()
    ledger.apply(requested("o1", 100, reserve="1100"))
    ledger.apply(filled("o1", "f1", 50, "10.00"))
    before = ledger.book()

    with pytest.raises(InvariantBroken, match="fill f1 of order o1 was booked before"):
        ledger.apply(filled("o1", "f1", 50, "10.00"))

    assert ledger.book() == before


def test_fills_of_an_earlier_session_are_known() -> None:
    ledger = Ledger.opened(Book(cash=Decimal(1)), known_fills=("f1", "f2"))

    assert ledger.knows_fill("f2")


def test_a_doubtful_order_keeps_its_claim_until_it_is_settled() -> None:
    ledger = new_ledger()
    ledger.apply(requested("o1", 100, reserve="1105.00"))

    ledger.apply(OrderDoubted(order_id="o1", reason="no answer in 2 s"))
    assert ledger.reserved_cash == Decimal("1105.00")
    assert ledger.has_open_order(BANK)
    ledger.apply(OrderLost(order_id="o1", reason="unknown_at_broker"))

    assert ledger.reserved_cash == 0
    assert not ledger.has_open_order(BANK)


def test_a_fill_that_raced_a_cancel_is_booked_and_claims_nothing_again() -> None:
    """1000 asked, 300 filled, the rest cancelled; then 200 more come: 100000 - 500*10 = 95000."""
    ledger = new_ledger()
    ledger.apply(requested("o1", 1000, reserve="11005.00"))
    ledger.apply(filled("o1", "f1", 300, "10.00"))
    ledger.apply(cancelled("o1", 700))

    ledger.apply(filled("o1", "f2", 200, "10.00", late="cancelled"))
    after_two = (ledger.ended["o1"].status, ledger.cash, ledger.reserved_cash)
    ledger.apply(filled("o1", "f3", 500, "10.00", late="cancelled"))
    after_all = (ledger.ended["o1"].status, ledger.cash, ledger.reserved_cash)

    assert after_two == (OrderStatus.CANCELLED, *decimals("95000.00", 0))
    assert after_all == (OrderStatus.FILLED, *decimals("90000.00", 0))


def test_an_order_given_up_that_executes_after_all_is_open_again_with_the_claim_of_its_rest() -> (
    None
):
    """1105.00 for 100 shares; 40 fill after the loss: 663.00 are claimed for the other 60."""
    ledger = new_ledger()
    ledger.apply(requested("o1", 100, reserve="1105.00"))
    ledger.apply(OrderLost(order_id="o1", reason="unknown_at_broker"))

    ledger.apply(filled("o1", "f1", 40, "10.00", late="lost"))

    assert ledger.orders["o1"].status is OrderStatus.PART_FILLED
    assert "o1" not in ledger.ended
    assert ledger.reserved_cash == Decimal("663.00")
    assert ledger.has_open_order(BANK)


def test_a_lost_sell_that_executes_after_all_claims_its_rest_again() -> None:
    book = Book(cash=Decimal(0), positions=(PositionLine(symbol=BANK, quantity=Decimal(500)),))
    ledger = Ledger.opened(book)
    ledger.apply(started())
    ledger.apply(requested("o1", -300))
    ledger.apply(OrderLost(order_id="o1", reason="restart"))
    assert ledger.sellable(BANK) == 500

    ledger.apply(filled("o1", "f1", -100, "10.00", late="lost"))

    assert (ledger.position(BANK), ledger.positions[BANK].reserved) == decimals(400, 200)
    assert ledger.sellable(BANK) == 200


def test_the_fill_may_overtake_the_acceptance() -> None:
    ledger = new_ledger()
    ledger.apply(requested("o1", 100, reserve="1105.00"))
    ledger.apply(filled("o1", "f1", 100, "10.00"))

    ledger.apply(accepted("o1"))

    order = ledger.order("o1")
    assert order is not None
    assert (order.status, order.broker_order_id, order.broker_name) == (
        OrderStatus.FILLED,
        "b-o1",
        "sim",
    )


def test_open_orders_of_a_symbol_are_counted() -> None:
    ledger = new_ledger()
    for order_id in ("o1", "o2"):
        ledger.apply(requested(order_id, 100, reserve="1100"))
    ledger.apply(cancelled("o1", 100))
    assert ledger.has_open_order(BANK)

    ledger.apply(cancelled("o2", 100))

    assert not ledger.has_open_order(BANK)
    assert not ledger.has_open_order("000001.SZ")


def test_cash_below_zero_is_shown_and_not_hidden() -> None:
    ledger = new_ledger("500.00")
    ledger.apply(requested("o1", 100, reserve="500.00"))

    ledger.apply(filled("o1", "f1", 100, "10.00"))

    assert ledger.cash == Decimal("-500.00")


def test_more_sold_than_was_there_is_shown_and_not_hidden() -> None:
    ledger = new_ledger()
    ledger.apply(requested("o1", -100))
    assert ledger.sellable(BANK) == -100

    ledger.apply(filled("o1", "f1", -100, "10.00"))

    position = ledger.positions[BANK]
    assert (position.quantity, position.sellable, position.cost) == decimals(-100, -100, 0)


def test_covering_a_short_costs_only_what_it_adds_above_zero() -> None:
    """-100 shares, then 400 bought for 4004.00: 300 are owned, at 4004 * 300/400 = 3003.00."""
    book = Book(cash=Decimal(9000), positions=(PositionLine(symbol=BANK, quantity=Decimal(-100)),))
    ledger = Ledger.opened(book)
    ledger.apply(started())
    ledger.apply(requested("o1", 400, reserve="5000"))

    ledger.apply(filled("o1", "f1", 50, "10.00"))
    assert (ledger.position(BANK), ledger.positions[BANK].cost) == decimals(-50, 0)
    ledger.apply(filled("o1", "f2", 350, "10.00", fees=("3.50", "0")))

    assert ledger.position(BANK) == 300
    assert ledger.positions[BANK].cost == Decimal("3003.00")  # 3503.50 * 300 / 350
    assert ledger.sellable(BANK) == 0


def test_shares_that_go_while_they_wait_shorten_the_wait_of_the_earliest() -> None:
    """200 settle Thursday, 300 Friday; 250 vanish: 250 are left, all of them waiting for Friday."""
    ledger = new_ledger()
    ledger.apply(requested("o1", 500, reserve="6000"))
    ledger.apply(filled("o1", "f1", 200, "10.00", settles=THURSDAY))
    ledger.apply(filled("o1", "f2", 300, "10.00", settles=FRIDAY))

    ledger.apply(adjustment(BANK, -250, "0"))

    assert ledger.positions[BANK].unsettled == (
        UnsettledLot(quantity=Decimal(250), settles=FRIDAY),
    )
    assert ledger.sellable(BANK) == 0


def test_an_adjustment_moves_shares_and_cash_and_what_was_paid_stays_paid() -> None:
    line = PositionLine(symbol=BANK, quantity=Decimal(100), cost=Decimal("1005.00"))
    ledger = Ledger.opened(Book(cash=Decimal(50), positions=(line,)))

    ledger.apply(adjustment(BANK, 100, "-3.50"))
    ledger.apply(adjustment("", 0, "10.00"))
    ledger.apply(adjustment("000001.SZ", 200, "0"))

    assert ledger.cash == Decimal("56.50")
    assert (ledger.position(BANK), ledger.positions[BANK].unit_cost) == decimals(200, "5.025")
    assert ledger.sellable("000001.SZ") == 200


def test_an_adjustment_to_nothing_leaves_nothing() -> None:
    ledger = Ledger.opened(
        Book(cash=Decimal(0), positions=(PositionLine(symbol=BANK, quantity=Decimal(100)),))
    )

    ledger.apply(adjustment(BANK, -100, "0"))

    assert dict(ledger.positions) == {}


def test_worth_is_cash_plus_shares_at_the_given_prices() -> None:
    lines = (
        PositionLine(symbol="A", quantity=Decimal(100)),
        PositionLine(symbol="B", quantity=Decimal(30)),
    )
    ledger = Ledger.opened(Book(cash=Decimal("12.50"), positions=lines))

    assert ledger.invested({"A": Decimal("2.00"), "B": Decimal("1.10")}) == Decimal("233.00")
    assert ledger.equity({"A": Decimal("2.00"), "B": Decimal("1.10")}) == Decimal("245.50")
    with pytest.raises(DataError, match="A, B"):
        ledger.equity({})


def test_a_request_without_a_date_belongs_to_the_day_of_the_ledger() -> None:
    ledger = new_ledger()

    ledger.apply(replace(requested("o1", 100), trading_date=None))

    assert ledger.orders["o1"].trading_date == date(2026, 3, 4)
