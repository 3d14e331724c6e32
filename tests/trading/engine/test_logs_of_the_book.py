"""trade.log and risk.log of a session: written as things happen, the same when made again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import AccountFolder, SessionFolder, log_parts
from qtkit.evidence import Evidence
from qtkit.evidence.sys_log import value_in
from qtkit.model.events import Entry
from qtkit.model.intents import Intent
from qtkit.reports.artifacts import rebuild
from qtkit.runtime.build import build
from qtkit.runtime.run import Place
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.sessions.local import LocalSession
from qtkit.sessions.simulation import simulate
from qtkit.testing import scripted_spec

SYMBOL = "600036.SH"
WEDNESDAY = date(2026, 3, 4)
BACK = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)


def wanted(quantity: int, because: str) -> list[Intent]:
    return [Intent(symbol=SYMBOL, quantity=Decimal(quantity), because=because)]


SPEC = scripted_spec(
    {
        "03-04 09:35": [*wanted(300, "a first, with a comma"), *wanted(5_000_000, "far too many")],
        "03-04 09:40": wanted(-100, "too early"),
        "03-05 09:35": wanted(-100, "the day after"),
        "03-05 09:40": wanted(5_000_000, "again too many"),
    },
    [SYMBOL],
)


class PowerLost(Exception):
    """Nothing after this was written."""


def lived(root: Path, **logs: object) -> LocalSession:
    return simulate(SPEC, day=WEDNESDAY, days=2, root=root, settings={"logs": logs})


def parts_of(folder: SessionFolder) -> dict[str, bytes]:
    return {
        part.name: part.read_bytes()
        for log in (folder.trade_log, folder.risk_log)
        for part in log_parts(log)
    }


def test_each_booking_and_each_refusal_has_its_line(tmp_path: Path) -> None:
    folder = lived(tmp_path).folder

    bought, sold = csv.DictReader(io.StringIO(folder.trade_log.read_text(encoding="utf-8")))
    first, early, second = folder.risk_log.read_text(encoding="utf-8").splitlines()

    assert (bought["reason"], bought["position"], bought["sellable"]) == (
        "a first, with a comma", "300", "0",
    )  # fmt: skip
    assert (sold["quantity"], sold["position"], sold["sellable"]) == ("-100", "200", "200")
    paid = -(Decimal(300) * Decimal(bought["price"]) + Decimal(bought["fees"]))
    assert Decimal(bought["cash_change"]) == paid
    assert Decimal(bought["cash"]) == Decimal(1_000_000) + paid
    assert Decimal(sold["cash"]) == Decimal(bought["cash"]) + Decimal(sold["cash_change"])
    assert [value_in(row, "quantity") for row in (first, early, second)] == [
        "5000000", "100", "5000000",
    ]  # fmt: skip
    assert value_in(early, "side") == "sell"
    assert all(" | <RISK REJECTED> rule_id=" in row for row in (first, early, second))


@pytest.mark.parametrize("logs", [{}, {"rotate_daily": True}, {"rotate_megabytes": 0.0006}])
def test_made_again_they_are_the_same_to_the_byte(tmp_path: Path, logs: dict[str, Any]) -> None:
    folder = lived(tmp_path, **logs).folder
    before = parts_of(folder)
    for log in (folder.trade_log, folder.risk_log):
        for part in log_parts(log):
            part.unlink()

    rebuild(folder)

    assert parts_of(folder) == before
    assert len(before) == (2 if not logs else len(before))
    assert len(before) > 2 or not logs


def test_a_day_of_its_own_for_each_part(tmp_path: Path) -> None:
    folder = lived(tmp_path, rotate_daily=True).folder

    assert [path.name for path in log_parts(folder.trade_log)] == [
        "trade.log.20260304.1", "trade.log",
    ]  # fmt: skip
    assert [path.name for path in log_parts(folder.sys_log)] == ["sys.log.20260304.1", "sys.log"]
    assert all(part.read_bytes().endswith(b"\n") for part in log_parts(folder.trade_log))


def test_the_log_tells_the_journals_story_however_it_was_turned_over(tmp_path: Path) -> None:
    plain = Evidence.of_folder(lived(tmp_path / "a").folder).log
    turned = Evidence.of_folder(lived(tmp_path / "b", rotate_megabytes=0.001).folder).log

    assert plain is not None
    assert turned is not None
    assert turned.lives == plain.lives
    assert turned.skips == plain.skips


def test_how_logs_are_kept_does_not_enter_the_journal(tmp_path: Path) -> None:
    one = lived(tmp_path / "a")
    two = lived(tmp_path / "b", sys_log_file_path=str(tmp_path / "x"), rotate_daily=True)

    assert one.journal_digest == two.journal_digest
    assert one.session_id == two.session_id


# --- elsewhere -----------------------------------------------------------------------------------


def test_logs_may_be_elsewhere_and_are_found_there(tmp_path: Path) -> None:
    system, trades = tmp_path / "var" / "sys", tmp_path / "var" / "trades"
    session = lived(tmp_path, sys_log_file_path=str(system), trade_log_file_path=str(trades))
    name, folder = session.session_id, session.folder

    assert [path.name for path in system.iterdir()] == [f"{name}.sys.log"]
    assert sorted(path.name for path in trades.iterdir()) == [
        f"{name}.risk.log",
        f"{name}.trade.log",
    ]
    assert not list(folder.artifacts.glob("*.log"))
    evidence = Evidence.of_folder(SessionFolder(folder.path))
    assert evidence.log is not None
    assert evidence.log.lines > 100
    config = json.loads(folder.config.read_text(encoding="utf-8"))
    assert config["asked_settings"]["logs"]["trade_log_file_path"] == str(trades)


def test_two_sessions_never_share_a_log(tmp_path: Path) -> None:
    logs = {"trade_log_file_path": str(tmp_path / "logs")}

    one, two = lived(tmp_path, **logs), lived(tmp_path, **logs)

    assert one.folder.trade_log != two.folder.trade_log
    assert one.folder.trade_log.read_bytes() == two.folder.trade_log.read_bytes()


def test_all_places_that_cannot_be_written_are_told_and_nothing_is_started(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    inside = str(tmp_path / "file" / "logs")

    with pytest.raises(ConfigError) as caught:
        lived(tmp_path / "out", sys_log_file_path=inside, trade_log_file_path=inside)

    assert str(caught.value).count("(Not a directory)") == 2
    assert "logs.sys_log_file_path" in str(caught.value)
    assert "logs.trade_log_file_path" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_read_only_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write anywhere, so the system's answer is put in its mouth."""
    monkeypatch.setattr("os.access", lambda *_: False)

    with pytest.raises(ConfigError, match="nothing may be written"):
        lived(tmp_path, sys_log_file_path=str(tmp_path / "logs"))


