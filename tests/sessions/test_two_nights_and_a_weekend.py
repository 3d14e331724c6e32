"""Thursday, Friday and Monday in one session: settlement, logs turned over, the opening books."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from qtkit.adapters.embedded.target import EmbeddedEngine
from qtkit.core.clock import stopwatch
from qtkit.core.paths import OutputRoot, log_parts
from qtkit.core.verdict import Conclusion, Status
from qtkit.evidence import Command, Evidence, Scenario
from qtkit.model import events as ev
from qtkit.reports.retention import expired_logs, rotate_logs
from qtkit.sessions.local import LocalSession
from qtkit.sessions.simulation import simulate
from qtkit.stages import all_stages, judge, phase_5c, phase_35
from qtkit.trading.engine.command_queue import Command as Asked
from qtkit.trading.strategy.loader import load_spec
from tests.golden.names import names_in

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
THURSDAY, FRIDAY, MONDAY = date(2026, 3, 5), date(2026, 3, 6), date(2026, 3, 9)
DAYS = (THURSDAY, FRIDAY, MONDAY)
GENEROUS = {
    "startup_gate_mode": "block",
    "split_strategy_prepare": True,
    "price_poll_minutes": 5,
    "max_price_age_seconds": 400,
    "logs": {"rotate_daily": True, "rotate_megabytes": None},
}


def at(day: date, moment: str) -> datetime:
    """Return a Shanghai time as UTC: eight hours earlier, all year."""
    return datetime.combine(day, time.fromisoformat(moment), UTC) - timedelta(hours=8)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> OutputRoot:
    return OutputRoot(tmp_path_factory.mktemp("nights"))


@pytest.fixture(scope="module")
def session(root: OutputRoot) -> LocalSession:
    """A session over both nights, with an order a day that risk refuses."""
    odd = {"symbol": "600036.SH", "quantity": "150"}
    return simulate(
        EXAMPLE,
        day=THURSDAY,
        days=3,
        root=root,
        settings=GENEROUS,
        commands=[(at(day, "10:01"), Asked(verb="buy", arguments=odd, by="eve")) for day in DAYS],
    )


@pytest.fixture(scope="module")
def evidence(session: LocalSession) -> Evidence:
    return Evidence.of_folder(session.folder)


def test_each_of_the_three_days_is_traded_and_closed_and_the_weekend_is_not(
    evidence: Evidence,
) -> None:
    opened = {d.event.trading_date: d.event.open for d in evidence.of(ev.DayStarted)}

    assert opened == {
        THURSDAY: True, FRIDAY: True, date(2026, 3, 7): False, date(2026, 3, 8): False,
        MONDAY: True,
    }  # fmt: skip
    assert [d.event.trading_date for d in evidence.of(ev.DayClosed)] == list(DAYS)
    steps = [d.event.trading_date for d in evidence.of(ev.DecisionTaken)]
    assert {day: steps.count(day) for day in DAYS} == dict.fromkeys(DAYS, 48)
    assert list(evidence.of(ev.TaskSkipped)) == []


def test_every_stage_passes_on_it(evidence: Evidence) -> None:
    conclusions = {stage.id: judge(stage, evidence).conclusion for stage in all_stages()}

    assert set(conclusions.values()) <= {Conclusion.PASSED}, conclusions


def test_the_books_agree_each_night_and_open_the_same_each_morning(evidence: Evidence) -> None:
    payment, books = phase_35(evidence), phase_5c(evidence)

    assert names_in(books.verdict("5-C.8").summary) == ["2"]
    assert books.verdict("5-C.7").summary.endswith("3 closings among them")
    assert payment.verdict("3.5.8").status is Status.PASS
    assert payment.verdict("3.5.7").status is Status.PASS


def test_cash_by_hand_from_the_fills_alone(evidence: Evidence) -> None:
    """Every night's cash is a million less what the fills up to then cost."""
    spent: defaultdict[date | None, Decimal] = defaultdict(Decimal)
    for fill in evidence.of(ev.OrderFilled):
        event = fill.event
        spent[event.trading_date] += event.quantity * event.price + event.commission + event.tax
    cash = Decimal(1_000_000)
    for closed in evidence.of(ev.DayClosed):
        cash -= spent[closed.event.trading_date]
        assert closed.event.book.cash == cash, closed.event.trading_date


