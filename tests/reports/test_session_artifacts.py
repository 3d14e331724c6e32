"""What is in a session's folder, and that it can be made again."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

import qtkit
from qtkit.core.errors import DataError, JournalCorrupt
from qtkit.core.paths import SessionFolder
from qtkit.evidence.recorded import RecordedSession
from qtkit.market.tables.bar_table import BarTable
from qtkit.projections.session_status import SessionStatus
from qtkit.reports.artifacts import journal_digest, read_metadata, rebuild
from qtkit.reports.run_facts import record_facts
from qtkit.runtime.session_status import write_status
from qtkit.sessions.local import LocalSession
from qtkit.testing import HandMadeJournal, at
from tests.sessions.session_story import opening, three_days

REBUILT = {
    "artifacts/risk.log",
    "artifacts/trade.log",
    "metrics.json",
    "report.json",
    "run_report.md",
    "session_status.json",
    "trades.csv",
}
INPUTS = {
    "artifacts/break_point.json",
    "artifacts/feed.parquet",
    "artifacts/journal.jsonl",
    "artifacts/sys.log",
    "config.json",
    "session_metadata.json",
}


@pytest.fixture
def copy(over_a_holiday: LocalSession, tmp_path: Path) -> SessionFolder:
    path = tmp_path / over_a_holiday.session_id
    shutil.copytree(over_a_holiday.folder.path, path)
    return SessionFolder(path)


def test_a_session_leaves_these_files(over_a_holiday: LocalSession) -> None:
    path = over_a_holiday.folder.path
    found = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}

    tables = {
        f"artifacts/tables/stock_1min/{name}"
        for s in over_a_holiday.view.opening.symbols
        for name in (f"{s}.parquet", f".{s}.lock")
    }
    days = {f"artifacts/reconcile/{day}_151500.json" for day in ("20260430", "20260506")}
    assert found - {"artifacts/journal.jsonl.lock"} == REBUILT | INPUTS | tables | days


def test_what_is_rebuilt_is_the_same_to_the_byte(copy: SessionFolder) -> None:
    before = {name: (copy.path / name).read_bytes() for name in REBUILT}
    for name in REBUILT:
        (copy.path / name).unlink()

    rebuild(copy)

    assert {name: (copy.path / name).read_bytes() for name in REBUILT} == before


def test_rebuilding_touches_no_input(copy: SessionFolder) -> None:
    before = {name: (copy.path / name).read_bytes() for name in INPUTS}

    rebuild(copy)

    assert {name: (copy.path / name).read_bytes() for name in INPUTS} == before


def test_nothing_is_rebuilt_from_a_broken_journal(copy: SessionFolder) -> None:
    lines = copy.journal.read_bytes().splitlines(keepends=True)
    copy.journal.write_bytes(b"".join(lines[:10] + lines[11:]))
    copy.metrics.unlink()

    with pytest.raises(JournalCorrupt, match="line 11"):
        rebuild(copy)

    assert not copy.metrics.exists()


def test_metadata_say_who_the_session_is(over_a_holiday: LocalSession, grid_file: Path) -> None:
    found = read_metadata(over_a_holiday.folder)

    assert found["session_id"] == over_a_holiday.session_id
    assert (found["mode"], found["seed"], found["request_id"]) == ("paper", 20260304, None)
    assert found["account"] == over_a_holiday.session_id
    assert found["toolkit_version"] == qtkit.__version__
    assert found["config_fingerprint"][:7] == over_a_holiday.session_id[-7:]
    assert found["code_fingerprint"]["strategy"] == (
        hashlib.sha256(grid_file.read_bytes()).hexdigest()
    )
    assert len(found["code_fingerprint"]["toolkit"]) == 64
    assert not found["commit"].endswith("dirty")


def test_the_data_fingerprint_is_that_of_the_same_bars_in_a_table(
    over_a_holiday: LocalSession,
) -> None:
    """The session refilled its own table with every bar of its two days."""
    table = BarTable(over_a_holiday.folder.tables, "stock_1min")

    found = read_metadata(over_a_holiday.folder)["data_fingerprint"]

    assert found["total"] == table.fingerprint()
    assert found["symbols"] == {s: table.fingerprint(s) for s in table.symbols()}


def test_the_configuration_is_what_was_asked_for(over_a_holiday: LocalSession) -> None:
    found = json.loads(over_a_holiday.folder.config.read_text(encoding="utf-8"))

    assert (found["day"], found["days"], found["account"]) == ("2026-04-30", 2, None)
    assert (found["strategy"], found["strategy_file"]) == ("live_grid_multi", "live_grid_multi.py")
    assert found["asked_settings"] == {}
    # how its feed is asked stands beside what the journal has
    assert found["settings"].pop("feed")["kind"] == "synthetic"
    assert found["settings"] == over_a_holiday.view.opening.settings


def test_the_trades_add_up_to_the_closing_cash(over_a_holiday: LocalSession) -> None:
    with over_a_holiday.folder.trades.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    spent = sum(Decimal(r["notional"]) + Decimal(r["commission"]) + Decimal(r["tax"]) for r in rows)
    metrics = json.loads(over_a_holiday.folder.metrics.read_text(encoding="utf-8"))

    assert rows
    assert Decimal(metrics["closing_cash"]) == Decimal(1_000_000) - spent


def test_what_equity_gained_is_realised_or_is_not(over_a_holiday: LocalSession) -> None:
    found = json.loads(over_a_holiday.folder.metrics.read_text(encoding="utf-8"))

    gained = Decimal(found["closing_equity"]) - Decimal(found["opening_equity"])
    assert Decimal(found["realised"]) != 0
    assert gained == Decimal(found["realised"]) + Decimal(found["unrealised"])


def test_rebuilt_files_say_what_from(over_a_holiday: LocalSession) -> None:
    folder = over_a_holiday.folder
    digest = hashlib.sha256(folder.journal.read_bytes()).hexdigest()

    assert journal_digest(folder) == digest
    for path in (folder.metrics, folder.report):
        assert json.loads(path.read_text(encoding="utf-8"))["rebuilt_from"]["digest"] == digest
    assert "Rebuilt from" in folder.run_report.read_text(encoding="utf-8")


def test_a_session_without_metadata_is_rebuilt_without_versions(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / "s")
    HandMadeJournal(three_days()).write(folder.journal).close()

    rebuild(folder)

    assert json.loads(folder.report.read_text(encoding="utf-8"))["metadata"] == {}
    assert folder.risk_log.read_text(encoding="utf-8").count("<RISK REJECTED>") == 1


@pytest.mark.parametrize(("text", "why"), [("{", "no JSON"), ("[]", "it holds list")])
def test_damaged_metadata_are_named(tmp_path: Path, text: str, why: str) -> None:
    folder = SessionFolder(tmp_path / "s")
    HandMadeJournal(three_days()).write(folder.journal).close()
    folder.metadata.write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match=why):
        rebuild(folder)


def test_a_record_is_told_of_refusals_and_rejections(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / "s")
    HandMadeJournal(three_days()).write(folder.journal).close()

    facts = record_facts(RecordedSession(folder))

    assert (facts.refused, facts.rejected) == (1, 1)
    assert [(o["who"], o["rule"], o["shares"]) for o in facts.rejected_orders] == [
        ("risk", "risk.cash", "9"),
        ("broker", "halted", "-100"),
    ]
    assert facts.reconciliation["is_ok"] is False
    assert facts.reconciliation["failures"] == ["reconcile.cash: cash differs by 1.00 CNY"]
    assert (facts.data, facts.code) == ({}, {})


# --- session_status.json ---------------------------------------------------------------------


def status_of(folder: SessionFolder) -> dict[str, object]:
    write_status(folder)
    found: dict[str, object] = json.loads(folder.status.read_text(encoding="utf-8"))
    return found


def test_a_session_that_ended_is_stopped(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / "s")
    HandMadeJournal(three_days()).write(folder.journal).close()

    found = status_of(folder)

    assert (found["status"], found["terminal"], found["status_reason"]) == ("stopped", True, "stop")
    assert found["started_at"] == "2026-03-04T01:00:00+00:00"
    assert found["finished_at"] == found["updated_at"] == "2026-03-06T07:31:00+00:00"
    assert found["duration_seconds"] == 2 * 86_400 + 6 * 3_600 + 31 * 60
    assert (found["session_id"], found["mode"]) == ("s", "paper")


def test_a_session_that_is_written_runs_and_one_that_nobody_writes_crashed(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / "s")
    journal = HandMadeJournal(three_days()[:5]).write(folder.journal)

    running = status_of(folder)
    journal.close()
    crashed = status_of(folder)

    assert (running["status"], running["terminal"]) == ("running", False)
    assert running["status_reason"] == "the engine is sleeping"
    assert running["finished_at"] is None
    assert (crashed["status"], crashed["terminal"]) == ("crashed", False)
    assert "resumes it" in str(crashed["status_reason"])


def test_a_journal_without_a_line_has_no_status() -> None:
    with pytest.raises(DataError, match="never started"):
        SessionStatus().as_json("s", alive=False)


def test_a_torn_last_line_is_as_if_it_was_not_written(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / "s")
    HandMadeJournal([(at("09:00"), opening())]).write(folder.journal).close()
    with folder.journal.open("ab") as file:
        file.write(b'{"seq":2,')
        os.fsync(file.fileno())

    assert status_of(folder)["status"] == "crashed"