def test_a_session_that_does_not_know_where_its_logs_are_says_so(tmp_path: Path) -> None:
    folder = lived(tmp_path, rotate_daily=True).folder
    folder.log_keeping.write_text("{")

    with pytest.raises(DataError, match=r"logs\.json is damaged"):
        _ = folder.sys_log


# --- after a crash -------------------------------------------------------------------------------


def cut_after(kind: str, nth: int) -> Callable[[str, Entry], None]:
    left = [nth]

    def observe(what: str, entry: Entry) -> None:
        if what == "written" and type(entry.event).__struct_config__.tag == kind:
            left[0] -= 1
            if left[0] == 0:
                raise PowerLost

    return observe


@pytest.mark.parametrize("kind", ["order_filled", "order_refused", "order_requested"])
@pytest.mark.parametrize("torn", [b"", b"2026-03-04T09:3"])
def test_a_line_that_the_power_took_is_written_on_the_return_and_none_twice(
    tmp_path: Path, kind: str, torn: bytes
) -> None:
    folder, account = SessionFolder(tmp_path / "s"), AccountFolder(tmp_path / "account")
    plan = SessionSpec(
        strategy=SPEC,
        settings=SessionSettings.model_validate({"logs": {"rotate_daily": True}}),
        day=WEDNESDAY,
        days=2,
    )
    cut = build(plan_with(plan, cut_after(kind, 1)), Place(folder, account))
    with pytest.raises(PowerLost):
        cut.run()
    for log in (folder.trade_log, folder.risk_log):
        log.write_bytes(log.read_bytes() + torn)

    build(plan_with(plan, None, BACK), Place(folder, account)).run()

    found = parts_of(folder)
    rebuild(folder)
    assert parts_of(folder) == found
    bought = b"".join(found.values()).count(b"first, with a comma")
    assert bought == (1 if kind == "order_filled" else 0)  # unsent orders are given up


def test_a_line_whose_entry_the_power_took_does_not_stay(tmp_path: Path) -> None:
    """What was not synced goes from the journal while its line may be on disk: the journal wins."""
    folder, account = SessionFolder(tmp_path / "s"), AccountFolder(tmp_path / "account")
    plan = SessionSpec(
        strategy=SPEC,
        settings=SessionSettings.model_validate({"logs": {"rotate_megabytes": 0.0004}}),
        day=WEDNESDAY,
    )
    cut = build(plan_with(plan, cut_after("day_closed", 1)), Place(folder, account))
    with pytest.raises(PowerLost):
        cut.run()
    before = folder.journal.read_bytes().splitlines(keepends=True)
    first_fill = next(n for n, row in enumerate(before) if b'"order_filled"' in row)
    folder.journal.write_bytes(b"".join(before[:first_fill]))
    assert b"first, with a comma" in b"".join(parts_of(folder).values())

    build(plan_with(plan, None, BACK), Place(folder, account)).run()

    found = parts_of(folder)
    rebuild(folder)
    assert parts_of(folder) == found
    rows = [row for text in found.values() for row in text.splitlines() if b"with a comma" in row]
    assert [row[:16] for row in rows] == [b"2026-03-04T10:30"]  # booked on the return, once


@pytest.mark.parametrize("spoil", [b"", b"somebody wrote this\n"])
def test_a_log_that_somebody_spoiled_is_mended_on_the_return(tmp_path: Path, spoil: bytes) -> None:
    folder, account = SessionFolder(tmp_path / "s"), AccountFolder(tmp_path / "account")
    plan = SessionSpec(strategy=SPEC, day=WEDNESDAY)
    cut = build(plan_with(plan, cut_after("day_closed", 1)), Place(folder, account))
    with pytest.raises(PowerLost):
        cut.run()
    before = parts_of(folder)
    folder.risk_log.write_bytes(spoil)
    folder.trade_log.unlink()

    build(
        plan_with(plan, None, datetime(2026, 3, 4, 7, 20, tzinfo=UTC)), Place(folder, account)
    ).run()

    assert parts_of(folder) == before


def plan_with(
    plan: SessionSpec,
    observer: Callable[[str, Entry], None] | None,
    start: datetime | None = None,
) -> SessionSpec:
    return SessionSpec(
        strategy=plan.strategy,
        settings=plan.settings,
        day=plan.day,
        days=plan.days,
        start=start,
        journal_observer=observer,
    )
