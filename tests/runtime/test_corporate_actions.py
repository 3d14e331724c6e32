"""A split or dividend explains the jump of its morning, in every kind of session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.paths import OutputRoot
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence
from qtkit.journal import read_journal
from qtkit.market.tables.action_store import ActionStore
from qtkit.market.tables.bar_table import BarTable
from qtkit.model import events as ev
from qtkit.model.corporate_actions import ActionKind, CorporateAction
from qtkit.runtime.backtest import run_backtest
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.market_data import data_of
from qtkit.runtime.spec import SessionSpec
from qtkit.stages import all_stages
from qtkit.stages.stage import judge
from qtkit.testing import hand_made_bars, intent, scripted_spec
from qtkit.trading.strategy.protocol import StrategySpec
from tests.market.bar_makers import utc

DAYS = (date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5))
CALENDAR = exchange_calendar("XNYS")
PRICES = (400.0, 400.0, 100.0)  # four for one on the last morning
SPLIT = CorporateAction(symbol="AAPL", ex_date=DAYS[2], kind=ActionKind.SPLIT, value=Decimal(4))
PAID = CorporateAction(
    symbol="AAPL", ex_date=DAYS[1], kind=ActionKind.DIVIDEND, value=Decimal("1.25")
)
SETTINGS = settings_of({"data": "own", "refill": False, "price_poll_minutes": 5})


@pytest.fixture
def root(tmp_path: Path) -> OutputRoot:
    """Return a root with a table of AAPL, and what the company did."""
    root = OutputRoot(tmp_path / "outputs")
    table = BarTable(root.tables, "own")
    for day, price in zip((date(2026, 3, 2), *DAYS), (400.0, *PRICES), strict=True):
        table.merge(hand_made_bars("AAPL", day, CALENDAR, price))
    ActionStore(root.actions).merge([SPLIT, PAID])
    return root


def spec() -> StrategySpec:
    """Return who buys 10 on the first day, and sells 20 of the 40 on the last."""
    script = {"03-03 10:00": [intent("AAPL", 10)], "03-05 10:00": [intent("AAPL", -20)]}
    made = scripted_spec(script, ["AAPL"], exchange="XNYS", zone="America/New_York")
    return replace(made, currency="USD")


def asked(days: Sequence[date] = DAYS) -> SessionSpec:
    return SessionSpec(strategy=spec(), settings=SETTINGS, day=days[0], days=len(days))


def booked(entries: Iterable[ev.Entry]) -> list[tuple[str, str, str]]:
    """Return the adjustments: date, shares and cash."""
    return [
        (str(e.event.trading_date), str(e.event.quantity), str(e.event.cash))
        for e in entries
        if isinstance(e.event, ev.PositionAdjusted)
    ]


BOOKED = [("2026-03-04", "0", "12.50"), ("2026-03-05", "30", "0.00")]


def test_a_holding_grows_by_a_split_and_earns_a_dividend(root: OutputRoot) -> None:
    with build(asked(), root) as run:
        run.run()

    entries = list(read_journal(run.folder.journal))
    closes = [e.event.last_closes["AAPL"] for e in entries if isinstance(e.event, ev.DayStarted)]
    assert booked(entries) == BOOKED
    assert closes == [400, Decimal("398.75"), 100]
    assert not [e for e in entries if isinstance(e.event, ev.OrderRefused)]
    assert [p.quantity for p in entries[-1].event.closing.positions] == [20]


def test_the_checklist_takes_it_as_explained(root: OutputRoot) -> None:
    with build(asked(), root) as run:
        run.run()

    reports = [judge(stage, Evidence.of_folder(run.folder)) for stage in all_stages()]

    wrong = [v for r in reports for v in r.verdicts if v.status in {Status.FAIL, Status.ERROR}]
    assert [f"{v.rule}: {v.summary}" for v in wrong] == []


def test_a_backtest_books_the_same(root: OutputRoot) -> None:
    result = run_backtest(spec(), SETTINGS, DAYS, root=root)

    assert booked(result.entries) == BOOKED
    assert [p.quantity for p in result.closing.positions] == [20]


def test_the_opening_book_of_a_later_session_is_adjusted(root: OutputRoot) -> None:
    with build(asked(DAYS[:1]), root) as run:
        run.run()
    account = run.account.name

    later = replace(asked(DAYS[2:]), account=account)
    with build(later, root) as second:
        second.run()

    entries = list(read_journal(second.folder.journal))
    assert entries[0].event.opening.positions[0].quantity == 10
    assert booked(entries) == [("2026-03-05", "0", "12.50"), ("2026-03-05", "30", "0.00")]


def test_after_a_crash_in_between_each_is_booked_once(root: OutputRoot) -> None:
    run = build(asked(), root)
    run.begin()
    morning = utc("2026-03-05 14:00")  # 9:00 in New York
    wake = run.engine.turn()
    while wake is not None and wake < morning:
        run.manual_clock.set(wake)
        wake = run.engine.turn()
    account = run.account.name
    run.close()
    lines = run.folder.journal.read_bytes().splitlines(keepends=True)
    cut = next(n for n, line in enumerate(lines) if b'"30"' in line and b"position_adj" in line)
    run.folder.journal.write_bytes(b"".join(lines[:cut]))

    with build(replace(asked(), account=account), root) as back:
        back.run()

    entries = list(read_journal(back.folder.journal))
    assert booked(entries) == BOOKED
    last = [e.event for e in entries if isinstance(e.event, ev.AccountReconciled)][-1]
    assert last.broker_positions == {"AAPL": Decimal(20)}
    assert last.broker_cash == entries[-1].event.closing.cash


def test_without_the_table_the_jump_is_nobodys_to_explain(root: OutputRoot) -> None:
    ActionStore(root.actions).remove("AAPL", SPLIT.ex_date)

    with build(asked(), root) as run:
        run.run()

    entries = list(read_journal(run.folder.journal))
    assert booked(entries) == BOOKED[:1]
    assert [p.quantity for p in entries[-1].event.closing.positions] != [20]


def test_the_data_of_a_session_tells_closes_in_shares_of_each_date(root: OutputRoot) -> None:
    plan = build(asked(), root).plan
    data = data_of(spec(), SETTINGS, DAYS, CALENDAR, root, plan.instruments)

    assert [data.close_before("AAPL", day) for day in DAYS] == [400, Decimal("398.75"), 100]
    assert np.all(data.bars["AAPL"].close[:10] == 400)
