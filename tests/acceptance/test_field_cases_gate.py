"""What goes wrong with engines in this field, rows 39 to 56: snapshots, gate, logs, limits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.core.verdict import Status
from qtkit.model import events as ev
from qtkit.model.books import Book, OpenOrder
from qtkit.model.orders import OrderOrigin, OrderStatus, OrderType
from qtkit.reports.retention import expired_logs, rotate_logs
from qtkit.runtime.accounts import CarryOver, create_account
from qtkit.runtime.build import build
from qtkit.runtime.run import Run
from qtkit.runtime.session_finder import find_session
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import DAY, at, intent, local, scripted_spec
from qtkit.trading.brokers.protocol import AccountReport, BrokerOrder
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.faults import CashOff, Reject
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.session_files import FolderFiles
from qtkit.trading.risk.limits import day_turnover_is_within
from qtkit.trading.risk.rules import (
    order_quantity_is_within,
    order_value_is_within,
    symbol_is_allowed,
    time_is_in_window,
)
from tests.trading.engine.engine_bench import BANK, STEEL, Bench, command, day_of
from tests.trading.risk.risk_moments import moment, order


def in_folder(path: Path, bench: Bench) -> SessionFolder:
    """Let an engine on the bench write its files."""
    folder = SessionFolder(path)
    folder.artifacts.mkdir(parents=True)
    bench.engine.context.files = FolderFiles(folder, ZoneInfo("Asia/Shanghai"))
    return folder


# --- snapshots and the gate --------------------------------------------------------------------


def test_each_step_of_half_an_hour_is_prepared_a_minute_ahead() -> None:
    """Row 39: eight steps on the day; the one moved to 14:59 is prepared at 14:58."""
    bench = day_of(
        settings={
            "split_strategy_prepare": True,
            "prepare_lead_seconds": 60,
            "step_minutes": 30,
        }
    ).run("15:05")

    ahead = [e.due - e.taken_at for e in bench.of(ev.SnapshotTaken)]
    assert ahead == [timedelta(seconds=60)] * 8
    assert local(bench.of(ev.SnapshotTaken)[-1].taken_at) == "14:58:00"
    assert len(bench.of(ev.DecisionTaken)) == 8


def test_a_step_whose_preparation_was_taken_off_is_skipped() -> None:
    """Row 40: it says so, in the journal and in the log."""
    bench = day_of(
        settings={"split_strategy_prepare": True},
        commands=(command("09:33", "cancel_task", task_id="20260304-prepare_strategy-093500"),),
    ).run("09:36")

    assert bench.skipped() == {"09:35:00": "snapshot_missing"}
    reasons = [f.get("skip_reason") for verb, f in bench.said if verb == "task_skipped"]
    assert reasons == ["canceled", "snapshot_missing"]


def test_a_broker_with_another_cash_shuts_a_blocking_gate() -> None:
    """Row 41: one cent beyond the tolerance of one cent."""
    off = CashOff(start=at("08:00"), amount=Decimal("0.02"))
    bench = day_of(settings={"startup_gate_mode": "block"}, broker_faults=(off,)).run("09:36")

    assert not bench.of(ev.GateJudged)[0].open
    assert bench.skipped() == {"09:35:00": "gate_failed"}


@pytest.mark.parametrize("mode", ["BLOCK", "x", ""])
def test_the_gates_modes_are_three_words(mode: str) -> None:
    """Row 42: ours decides otherwise about capitals: one spelling, so that records compare."""
    with pytest.raises(ValidationError, match="'off', 'warn' or 'block'"):
        SessionSettings.model_validate({"startup_gate_mode": mode})
    assert SessionSettings(startup_gate_mode="block").startup_gate_mode == "block"


# --- orders and refusals -----------------------------------------------------------------------


def test_ids_of_accepted_rejected_and_refused_orders() -> None:
    """Row 43: accepted has both ids; the counter's no has a reason and no id; risk's no, no order.

    A sale of more than can be sold is refused before it leaves, not when its fill comes.
    """
    bench = day_of(
        script={"09:35": [intent(BANK, 100), intent(BANK, 200), intent(STEEL, -600)]},
        shares={STEEL: 500},
        broker_faults=(Reject(order=2, code="suspended", reason="trading is halted"),),
    ).run("09:38")

    (accepted,) = bench.of(ev.OrderAccepted)
    assert (accepted.order_id, accepted.broker_order_id, accepted.broker_name) == (
        "q000001", "sim-000001", "sim",
    )  # fmt: skip
    (rejected,) = bench.of(ev.OrderRejected)
    assert (rejected.order_id, rejected.reason_code, rejected.reason) == (
        "q000002", "suspended", "trading is halted",
    )  # fmt: skip
    ended = bench.engine.context.state.ledger.ended["q000002"]
    assert (ended.status, ended.broker_order_id) == ("rejected", "")
    (refused,) = bench.of(ev.OrderRefused)
    assert refused.verdicts[0].rule == "risk.sellable"
    assert len(bench.of(ev.OrderRequested)) == 2


def test_a_refusal_makes_a_line_in_risk_log_and_no_order(tmp_path: Path) -> None:
    """Row 44: an unknown symbol, and more shares than allowed: two lines, no order."""
    bench = day_of(
        settings={"risk": {"max_order_quantity": 500}},
        commands=(
            command("09:36", "buy", symbol="000651.SZ", quantity="100"),
            command("09:37", "buy", symbol=BANK, quantity="600"),
        ),
    )
    folder = in_folder(tmp_path / "s", bench)
    bench.run("09:38")

    lines = folder.risk_log.read_text(encoding="utf-8").splitlines()
    assert bench.of(ev.OrderRequested) == []
    assert ["rule_id=risk.allowed_symbols" in lines[0], "<RISK REJECTED>" in lines[0]] == [True] * 2
    assert "rule_id=risk.max_order_quantity" in lines[1]
    assert "side=buy quantity=600 " in lines[1]
    assert len(lines) == 2


def test_a_refusal_does_not_linger() -> None:
    """Row 45: each judgement is an event of its own: an order after a refusal simply leaves."""
    bench = day_of(script={"09:35": [intent(BANK, 150)], "09:40": [intent(BANK, 100)]}).run("09:42")

    assert [r.quantity for r in bench.of(ev.OrderRefused)] == [150]
    assert [o.quantity for o in bench.of(ev.OrderRequested)] == [100]


def test_turnover_is_that_of_the_day() -> None:
    """Row 46: yesterday's orders do not count; today's do, at the price they were judged by."""
    bench = day_of(
        script={"03-04 09:35": [intent(BANK, 900)], "03-05 09:35": [intent(BANK, 900)],
                "03-05 09:40": [intent(BANK, 200)]},
        settings={"risk": {"max_day_turnover": 10_000}},
    ).run(at("09:46") + timedelta(days=1))  # fmt: skip

    assert [o.quantity for o in bench.of(ev.OrderRequested)] == [900, 900]
    assert [r.verdicts[0].rule for r in bench.of(ev.OrderRefused)] == ["risk.max_day_turnover"]


# --- artifacts and logs ------------------------------------------------------------------------


def plan_with_a_refusal(day_offset: int = 0) -> SessionSpec:
    """Return a session of a few minutes with one refusal."""
    start = at("09:20") + timedelta(days=day_offset)
    odd = Command(verb="buy", arguments={"symbol": BANK, "quantity": "1"}, by="eve")
    return SessionSpec(
        strategy=scripted_spec({}, [BANK]),
        day=start.date(),
        start=start,
        stop=start + timedelta(minutes=2),
        stop_reason="stop",
        commands=((start + timedelta(minutes=1), odd),),
    )


def lived(plan: SessionSpec, root: OutputRoot) -> Run:
    run = build(plan, root)
    run.run()
    return run


def test_the_four_artifacts_and_an_unknown_session(tmp_path: Path) -> None:
    """Row 47: they are there, they may live elsewhere, and an unknown name is one clear error."""
    elsewhere = tmp_path / "logs"
    settings = SessionSettings.model_validate({"logs": {"trade_log_file_path": str(elsewhere)}})
    run = lived(replace(plan_with_a_refusal(), settings=settings), OutputRoot(tmp_path))
    folder = run.folder

    assert folder.trade_log.parent == folder.risk_log.parent == elsewhere
    for path in (folder.sys_log, folder.trade_log, folder.risk_log, folder.break_point):
        assert path.is_file()
    with pytest.raises(DataError, match=r"no session under .* '1999'"):
        find_session(OutputRoot(tmp_path), "1999")


@pytest.mark.parametrize("name", ["../up", "a b", "", "über", "x" * 65])
def test_an_odd_account_name_is_refused(name: str, tmp_path: Path) -> None:
    """Row 48: ours decides otherwise: a name is never bent into another one."""
    with pytest.raises(ConfigError, match="folder name"):
        OutputRoot(tmp_path).account("paper", name)


def test_old_risk_logs_go_and_young_ones_stay(tmp_path: Path) -> None:
    """Row 49: sessions that ended 40 and 2 days before the first of May, kept for 30."""
    now = datetime(2026, 5, 1, tzinfo=UTC)
    root = OutputRoot(tmp_path)
    old = lived(plan_with_a_refusal((now.date() - DAY).days - 40), root)
    young = lived(plan_with_a_refusal((now.date() - DAY).days - 2), root)

    found = expired_logs(root, 30, now)
    assert [log.path for log in found.logs] == [old.folder.risk_log]
    assert old.folder.risk_log.exists()
    rotate_logs(found, now)

    assert not old.folder.risk_log.exists()
    assert young.folder.risk_log.exists()
    assert old.folder.journal.exists()


# --- diagnosis and reconciliation --------------------------------------------------------------


def open_order(order_id: str, status: OrderStatus, broker_id: str, filled: int = 0) -> OpenOrder:
    return OpenOrder(
        order_id=order_id,
        symbol=BANK,
        quantity=Decimal(300),
        filled=Decimal(filled),
        status=status,
        order_type=OrderType.MARKET,
        limit_price=None,
        reserved_cash=Decimal(4000),
        trading_date=DAY,
        broker_order_id=broker_id,
        origin=OrderOrigin.OPERATOR,
        by="eve",
    )


def lists_two(broker: SimBroker) -> SimBroker:
    """Let a broker list the orders BRK-11 and BRK-99."""
    told = broker.account

    def account() -> AccountReport:
        orders = tuple(
            BrokerOrder(
                order_id=f"q{number}", broker_order_id=f"BRK-{number}", symbol=BANK,
                quantity=Decimal(300), filled=Decimal(0), status="accepted",
            )
            for number in (11, 99)
        )  # fmt: skip
        return AccountReport(cash=told().cash, positions={}, open_orders=orders)

    broker.account = account  # type: ignore[method-assign]
    return broker


def test_pending_orders_are_diagnosed() -> None:
    """Row 50: 11 (BRK-11), 12 part-filled without an id, 13 not yet sent; the broker has 11 and 99.

    Three here, two there, 12 has no id, none of ours is missing there, BRK-99 is not ours.
    """
    book = Book(
        cash=Decimal(1_000_000),
        open_orders=(
            open_order("q11", OrderStatus.ACCEPTED, "BRK-11"),
            open_order("q12", OrderStatus.PART_FILLED, "", filled=100),
            open_order("q13", OrderStatus.REQUESTED, ""),
        ),
    )
    bench = day_of(
        heritage=CarryOver(opening=book, strategy_state={}),
        wrap_broker=lists_two,
        commands=(command("09:01", "diagnose"),),
    )
    bench.run("09:02")

    found = bench.of(ev.PendingDiagnosed)[0]
    assert (found.local_pending_count, found.remote_pending_count) == (3, 2)
    assert found.local_pending_without_broker_order_id == ("q12",)
    assert found.local_pending_missing_remote == ()
    assert found.remote_pending_not_in_local == ("BRK-99",)
    assert not found.is_ok


def test_a_mismatch_at_the_close_is_on_disk_and_the_day_is_closed(tmp_path: Path) -> None:
    """Row 51: the JSON says what is wrong; what follows from it is the next gate's affair."""
    off = CashOff(start=at("15:10"), amount=Decimal(100))
    bench = day_of(broker_faults=(off,))
    folder = in_folder(tmp_path / "s", bench)
    bench.run("15:16")

    told = json.loads((folder.reconcile / "20260304_151500.json").read_text())
    assert told["is_ok"] is False
    assert told["failures"][0].startswith("reconcile.cash: cash differs by -100 CNY")
    assert told["cash"] == {"ours": "1000000", "broker": "1000100", "difference": "-100"}
    assert not bench.of(ev.DayClosed)[0].early
    assert bench.engine.context.state.reconciled_ok is False


