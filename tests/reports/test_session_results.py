"""What a session adds up to, worked out on paper in `session_story.three_days`."""

from __future__ import annotations

import csv
import io
from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from qtkit.core.errors import DataError
from qtkit.evidence.sys_log import value_in
from qtkit.model import events as ev
from qtkit.model.books import Book, OpenOrder
from qtkit.model.orders import OrderOrigin, OrderStatus, OrderType
from qtkit.projections.session_view import SessionView
from qtkit.reports.session_figures import metrics_json, report_json
from qtkit.reports.session_report import run_report, summary_html, summary_text
from qtkit.reports.trades import risk_lines, trade_lines, trades_csv
from qtkit.testing import at, entries_of
from qtkit.trading.engine.logs.trade_logs import TRADE_HEAD
from tests.sessions.session_story import (
    CASH,
    SYMBOL,
    THURSDAY,
    WEDNESDAY,
    closed,
    filled,
    given_up,
    opening,
    requested,
    three_days,
    with_shares,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def told() -> SessionView:
    return SessionView.of(entries_of(three_days()))


def test_money_is_that_of_the_paper(told: SessionView) -> None:
    found = metrics_json(told)

    assert {name: found[name] for name in ("opening_cash", "closing_cash", "fees", "tax")} == {
        "opening_cash": "10000",
        "closing_cash": "7088.95",
        "fees": "11.05",
        "tax": "1.05",
    }
    assert (found["bought"], found["sold"]) == ("5000.00", "2100.00")
    assert (found["realised"], found["unrealised"]) == ("91.95", "-153.00")
    assert (found["opening_equity"], found["closing_equity"]) == ("10000", "9938.95")
    assert found["positions"] == {
        SYMBOL: {"quantity": "300", "cost": "3003.00", "price": "9.50", "value": "2850.00"}
    }


def test_counts_are_those_of_the_story(told: SessionView) -> None:
    found = metrics_json(told)

    names = ("orders", "fills", "refusals", "rejections", "dead_letters", "trading_days")
    assert [found[name] for name in names] == [3, 2, 1, 1, 1, 3]


def test_the_drawdown_is_from_the_best_day_to_the_worst_after_it(told: SessionView) -> None:
    assert metrics_json(told)["max_drawdown"] == pytest.approx(406.05 / 10_195)


def test_turnover_is_the_smaller_side_over_the_mean_equity(told: SessionView) -> None:
    assert metrics_json(told)["turnover"] == pytest.approx(2_100 / 9_974.30)


def test_one_day_has_no_drawdown() -> None:
    story = [
        (at("09:00"), opening()),
        (at("16:00"), closed(WEDNESDAY, Book(cash=CASH))),
    ]

    assert metrics_json(SessionView.of(entries_of(story)))["max_drawdown"] is None


def test_a_fall_on_the_first_of_several_days_counts() -> None:
    """10 000 to 9 000 on the first day, then flat: a tenth."""
    low = Book(cash=Decimal(9_000))
    story = [
        (at("09:00"), opening()),
        (at("16:00"), closed(WEDNESDAY, low)),
        (at("16:00", THURSDAY), closed(THURSDAY, low)),
    ]

    found = metrics_json(SessionView.of(entries_of(story)))

    assert found["max_drawdown"] == pytest.approx(0.1)


def test_equity_is_null_where_a_price_is_not_known() -> None:
    holding = with_shares(Book(cash=CASH), 100, "1000.00")
    told = SessionView.of(entries_of([(at("09:00"), opening(opening=holding))]))

    found = metrics_json(told)

    assert found["opening_equity"] is None
    assert found["closing_equity"] is None
    assert found["unrealised"] is None
    assert found["turnover"] is None
    assert "unknown" in summary_text(told)


def test_an_operators_booking_moves_cash_and_realises_nothing() -> None:
    paid = ev.PositionAdjusted(
        trading_date=WEDNESDAY,
        symbol="",
        quantity=Decimal(0),
        cash=Decimal("25.00"),
        by="ann",
        why="a dividend",
    )
    told = SessionView.of(entries_of([(at("09:00"), opening()), (at("10:00"), paid)]))

    assert metrics_json(told)["closing_cash"] == "10025.00"
    assert metrics_json(told)["realised"] == "0"
    assert list(trade_lines(told, SHANGHAI)) == [
        "2026-03-04T10:00:00.000000+08:00,a dividend,,,,0,,,25.00,10025.00,0,0\n"
    ]


def test_trade_log_has_a_line_for_each_booked_change(told: SessionView) -> None:
    """What is sellable is what has settled: bought on Wednesday, sold on Thursday."""
    bought, sold = (line.split(",") for line in trade_lines(told, SHANGHAI))

    assert TRADE_HEAD == (
        "datetime,reason,order_id,fill_id,symbol,quantity,price,fees,cash_change,cash,position,"
        "sellable\n"
    )
    assert bought == [
        "2026-03-04T10:01:00.000000+08:00", "first buy", "q1", "f-q1", "600036.SH",
        "500", "10.00", "5.00", "-5005.00", "4995.00", "500", "0\n",
    ]  # fmt: skip
    assert sold == [
        "2026-03-05T10:01:00.000000+08:00", "up", "q2", "f-q2", "600036.SH",
        "-200", "10.50", "6.05", "2093.95", "7088.95", "300", "300\n",
    ]  # fmt: skip


def test_trades_are_exact_and_have_both_times(told: SessionView) -> None:
    rows = list(csv.DictReader(io.StringIO(trades_csv(told, SHANGHAI))))

    assert len(rows) == 2
    assert rows[1]["executed_at_utc"] == "2026-03-05T02:00:00.000000+00:00"
    assert rows[1]["executed_at_local"] == "2026-03-05T10:00:00.000000+08:00"
    assert (rows[1]["side"], rows[1]["quantity"], rows[1]["price"]) == ("sell", "-200", "10.50")
    assert (rows[1]["notional"], rows[1]["commission"], rows[1]["tax"]) == (
        "-2100.00",
        "5.00",
        "1.05",
    )
    assert (rows[0]["settles"], rows[0]["because"], rows[0]["tag"]) == (
        "2026-03-05",
        "first buy",
        "line 10",
    )


def test_a_program_can_read_a_refusal_back(told: SessionView) -> None:
    (line,) = risk_lines(told, "20260304_010000_paper_abc", SHANGHAI)

    time, session, rest = line.split(" | ", 2)
    assert (time, session) == ("2026-03-04T11:00:00.000000+08:00", "20260304_010000_paper_abc")
    assert rest.startswith("<RISK REJECTED> rule_id=risk.cash ")
    assert value_in(rest, "reason") == 'cash 1.00 < "needed" x=2; 9 shares, the lot is 100'
    assert [value_in(rest, key) for key in ("symbol", "side", "quantity", "price")] == [
        SYMBOL,
        "buy",
        "9",
        "10.40",
    ]


def test_a_market_order_without_a_price_is_refused_with_none() -> None:
    refusal = ev.OrderRefused(
        trading_date=WEDNESDAY,
        symbol=SYMBOL,
        quantity=Decimal(-100),
        price=None,
        because="by hand",
        origin=OrderOrigin.OPERATOR,
        by="ann",
        verdicts=(),
    )
    told = SessionView.of(entries_of([(at("09:00"), opening()), (at("10:00"), refusal)]))

    (line,) = risk_lines(told, "s", SHANGHAI)

    assert (value_in(line, "price"), value_in(line, "side")) == ("none", "sell")
    assert (value_in(line, "rule_id"), value_in(line, "source")) == ("", "ann")


def test_a_fill_of_an_order_that_came_with_the_account_says_so() -> None:
    carried = OpenOrder(
        order_id="q9",
        symbol=SYMBOL,
        quantity=Decimal(100),
        filled=Decimal(0),
        status=OrderStatus.ACCEPTED,
        order_type=OrderType.MARKET,
        limit_price=None,
        reserved_cash=Decimal(0),
        trading_date=WEDNESDAY,
    )
    start = opening(opening=Book(cash=CASH, open_orders=(carried,)))
    fill = filled("q9", 100, "10.00", WEDNESDAY, commission="5.00", tax="0.00")
    told = SessionView.of(entries_of([(at("09:00"), start), (at("10:00"), fill)]))

    assert told.books.bookings[0].because.endswith("in an earlier session")
    assert told.books.bookings[0].cash == Decimal("8995.00")


def test_the_report_tells_days_reconciliation_and_skips(told: SessionView) -> None:
    found = report_json(told, {"session_id": "s"}, {"digest": "d"})

    assert [day["equity"] for day in found["days"]] == ["10195.00", "9788.95", "9938.95"]
    assert [r["is_ok"] for r in found["reconciliation"]] == [True, False]
    assert found["reconciliation"][1]["failures"] == ["reconcile.cash: cash differs by 1.00 CNY"]
    assert found["skips"] == [
        {"task": "acquire_live_price", "skip_reason": "missed", "count": 2},
        {"task": "run_strategy", "skip_reason": "paused", "count": 1},
    ]
    assert found["dead_letters"][0]["task"] == "refill"
    assert (found["reason"], found["metadata"]) == ("stop", {"session_id": "s"})


def test_the_summary_names_what_went_wrong(told: SessionView) -> None:
    text = summary_text(told)

    assert "Session · by_hand · 2026-03-04 to 2026-03-06, 3 trading days · stop" in text
    assert "missed 2, paused 1" in text
    assert "✗ fail: 1 of 2 agree with the" in text
    assert "Reconciliation failed (journal line 18): reconcile.cash" in text
    assert "refill was given up (journal line 20): boom" in text
    assert "closing cash            7,088.95 CNY" in text


def test_what_people_read_escapes_what_others_wrote() -> None:
    story = [(at("09:00"), opening(account="a|b", strategy="<script>"))]
    told = SessionView.of(entries_of(story))

    assert "<script>" not in summary_html(told)
    assert "| account | a\\|b |" in run_report(told, {})


def test_the_page_shows_refusals_days_and_origin(told: SessionView) -> None:
    page = run_report(told, {"commit": "abc", "dirty": True, "data_fingerprint": {"total": "d1"}})

    assert "risk, the first 1 of 1" in page
    assert "| 2026-03-05 | regular | 7,088.95 | 9,788.95 | 0 |" in page
    assert "| commit | abc, with changes |" in page
    assert "| data | d1 |" in page


@pytest.mark.parametrize(
    ("task", "failed"), [("run_strategy", True), ("pre_open", True), ("refill", False)]
)
def test_only_the_strategys_own_tasks_make_it_fail(task: str, *, failed: bool) -> None:
    story = [
        (at("09:00"), opening()),
        (at("10:00"), given_up(WEDNESDAY, task)),
    ]

    assert SessionView.of(entries_of(story)).strategy_failed is failed


def test_a_failure_that_is_tried_again_is_no_dead_letter() -> None:
    tried = ev.TaskFailed(
        trading_date=WEDNESDAY, task_id="r", task="refill", attempt=1, error="x", dead_letter=False
    )
    told = SessionView.of(entries_of([(at("09:00"), opening()), (at("10:00"), tried)]))

    assert told.tasks.dead_letters == []


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        ([], "it is empty"),
        (
            [(at("09:00").astimezone(UTC), requested("q1", 1, "x"))],
            "OrderRequested",
        ),
    ],
)
def test_a_journal_begins_with_a_session(story: list, sentence: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(DataError, match=sentence):
        SessionView.of(entries_of(story))


def test_a_date_without_trading_is_told() -> None:
    saturday = WEDNESDAY.replace(day=7)
    told = SessionView.of(
        entries_of(
            [
                (at("09:00", saturday), opening()),
                (at("09:00", saturday), ev.DayStarted(trading_date=saturday, open=False)),
            ]
        )
    )

    text = summary_text(told)

    assert "2026-03-07: XSHG does not trade," in text
    assert "no trading day · not ended" in text
    assert "has no end" in text
