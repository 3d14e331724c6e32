"""What orders add up to: the day's turnover, and a symbol's position."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.paths import OutputRoot
from qtkit.core.verdict import Status
from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.runtime.accounts import create_account
from qtkit.sessions.simulation import simulate
from qtkit.testing import DAY, at, intent, scripted_spec
from qtkit.trading.brokers.sim.faults import Reject
from qtkit.trading.risk.limits import day_turnover_is_within, position_is_within
from qtkit.trading.risk.settings import RiskSettings, rules_of
from tests.trading.engine.engine_bench import BANK, STEEL, Bench, command, day_of
from tests.trading.risk.risk_moments import moment, order

TURNOVER = day_turnover_is_within(Decimal(100_000))
POSITION = position_is_within(Decimal(3_000))


@pytest.mark.parametrize(
    ("so_far", "quantity", "limit", "status"),
    [
        ("60000", 1000, "40.00", Status.PASS),  # 60 000 + 1000 x 40.00 = 100 000
        ("60000.01", 1000, "40.00", Status.FAIL),
        ("0", 2500, None, Status.PASS),  # at the quote: 2500 x 40.00
        ("0", 2600, None, Status.FAIL),
        ("100000", -1000, None, Status.PASS),  # 1000 of 2000 held: lowers risk
        ("0", Decimal("NaN"), None, Status.ERROR),
    ],
)
def test_the_days_turnover(
    so_far: str, quantity: Decimal, limit: str | None, status: Status
) -> None:
    found = TURNOVER(order(str(quantity), limit), moment(turnover=so_far))

    assert (found.rule, found.status) == ("risk.max_day_turnover", status)


def test_turnover_without_any_price_is_not_judged() -> None:
    found = TURNOVER(order(), moment(last_price=None))

    assert found.status is Status.ERROR


@pytest.mark.parametrize(
    ("held", "incoming", "quantity", "status"),
    [
        ("2000", "0", 1000, Status.PASS),  # exactly 3000
        ("2000", "0", 1100, Status.FAIL),
        ("2000", "500", 600, Status.FAIL),  # 500 are still coming
        ("5000", "0", -100, Status.PASS),  # a sale adds nothing
        ("2000", "0", Decimal("NaN"), Status.ERROR),
    ],
)
def test_a_symbols_position(held: str, incoming: str, quantity: Decimal, status: Status) -> None:
    found = POSITION(order(str(quantity)), moment(position=held, incoming=incoming))

    assert (found.rule, found.status) == ("risk.max_position_quantity", status)


def test_they_are_rules_when_they_are_set() -> None:
    settings = RiskSettings(max_position_quantity=Decimal(1000), max_day_turnover=Decimal(50_000))

    assert len(rules_of(settings, [BANK])) == len(rules_of(RiskSettings(), [BANK])) + 2


def limited(**limits: int) -> dict[str, object]:
    return {"risk": {**limits}}


def refused(bench: Bench) -> list[str]:
    return [r.verdicts[0].rule for r in bench.of(ev.OrderRefused)]


def test_turnover_counts_what_left_and_not_what_was_rejected() -> None:
    """Prices are 10: 1000 + 2000 fit into 30 000; the rejected 1000 do not count; 100 more do not.

    Every day begins anew.
    """
    script = {"03-04 09:35": [intent(BANK, 1000)], "03-04 09:40": [intent(BANK, 1000)],
              "03-04 09:45": [intent(BANK, 2000)], "03-04 09:50": [intent(BANK, 100)],
              "03-05 09:35": [intent(BANK, 3000)]}  # fmt: skip
    bench = day_of(
        script=script,
        settings=limited(max_day_turnover=30_000),
        broker_faults=(Reject(order=2),),
    ).run(at("09:36") + 24 * (at("10:00") - at("09:00")))

    assert [o.quantity for o in bench.of(ev.OrderRequested)] == [1000, 1000, 2000, 3000]
    assert refused(bench) == ["risk.max_day_turnover"]


def test_turnover_survives_a_power_cut() -> None:
    script = {"09:35": [intent(BANK, 2000)], "09:45": [intent(BANK, 2000)]}
    before = day_of(script=script, settings=limited(max_day_turnover=30_000)).run("09:41")
    after = before.again("09:41", keep=before.line(ev.OrderAccepted)).run("09:46")

    assert refused(after) == ["risk.max_day_turnover"]


def test_a_second_session_of_the_day_counts_the_first_ones_turnover(tmp_path: Path) -> None:
    spec = scripted_spec(
        {"09:35": [Intent(symbol=BANK, quantity=Decimal(1000), because="test")],
         "10:35": [Intent(symbol=BANK, quantity=Decimal(1000), because="test")]},
        [BANK],
    )  # fmt: skip
    account = OutputRoot(tmp_path).account("paper", "demo")
    create_account(account, cash=spec.opening_cash, currency="CNY", exchange="XSHG", at=at("08:00"))
    settings = {"risk": {"max_day_turnover": 60_000}}
    asked = {"day": DAY, "root": tmp_path, "account": "demo", "settings": settings}

    simulate(spec, **asked, stop=at("10:00"))  # type: ignore[arg-type]
    second = simulate(spec, **asked, start=at("10:10"), stop=at("11:00"))  # type: ignore[arg-type]

    assert [e.event.verdicts[0].rule for e in second.view.orders.refusals] == [
        "risk.max_day_turnover"
    ]


def test_open_buys_count_towards_a_position() -> None:
    """Two minutes of latency: the first 600 are still coming when the next 500 are asked for."""
    bench = day_of(
        settings={"risk": {"max_position_quantity": 1000}, "latency_seconds": 120},
        commands=(
            command("09:36", "buy", symbol=STEEL, quantity="600"),
            command("09:37", "buy", symbol=STEEL, quantity="500"),
            command("09:37:10", "buy", symbol=STEEL, quantity="400"),
        ),
    ).run("09:41")

    assert refused(bench) == ["risk.max_position_quantity"]
    assert [o.quantity for o in bench.of(ev.OrderRequested)] == [600, 400]