def test_the_close_ends_every_order_of_the_day() -> None:
    """Row 52: an order that was never executed expires at the broker, and nothing stays open."""
    bench = day_of(script={"14:55": [intent(BANK, 100, limit="9.50")]}).run("15:16")

    (ended,) = bench.of(ev.OrderCancelled)
    assert (ended.order_id, ended.quantity) == ("q000001", Decimal(100))
    assert bench.of(ev.DayClosed)[0].book.open_orders == ()
    assert bench.broker.account().open_orders == ()


def test_an_order_of_another_account_cannot_be_cancelled(tmp_path: Path) -> None:
    """Row 53: each account has its own orders; a foreign id is no open order here."""
    bench = day_of(commands=(command("09:36", "cancel", order_id="other-000001"),)).run("09:37")

    (refused,) = bench.of(ev.CommandRefused)
    assert "is no open order" in refused.reason
    assert bench.of(ev.CancelRequested) == []


def test_nobody_deletes_an_account(tmp_path: Path) -> None:
    """Row 54: ours decides otherwise: a record that counts is kept; a name is used once."""
    account = OutputRoot(tmp_path).account("paper", "demo")
    made = {"cash": Decimal(1), "currency": "CNY", "exchange": "XSHG", "at": at("08:00")}
    create_account(account, **made)  # type: ignore[arg-type]

    with pytest.raises(ConfigError, match="exists already"):
        create_account(account, **made)  # type: ignore[arg-type]


