"""Journals of engines that are not ours: judged by their own words, and never by ours."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status
from qtkit.evidence import Capability, Evidence
from qtkit.model import events as ev
from qtkit.model.engine import EngineDescription, SkipMeaning, StatusMove, StatusRole, TaskRole
from qtkit.model.instruments import InstrumentRules
from qtkit.testing import (
    HandMadeJournal,
    at,
    book,
    event,
    fills_reported,
    open_order,
    order_accepted,
    order_filled,
    order_requested,
    session_started,
)
from tests.stages.parts import CHECKS

FUTURE = InstrumentRules(
    symbol="ESM6", exchange="XNYS", currency="USD", lot=Decimal(1), tick=Decimal("0.25"),
    settle_days=0, multiplier=Decimal(50),
)  # fmt: skip
BACKTEST = EngineDescription(
    name="bars_and_fills",
    version="3.1",
    capabilities=(
        Capability.JOURNAL, Capability.ORDERS, Capability.FILLS, Capability.FILL_IDS,
        Capability.BOOKS,
    ),
)  # fmt: skip
OWN_TABLE = EngineDescription(
    name="own_table",
    version="0.9",
    capabilities=(Capability.JOURNAL, Capability.STATES, Capability.SCHEDULE),
    statuses={
        "down": StatusRole.ENDS,
        "idle": StatusRole.WAITS,
        "live": StatusRole.TRADES,
        "frozen": StatusRole.HELD,
    },
    moves=(
        StatusMove(before="down", because="boot", after="idle"),
        StatusMove(before="idle", because="bell", after="live"),
        StatusMove(before="live", because="bell", after="idle"),
        StatusMove(before="idle", because="off", after="down"),
    ),
    tasks={"decide": TaskRole.STEP},
    skip_reasons=(SkipMeaning(name="sunspots", meaning="Too many.", what_to_do="Wait."),),
)


def started(engine: EngineDescription, **fields: object) -> ev.SessionStarted:
    return session_started(engine=engine, exchange="XNYS", symbols=("ESM6",), **fields)


def backtest(*events: ev.Event, closing: object, **fields: object) -> Evidence:
    """Return a backtest's journal: no pulse, no schedule, no second book."""
    journal = HandMadeJournal().add("15:00", started(BACKTEST, **fields))
    journal.add("15:30", event(ev.DayStarted, instruments=(FUTURE,)), *events)
    return journal.add("21:00", event(ev.SessionEnded, reason="data", closing=closing)).evidence()


def statuses(evidence: Evidence, names: Iterable[str]) -> dict[str, Status]:
    return {name: CHECKS[name](evidence).status for name in names}


def future(order: str, quantity: int, price: str) -> tuple[ev.Event, ...]:
    return (
        order_requested(order, quantity, symbol="ESM6"),
        order_accepted(order),
        order_filled(order, quantity, price, symbol="ESM6", venue="X", commission="2"),
    )


def test_what_an_engine_cannot_show_is_skipped_and_never_passed() -> None:
    evidence = backtest(*future("q1", 1, "5000"), closing=book("749998", {"ESM6": 1}))

    lacking = ("0.4", "2.5", "3.5.6", "3.5.7", "3.5.8", "4-A.1", "4-A.4", "4-A.5", "5-C.6")
    assert statuses(evidence, lacking) == dict.fromkeys(lacking, Status.SKIP)


def test_the_multiplier_of_the_journal_counts() -> None:
    """1,000,000 - 1 * 5000 * 50 - 2 = 749,998."""
    evidence = backtest(*future("q1", 1, "5000"), closing=book("749998", {"ESM6": 1}))

    adds_up = ("3.5.1", "3.5.2", "3.5.3", "3.5.4", "3.5.5")
    assert statuses(evidence, adds_up) == dict.fromkeys(adds_up, Status.PASS)


def test_a_margin_account_pays_what_it_realised_and_costs() -> None:
    """Short 2 at 5000, bought back at 4990: 2 * 10 * 50 - 2 - 2 = 996 more; a cent is seen."""
    trades = (*future("q1", -2, "5000"), *future("q2", 2, "4990"))
    right = backtest(*trades, closing=book("1000996"), account_kind="margin")
    wrong = backtest(*trades, closing=book("1000996.01"), account_kind="margin")

    assert CHECKS["3.5.1"](right).status is Status.PASS
    assert CHECKS["3.5.1"](wrong).status is Status.FAIL


