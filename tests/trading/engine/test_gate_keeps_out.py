"""A gate that is shut: what it keeps out, what goes on all the same, and how it opens again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from qtkit.core.errors import BrokerUnavailable
from qtkit.model import events as ev
from qtkit.testing import at, intent, local
from qtkit.trading.brokers.protocol import AccountReport
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.faults import CashOff, ClockOff
from tests.trading.engine.engine_bench import BANK, STEEL, command, day_of
from tests.trading.engine.test_gate import BLOCK, SINCE_EIGHT, Mute, gated, judgements, verdicts


def test_a_shut_gate_keeps_out_steps_and_nothing_else() -> None:
    """A sale by hand, a buy, a cancel, fills, the closing: only the script's steps stay out."""
    bench = gated(
        settings={**BLOCK, "latency_seconds": 60},
        script={"09:40": [intent(BANK, 200)]},
        shares={STEEL: 500},
        broker_faults=(
            ClockOff(start=SINCE_EIGHT, seconds=60),
        ),
        commands=(
            command("09:36", "sell", symbol=STEEL, quantity="200"),
            command("09:37", "buy", symbol=BANK, quantity="100"),
            command("09:41", "buy", symbol=BANK, quantity="300", limit="9.50"),
            command("09:42", "cancel", order_id="q000003"),
        ),
    ).run("15:16")  # fmt: skip

    assert set(bench.skipped().values()) == {"gate_failed"}
    assert len(bench.skipped()) == 48
    assert [o.by for o in bench.of(ev.OrderRequested)] == ["eve", "eve", "eve"]
    assert [f.quantity for f in bench.of(ev.OrderFilled)] == [-200, 100]
    assert [c.order_id for c in bench.of(ev.OrderCancelled)] == ["q000003"]
    assert not bench.of(ev.DayClosed)[0].early
    assert {s.task for s in bench.of(ev.TaskSkipped)} == {"run_strategy"}


def test_what_is_sold_by_hand_is_booked_however_ill_the_strategy_is() -> None:
    bench = gated(
        wrap=lambda _, clock: Mute(clock),
        shares={STEEL: 500},
        commands=(command("09:36", "sell", symbol=STEEL, quantity="200"),),
    ).run("09:46")

    assert [f.quantity for f in bench.of(ev.OrderFilled)] == [-200]
    assert [s.state for s in bench.of(ev.StrategySaved)] == [{}]
    assert {e.where for e in bench.of(ev.InternalErrorRaised)} == {"state", "stop"}
    assert bench.of(ev.SessionEnded)


@pytest.mark.parametrize("split", [False, True])
def test_a_cured_fault_opens_it_at_the_next_judgement_without_a_restart(*, split: bool) -> None:
    bench = gated(
        settings={**BLOCK, "split_strategy_prepare": split},
        broker_faults=(CashOff(start=SINCE_EIGHT, until=at("09:42"), amount=Decimal(1)),),
        commands=(command("09:41", "gate"), command("09:43", "gate")),
    ).run("09:51")

    assert judgements(bench)[-2:] == [("09:41:00", "demand", False), ("09:43:00", "demand", True)]
    assert bench.skipped() == {"09:35:00": "gate_failed", "09:40:00": "gate_failed"}
    assert [local(d.due) for d in bench.of(ev.DecisionTaken)] == ["09:45:00", "09:50:00"]


def test_a_gate_that_was_shut_stays_shut_over_a_power_cut_until_it_is_judged() -> None:
    off = CashOff(start=SINCE_EIGHT, amount=Decimal(1))
    before = gated(broker_faults=(off,)).run("09:38")
    after = before.again("09:39", keep=before.line(ev.TaskSkipped), broker_faults=()).run("09:41")

    assert [j[1:] for j in judgements(after)] == [
        ("start", False), ("day", False), ("restart", True), ("prices", True),
    ]  # fmt: skip
    assert [local(d.due) for d in after.of(ev.DecisionTaken)] == ["09:40:00"]


@pytest.mark.parametrize("settings", [{}, {"split_strategy_prepare": True,
                                           "prepare_lead_seconds": 120}])  # fmt: skip
def test_an_order_by_hand_is_judged_by_the_prices_of_now(settings: dict[str, Any]) -> None:
    """Before the first step, and between a step's preparation and the step."""
    bench = day_of(
        settings=settings,
        commands=(
            command("09:32", "buy", symbol=BANK, quantity="100"),
            command("09:34", "buy", symbol=BANK, quantity="100"),
        ),
    ).run("09:36")

    quotes = [o.quote.last for o in bench.of(ev.OrderRequested) if o.quote]
    assert quotes == [Decimal(10), Decimal(10)]
    assert bench.of(ev.OrderRefused) == []


def test_the_log_tells_what_failed() -> None:
    bench = gated(
        broker_faults=(CashOff(start=SINCE_EIGHT, amount=Decimal(1)),
                       ClockOff(start=SINCE_EIGHT, seconds=60)),
    ).run("09:20")  # fmt: skip

    told = [fields for verb, fields in bench.said if verb == "gate_judged"]
    assert told[0] == {
        "mode": "block", "occasion": "start", "open": False, "failures": "gate.cash,gate.clock",
    }  # fmt: skip


def test_an_account_that_raises_is_judged_and_never_raises() -> None:
    def unreachable(broker: SimBroker) -> SimBroker:
        def account() -> AccountReport:
            raise BrokerUnavailable("maintenance")

        broker.account = account  # type: ignore[method-assign]
        return broker

    bench = gated(wrap_broker=unreachable).run("09:36")

    assert "maintenance" in verdicts(bench)["gate.account"].summary
    assert bench.skipped() == {"09:35:00": "gate_failed"}
