"""A session's decisions held against a backtest's: each planted difference gets its own name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.verdict import Status, Verdict
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.model.orders import OrderOrigin
from qtkit.reports.parity import compare_decisions
from qtkit.reports.parity_report import KINDS, DecisionComparison
from qtkit.runtime.backtest import BacktestResult, backtest
from qtkit.sessions.simulation import simulate
from qtkit.trading.strategy.loader import load_spec
from tests.golden import texts
from tests.golden.names import names_in
from tests.stages.parts import BY_ID, NEXT_DAY, A, B, at, price, request, skipped, task_id
from tests.stages.story import Story, healthy_day, stopped_at_lunch

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
DAY, LAST = date(2026, 3, 4), date(2026, 3, 5)


def research(story: Story | None = None, **told: Any) -> BacktestResult:  # noqa: ANN401
    """Return a backtest that did what a story tells."""
    return BacktestResult(
        strategy="live_grid_multi",
        days=(DAY,),
        steps=4,
        entries=tuple((story or healthy_day()).entries()),
        closing=Book(cash=Decimal(0)),
        equity={DAY: Decimal(0)},
        opening_cash=Decimal(1_000_000),
        **told,
    )


def compared(session: Story, with_research: Story | None = None) -> DecisionComparison:
    return compare_decisions(research(with_research), session.evidence())


def only(comparison: DecisionComparison) -> Any:  # noqa: ANN401 - the one difference
    (found,) = comparison.differences
    return found


def asking_at_two(story: Story, seen: str = "37.25") -> Story:
    """Let the decision of 14:00 ask for 100 more of A, having seen a price."""
    quote = price(A, seen, "14:00")
    story.edit(
        ev.DecisionTaken,
        {"prices": (quote, price(B, "40.05", "14:00"))},
        task_id=task_id("run_strategy", "14:00"),
    )
    place = story.find(ev.DecisionTaken, task_id=task_id("run_strategy", "14:00"))
    return story.insert(place + 1, request("q4", quote, 100, "4100.00", "line 36.91", 2))


# --- nothing differs -----------------------------------------------------------------------------


def test_the_same_story_on_both_sides_is_equal() -> None:
    found = compared(healthy_day())

    assert (found.conclusion, found.steps, found.orders) == ("equal", 4, 3)
    assert found.verdict() == Verdict(
        rule="parity.decisions",
        status=Status.PASS,
        summary="4 of 4 steps alike, 3 orders wanted by both; no difference",
    )
    assert str(found) == (
        "Backtest and session compared · live_grid_multi · 2026-03-04 · EQUAL\n"
        "✓ pass  4 of 4 steps alike, 3 orders wanted by both; no difference"
    )


# --- what became of an order that both wanted --------------------------------------------------


def test_another_price_at_the_same_time_is_a_fill_price_with_the_setting_that_explains_it() -> None:
    session = healthy_day({"slippage_bps": "25"})
    session.edit(ev.OrderFilled, {"price": Decimal("37.28")}, order_id="q3")
    found = compared(session, healthy_day({"slippage_bps": "2"}))

    assert only(found).kind == "fill_price"
    assert only(found).backtest == "+500 at 37.19, 13:01:00, fees 5.58"
    assert only(found).session == "+500 at 37.28, 13:01:00, fees 5.58"
    assert only(found).because == "slippage_bps 2 against 25"
    assert only(found).due == at("11:30")
    assert only(found).lines == (
        session.line(ev.OrderRequested, order_id="q3"),
        session.line(ev.OrderFilled, order_id="q3"),
    )
    assert found.conditions == (("slippage_bps", "2", "25"),)
    assert (found.conclusion, found.verdict().status) == ("explained", Status.WARN)


def test_without_such_a_setting_the_market_or_the_broker_differs() -> None:
    session = healthy_day().edit(ev.OrderFilled, {"price": Decimal("37.28")}, order_id="q3")

    assert only(compared(session)).because.startswith("the market or")


OUTCOMES: Mapping[str, tuple[dict[str, Any], str]] = {
    "fill_time": ({"executed_at": at("13:02")}, "+500 at 37.19, 13:02:00, fees 5.58"),
    "fill_quantity": ({"quantity": Decimal(400)}, "+400 at 37.19, 13:01:00, fees 5.58"),
    "fees": ({"commission": Decimal("9.30")}, "+500 at 37.19, 13:01:00, fees 9.30"),
}


@pytest.mark.parametrize("kind", OUTCOMES)
def test_an_outcome_is_named_after_what_differs(kind: str) -> None:
    changes, told = OUTCOMES[kind]
    found = compared(healthy_day().edit(ev.OrderFilled, changes, order_id="q3"))

    assert (only(found).kind, only(found).session) == (kind, told)


def test_an_order_that_the_broker_rejects_on_one_side_is_not_executed() -> None:
    session = healthy_day().drop(ev.OrderFilled, order_id="q3")
    place = session.find(ev.OrderAccepted, order_id="q3")
    session.drop(ev.OrderAccepted, order_id="q3").insert(
        place, ev.OrderRejected(order_id="q3", reason_code="halted", reason="no trading in it")
    )

    found = only(compared(session))
    assert (found.kind, found.session) == ("not_executed", "rejected: no trading in it")


def test_an_order_that_a_risk_rule_stops_on_one_side_is_refused() -> None:
    session = healthy_day().drop(ev.OrderFilled, order_id="q3")
    session.drop(ev.OrderAccepted, order_id="q3")
    place = session.find(ev.OrderRequested, order_id="q3")
    stopped = Verdict(rule="risk.cash", status=Status.FAIL, summary="too little cash")
    session.drop(ev.OrderRequested, order_id="q3").insert(
        place,
        ev.OrderRefused(
            symbol=A,
            quantity=Decimal(500),
            price=Decimal("37.20"),
            because="by the rule",
            origin=OrderOrigin.STRATEGY,
            verdicts=(stopped,),
            step=1,
        ),
    )

    found = only(compared(session))
    assert (found.kind, found.session) == ("refused", "refused, risk.cash: too little cash")


# --- what was wanted -----------------------------------------------------------------------------


def test_a_skipped_step_carries_its_reason_and_its_meaning() -> None:
    session = healthy_day()
    planned = BY_ID[task_id("run_strategy", "14:00")]
    place = session.find(ev.DecisionTaken, task_id=planned.task_id)
    gone = skipped(planned, "paused")
    session.drop(ev.DecisionTaken, task_id=planned.task_id).insert(place, gone)

    found = only(compared(session))
    assert (found.kind, found.backtest, found.session) == ("skipped", "nothing", "skipped: paused")
    assert found.because == texts.PAUSED_BY_OPERATOR
    assert found.lines == (place + 1,)


def test_another_order_from_the_same_inputs_is_unexplained_and_fails() -> None:
    session = asking_at_two(healthy_day())
    found = compared(session)

    assert only(found).kind == "unexplained"
    assert only(found).backtest == "nothing"
    assert only(found).session == "buy 100 000651.SZ at market (line 36.91)"
    assert (found.conclusion, found.verdict().status) == ("unexplained", Status.FAIL)
    assert session.line(ev.OrderRequested, order_id="q4") in found.verdict().lines


def test_another_order_from_another_price_comes_from_the_feed() -> None:
    found = only(compared(asking_at_two(healthy_day(), seen="36.80")))

    assert (found.kind, found.because) == ("prices", "price 37.25 against 36.8")


def test_another_order_from_another_book_follows_from_what_made_it_so() -> None:
    session = healthy_day().edit(ev.OrderFilled, {"quantity": Decimal(400)}, order_id="q3")
    found = compared(asking_at_two(session))

    assert [d.kind for d in found.differences] == ["fill_quantity", "follows"]
    assert names_in(found.differences[1].because) == [
        "5,800",
        "5,700",
        "fill_quantity",
        "03-04",
        "11:30",
    ]
    assert found.conclusion == "explained"


def test_a_step_that_the_backtest_was_quiet_in_starts_from_where_it_stood_then() -> None:
    """A backtest records only decisions that want something; what came later must not count."""
    quiet = healthy_day()
    for due in ("11:30", "14:00"):
        quiet.drop(ev.DecisionTaken, task_id=task_id("run_strategy", due))
    for kind in (ev.OrderRequested, ev.OrderAccepted, ev.OrderFilled):
        quiet.drop(kind, order_id="q3")
    quiet.edit(ev.StrategySaved, {"state": {}}, number=-1)

    found = compared(healthy_day(), quiet)
    assert (only(found).kind, only(found).backtest) == ("unexplained", "nothing")


def test_what_follows_is_traced_to_its_cause_and_not_to_what_followed_before_it() -> None:
    """Fewer shares of B at 10:30; A's orders of 11:30 and 14:00 differ from then on."""
    session = healthy_day().edit(ev.OrderFilled, {"quantity": Decimal(4900)}, order_id="q2")
    for kind in (ev.OrderRequested, ev.OrderFilled):
        session.edit(kind, {"quantity": Decimal(400)}, order_id="q3")
    found = compared(asking_at_two(session))

    assert [d.kind for d in found.differences] == ["fill_quantity", "follows", "follows"]
    assert [d.because.rpartition(", ")[2] for d in found.differences[1:]] == [
        "since the fill_quantity of 03-04 10:30",
        "since the fill_quantity of 03-04 10:30",
    ]