@pytest.mark.parametrize(("force", "wanted"), [("gtc", Status.PASS), ("day", Status.FAIL)])
def test_a_stop_order_is_left_open_by_right_if_it_works_until_cancelled(
    force: str, wanted: Status
) -> None:
    terms = {"symbol": "ESM6", "order_type": "stop", "stop_price": "4900", "time_in_force": force}
    orders = (order_requested("q1", 1, **terms), order_accepted("q1"))
    evidence = backtest(*orders, closing=book(1_000_000, {}, open_order("q1", 1, symbol="ESM6")))

    assert statuses(evidence, ("1.4", "4-A.2")) == {"1.4": wanted, "4-A.2": wanted}


def own_table(last: str = "boot") -> HandMadeJournal:
    """Return a day in New York of an engine with a status table of its own."""
    row = ev.PlannedTask(task_id="d1", task="decide", due=at("23:00"), step=0)
    skip = event(
        ev.TaskSkipped, task_id="d1", task="decide", due=row.due, step=0,
        skip_reason="sunspots", detail="too many of them",
    )  # fmt: skip
    journal = HandMadeJournal().add("22:00", started(OWN_TABLE))
    journal.add("22:00", event(ev.StatusChanged, before="down", after="idle", because=last))
    journal.add("22:30", event(ev.StatusChanged, before="idle", after="live", because="bell"))
    caught_up = at("22:30")
    return journal.add("23:00", event(ev.ScheduleBuilt, tasks=(row,), caught_up_to=caught_up), skip)


def test_another_status_table_and_glossary_are_judged_by_themselves() -> None:
    evidence = own_table().evidence(running=True)

    judged = statuses(evidence, ("0.2", "0.3", "2.2", "4-B.2"))
    assert judged == dict.fromkeys(judged, Status.PASS)


def test_a_move_that_the_described_table_has_not_is_found() -> None:
    assert CHECKS["0.2"](own_table("start").evidence()).status is Status.FAIL


def test_a_reason_that_the_described_glossary_has_not_is_found() -> None:
    journal = own_table().edit(ev.TaskSkipped, {"skip_reason": "paused"})

    assert CHECKS["2.2"](journal.evidence()).status is Status.FAIL


def told(folder: Path, *, booked: bool) -> Evidence:
    """Return a plain folder whose broker told a fill."""
    fill = order_filled("q1", 100, "10.00")
    journal = HandMadeJournal().add("09:00", session_started(), event(ev.DayStarted))
    journal.add("10:30", order_requested("q1", 100), order_accepted("q1"))
    journal.add("10:31", fills_reported(fill), *((fill,) if booked else ()))
    journal.add("15:00", event(ev.SessionEnded, reason="stop", closing=book(999_000)))
    found = SessionFolder(folder / "20260304_010000_paper_aaaaaaa")
    journal.write(found.journal).close()
    return Evidence.of_folder(found)


def test_a_fill_that_the_broker_told_and_nobody_booked_is_found_in_a_plain_folder(
    tmp_path: Path,
) -> None:
    assert CHECKS["2.5"](told(tmp_path, booked=False)).status is Status.FAIL
    assert [f.kind for f in CHECKS["2.5"](told(tmp_path / "b", booked=True)).findings] == []


def test_a_fill_that_is_booked_otherwise_than_told_is_found(tmp_path: Path) -> None:
    evidence = told(tmp_path, booked=True)
    assert CHECKS["4-A.1"](evidence).status is Status.PASS
    (entry,) = evidence.lines[ev.FillsReported]
    other = ev.FillReport(
        order_id="q1",
        fill_id="f-q1-1",
        symbol="600036.SH",
        quantity=Decimal(200),
        price=Decimal(10),
    )
    lying = ev.FillsReported(channel="poll_fills", fills=(other,))
    entry = ev.Entry(seq=entry.seq, at=entry.at, event=lying)
    lines = dict(evidence.lines) | {ev.FillsReported: [entry]}

    verdict = CHECKS["4-A.1"](Evidence(lines=lines, whole=evidence.whole))
    assert verdict.status is Status.FAIL
