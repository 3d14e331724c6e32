"""The checks' own arithmetic, by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from qtkit.evidence.audit_ledger import AuditLedger
from qtkit.model import events as ev
from qtkit.model.books import Book, PositionLine, UnsettledLot
from qtkit.model.events import Event
from tests.stages.parts import (
    DAY,
    NEXT_DAY,
    A,
    B,
    accepted,
    at,
    fill,
    open_order,
    price,
    request,
    session_started,
)
from tests.stages.story import Story, healthy_day

ASKED = request("q9", price(A, "37.50", "10:30"), 1000, "41300", "initial", 0)
PART = fill("q9", 1, A, 400, "37.50", "5.00", "10:31")
REST = fill("q9", 2, A, 600, "37.40", "5.00", "10:32")


def tally(*events: Event, opening: Book | None = None) -> AuditLedger:
    started = session_started()
    if opening is not None:
        started = replace(started, opening=opening)
    return Story().add("09:00", started).add("10:30", *events).evidence().tally


def test_cash_and_shares_by_hand() -> None:
    """1 000 000 - 400*37.50 - 5 - 600*37.40 - 5 = 962 550."""
    found = tally(ASKED, accepted("q9"), PART, REST)

    assert found.cash == Decimal("962550.00")
    assert found.positions[A] == 1000
    assert (found.bought, found.sold, found.fees) == (Decimal(37440), Decimal(0), Decimal(10))
    assert found.orders["q9"].status == "filled"
    assert found.open == {}


def test_a_reservation_shrinks_with_each_fill() -> None:
    """600 of 1000 shares are left: 41 300 * 0.6 = 24 780."""
    found = tally(ASKED, accepted("q9"), PART)

    assert found.reserved == Decimal("24780.0")
    assert found.orders["q9"].remaining == 600


def test_a_fill_may_overtake_the_acceptance() -> None:
    found = tally(ASKED, PART, accepted("q9"), REST)

    assert found.order_findings == []
    assert found.orders["q9"].broker_order_id == "b-q9"


def test_a_race_gives_back_what_was_cancelled() -> None:
    ended = ev.OrderCancelled(order_id="q9", quantity=Decimal(600), reason="cancelled")
    raced = replace(fill("q9", 2, A, 200, "37.40", "5", "10:32"), late="cancelled")

    found = tally(ASKED, accepted("q9"), PART, ended, raced).orders["q9"]

    assert (found.filled, found.cancelled, found.status) == (
        Decimal(600),
        Decimal(400),
        "cancelled",
    )


def test_a_lost_order_that_fills_is_open_again() -> None:
    lost = ev.OrderLost(order_id="q9", reason="unknown_at_broker")

    found = tally(ASKED, lost, replace(PART, late="lost"))

    assert found.orders["q9"].status == "part_filled"
    assert "q9" in found.open


def test_shares_settle_with_their_date() -> None:
    story = Story().add("09:00", session_started()).add("10:30", ASKED, PART)
    before = story.evidence().tally.sellable(A)
    story.moments.append((at("09:00", NEXT_DAY), ev.DayStarted(trading_date=NEXT_DAY, open=True)))

    assert before == 0
    assert story.evidence().tally.sellable(A) == 400


def test_an_opening_book_counts_with_its_lots_and_orders() -> None:
    lot = UnsettledLot(quantity=Decimal(300), settles=NEXT_DAY)
    held = PositionLine(symbol=A, quantity=Decimal(1000), unsettled=(lot,))
    selling = open_order("q8", A, -500, "0", filled=-100)
    opening = Book(cash=Decimal(100), positions=(held,), open_orders=(selling,))

    found = tally(opening=opening)

    assert found.sellable(A) == 1000 - 300 - 400
    assert found.opening_positions == {A: 1000}


def test_an_opening_reservation_is_of_what_was_left() -> None:
    """300 of 1000 shares had filled, and 28 000 were still reserved for 700."""
    opening = Book(
        cash=Decimal(100_000), open_orders=(open_order("q8", A, 1000, "28000", filled=300),)
    )

    assert tally(opening=opening).reserved == 28000


def test_an_adjustment_by_hand_moves_cash_and_shares() -> None:
    split = ev.PositionAdjusted(symbol=A, quantity=Decimal(100), cash=Decimal(7), by="me", why="x")
    deposit = ev.PositionAdjusted(symbol="", quantity=Decimal(0), cash=Decimal(3), by="me", why="y")

    found = tally(split, deposit)

    assert (found.cash, found.positions[A], found.adjusted) == (Decimal(1_000_010), Decimal(100), 2)


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ((accepted("q9"),), "never_requested"),
        ((ASKED, ASKED), "id_again"),
        ((PART,), "never_requested"),
        (
            (ev.OrderCancelled(order_id="q9", quantity=Decimal(1), reason="x"),),
            "never_requested",
        ),
    ],
)
def test_what_happens_to_orders_that_do_not_exist(events: tuple[Event, ...], kind: str) -> None:
    (wrong,) = tally(*events).order_findings

    assert (wrong.kind, wrong.facts["order"]) == (kind, "q9")


def test_one_date_starts_from_the_books_as_they_stood() -> None:
    story = healthy_day()
    thursday = DAY + timedelta(days=1)
    sold = replace(
        fill("q4", 1, B, -100, "40.00", "5.00", "10:31"),
        trading_date=thursday,
        executed_at=at("10:31", thursday),
    )
    wanted = request("q4", price(B, "40.00", "10:30"), -100, "0", "line", 0)
    story.cut(story.find(ev.StopRequested))
    story.moments += [
        (at("09:00", thursday), ev.DayStarted(trading_date=thursday, open=True)),
        (at("10:30", thursday), replace(wanted, trading_date=thursday)),
        (at("10:31", thursday), sold),
    ]
    evidence = story.evidence()

    first, second = (evidence.of_day(day).tally for day in (DAY, thursday))

    assert (first.booked, first.cash) == (4, Decimal("582403.75"))
    assert (second.booked, second.opening_cash) == (1, Decimal("582403.75"))
    assert second.cash == Decimal("586398.75")
    assert second.settlement_findings == []
    assert evidence.of_day(thursday).orders.requested.keys() == {"q4"}