def test_what_was_bought_can_be_sold_on_the_next_trading_day(evidence: Evidence) -> None:
    """Bought on Friday: nothing settles on the weekend, everything on Monday."""
    following = dict(pairwise((*DAYS, date(2026, 3, 10))))
    for fill in evidence.of(ev.OrderFilled):
        if fill.event.quantity > 0 and fill.event.trading_date is not None:
            assert fill.event.settles == following[fill.event.trading_date]
    sold = {f.event.trading_date for f in evidence.of(ev.OrderFilled) if f.event.quantity < 0}
    assert sold
    assert THURSDAY not in sold


def test_each_day_has_its_logs_and_no_line_is_lost(
    session: LocalSession, evidence: Evidence
) -> None:
    """Turned over at the first line of another day; trade.log keeps its head in each part."""
    folder = session.folder
    names = {path.name for path in log_parts(folder.risk_log)}
    assert names == {"risk.log.20260305.1", "risk.log.20260306.1", "risk.log"}
    assert [path.read_text().count("<RISK REJECTED>") for path in log_parts(folder.risk_log)] == [
        1, 1, 1,
    ]  # fmt: skip

    booked = list[str]()
    for part in log_parts(folder.trade_log):
        with part.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len({row["datetime"][:10] for row in rows}) == 1
        booked += [row["fill_id"] for row in rows]
    assert booked == [f.event.fill_id for f in evidence.of(ev.OrderFilled)]
    days_of_sys_log = [path.name for path in log_parts(folder.sys_log)]
    assert "sys.log.20260307.1" in days_of_sys_log  # the weekend has days too
    assert days_of_sys_log[-1] == "sys.log"


def test_the_gate_is_judged_each_morning_and_stays_open(evidence: Evidence) -> None:
    judged = [(j.event.trading_date, j.event.occasion) for j in evidence.of(ev.GateJudged)]

    assert judged == [(THURSDAY, "start"), *((day, "day") for day in DAYS)]
    assert all(j.event.open for j in evidence.of(ev.GateJudged))


def test_an_operator_removes_what_has_expired_and_the_checks_say_so(
    session: LocalSession, root: OutputRoot
) -> None:
    """On the 9th of April the session is 31 days old."""
    found = expired_logs(root, 30, datetime(2026, 4, 9, 12, tzinfo=UTC))
    assert len(found.logs) == 3
    assert expired_logs(root, 31, datetime(2026, 4, 9, 12, tzinfo=UTC)).logs == ()

    rotate_logs(found, datetime(2026, 4, 9, 12, tzinfo=UTC))
    report = phase_5c(session)

    assert report.conclusion is Conclusion.PASSED, report
    assert report.verdict("5-C.5").values["removed"] == 3
    assert "an operator on 2026-04-09" in report.verdict("5-C.3").summary


def test_a_power_cut_in_each_night_changes_nothing(tmp_path: Path) -> None:
    """The engine is lost with the first pulse of a night, twice, and is back 20 s later."""
    from qtkit.core.paths import SessionFolder
    from qtkit.evidence import PowerCut

    nights = Scenario(
        name="nights",
        sentence="Three days, with a power cut in each night.",
        day=THURSDAY,
        days=3,
        settings=(("price_poll_minutes", 5), ("max_price_age_seconds", 400)),
        commands=tuple(Command(at=time(20), verb="note", day=n) for n in (0, 1)),
        power_cuts=(
            PowerCut(after="command_received", nth=1),
            PowerCut(after="command_received", nth=2),
        ),
    )
    engine, watch = EmbeddedEngine(load_spec(EXAMPLE), EXAMPLE), stopwatch()
    runs = {}
    for name, life in (("cut", nights), ("whole", replace(nights, power_cuts=()))):
        folder = SessionFolder(tmp_path / name)
        folder.artifacts.mkdir(parents=True)
        runs[name] = engine.run(life, folder)

    books = {name: [d.event.book for d in run.of(ev.DayClosed)] for name, run in runs.items()}
    assert books["cut"] == books["whole"]
    assert len(runs["cut"].of(ev.SessionResumed)) == 2
    assert phase_5c(runs["cut"]).conclusion is Conclusion.PASSED, phase_5c(runs["cut"])
    assert watch() < 60