def test_another_opening_book_is_a_condition_and_explains_from_the_start_on() -> None:
    session = healthy_day()
    opening = session.moments[0][1]
    assert isinstance(opening, ev.SessionStarted)
    rich = Book(cash=opening.opening.cash + 1, currency="CNY")
    session.edit(ev.SessionStarted, {"opening": rich})
    found = compared(asking_at_two(session))

    assert found.conditions == (("opening cash", "1000000", "1000001"),)
    assert only(found).kind == "follows"
    assert only(found).because.startswith("what concerns other symbols")


def test_another_quantity_of_the_same_symbol_is_one_difference_with_both_sides() -> None:
    session = healthy_day()
    for kind in (ev.OrderRequested, ev.OrderFilled):
        session.edit(kind, {"quantity": Decimal(400)}, order_id="q3")

    found = only(compared(session))
    assert found.backtest == "buy 500 000651.SZ at market (line 37.21)"
    assert found.session == "buy 400 000651.SZ at market (line 37.21)"
    assert found.kind == "unexplained"


def test_another_limit_is_another_order() -> None:
    session = healthy_day().edit(
        ev.OrderRequested, {"limit_price": Decimal("37.10")}, order_id="q3"
    )

    assert only(compared(session)).session == "buy 500 000651.SZ at 37.10 (line 37.21)"


