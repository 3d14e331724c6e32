"""The gate: each check passing and failing, when it is judged, and what it keeps out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from qtkit.core.errors import BeyondCalendar
from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status, Verdict
from qtkit.market.feeds.recorded import Absent, Silence
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.runtime.accounts import CarryOver
from qtkit.runtime.market_data import MarketData
from qtkit.testing import at, local
from qtkit.trading.brokers.protocol import AccountReport, BrokerOrder
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.faults import (
    CashOff,
    ClockOff,
    Disconnect,
    PositionOff,
    UnmatchedFill,
)
from qtkit.trading.engine.session_files import FolderFiles
from qtkit.trading.strategy.protocol import JsonObject
from tests.golden.names import names_in
from tests.trading.engine.engine_bench import BANK, STEEL, Bench, command, day_of
from tests.trading.engine.test_snapshots import Counting

RULES = {
    "gate.strategy", "gate.data", "gate.calendar", "gate.account", "gate.cash", "gate.positions",
    "gate.open_orders", "gate.fills", "gate.clock", "gate.artifacts", "gate.kill_switch",
    "gate.last_reconciliation", "gate.order_sizes",
}  # fmt: skip
BLOCK: dict[str, Any] = {"startup_gate_mode": "block"}


def gated(**parts: Any) -> Bench:  # noqa: ANN401 - parts of a setup
    return day_of(**{"settings": BLOCK, **parts})


def judgements(bench: Bench) -> list[tuple[str, str, bool]]:
    """Return each judgement: local time, occasion, whether the gate was open."""
    return [
        (local(e.at), e.event.occasion, e.event.open)
        for e in bench.entries
        if isinstance(e.event, ev.GateJudged)
    ]


def verdicts(bench: Bench, number: int = -1) -> Mapping[str, Verdict]:
    return {v.rule: v for v in bench.of(ev.GateJudged)[number].verdicts}


def failing(bench: Bench, number: int = -1) -> set[str]:
    bad = {Status.FAIL, Status.ERROR}
    return {rule for rule, v in verdicts(bench, number).items() if v.status in bad}


# --- when ------------------------------------------------------------------------------------


def test_it_is_judged_at_the_start_and_after_each_days_preparation() -> None:
    bench = gated().run(at("09:36") + 24 * (at("10:00") - at("09:00")))

    assert judgements(bench) == [
        ("09:00:00", "start", True),
        ("09:15:00", "day", True),
        ("09:15:00", "day", True),
    ]
    assert all({v.rule for v in j.verdicts} == RULES for j in bench.of(ev.GateJudged))


def test_the_start_is_judged_before_the_first_task() -> None:
    bench = gated().run("09:20")

    assert bench.line(ev.GateJudged) < bench.line(ev.TaskQueued)


def test_it_is_judged_after_a_reconnect() -> None:
    lost = Disconnect(start=at("09:32"), until=at("09:33"))
    bench = gated(broker_faults=(lost,)).run("09:36")

    assert judgements(bench)[-1] == ("09:33:00", "reconnect", True)
    assert bench.skipped() == {}


def test_a_broker_that_is_away_at_the_start_shuts_the_gate_until_it_is_back() -> None:
    lost = Disconnect(start=at("08:00"), until=at("09:33"))
    bench = gated(broker_faults=(lost,)).run("09:36")

    assert [(occasion, is_open) for _, occasion, is_open in judgements(bench)] == [
        ("start", False), ("day", False), ("reconnect", True),
    ]  # fmt: skip
    told = verdicts(bench, 0)["gate.account"]
    assert (told.status, "did not answer" in told.summary) == (Status.ERROR, True)
    assert failing(bench, 0) == {
        "gate.account", "gate.cash", "gate.positions", "gate.open_orders", "gate.fills",
        "gate.clock",
    }  # fmt: skip


def test_it_is_judged_on_demand_even_when_it_is_off() -> None:
    bench = day_of(settings={"startup_gate_mode": "off"}, commands=(command("09:40", "gate"),)).run(
        "09:46"
    )

    assert judgements(bench) == [("09:40:00", "demand", True)]
    assert {v.rule for v in bench.of(ev.GateJudged)[0].verdicts} == RULES


def test_it_is_judged_after_a_power_cut_and_with_the_first_prices() -> None:
    """Nobody can know fresh prices before the first poll of a life."""
    before = gated().run("09:38")
    after = before.again("09:37:30", keep=before.line(ev.DecisionTaken)).run("09:41")

    assert judgements(after)[-2:] == [("09:37:30", "restart", True), ("09:38:00", "prices", True)]
    assert verdicts(after, -2)["gate.data"].status is Status.PENDING
    assert [local(d.due) for d in after.of(ev.DecisionTaken)] == ["09:35:00", "09:40:00"]


@pytest.mark.parametrize("moment", ["09:30:00", "09:37:30", "09:39:59", "13:00:30", "14:58:30"])
def test_a_start_in_mid_session_is_not_kept_out_on_a_healthy_day(moment: str) -> None:
    bench = gated(start=at(moment)).run("15:05")

    assert all(is_open for *_, is_open in judgements(bench))
    assert bench.of(ev.DecisionTaken)
    assert "gate_failed" not in bench.skipped().values()


# --- each check, failing -----------------------------------------------------------------------


class Mute(Counting):
    """A strategy that cannot tell its state."""

    def state(self) -> JsonObject:
        return {"price": float("nan")}


def open_there(broker: SimBroker) -> SimBroker:
    """Let a broker list an order that nobody here sent."""
    told = broker.account

    def account() -> AccountReport:
        stray = BrokerOrder(
            order_id="x1",
            broker_order_id="b1",
            symbol=BANK,
            quantity=Decimal(100),
            filled=Decimal(0),
            status="accepted",
        )
        report = told()
        return AccountReport(
            cash=report.cash, positions=report.positions, open_orders=(stray,), at=report.at
        )

    broker.account = account  # type: ignore[method-assign]
    return broker


def without_time(broker: SimBroker) -> SimBroker:
    """Let a broker keep its time to itself."""
    told = broker.account

    def account() -> AccountReport:
        report = told()
        return AccountReport(
            cash=report.cash, positions=report.positions, open_orders=report.open_orders
        )

    broker.account = account  # type: ignore[method-assign]
    return broker


def no_closes() -> MarketData:
    known = day_of().setup
    bench = day_of()
    del known
    data = bench.engine.context.close_before.__self__  # type: ignore[attr-defined]
    assert isinstance(data, MarketData)
    return MarketData(data.bars, {key: c for key, c in data.closes.items() if key[0] != STEEL})


def inherited(**told: object) -> CarryOver:
    return CarryOver(opening=Book(cash=Decimal(1_000_000)), strategy_state={}, told=dict(told))


SINCE_EIGHT = at("08:00")
FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("gate.strategy", "finite numbers", {"wrap": lambda _, clock: Mute(clock)}),
    ("gate.data", f"no last close for {STEEL}", {"data": "no_closes"}),
    ("gate.cash", "cash differs by -12.5",
     {"broker_faults": (CashOff(start=SINCE_EIGHT, amount=Decimal("12.5")),)}),
    ("gate.positions", f"{BANK} ours 0, the broker's 100",
     {"broker_faults": (PositionOff(start=SINCE_EIGHT, symbol=BANK, quantity=Decimal(100)),)}),
    ("gate.open_orders", "x1 is open there, not here", {"wrap_broker": open_there}),
    ("gate.clock", "the broker's clock is 6 s from ours, allowed are 5 s",
     {"broker_faults": (ClockOff(start=SINCE_EIGHT, seconds=-6),)}),
    ("gate.last_reconciliation", "was not clean",
     {"heritage": inherited(reconciliation_ok=False)}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "told", "parts"), FAULTS)
def test_a_fault_fails_its_check_and_no_other_and_block_keeps_every_step_out(
    rule: str, told: str, parts: dict[str, Any]
) -> None:
    made = {**parts, "data": no_closes()} if "data" in parts else parts
    bench = gated(**made).run("09:46")

    assert failing(bench, 0) == {rule}
    assert told in verdicts(bench, 0)[rule].summary
    assert verdicts(bench, 0)[rule].fix
    assert {v.rule for v in bench.of(ev.GateJudged)[0].verdicts} == RULES
    assert bench.skipped() == dict.fromkeys(("09:35:00", "09:40:00", "09:45:00"), "gate_failed")


@pytest.mark.parametrize(("rule", "told", "parts"), [f for f in FAULTS if f[0] != "gate.strategy"])
def test_the_same_fault_only_warns_in_mode_warn(
    rule: str, told: str, parts: dict[str, Any]
) -> None:
    made = {**parts, "data": no_closes()} if "data" in parts else parts
    bench = day_of(settings={"startup_gate_mode": "warn"}, **made).run("09:46")

    assert failing(bench, 0) == {rule}
    assert bench.skipped() == {}
    assert [d.gate_warned for d in bench.of(ev.DecisionTaken)] == [True, True, True]


def test_a_broker_that_does_not_tell_its_time_is_not_judged_by_it() -> None:
    bench = gated(wrap_broker=without_time).run("09:20")

    assert verdicts(bench)["gate.clock"].status is Status.SKIP
    assert bench.of(ev.GateJudged)[-1].open


def test_a_clock_within_tolerance_is_fine() -> None:
    bench = gated(broker_faults=(ClockOff(start=SINCE_EIGHT, seconds=5),)).run("09:20")

    assert verdicts(bench)["gate.clock"].summary == "the clocks are 5 s apart, allowed are 5 s"


def test_a_symbol_without_bars_fails_once_prices_can_be_expected() -> None:
    """At 09:32 two minutes have been traded, at 09:41 eleven: 180 s are allowed."""
    bench = gated(
        feed_faults=(Absent(symbol=STEEL),),
        commands=(command("09:32", "gate"), command("09:41", "gate")),
    ).run("09:46")

    assert verdicts(bench, 2)["gate.data"].status is Status.PASS
    assert verdicts(bench, 3)["gate.data"].summary == f"no fresh price for {STEEL}"
    assert bench.skipped() == {"09:45:00": "gate_failed"}


def test_at_lunch_no_price_is_stale() -> None:
    bench = gated(commands=(command("12:15", "gate"), command("13:01", "gate"))).run("13:06")

    assert [is_open for *_, is_open in judgements(bench)] == [True, True, True, True]


def test_a_feed_that_is_silent_from_the_first_poll_on_shuts_it() -> None:
    """Started at 09:41:30, no bar until 09:50; the poll of 09:42 brings nothing."""
    bench = gated(
        start=at("09:41:30"),
        feed_faults=(Silence(start=at("09:00"), end=at("09:50")),),
        commands=(command("09:51", "gate"),),
    ).run("09:56")

    assert judgements(bench) == [
        ("09:41:30", "start", True),
        ("09:41:30", "day", True),
        ("09:42:00", "prices", False),
        ("09:51:00", "demand", True),
    ]
    assert bench.skipped()["09:50:00"] == "gate_failed"
    assert [local(d.due) for d in bench.of(ev.DecisionTaken)] == ["09:55:00"]


def test_a_fill_of_no_order_fails_until_it_has_been_reconciled() -> None:
    ghost = UnmatchedFill(
        at=at("09:31"), order_id="x1", symbol=BANK, quantity=Decimal(100), price=Decimal(10),
        booked=False,
    )  # fmt: skip
    bench = gated(
        broker_faults=(ghost,),
        commands=(
            command("09:33", "gate"), command("09:36", "reconcile"), command("09:37", "gate"),
            command("09:38", "reconcile"), command("09:39", "gate"),
        ),
    ).run("09:41")  # fmt: skip

    assert failing(bench, 2) == {"gate.fills"}
    assert failing(bench, 3) == {"gate.last_reconciliation"}
    assert failing(bench, 4) == set()
    assert bench.skipped() == {"09:35:00": "gate_failed"}


def test_the_kill_switch_and_the_kill_file_fail(tmp_path: Path) -> None:
    file = tmp_path / "KILL"
    file.write_text("")
    by_file = gated(kill_file=file).run("09:20")
    by_hand = gated(commands=(command("09:05", "kill", why="test"), command("09:06", "gate"))).run(
        "09:20"
    )

    assert failing(by_file, 0) == {"gate.kill_switch"}
    assert failing(by_hand, 1) == {"gate.kill_switch"}


def in_folder(path: Path, bench: Bench) -> Bench:
    folder = SessionFolder(path)
    folder.artifacts.mkdir(parents=True)
    bench.engine.context.files = FolderFiles(folder, ZoneInfo("Asia/Shanghai"))
    return bench


def test_a_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    bench = in_folder(tmp_path / "s", gated())
    (tmp_path / "s" / "artifacts" / ".gate").mkdir()

    bench.run("09:20")

    assert failing(bench) == {"gate.artifacts"}
    assert (
        "artifacts/ cannot be written: Is a directory" in verdicts(bench)["gate.artifacts"].summary
    )


def test_too_little_space_fails_and_enough_passes(tmp_path: Path) -> None:
    little = in_folder(tmp_path / "a", gated(settings={**BLOCK, "min_disk_megabytes": 10**9}))
    enough = in_folder(tmp_path / "b", gated(settings={**BLOCK, "min_disk_megabytes": 0}))

    assert failing(little.run("09:20")) == {"gate.artifacts"}
    assert "1000000000 MB are asked for" in verdicts(little)["gate.artifacts"].summary
    assert failing(enough.run("09:20")) == set()
    assert sorted(p.name for p in (tmp_path / "b" / "artifacts").glob(".*")) == []


def test_orders_that_have_grown_are_a_warning_and_keep_nothing_out() -> None:
    bench = gated(heritage=inherited(order_sizes={BANK: "100", STEEL: "300"}))
    bench.engine._opening.settings["order_sizes"] = {BANK: "200", STEEL: "300"}

    bench.run("09:36")

    told = verdicts(bench, 0)["gate.order_sizes"]
    assert (told.status, names_in(told.summary)) == (Status.WARN, [BANK, "100", "200"])
    assert bench.skipped() == {}


def test_orders_of_unknown_size_have_not_grown() -> None:
    bench = gated(heritage=inherited(order_sizes={BANK: "many"}))
    bench.engine._opening.settings["order_sizes"] = {BANK: "few"}

    assert verdicts(bench.run("09:20"), 0)["gate.order_sizes"].status is Status.PASS


class ShortCalendar:
    """A calendar that ends with a day."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - any calendar
        self._inner = inner

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the inner one
        return getattr(self._inner, name)

    def session_after(self, day: date, count: int) -> date:
        raise BeyondCalendar(f"XSHG is known until {day}")


