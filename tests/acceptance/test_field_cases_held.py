"""What engines of this field fail at, and ours holds: the list after row 56."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.model import events as ev
from qtkit.testing import at, intent
from qtkit.trading.brokers.sim.faults import Reject as Rejected
from qtkit.trading.brokers.sim.faults import Repeat, UnmatchedFill
from tests.trading.engine.engine_bench import BANK, NEXT, STEEL, command, day_of

BLOCK = {"startup_gate_mode": "block"}


@pytest.mark.parametrize(
    "moment", ["09:15:00", "09:30:00", "11:30:00", "13:00:00", "15:00:00", "15:15:00"]
)
def test_a_start_on_a_boundary_is_a_start(moment: str) -> None:
    """After row 56: a start on each exact boundary."""
    bench = day_of(start=at(moment), settings={"price_poll_minutes": 5}).run("15:31")

    rows = {t.task_id for t in bench.of(ev.ScheduleBuilt)[0].tasks}
    kinds = (ev.TaskFinished, ev.TaskSkipped)
    done = {e.event.task_id for e in bench.entries if isinstance(e.event, kinds)}
    assert done == rows
    assert bench.of(ev.SessionEnded)
    assert not bench.of(ev.InternalErrorRaised)


@pytest.mark.parametrize("lead", [0, 5, 60, 300])
@pytest.mark.parametrize("offset", [0, 1])
def test_no_lead_and_no_offset_skip_a_step(lead: int, offset: int) -> None:
    """After row 56: lead {0, 5, 60, 300} and offset {0, 1} skip no step."""
    bench = day_of(
        settings={
            "split_strategy_prepare": True,
            "prepare_lead_seconds": lead,
            "strategy_snapshot_max_age_seconds": 300,
            "close_offset_minutes": offset,
            "price_poll_minutes": 5,
            "max_price_age_seconds": 400,
        }
    ).run("15:01")

    assert bench.skipped() == {}
    assert len(bench.of(ev.DecisionTaken)) == 48


def test_a_blocking_gate_passes_healthy_days_and_is_judged_on_each() -> None:
    """After row 56: block passes a healthy day and is judged again every day."""
    bench = day_of(settings={**BLOCK, "price_poll_minutes": 5, "max_price_age_seconds": 400}).run(
        at("15:31", NEXT)
    )

    days = [str(j.trading_date) for j in bench.of(ev.GateJudged) if j.occasion == "day"]
    assert days == ["2026-03-04", "2026-03-05"]
    assert all(j.open for j in bench.of(ev.GateJudged))
    assert len(bench.of(ev.DecisionTaken)) == 96


def test_cash_is_reserved_when_an_order_leaves() -> None:
    """After row 56: two buys of 8000 on 10 000 of cash: the second one is refused at once."""
    bench = day_of(
        cash=Decimal(10_000),
        script={"09:35": [intent(BANK, 700), intent(STEEL, 900)]},
        settings={"latency_seconds": 600},
    ).run("09:36")

    assert [o.symbol for o in bench.of(ev.OrderRequested)] == [BANK]
    assert [r.verdicts[0].rule for r in bench.of(ev.OrderRefused)] == ["risk.cash"]
    assert bench.engine.context.state.ledger.free_cash >= 0


def test_a_sale_of_more_than_can_be_sold_is_refused_when_it_is_asked_for() -> None:
    """After row 56: what an open sell has claimed cannot be sold again."""
    bench = day_of(
        shares={BANK: 500},
        script={"09:35": [intent(BANK, -300), intent(BANK, -300)]},
        settings={"latency_seconds": 600},
    ).run("09:36")

    assert [o.quantity for o in bench.of(ev.OrderRequested)] == [-300]
    assert [r.verdicts[0].rule for r in bench.of(ev.OrderRefused)] == ["risk.sellable"]


def test_a_fill_of_a_rejected_order_is_recorded_and_not_booked() -> None:
    """After row 56: it is unmatched, cash does not move, and the reconciliation fails."""
    ghost = UnmatchedFill(
        at=at("09:36"), order_id="q000001", symbol=BANK, quantity=Decimal(100), price=Decimal(10)
    )
    bench = day_of(
        script={"09:35": [intent(BANK, 100)]},
        broker_faults=(Rejected(order=1), ghost),
        commands=(command("09:37", "reconcile"),),
    ).run("09:38")

    assert bench.of(ev.OrderFilled) == []
    assert bench.of(ev.FillUnmatched)[0].order_id == "q000001"
    assert bench.engine.context.state.ledger.cash == Decimal(1_000_000)
    assert bench.engine.context.state.reconciled_ok is False


def test_a_fill_with_the_brokers_ids_is_booked_once_however_often_it_is_told() -> None:
    """After row 56: a fill that carries broker ids is booked; a repeated part only once."""
    bench = day_of(
        script={"09:35": [intent(BANK, 500)]},
        volume=2_000.0,
        broker_faults=(Repeat(order=1),),
    ).run("09:45")

    fills = bench.of(ev.OrderFilled)
    assert [f.quantity for f in fills] == [200, 200, 100]
    assert all(f.broker_order_id == "sim-000001" and f.fill_id for f in fills)
    assert len({f.fill_id for f in fills}) == 3
    assert len(bench.of(ev.FillRepeated)) >= 3
    assert bench.engine.context.state.ledger.position(BANK) == 500


def test_a_stop_in_mid_session_closes_the_books() -> None:
    """After row 56: the early closing is marked, and the day's own is still due."""
    stopped = day_of().run("10:07")
    again = stopped.again("10:10", keep=0)

    assert [d.early for d in stopped.of(ev.DayClosed)] == [True]
    again.run("15:16")
    assert [d.early for d in again.of(ev.DayClosed)] == [False]


