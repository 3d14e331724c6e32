"""What the engine leaves beside its journal: sys.log, break point, reconciliation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qtkit.core.clock import ManualClock
from qtkit.core.paths import OutputRoot
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.runtime.build import build
from qtkit.runtime.run import Run
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import DAY, at, hand_made_data, intent, scripted_spec
from qtkit.trading.engine.logs.sys_log import NullLog, SessionLog, format_fields
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


def test_a_line_says_when_who_and_what(tmp_path: Path) -> None:
    clock = ManualClock(at("09:35"))
    log = SessionLog(tmp_path / "sys.log", clock, ZONE, "s1")
    log.say("task_skipped", task="refill", detail='late by 3 s, "very"', number=7)
    clock.advance(0.25)
    log.say("bare")
    log.close()
    assert (tmp_path / "sys.log").read_text().splitlines() == [
        (
            "2026-03-04T09:35:00.000000+08:00 | INFO | s1 | task_skipped task=refill "
            'detail="late by 3 s, \\"very\\"" number=7'
        ),
        "2026-03-04T09:35:00.250000+08:00 | INFO | s1 | bare",
    ]


def test_trouble_is_told_with_its_traceback(tmp_path: Path) -> None:
    log = SessionLog(tmp_path / "sys.log", ManualClock(at("09:35")), ZONE, "s1")
    try:
        int("planted")
    except ValueError as error:
        log.trouble("internal_error", error, where="loop")
    log.close()
    text = (tmp_path / "sys.log").read_text()
    assert text.startswith(
        "2026-03-04T09:35:00.000000+08:00 | ERROR | s1 | internal_error where=loop\n"
    )
    assert "Traceback (most recent call last)" in text
    assert "ValueError: invalid literal" in text


def test_two_sessions_do_not_write_into_each_others_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = ManualClock(at("09:35"))
    one, two = (SessionLog(tmp_path / name, clock, ZONE, name) for name in ("a", "b"))
    one.say("hello")
    two.say("world")
    one.close()
    two.close()
    assert [len((tmp_path / name).read_text().splitlines()) for name in ("a", "b")] == [1, 1]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), ("a b", '"a b"'), ("a=b", '"a=b"'), ("", '""'), (7, "7"), ("é", "é")],
)
def test_a_value_is_quoted_only_where_it_must_be(value: object, text: str) -> None:
    assert format_fields({"key": value}) == f"key={text}"


def test_a_log_that_says_nothing_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log = NullLog()
    log.say("hello", a=1)
    log.trouble("hello", ValueError("x"))
    assert capsys.readouterr() == ("", "")


def test_the_log_is_written_as_things_happen(tmp_path: Path) -> None:
    run = session(tmp_path)
    lines = run.folder.sys_log.read_text().splitlines()
    verbs = [line.split(" | ")[3].split()[0] for line in lines]
    assert verbs[0] == "session_started"
    assert verbs[-1] == "session_ended"
    counted = {v: verbs.count(v) for v in ("order_requested", "order_filled", "schedule_built")}
    assert counted == {"order_requested": 2, "order_filled": 1, "schedule_built": 1}


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
