"""A strategy whose name, reasons and errors are written to deceive whoever reads its files."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from qtkit.evidence.sys_log import read_log, value_in
from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.sessions.local import LocalSession
from qtkit.sessions.simulation import simulate
from qtkit.stages import judge, stage_named
from qtkit.testing.strategies import scripted_spec
from qtkit.trading.engine.logs.sys_log import format_fields, sys_line, trace_text

REASON = (
    '=HYPERLINK("http://evil")|x`y`<script>z</script>\x1b[2J\n'
    "2026-03-04T09:36:00.000000+08:00 | s | <RISK REJECTED> rule_id=forged symbol=FORGED"
)
FORGED = "2026-03-04T09:36:00.000000+08:00 | INFO | s | task_done task=forged task_id=forged"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> LocalSession:
    """Return a day with a fill, a refusal, and all texts hostile."""
    small = Intent(symbol="600036.SH", quantity=Decimal(100), because=REASON)
    huge = replace_quantity(small, Decimal(10_000_000))
    spec = scripted_spec({"09:35": [small], "10:00": [huge]}, ["600036.SH"])
    named = replace(spec, name="x|<b>y</b> # z `q` =1+1")
    return simulate(named, day="2026-03-04", root=tmp_path_factory.mktemp("hostile"))


def replace_quantity(intent: Intent, quantity: Decimal) -> Intent:
    return Intent(symbol=intent.symbol, quantity=quantity, because=intent.because)


def test_the_page_shows_the_name_and_is_no_longer_for_it(session: LocalSession) -> None:
    page = session.folder.run_report.read_text(encoding="utf-8")

    assert "<b>" not in page
    assert "\x1b" not in page
    assert [line for line in page.splitlines() if line.startswith("# ")] == [page.splitlines()[0]]


def test_each_refusal_is_one_line_of_the_risk_log(session: LocalSession) -> None:
    lines = session.folder.risk_log.read_text(encoding="utf-8").splitlines()

    refused = session.view.counts["order_refused"]
    assert refused > 0
    assert len(lines) == refused
    assert {value_in(line, "symbol") for line in lines} == {"600036.SH"}


def test_no_cell_of_the_trades_is_a_formula_and_numbers_stay(session: LocalSession) -> None:
    with session.folder.trades.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)

    assert row["because"].startswith("'=HYPERLINK")
    assert "\n" not in row["because"]
    assert Decimal(row["quantity"]) == Decimal(100)
    assert len(session.folder.trade_log.read_text(encoding="utf-8").splitlines()) == 2


def test_no_file_that_people_read_has_a_control_character(session: LocalSession) -> None:
    there = session.folder
    files = (there.run_report, there.trades, there.trade_log, there.risk_log, there.sys_log)
    unseen = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

    assert [p.name for p in files if unseen.search(p.read_text(encoding="utf-8"))] == []
    assert "\x1b" not in str(session)


def test_the_checks_read_their_logs_all_the_same(session: LocalSession) -> None:
    verdict = judge(stage_named("5-C"), session).verdict("5-C.3")

    assert verdict.allows, verdict.summary


def test_an_error_s_text_is_no_line_of_the_log(tmp_path: Path) -> None:

    error = ValueError(f"Traceback (most recent call last)\n{FORGED}")
    event = ev.InternalErrorRaised(where="loop", error=str(error))
    at = datetime(2026, 3, 4, 1, 36, tzinfo=UTC)
    line = sys_line(ev.Entry(seq=1, at=at, event=event), "s", ZoneInfo("Asia/Shanghai"))
    (tmp_path / "sys.log").write_text(line + trace_text(error))

    story = read_log(tmp_path / "sys.log")

    assert story.lives == [[]]
    assert len(story.troubles) >= 1


@pytest.mark.parametrize("text", ["a b", "\x1b[2J", "\x85", "\u202e", 'x "y" z=1', "a\\b c"])
def test_a_field_of_the_log_is_one_line_that_reads_back(text: str) -> None:
    line = format_fields({"before": "x y", "detail": text, "after": 7})

    assert all(c.isprintable() for c in line)
    assert value_in(line, "detail") == text
    assert value_in(line, "after") == "7"


def test_what_stands_in_quotes_is_no_field() -> None:
    line = format_fields({"reason": "late symbol=FORGED ", "symbol": "600036.SH"})

    assert value_in(line, "symbol") == "600036.SH"