def test_a_cancel_reaches_the_broker() -> None:
    """After row 56: the order has ended in the broker's own book."""
    bench = day_of(
        commands=(
            command("09:36", "buy", symbol=BANK, quantity="100", limit="9.50"),
            command("09:37", "cancel", order_id="q000001"),
        ),
    ).run("09:38")

    found = bench.broker.find("q000001")
    assert found is not None
    assert found.status == "cancelled"
    assert bench.of(ev.OrderCancelled)[0].reason == "cancelled"


def test_the_reason_of_a_rejection_is_stored() -> None:
    """After row 56: code and text, in journal and log, and the order is listed with them."""
    bench = day_of(
        script={"09:35": [intent(BANK, 100)]},
        broker_faults=(Rejected(order=1, code="suspended", reason="trading is halted"),),
    ).run("09:36")

    (said,) = [fields for verb, fields in bench.said if verb == "order_rejected"]
    assert (said["reason_code"], said["reason"]) == ("suspended", "trading is halted")
    assert bench.of(ev.OrderRejected)[0].reason == "trading is halted"


def test_shares_settle_by_trading_days_on_the_engines_clock() -> None:
    """After row 56: bought on a Friday, sellable on the Monday, not on the Saturday."""
    friday, monday = date(2026, 3, 6), date(2026, 3, 9)
    bench = day_of(
        days=(friday, monday),
        start=at("14:40", friday),
        script={"03-06 14:45": [intent(BANK, 100)], "03-06 14:50": [intent(BANK, -100)],
                "03-09 09:35": [intent(BANK, -100)]},
        settings={"price_poll_minutes": 5, "max_price_age_seconds": 400},
    ).run(at("09:46", monday))  # fmt: skip

    assert bench.of(ev.OrderFilled)[0].settles == monday
    assert [r.verdicts[0].rule for r in bench.of(ev.OrderRefused)] == ["risk.sellable"]
    assert [f.quantity for f in bench.of(ev.OrderFilled)] == [100, -100]


def test_a_strategys_state_moves_with_fills_and_not_with_wishes() -> None:
    """After row 56: the refused order leaves no trace in it."""
    bench = day_of(script={"09:35": [intent(BANK, 150), intent(STEEL, 100)]}).run("09:38")

    assert bench.of(ev.StrategySaved)[0].state == {STEEL: "100"}
    assert [r.symbol for r in bench.of(ev.OrderRefused)] == [BANK]


def test_the_same_seed_and_data_make_the_same_ledger() -> None:
    """After row 56: line by line."""
    script = {"09:35": [intent(BANK, 500), intent(STEEL, 300)], "09:45": [intent(BANK, 100)]}
    one, two = (day_of(script=script, volume=1_500.0).run("10:00") for _ in range(2))

    assert one.entries == two.entries
    assert one.engine.context.state.ledger.book() == two.engine.context.state.ledger.book()


def test_importing_deletes_nothing(tmp_path: Path) -> None:
    """After row 56: nor does it write: a log of 1999 beside the working folder is still there."""
    log = tmp_path / "outputs" / "paper_sessions" / "old" / "artifacts" / "risk.log"
    log.parent.mkdir(parents=True)
    log.write_text("1999\n")
    before = sorted(tmp_path.rglob("*"))

    script = "import qtkit, qtkit.stages, qtkit.reports.retention, qtkit.runtime.build"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, env={
        "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"})  # fmt: skip

    assert sorted(tmp_path.rglob("*")) == before
    assert log.read_text() == "1999\n"