def test_an_order_on_one_side_only_because_the_session_had_stopped_says_so() -> None:
    found = compared(stopped_at_lunch(), asking_at_two(healthy_day()))

    assert [(d.kind, d.backtest) for d in found.differences][-1] == (
        "one_side_only",
        "buy 100 000651.SZ at market (line 36.91)",
    )


def test_an_operators_order_is_no_decision() -> None:
    session = asking_at_two(healthy_day())
    session.edit(ev.OrderRequested, {"origin": "operator", "by": "eve"}, order_id="q4")

    assert compared(session).conclusion == "equal"


# --- what cannot be compared ---------------------------------------------------------------------


def test_two_strategies_are_not_compared() -> None:
    other = healthy_day().edit(ev.SessionStarted, {"strategy": "another"})

    with pytest.raises(ConfigError, match="live_grid_multi and the session"):
        compared(other)


def test_two_days_are_not_compared() -> None:
    other = healthy_day().edit(ev.DayStarted, {"trading_date": NEXT_DAY})

    with pytest.raises(ConfigError, match="backtest 2026-03-04; session 2026-03-05"):
        compared(other)


def test_a_journal_without_its_start_is_not_compared() -> None:
    with pytest.raises(DataError, match="no session_started line"):
        compared(healthy_day().drop(ev.SessionStarted))