# --- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment_of_day", "inside"),
    [("09:30", True), ("11:29:59", True), ("11:30", False), ("12:00", False), ("13:00", True)],
)
def test_trading_windows_are_half_open(moment_of_day: str, *, inside: bool) -> None:
    """Row 55: the first second is in, the last is out, lunch is out."""
    at_local = time.fromisoformat(moment_of_day)
    morning, afternoon = (time(9, 30), time(11, 30)), (time(13), time(15))
    is_open = any(a <= at_local < b for a, b in (morning, afternoon))
    rule = time_is_in_window((morning, afternoon))

    found = rule(order(), moment(local_time=at_local, segment_is_open=is_open))

    assert (found.status is Status.PASS) is inside


@pytest.mark.parametrize(("quantity", "allowed"), [("1000", True), ("1001", False), ("NaN", False)])
def test_a_limit_is_within_itself_and_nothing_is_within_it_that_is_no_number(
    quantity: str, *, allowed: bool
) -> None:
    """Row 56: equal passes, one more is refused, NaN is refused."""
    asked = order(quantity)
    for rule in (
        order_quantity_is_within(Decimal(1000)),
        order_value_is_within(Decimal(40_000)),  # at the quote of 40.00
        day_turnover_is_within(Decimal(40_000)),
    ):
        assert rule(asked, moment()).allows is allowed
    assert symbol_is_allowed([BANK])(asked, moment()).allows
    assert not symbol_is_allowed([])(asked, moment()).allows
