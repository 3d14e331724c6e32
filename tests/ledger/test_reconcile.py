"""Our book against the broker's: each difference is named with both numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from qtkit.core.verdict import Status, Verdict
from qtkit.ledger.reconcile import reconcile
from qtkit.model.books import Book, OpenOrder, PositionLine
from qtkit.model.orders import OrderStatus, OrderType
from qtkit.trading.brokers.protocol import AccountReport, BrokerOrder
from tests.golden import texts
from tests.golden.names import names_in
from tests.ledger.ledger_story import WEDNESDAY


def our_order(order_id: str, filled: int = 0) -> OpenOrder:
    return OpenOrder(
        order_id=order_id,
        symbol="A",
        quantity=Decimal(300),
        filled=Decimal(filled),
        status=OrderStatus.ACCEPTED,
        order_type=OrderType.MARKET,
        limit_price=None,
        reserved_cash=Decimal(1),
        trading_date=WEDNESDAY,
    )


def their_order(order_id: str, filled: int = 0) -> BrokerOrder:
    return BrokerOrder(
        order_id=order_id,
        broker_order_id=f"b-{order_id}",
        symbol="A",
        quantity=Decimal(300),
        filled=Decimal(filled),
        status="accepted",
    )


BOOK = Book(
    cash=Decimal("1000.00"),
    positions=(
        PositionLine(symbol="A", quantity=Decimal(500)),
        PositionLine(symbol="B", quantity=Decimal(200)),
    ),
    open_orders=(our_order("o1"), our_order("o2")),
    currency="CNY",
)


def report(
    cash: str = "1000.00",
    positions: dict[str, int] | None = None,
    orders: tuple[BrokerOrder, ...] = (their_order("o1"), their_order("o2")),
) -> AccountReport:
    held = {"A": 500, "B": 200} if positions is None else positions
    return AccountReport(
        cash=Decimal(cash),
        positions={symbol: Decimal(quantity) for symbol, quantity in held.items()},
        open_orders=orders,
    )


def by_rule(verdicts: tuple[Verdict, ...]) -> dict[str, Verdict]:
    return {verdict.rule.removeprefix("reconcile."): verdict for verdict in verdicts}


def test_equal_books_pass_every_rule_with_their_numbers() -> None:
    verdicts = by_rule(reconcile(BOOK, report()))

    assert {name: v.status for name, v in verdicts.items()} == dict.fromkeys(
        ("cash", "positions", "open_orders", "fills"), Status.PASS
    )
    assert verdicts["cash"].summary == "cash agrees: ours 1000.00 CNY, the broker's 1000.00 CNY"
    assert verdicts["positions"].summary == "all 2 positions agree"


@pytest.mark.parametrize(
    ("cash", "status"),
    [
        ("1000.01", Status.PASS),
        ("999.99", Status.PASS),
        ("1000.02", Status.FAIL),
        ("999.98", Status.FAIL),
        ("NaN", Status.FAIL),
        ("Infinity", Status.FAIL),
    ],
)
def test_cash_may_differ_by_the_tolerance_and_no_more(cash: str, status: Status) -> None:
    assert by_rule(reconcile(BOOK, report(cash)))["cash"].status is status


def test_a_cash_difference_names_both_numbers_and_the_way_on() -> None:
    verdict = by_rule(reconcile(BOOK, report("990.00"), cash_tolerance=Decimal("0.05")))["cash"]

    assert verdict.summary == (
        "cash differs by 10.00 CNY: ours 1000.00, the broker says 990.00, tolerance 0.05"
    )
    assert "runbooks/reconcile-break.md" in verdict.fix


@pytest.mark.parametrize("tolerance", ["-0.01", "NaN", "Infinity"])
def test_a_tolerance_that_is_none_is_refused(tolerance: str) -> None:
    with pytest.raises(ValueError, match="cash_tolerance"):
        reconcile(BOOK, report(), cash_tolerance=Decimal(tolerance))


def test_each_position_that_differs_is_named_on_either_side() -> None:
    verdict = by_rule(reconcile(BOOK, report(positions={"A": 400, "C": 100})))["positions"]

    assert verdict.status is Status.FAIL
    assert verdict.summary == (
        "3 of 3 positions differ (shares): A ours 500, the broker's 400; "
        "B ours 200, the broker's 0; C ours 0, the broker's 100"
    )


def test_a_flat_line_on_one_side_is_no_difference() -> None:
    verdicts = by_rule(reconcile(BOOK, report(positions={"A": 500, "B": 200, "C": 0})))

    assert verdicts["positions"].status is Status.PASS


def test_many_differences_are_counted_after_the_first_ten() -> None:
    theirs = {f"S{n:02}": 1 for n in range(12)} | {"A": 500, "B": 200}

    verdict = by_rule(reconcile(BOOK, report(positions=theirs)))["positions"]

    assert verdict.summary.startswith("12 of 14 positions differ")
    assert verdict.summary.endswith("S09 ours 0, the broker's 1; and 2 more")


def test_open_orders_are_compared_by_id_and_by_what_is_filled() -> None:
    theirs = (their_order("o2", filled=100), their_order("o3"))

    verdict = by_rule(reconcile(BOOK, report(orders=theirs)))["open_orders"]

    assert verdict.status is Status.FAIL
    assert verdict.summary == texts.OPEN_ORDERS_DIFFER


def test_an_unmatched_fill_fails_even_if_all_else_agrees() -> None:
    verdict = by_rule(reconcile(BOOK, report(), unmatched_fills=2))["fills"]

    assert (verdict.status, names_in(verdict.summary)) == (Status.FAIL, ["2"])