def test_a_calendar_that_ends_today_fails() -> None:
    bench = gated()
    bench.engine.context.calendar = ShortCalendar(bench.calendar)

    bench.run("09:20")

    assert failing(bench) == {"gate.calendar"}
    assert verdicts(bench)["gate.calendar"].summary == "XSHG is known until 2026-03-04"


def test_an_unknown_instrument_fails() -> None:
    bench = gated()
    bench.engine.context.strategy_symbols = (BANK, STEEL, "999999.XX")

    bench.run("09:20")

    assert "gate.strategy" in failing(bench)
    assert names_in(verdicts(bench)["gate.strategy"].summary) == ["999999.XX"]


def test_a_closed_day_asks_for_no_data() -> None:
    bench = gated(days=(date(2026, 3, 6), date(2026, 3, 9)), start=at("10:00", date(2026, 3, 7)))

    bench.run(at("11:00", date(2026, 3, 7)))

    assert judgements(bench) == [("10:00:00", "start", True)]
    assert verdicts(bench)["gate.data"].status is Status.SKIP


@pytest.mark.parametrize(
    ("answer", "status"),
    [([], Status.PASS), (["spacing is -0.10"], Status.FAIL), ("no list", Status.ERROR)],
)
def test_a_strategy_that_finds_itself_wrong_shuts_the_gate(answer: object, status: Status) -> None:
    class Critic(Mute):
        def state(self) -> dict[str, object]:
            return {}

        def validate(self) -> object:
            return answer

    bench = gated(wrap=lambda _, clock: Critic(clock)).run("09:20")

    assert verdicts(bench)["gate.strategy"].status is status
