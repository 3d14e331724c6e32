"""What the engine leaves beside its journal: sys.log, break point, reconciliation."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from loguru import logger

from qtkit.core.paths import OutputRoot
from qtkit.journal import read_journal
from qtkit.ledger.ledger import Ledger
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.runtime.build import build
from qtkit.runtime.run import Run
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import DAY, at, hand_made_data, intent, scripted_spec
from qtkit.trading.engine.logs.rotating_file import NEVER
from qtkit.trading.engine.logs.sys_log import format_fields, sys_line, trace_text
from qtkit.trading.engine.logs.trade_logs import TradeLogs
from tests.trading.engine.engine_bench import BANK, NEXT, command, day_of

ZONE = day_of().calendar.zone


def session(root: Path, **settings: object) -> Run:
    """Run a morning with an order that stays open, stopped at ten."""
    calendar = day_of().calendar
    plan = SessionSpec(
        strategy=scripted_spec(
            {"09:35": [intent(BANK, 100, "9.50")], "09:40": [intent(BANK, 100)]}, [BANK]
        ),
        settings=SessionSettings.model_validate(settings),
        day=DAY,
        data=hand_made_data({BANK: 10.0}, [DAY, NEXT], calendar),
        stop=at("10:00"),
        stop_reason="stop",
        commands=(command("09:50", "reconcile"),),
    )
    run = build(plan, OutputRoot(root))
    run.run()
    return run


# --- the log -------------------------------------------------------------------------------------


def test_a_line_says_when_who_and_what() -> None:
    event = ev.TaskSkipped(
        task_id="t1", task="refill", due=at("09:35"), skip_reason="missed",
        detail='late by 3 s, "very"', step=None,
    )  # fmt: skip
    line = sys_line(ev.Entry(seq=1, at=at("09:35"), event=event), "s1", ZONE)
    assert line == (
        "2026-03-04T09:35:00.000000+08:00 | INFO | s1 | task_skipped task=refill task_id=t1 "
        'skip_reason=missed detail="late by 3 s, \\"very\\""\n'
    )


def test_an_event_that_is_not_in_the_table_has_no_line() -> None:
    pulse = ev.LoopPulsed(largest_gap_seconds=Decimal(0))
    assert sys_line(ev.Entry(seq=1, at=at("09:35"), event=pulse), "s1", ZONE) == ""


def test_trouble_is_told_with_its_traceback() -> None:
    try:
        int("planted")
    except ValueError as error:
        trace = trace_text(error)
    assert trace.startswith("    Traceback (most recent call last)")
    assert "ValueError: invalid literal" in trace
    assert all(line.startswith("    ") for line in trace.splitlines())


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), ("a b", '"a b"'), ("a=b", '"a=b"'), ("", '""'), (7, "7"), ("é", "é")],
)
def test_a_value_is_quoted_only_where_it_must_be(value: object, text: str) -> None:
    assert format_fields({"key": value}) == f"key={text}"


def test_the_log_is_written_as_things_happen(tmp_path: Path) -> None:
    run = session(tmp_path)
    lines = run.folder.sys_log.read_text().splitlines()
    verbs = [line.split(" | ")[3].split()[0] for line in lines]
    assert verbs[0] == "session_started"
    assert verbs[-1] == "session_ended"
    counted = {v: verbs.count(v) for v in ("order_requested", "order_filled", "schedule_built")}
    assert counted == {"order_requested": 2, "order_filled": 1, "schedule_built": 1}


def rebuilt(run: Run) -> str:
    """Return sys.log as the journal alone tells it."""
    return "".join(
        sys_line(entry, run.folder.session_id, ZONE) for entry in read_journal(run.folder.journal)
    )


def test_the_log_is_what_the_journal_tells(tmp_path: Path) -> None:
    run = session(tmp_path)
    assert run.folder.sys_log.read_text() == rebuilt(run)


def _lost(lines: list[str]) -> list[str]:
    return lines[:-2]


def _torn(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1][:40]]


def _doubled(lines: list[str]) -> list[str]:
    return [*lines, lines[-1]]


def _altered(lines: list[str]) -> list[str]:
    return [*lines[:3], lines[3].replace("09:", "08:"), *lines[4:]]


def _turned_round(lines: list[str]) -> list[str]:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


@pytest.mark.parametrize("damage", [_lost, _torn, _doubled, _altered, _turned_round])
def test_at_a_return_the_log_is_what_the_journal_tells_and_keeps_its_tracebacks(
    tmp_path: Path, damage: Callable[[list[str]], list[str]]
) -> None:
    run = session(tmp_path)
    entries = list(read_journal(run.folder.journal))
    lines = run.folder.sys_log.read_text().splitlines(keepends=True)
    trace = "    Traceback (most recent call last):\n    ValueError: x\n"
    spoilt = damage([*lines])
    run.folder.sys_log.write_text(spoilt[0] + trace + "".join(spoilt[1:]))
    logs = TradeLogs(run.folder, ZONE, NEVER)
    ledger = Ledger.opened(Book(cash=Decimal(0)))
    for entry in entries:
        logs.replay(entry, ledger)
    logs.caught_up()

    assert run.folder.sys_log.read_text() == lines[0] + trace + "".join(lines[1:])


# --- files ---------------------------------------------------------------------------------------


def test_the_break_point_tells_what_a_restart_needs(tmp_path: Path) -> None:
    run = session(tmp_path, on_stop="keep")
    point = json.loads(run.folder.break_point.read_text())
    assert (point["format"], point["session"]) == (1, run.folder.session_id)
    assert (point["open_orders"], point["killed"], point["next_order"]) == (["q000001"], False, 3)
    assert point["strategy_state"] == {BANK: "100"}
    assert point["book"]["positions"][0]["quantity"] == "100"
    entries = list(read_journal(run.folder.journal))
    assert point["seq"] == entries[-3].seq
    assert isinstance(entries[-3].event, ev.StrategySaved)


def test_every_reconciliation_is_on_disk_as_json(tmp_path: Path) -> None:
    run = session(tmp_path)
    first, second = sorted(run.folder.reconcile.glob("*.json"))
    assert (first.name, second.name) == ("20260304_095000.json", "20260304_100000.json")
    found = json.loads(first.read_text())
    assert (found["is_ok"], found["failures"], found["trading_date"]) == (True, [], "2026-03-04")
    assert found["positions"] == {BANK: {"ours": "100", "broker": "100"}}
    assert found["open_orders"] == {"ours": ["q000001"], "broker": ["q000001"]}
    assert found["cash"]["difference"] == "0.00"


def test_a_sink_of_ones_own_takes_the_lines_of_a_session(tmp_path: Path) -> None:
    lines, plain = list[str](), list[str]()
    sinks = [
        logger.add(lines.append, level="QTKIT", format="{message}"),
        logger.add(plain.append, level="DEBUG", format="{message}"),
    ]
    try:
        run = session(tmp_path)
    finally:
        for sink in sinks:
            logger.remove(sink)
        run.close()
    assert [str(line) for line in lines] == run.folder.sys_log.read_text().splitlines(keepends=True)
    assert plain == []
