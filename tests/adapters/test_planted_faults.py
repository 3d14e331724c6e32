"""Faults that scenarios plant: each kind is known, and a kind that is none is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.adapters.embedded.scenario_plan import plan_of
from qtkit.adapters.embedded.strategy_variants import variation
from qtkit.adapters.embedded.target import EmbeddedEngine
from qtkit.core.errors import ConfigError
from qtkit.core.paths import AccountFolder, SessionFolder
from qtkit.evidence import Evidence, Fault, Scenario
from qtkit.model import events as ev
from qtkit.trading.strategy.loader import load_spec

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
SPEC = load_spec(EXAMPLE)
SHORT = Scenario(name="short", sentence="Half an hour.", start_at=time(9, 20), stop_at=time(9, 41))


def lived(scenario: Scenario, place: Path) -> Evidence:
    folder = SessionFolder(place / scenario.name)
    folder.artifacts.mkdir(parents=True)
    return EmbeddedEngine(SPEC, EXAMPLE).run(scenario, folder)


def shut(run: Evidence) -> list[set[str]]:
    """Return what failed at each judgement of the gate."""
    return [
        {v.rule for v in j.event.verdicts if v.status in {"fail", "error"}}
        for j in run.of(ev.GateJudged)
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"broker_faults": (Fault(kind="x"),)}, "no broker fault 'x'; there are reject,"),
        ({"feed_faults": (Fault(kind="x"),)}, "no feed fault 'x'; there are silent,"),
        ({"strategy": "x"}, "no variation 'x'; there are reference,"),
        ({"strategy": "slow:soon"}, "no variation 'slow:soon'"),
    ],
)
def test_a_fault_that_is_none_is_refused_with_those_there_are(
    changes: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(replace(SHORT, **changes), SPEC)  # type: ignore[arg-type]

    assert told in str(caught.value)


def test_a_site_fault_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no site fault 'x'; there are grown_orders, kill_file"):
        lived(replace(SHORT, site_faults=(Fault(kind="x"),)), tmp_path)


def test_every_broker_fault_that_a_scenario_can_name_becomes_one() -> None:
    known = (
        "reject", "timeout_arrived", "timeout_lost", "later", "repeat", "reorder",
        "fill_after_cancel", "cancel_refused", "disconnect", "cash_off", "position_off",
        "clock_off", "unmatched_fill", "stray_order", "hidden_order", "nameless_order",
    )  # fmt: skip
    life = replace(SHORT, broker_faults=tuple(Fault(kind=kind) for kind in known))

    assert len(plan_of(life, SPEC).broker_faults.faults) == len(known) - 3  # the last misreport


def test_a_fault_of_the_second_day_begins_on_it() -> None:
    """Wednesday's scenario: 09:36 of Thursday is 01:36 UTC."""
    fault = Fault(kind="cash_off", start=time(9, 36), amount=Decimal(1), day=1)
    plan = plan_of(replace(SHORT, days=2, broker_faults=(fault,)), SPEC)

    (made,) = plan.broker_faults.faults
    assert str(getattr(made, "start")) == "2026-03-05 01:36:00+00:00"  # noqa: B009


def test_a_place_breaks_and_mends_on_cue(tmp_path: Path) -> None:
    """Nothing can be written from 09:14 until 09:30; the morning's judgement is at 09:15."""
    life = replace(
        SHORT,
        start_at=time(9, 10),
        site_faults=(Fault(kind="unwritable", start=time(9, 14), end=time(9, 30)),),
    )

    run = lived(life, tmp_path)

    assert shut(run) == [set(), {"gate.artifacts"}]
    assert [c.event.by for c in run.of(ev.CommandReceived)] == ["stagehand", "stagehand"]
    assert not (tmp_path / "short" / "artifacts" / ".gate").exists()


def test_a_kill_file_comes_and_goes(tmp_path: Path) -> None:
    life = replace(SHORT, site_faults=(Fault(kind="kill_file", start=time(9, 33)),))

    run = lived(life, tmp_path)

    assert [k.event.by for k in run.of(ev.KillSwitchSet)] == ["KILL file"]
    assert not AccountFolder(tmp_path / "short" / "account").kill_file.exists()


def test_an_account_gets_a_past_before_a_whole_day_begins(tmp_path: Path) -> None:
    """Without a time to start at, the past lies half an hour before nine."""
    life = Scenario(
        name="past", sentence="With a past.", stop_at=time(9, 20),
        site_faults=(Fault(kind="unreconciled"), Fault(kind="grown_orders")),
    )  # fmt: skip

    run = lived(life, tmp_path)

    assert run.started is not None
    assert run.started.event.inherited["reconciliation_ok"] is False
    sizes = run.started.event.inherited["order_sizes"]
    assert {s: Decimal(q) * 2 for s, q in sizes.items()} == dict(SPEC.order_sizes)
    assert shut(run)[0] == {"gate.last_reconciliation"}


@pytest.mark.parametrize(
    "name", ["reference", "failing", "stateless", "slow:1.5", "slow_prepare:3"]
)
def test_every_variation_is_a_strategy(name: str) -> None:
    assert callable(variation(name))
