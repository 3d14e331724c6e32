"""Views from journals told by hand: exact rows, the exchange's zone, no surprise without data."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from qtkit.core.errors import DataError
from qtkit.core.render import text_table
from qtkit.desk import views
from qtkit.desk.event_text import sentence
from qtkit.desk.report import Report
from qtkit.desk.table_view import Column, TableView, facts
from qtkit.model import events as ev
from qtkit.model.books import Book, OpenOrder
from qtkit.model.orders import OrderStatus, OrderType
from qtkit.projections.session_view import SessionView
from qtkit.testing import at, entries_of
from tests.golden.names import names_in
from tests.sessions.session_story import (
    SYMBOL,
    THURSDAY,
    WEDNESDAY,
    opening,
    refused,
    requested,
    three_days,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def picture() -> SessionView:
    """Wednesday 500 bought at 10.00, Thursday 200 sold at 10.50, one order rejected."""
    return SessionView.of(entries_of(three_days()))


def test_cash_is_explained_from_the_opening_on(picture: SessionView) -> None:
    """10 000 + 200*10.50 - 500*10.00 - (5.00 + 6.05) = 7 088.95."""
    found: Any = views.cash(picture).as_json()

    assert found["opening"] == "10000"
    assert found["sold"] == "2100.00"
    assert found["bought"] == "-5000.00"
    assert found["fees"] == "-11.05"
    assert found["cash"] == found["free"] == "7088.95"
    assert found["adds up"] == "pass"


def test_a_position_shows_what_it_cost_and_what_it_would_bring(picture: SessionView) -> None:
    """5 005 paid for 500, two fifths sold: 3 003 for 300, 10.01 a share; worth 300*9.50 = 2 850."""
    (row,) = views.positions(picture).rows

    assert row[0] == SYMBOL
    assert row[1:3] == (Decimal(300), Decimal(300))
    assert row[4:] == (Decimal("10.01"), Decimal("9.50"), Decimal("2850.00"), Decimal("-153.00"))


def test_orders_can_be_narrowed(picture: SessionView) -> None:
    everything, rejected, doubtful, other = (
        [row[0] for row in views.orders(picture, **narrowed).rows]
        for narrowed in ({}, {"rejected": True}, {"doubtful": True}, {"symbol": "000651.SZ"})
    )

    assert everything == ["q1", "q2", "q3"]
    assert rejected == ["q3"]
    assert doubtful == other == []


def test_a_rejected_order_shows_code_and_reason(picture: SessionView) -> None:
    (row,) = views.orders(picture, rejected=True).rows

    assert row[7] == "rejected"
    assert row[8] == ""
    assert row[10] == "halted no trade"


def test_times_are_those_of_the_exchange(picture: SessionView) -> None:
    (first, second, _) = views.orders(picture).rows

    assert first[1] == datetime(2026, 3, 4, 10, 0, tzinfo=SHANGHAI)
    assert str(second[1]) == "2026-03-05 10:00:00+08:00"
    assert "Asia/Shanghai" in views.as_of(picture)


def test_refusals_of_risk_rules_name_rule_and_reason(picture: SessionView) -> None:
    rows = views.refusals(picture).rows

    assert rows[0][-1] == 'risk.cash: cash 1.00 < "needed" x=2; risk.lot: 9 shares, the lot is 100'


def test_skips_are_counted_by_task_and_reason(picture: SessionView) -> None:
    assert ("run_strategy", "paused", 1) in views.skips(picture).rows


def test_an_order_carried_over_is_listed_as_of_earlier() -> None:
    carried = OpenOrder(
        order_id="q0",
        symbol=SYMBOL,
        quantity=Decimal(100),
        filled=Decimal(0),
        status=OrderStatus.DOUBTFUL,
        order_type=OrderType.LIMIT,
        limit_price=Decimal("9.90"),
        reserved_cash=Decimal("995.00"),
        trading_date=WEDNESDAY,
    )
    book = Book(cash=Decimal(10_000), open_orders=(carried,))
    found = SessionView.of(entries_of([(at("09:00"), opening(opening=book))]))

    (row,) = views.orders(found, doubtful=True).rows
    assert row[:2] == ("q0", "earlier")
    status: Any = views.status(found).as_json()
    assert status["orders"] == "1 in all, 1 open, 1 in doubt"
    assert status["date"] == "none yet"
    assert status["broker"] == "not connected"


def test_a_kill_switch_of_an_earlier_session_says_so() -> None:
    found = SessionView.of(entries_of([(at("09:00"), opening(killed=True))]))

    status: Any = views.status(found).as_json()

    assert names_in(status["kill switch"]) == ["ON"]


def test_a_journal_that_nobody_writes_and_has_no_end_is_a_crash(picture: SessionView) -> None:
    crashed = SessionView.of(entries_of(three_days()[:5]))
    status: Any = views.status(crashed, alive=False).as_json()
    ended: Any = views.status(picture, alive=False).as_json()

    assert status["status"].startswith("crashed:")
    assert not ended["status"].startswith("crashed")


def test_a_session_that_was_asked_to_stop_is_stopping_until_its_end() -> None:
    asked = ev.StopRequested(by="anna", reason="stop")
    found = SessionView.of(entries_of([(at("09:00"), opening()), (at("09:00"), asked)]))

    status: Any = views.status(found).as_json()

    assert status["status"].startswith("stopping,")


def test_a_price_that_is_not_known_leaves_value_and_profit_open() -> None:
    story = [entry for entry in list(three_days())[:6] if not isinstance(entry[1], ev.DayStarted)]
    day = ev.DayStarted(trading_date=WEDNESDAY, open=True)
    found = SessionView.of(entries_of([*story[:3], (at("09:00"), day), *story[3:]]))

    (row,) = views.positions(found).rows
    (price,) = views.prices(found, [SYMBOL]).rows

    assert row[5:] == (None, None, None)
    assert price[1:5] == ("none today", None, None, None)
    assert "500 to 2026-03-05" in text_table(views.positions(found).table())


def test_a_picture_reads_on_where_it_stopped() -> None:
    entries = entries_of(three_days())
    found = SessionView.of(entries[:6])

    found.update(entries)

    assert found.last == entries[-1]
    assert len(found.orders.fills) == 2


def test_a_picture_needs_the_start_of_a_session() -> None:
    stray = (at("10:00"), refused(WEDNESDAY, "no"))

    with pytest.raises(DataError, match="it is empty: the session"):
        SessionView.of([])
    with pytest.raises(DataError, match="line 1 is OrderRefused: the session has"):
        SessionView.of(entries_of([stray]))


def test_a_task_by_hand_gets_a_line_of_its_own() -> None:
    day = ev.DayStarted(trading_date=WEDNESDAY, open=True)
    started = ev.TaskStarted(trading_date=WEDNESDAY, task_id="x-hand7", task="refill", attempt=1)
    failed = ev.TaskFailed(
        trading_date=WEDNESDAY, task_id="x-hand7", task="refill", attempt=1, error="ValueError: no",
        dead_letter=True,
    )  # fmt: skip
    now = at("10:00")
    found = SessionView.of(
        entries_of([(now, opening()), (now, day), (now, started), (now, failed)])
    )

    (row,) = views.tasks(found, standing="failed").rows
    assert row[1:] == ("refill", None, "failed", "ValueError: no", "x-hand7")
    assert views.schedule(found).rows == ()
    assert views.schedule(found, whole_day=True).rows == (row,)


def test_numbers_are_aligned_and_never_cut() -> None:
    table = TableView(
        name="x",
        columns=(Column(name="symbol"), Column(name="price", unit="CNY", places=2)),
        rows=(("a", Decimal("1234.5")), ("b", Decimal("0.1234")), ("c", None)),
    )

    assert text_table(table.table()).splitlines() == [
        "  symbol  price CNY",
        "  a        1,234.50",
        "  b          0.1234",
        "  c",
    ]


def test_a_time_of_another_day_shows_its_date() -> None:
    when = datetime(2026, 3, 4, 10, 0, tzinfo=SHANGHAI)
    shown = [facts("t", ("at", when), day=day).table().rows[0][1] for day in (WEDNESDAY, THURSDAY)]

    assert shown == ["10:00:00", "2026-03-04 10:00:00"]


def test_a_report_has_three_forms() -> None:
    table = TableView(name="none", columns=(Column(name="a"),), rows=(), empty="nothing & nobody")
    report = Report(name="r", heading="r · now", parts=("a sentence", table))

    assert str(report) == "r · now\na sentence\nnothing & nobody"
    assert "nothing &amp; nobody" in report.html()
    assert report.as_json()["views"] == {"none": []}
    assert report.as_json()["notes"] == ["a sentence"]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            requested("q1", -1200, "crossed"),
            f"order q1: sell 1,200 {SYMBOL} at market, 0.00 reserved (crossed, by strategy)",
        ),
        (ev.KillSwitchSet(on=False, by="anna", why=""), "off, by anna"),
        (
            ev.OrderRejected(order_id="q1", reason_code="c12", reason=""),
            "order q1 rejected: c12",
        ),
        (
            ev.OrderCancelled(order_id="q1", quantity=Decimal(-300), reason="expired"),
            "order q1 ended with 300 shares not executed: expired",
        ),
        (
            ev.TaskFailed(task_id="t", task="refill", attempt=2, error="no", dead_letter=False),
            "refill failed at attempt 2, tried again: no",
        ),
        (ev.BrokerConnected(broker_name="sim"), "broker connected broker_name=sim"),
        (ev.FillRepeated(order_id="q1", fill_id="f1"), "fill f1 came again; nothing was booked"),
        (
            ev.FillRepeated(order_id="q1", fill_id="f1", count=3, last_fill_id="f3"),
            "3 fills came again, f1 to f3; nothing was booked",
        ),
        (ev.CancelFailed(order_id="q1", reason="late"), "not cancel order q1: late"),
        (ev.FeedFailed(error="no route"), "the feed failed: no route"),
        (ev.SessionEnded(reason="stop", closing=Book(cash=Decimal(0))), "the session ended: stop"),
    ],
)
def test_an_event_is_told_as_a_sentence(event: ev.Event, told: str) -> None:
    assert told in sentence(event)
