"""What an intent says beside price and quantity reaches the journal, or is refused by name."""

from __future__ import annotations

from decimal import Decimal

import pytest

from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.model.orders import OrderType, Routing, TimeInForce
from qtkit.model.quotes import Quote
from qtkit.testing import at
from tests.trading.engine.engine_bench import BANK, day_of


def _intent(**terms: object) -> Intent:
    fields = {"symbol": BANK, "quantity": Decimal(100), "because": "by hand", **terms}
    return Intent(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"order_type": OrderType.STOP, "stop_price": Decimal("10.50")}, "order_type"),
        ({"time_in_force": TimeInForce.GTC}, "time_in_force"),
    ],
)
def test_the_simulated_broker_refuses_what_it_does_not_take(
    terms: dict[str, object], code: str
) -> None:
    bench = day_of(script={"09:35": [_intent(**terms)]}).run("09:38")

    (rejected,) = bench.of(ev.OrderRejected)
    assert rejected.reason_code == code


def test_a_stop_order_without_a_stop_price_is_no_order() -> None:
    bench = day_of(script={"09:35": [_intent(order_type=OrderType.STOP)]}).run("09:38")

    (refused,) = bench.of(ev.OrderRefused)
    assert [v.rule for v in refused.verdicts] == ["risk.request"]


def test_routing_is_copied_to_the_order_and_its_quote_is_of_the_newest_bar() -> None:
    routing = Routing(venue="dark", queue_position=3, expected_queue_delay_ms=250)
    bench = day_of(script={"09:35": [_intent(routing=routing)]}).run("09:38")

    (order,) = bench.of(ev.OrderRequested)
    assert order.routing == routing
    assert order.quote == Quote(symbol=BANK, at=at("09:35"), last=Decimal("10.0"))


def test_what_is_withheld_is_written_down_and_does_not_leave() -> None:
    bench = day_of(script={"09:35": [_intent(withheld="too volatile")]}).run("09:38")

    (decision,) = [d for d in bench.of(ev.DecisionTaken) if d.withheld]
    assert (decision.intents, decision.withheld[0].reason) == (0, "too volatile")
    assert bench.of(ev.OrderRequested) == []


def test_polls_are_numbered_without_holes() -> None:
    bench = day_of(script={}).run("09:38")

    polls = [seen.poll for seen in bench.of(ev.PricesSeen)]
    assert polls == list(range(1, len(polls) + 1))


@pytest.mark.parametrize(("bid", "ask"), [("0", "10"), ("10.02", "10.01"), ("10", None)])
def test_a_quote_that_no_market_shows_is_refused(bid: str, ask: str | None) -> None:
    with pytest.raises(ValueError, match="bid"):
        Quote(
            symbol="A", at=at("09:35"), last=Decimal(10), bid=Decimal(bid),
            ask=None if ask is None else Decimal(ask),
        )  # fmt: skip


def test_the_rules_of_a_share_that_nobody_traded_before_are_told_first() -> None:
    bench = day_of(script={"09:35": [_intent(symbol="600519.SH")]}).run("09:38")

    (listed,) = bench.of(ev.InstrumentsListed)
    (rules,) = listed.instruments
    assert (rules.symbol, rules.settle_days, rules.lot) == ("600519.SH", 1, Decimal(100))