# --- how it is told ----------------------------------------------------------------------------


def test_the_forms_tell_the_same_and_json_leaves_nothing_out() -> None:
    session = healthy_day().edit(ev.OrderFilled, {"price": Decimal("37.28")}, order_id="q3")
    found = compared(session)
    bundle = found._repr_mimebundle_()
    payload = found.as_json()

    assert bundle["text/plain"] == str(found) == repr(found)
    assert KINDS["fill_price"] in str(found)
    assert "fill_price" in str(bundle["text/html"])
    assert payload["kinds"] == {"fill_price": 1}
    assert payload["differences"][0]["due"] == "2026-03-04T03:30:00+00:00"
    assert payload["differing_steps"] == 1


def test_what_comes_from_outside_is_escaped() -> None:
    named = [s.edit(ev.SessionStarted, {"strategy": "<script>"}) for s in (healthy_day(),) * 2]
    found = compared(named[0], named[1])

    assert "&lt;script&gt;" in str(found._repr_mimebundle_()["text/html"])


# --- the engine itself ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_days() -> BacktestResult:
    return backtest(load_spec(GRID), DAY, LAST)


def test_a_paper_session_decides_what_the_backtest_decided(
    two_days: BacktestResult, tmp_path: Path
) -> None:
    session = simulate(GRID, day=DAY, days=2, root=tmp_path)
    found = compare_decisions(two_days, session)

    assert (found.conclusion, found.steps, found.conditions) == ("equal", 96, ())


def test_both_value_a_days_positions_at_its_last_close(
    two_days: BacktestResult, tmp_path: Path
) -> None:
    """The day's last step comes a minute before its last bars; those count all the same."""
    session = simulate(GRID, day=DAY, days=2, root=tmp_path)

    assert two_days.equity == {end.day: end.equity for end in session.view.books.days}


@pytest.mark.parametrize(
    ("settings", "first", "kinds"),
    [
        ({"slippage_bps": 25}, "fill_price", {"fill_price", "follows"}),
        ({"latency_seconds": 90.0}, "fill_time", {"fill_time", "follows", "not_executed"}),
        ({"commission_rate": "0.0005"}, "fees", {"fees"}),
        ({"seed": 7}, "prices", {"prices", "fill_price", "follows"}),
        ({"step_minutes": 10}, "one_side_only", {"one_side_only", "follows"}),
    ],
)
def test_a_planted_difference_is_found_first_and_explains_the_rest(
    two_days: BacktestResult,
    tmp_path: Path,
    settings: dict[str, Any],
    first: str,
    kinds: set[str],
) -> None:
    session = simulate(GRID, day=DAY, days=2, root=tmp_path, settings=settings)
    found = compare_decisions(two_days, session)

    assert found.differences[0].kind == first
    assert {first} <= set(found.kinds) <= kinds
    assert found.conclusion == "explained"
    assert [name for name, _, _ in found.conditions] == list(settings)


def test_a_long_list_is_cut_in_the_text_and_whole_in_json(
    two_days: BacktestResult, tmp_path: Path
) -> None:
    session = simulate(GRID, day=DAY, days=2, root=tmp_path, settings={"seed": 7})
    found = compare_decisions(two_days, session)
    count = len(found.differences)

    assert count > 20
    assert f"… and {count - 20} more" in str(found)
    assert len(found.as_json()["differences"]) == count
