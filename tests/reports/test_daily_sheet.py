"""The day's sheet: rows, signed ticks, the record, what changed since the trading day before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import ValidationError

from qtkit.cli.sheet import sheet as sheet_command
from qtkit.core.errors import ConfigError, DataError, FolderLocked, QtkitError
from qtkit.core.locks import NamedLock
from qtkit.core.paths import SessionFolder, write_atomic
from qtkit.core.verdict import Conclusion
from qtkit.evidence.recorded import RecordedSession
from qtkit.reports.artifacts import session_view
from qtkit.reports.daily_sheet.notes import read_notes, write_summary, write_tick
from qtkit.reports.daily_sheet.record import (
    DayRecord,
    SheetRow,
    day_differences,
    day_record_json,
    day_record_of,
    sheet_conclusion,
)
from qtkit.reports.daily_sheet.rows import ROWS, row_named
from qtkit.reports.daily_sheet.sheet import save_sheet, sheet_day, sheet_of
from qtkit.sessions.simulation import prepare_account, simulate
from qtkit.stages import all_stages
from qtkit.testing.strategies import scripted_spec
from qtkit.trading.strategy.loader import load_spec

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
FRIDAY, MONDAY = date(2026, 3, 6), date(2026, 3, 9)
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def weekend(tmp_path_factory: pytest.TempPathFactory) -> tuple[SessionFolder, SessionFolder]:
    """Friday and Monday as two sessions of one account; Monday's gate is off."""
    root = tmp_path_factory.mktemp("weekend")
    name = prepare_account(load_spec(GRID), root=root, new_account="demo", day=FRIDAY)
    friday = simulate(GRID, day=FRIDAY, root=root, account=name)
    off = {"startup_gate_mode": "off"}
    monday = simulate(GRID, day=MONDAY, root=root, account=name, settings=off)
    return friday.folder, monday.folder


@pytest.fixture
def folder(weekend: tuple[SessionFolder, SessionFolder]) -> SessionFolder:
    """Friday's session, without anything written on its sheet."""
    weekend[0].sheet.unlink(missing_ok=True)
    return weekend[0]


def row(name: str, conclusion: str) -> SheetRow:
    return SheetRow(row=name, criterion="it holds", stages=(), conclusion=Conclusion(conclusion))


# --- rows ------------------------------------------------------------------------------------


def test_the_sheet_has_the_five_rows_of_the_checklist() -> None:
    assert [(r.id, r.stages) for r in ROWS] == [
        ("0", ("0",)),
        ("1", ("1",)),
        ("2-4-B", ("2", "3", "3.5", "4-A", "4-B")),
        ("5-A/B", ("5-A", "5-B")),
        ("11/5-C", ("5-C",)),
    ]
    assert {stage for r in ROWS for stage in r.stages} <= {stage.id for stage in all_stages()}
    assert all("\n" not in r.criterion and len(r.criterion) <= 100 for r in ROWS)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("0", "0"), ("phase 1", "1"), ("2", "2-4-B"), ("3.5", "2-4-B"), ("4-A", "2-4-B"),
        ("2-4-b", "2-4-B"), ("5A", "5-A/B"), ("5-b", "5-A/B"), ("11", "11/5-C"), ("5-C", "11/5-C"),
    ],
)  # fmt: skip
def test_a_row_is_found_by_its_id_and_by_each_of_its_stages(name: str, found: str) -> None:
    assert row_named(name).id == found


@pytest.mark.parametrize("name", ["", "B", "6", "grid"])
def test_there_is_no_row_for_anything_else(name: str) -> None:
    with pytest.raises(ConfigError, match="has no row"):
        row_named(name)


# --- conclusion ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conclusions", "ticks", "expected"),
    [
        (("passed", "passed"), ("anna", "anna"), "passed"),
        (("passed", "passed"), ("anna", ""), "pending"),
        (("passed", "passed"), ("headless", "headless"), "passed"),
        (("passed", "pending"), ("anna", "anna"), "pending"),
        (("passed", "blocked"), ("anna", "anna"), "blocked"),
        (("pending", "blocked"), ("", ""), "blocked"),
        ((), (), "pending"),
    ],
)
def test_a_sheet_passes_when_each_row_has_passed_and_is_ticked(
    conclusions: tuple[str, ...], ticks: tuple[str, ...], expected: str
) -> None:
    rows = [row(str(n), conclusion) for n, conclusion in enumerate(conclusions)]

    found = sheet_conclusion(rows, {str(n): tick for n, tick in enumerate(ticks)})

    assert found == Conclusion(expected)


def test_a_healthy_day_waits_for_its_ticks(folder: SessionFolder) -> None:
    waiting = sheet_of(RecordedSession(folder), at=NOON)
    for each in ROWS:
        write_tick(folder, FRIDAY, each.id, ticked=True, by="anna", at=NOON)
    ticked = sheet_of(RecordedSession(folder), at=NOON)

    assert [r.conclusion for r in waiting.record.rows] == [Conclusion.PASSED] * 5
    assert (waiting.conclusion, waiting.exit_code) == (Conclusion.PENDING, 5)
    assert (ticked.conclusion, ticked.exit_code) == (Conclusion.PASSED, 0)


def test_headless_nobody_ticks_and_nothing_waits(folder: SessionFolder) -> None:
    write_tick(folder, FRIDAY, "0", ticked=True, by="anna", at=NOON)

    found = sheet_of(RecordedSession(folder), at=NOON, headless=True)

    assert found.conclusion is Conclusion.PASSED
    assert found.record.ticks["0"] == "✓ anna 2026-11-20 12:00 UTC"
    assert {found.record.ticks[r.id] for r in ROWS[1:]} == {"headless"}


def test_a_tick_does_not_heal_a_blocked_row(folder: SessionFolder, tmp_path: Path) -> None:
    """A day without its log cannot pass 0.6."""
    copy = SessionFolder(tmp_path / folder.session_id)
    shutil.copytree(folder.path, copy.path)
    copy.sys_log.write_text("")
    write_tick(copy, FRIDAY, "0", ticked=True, by="anna", at=NOON)

    found = sheet_of(RecordedSession(copy), at=NOON, headless=True)

    assert (found.conclusion, found.exit_code) == (Conclusion.BLOCKED, 1)
    assert "0.6" in str(found).split("To be settled")[1]


# --- notes -----------------------------------------------------------------------------------


def test_summary_and_tick_are_kept_with_who_and_when(folder: SessionFolder) -> None:
    write_summary(folder, FRIDAY, "3.5", " reconciled by hand ", by="anna", at=NOON)
    write_tick(folder, FRIDAY, "2", ticked=True, by="ben", at=NOON)

    kept = read_notes(folder, FRIDAY)["2-4-B"]

    assert kept.summary is not None
    assert kept.tick is not None
    assert (kept.summary.text, kept.summary.by, kept.summary.at) == (
        "reconciled by hand", "anna", NOON,
    )  # fmt: skip
    assert str(kept.tick) == "ben 2026-11-20 12:00 UTC"
    assert read_notes(folder, MONDAY) == {}


def test_a_tick_can_be_cleared_and_a_summary_taken_away(folder: SessionFolder) -> None:
    write_summary(folder, FRIDAY, "0", "started", by="anna", at=NOON)
    write_tick(folder, FRIDAY, "0", ticked=True, by="anna", at=NOON)

    write_summary(folder, FRIDAY, "0", "", by="anna", at=NOON)
    write_tick(folder, FRIDAY, "0", ticked=False, by="anna", at=NOON)

    kept = read_notes(folder, FRIDAY)["0"]
    assert kept.summary is kept.tick is None


def test_nobody_writes_without_a_name(folder: SessionFolder) -> None:
    with pytest.raises(ConfigError, match="say who you are"):
        write_tick(folder, FRIDAY, "0", ticked=True, by=" ", at=NOON)

    assert not folder.sheet.exists()


def test_two_do_not_write_at_once(folder: SessionFolder) -> None:
    other = NamedLock(folder.sheet.with_name("sheet.json.lock"), "the sheet")
    other.acquire()
    try:
        with pytest.raises(FolderLocked, match="in use"):
            write_tick(folder, FRIDAY, "0", ticked=True, by="anna", at=NOON)
    finally:
        other.release()


@pytest.mark.parametrize(
    "text", ["{", '{"format": 2}', '{"days": {"2026-03-06": {"0": {"x": 1}}}}']
)
def test_a_damaged_file_is_named_and_not_overwritten(folder: SessionFolder, text: str) -> None:
    folder.sheet.write_text(text)

    with pytest.raises(DataError, match=r"sheet\.json is damaged"):
        write_tick(folder, FRIDAY, "0", ticked=True, by="anna", at=NOON)

    assert folder.sheet.read_text() == text
    folder.sheet.unlink()


# --- the record ------------------------------------------------------------------------------


def test_the_record_holds_what_the_day_ran_on_and_came_to(folder: SessionFolder) -> None:
    write_summary(folder, FRIDAY, "1", "stopped at 15:31", by="anna", at=NOON)
    found = sheet_of(RecordedSession(folder), at=NOON)

    kept = json.loads(save_sheet(found).read_text())

    metadata = json.loads(folder.metadata.read_text())
    assert kept["day"] == "2026-03-06"
    assert kept["account"] == "demo"
    assert kept["toolkit_version"] == metadata["toolkit_version"]
    assert kept["commit"].removesuffix("+dirty") == metadata["commit"]
    assert kept["data"] == metadata["data_fingerprint"]
    assert kept["code"] == metadata["code_fingerprint"]
    assert kept["settings"]["live_startup_gate_mode"] == "warn"
    assert kept["gate"]["mode"] == "warn"
    assert kept["gate"]["open"] is True
    assert kept["reconciliation"]["is_ok"] is True
    assert [r["row"] for r in kept["rows"]] == [r.id for r in ROWS]
    assert kept["action_summaries"] == {"1": "stopped at 15:31 (anna 2026-11-20 12:00 UTC)"}
    assert kept["conclusion"] == "pending"
    assert {s["stage"] for s in kept["stages"]} == {s for r in ROWS for s in r.stages}
    assert save_sheet(found).name == "record-2026-03-06.json"


def test_a_record_reads_back_equal(folder: SessionFolder) -> None:
    found = sheet_of(RecordedSession(folder), at=NOON)
    file = save_sheet(found)

    assert day_record_of(file.read_bytes(), "there") == found.record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conclusion": "passed"}, "add up to pending"),
        ({"differences": [{"section": "a", "name": "b", "before": "1", "after": "2"}]}, "without"),
        ({"extra": 1}, "extra"),
        ({"format": 1}, "format"),
        ({"written": "2026-03-06T12:00:00"}, "timezone"),
        ({"stages": []}, "stages without a report"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(
    folder: SessionFolder, change: dict[str, object], message: str
) -> None:
    told = sheet_of(RecordedSession(folder), at=NOON).as_json() | change

    with pytest.raises(ValidationError, match=message):
        DayRecord.model_validate(told)


def test_a_row_says_what_its_verdicts_add_up_to(folder: SessionFolder) -> None:
    told = sheet_of(RecordedSession(folder), at=NOON).as_json()
    told["rows"][0]["conclusion"] = "blocked"

    with pytest.raises(ValidationError, match="row 0 says blocked, but"):
        DayRecord.model_validate(told)


# --- what changed ----------------------------------------------------------------------------


def test_monday_is_compared_with_friday(weekend: tuple[SessionFolder, SessionFolder]) -> None:
    friday, monday = weekend
    friday.day_record(FRIDAY).unlink(missing_ok=True)
    alone = sheet_of(RecordedSession(monday), at=NOON, headless=True)
    save_sheet(sheet_of(RecordedSession(friday), at=NOON, headless=True))

    found = sheet_of(RecordedSession(monday), at=NOON, headless=True)

    assert "no record of 2026-03-06, the trading day" in str(alone)
    assert found.compared_with == FRIDAY
    assert found.record.previous == f"2026-03-06 (session {friday.session_id})"
    changed = {(d.section, d.name): (d.before, d.after) for d in found.record.differences}
    assert changed["setting", "live_startup_gate_mode"] == ("warn", "off")
    assert changed["gate", "mode"] == ("warn", "none")
    assert ("check", "0.1") not in changed
    assert "What changed since 2026-03-06" in str(found)


def test_the_record_of_another_day_is_not_compared_with(
    weekend: tuple[SessionFolder, SessionFolder],
) -> None:
    friday, monday = weekend
    save_sheet(sheet_of(RecordedSession(monday), at=NOON, headless=True))

    found = sheet_of(RecordedSession(friday), at=NOON, headless=True)

    assert found.compared_with == date(2026, 3, 5)
    assert found.record.previous == ""


def _other_conclusion(text: str) -> str:
    """Turn a record's failing or pending rows good, consistently."""
    return text.replace('"headless"', '"✓ anna 2026-11-20 12:00 UTC"')


def _resealed(text: str, **changes: object) -> str:
    record = DayRecord.model_validate_json(json.dumps(_unsealed(text) | changes))
    return day_record_json(record)


def _unsealed(text: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(text).items() if name != "seal"}


@pytest.mark.parametrize(
    "altered",
    [
        lambda _: "{",
        lambda _: "[]",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"demo"', '"other"'),
        _other_conclusion,
        lambda text: json.dumps(_unsealed(text)),
        lambda text: _resealed(text, session_id="20260306_000000_paper_abcdef0"),
        lambda text: _resealed(text, day="2026-03-05"),
        lambda text: _resealed(text, journal_digest="0" * 64),
        lambda text: _resealed(text, journal_lines=999_999),
    ],
    ids=[
        "no JSON", "no object", "half", "edited", "ticked by hand", "without seal",
        "of another session", "of another day", "of another journal", "of a longer journal",
    ],
)  # fmt: skip
def test_an_altered_record_of_the_day_before_is_named_and_not_passed_over(
    weekend: tuple[SessionFolder, SessionFolder], altered: Callable[[str], str]
) -> None:
    friday, monday = weekend
    file = save_sheet(sheet_of(RecordedSession(friday), at=NOON, headless=True))
    write_atomic(file, altered(file.read_text()))

    with pytest.raises(DataError) as refusal:
        sheet_of(RecordedSession(monday), at=NOON, headless=True)

    assert str(file) in str(refusal.value)
    assert refusal.value.exit_code == 3
    file.unlink()


def test_a_damaged_record_of_a_stranger_s_session_is_passed_over(
    weekend: tuple[SessionFolder, SessionFolder], tmp_path: Path
) -> None:
    """A folder of another account and strategy beside it, whose record is damaged."""
    friday, monday = weekend
    stranger = simulate(scripted_spec({}, ["600036.SH"]), day=FRIDAY, root=tmp_path).folder
    beside = SessionFolder(friday.path.parent / stranger.session_id)
    shutil.copytree(stranger.path, beside.path)
    write_atomic(beside.day_record(FRIDAY), "{")

    found = sheet_of(RecordedSession(monday), at=NOON, headless=True)

    shutil.rmtree(beside.path)
    assert found.record.previous == ""


def test_a_record_against_itself_has_no_difference(folder: SessionFolder) -> None:
    told = sheet_of(RecordedSession(folder), at=NOON).record

    assert day_differences(told, told) == ()


def test_a_session_over_a_holiday_has_a_sheet_for_each_day(
    tmp_path: Path,
) -> None:
    """2026-04-30 and 2026-05-06: Labour Day and a weekend lie between them."""
    lived = simulate(GRID, day="2026-04-30", days=2, root=tmp_path)
    last, first = date(2026, 5, 6), date(2026, 4, 30)
    save_sheet(sheet_of(RecordedSession(lived.folder), at=NOON, day=first, headless=True))

    found = sheet_of(RecordedSession(lived.folder), at=NOON, headless=True)

    assert found.record.day == last
    assert found.compared_with == first
    assert found.record.previous.startswith("2026-04-30")
    with pytest.raises(ConfigError, match="did not live through 2026-05-07; its dates are: 2026-0"):
        sheet_day(session_view(lived.folder), date(2026, 5, 7))


# --- the verb --------------------------------------------------------------------------------


def typed(*words: object) -> Result:
    done = CliRunner().invoke(sheet_command, [str(word) for word in words])
    if isinstance(done.exception, QtkitError):
        raise done.exception
    return done


def test_the_verb_writes_shows_and_saves(folder: SessionFolder) -> None:
    first = typed(folder.path, "--stage", "0", "--summary", "all well", "--tick", "--by", "anna")
    saved = typed(folder.path, "--headless", "--save", "--json")
    cleared = typed(folder.path, "--stage", "0", "--untick", "--by", "ben")

    assert first.exit_code == 5
    assert "all well (anna " in first.stdout
    assert "· PENDING" in first.stdout.splitlines()[0]
    assert saved.exit_code == 0
    assert json.loads(saved.stdout)["conclusion"] == "passed"
    assert "record-2026-03-06.json" in saved.stderr
    assert cleared.stdout.count("not ticked") == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tick", "--by", "anna"), "what to write"),
        (("--stage", "0"), "what to write"),
        (("--stage", "0", "--tick"), "a sheet is signed: add --by NAME"),
        (("--stage", "9", "--tick", "--by", "anna"), "has no row '9'"),
        (("--day", "2026-03-09"), "did not live through 2026-03-09"),
    ],
)
def test_a_mistake_is_a_sentence(
    folder: SessionFolder, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        typed(folder.path, *words)

    assert not folder.sheet.exists()


def test_a_sheet_shows_in_a_notebook(folder: SessionFolder) -> None:
    write_summary(folder, FRIDAY, "0", "<b>bold</b>", by="anna", at=NOON)

    shown = sheet_of(RecordedSession(folder), at=NOON)._repr_mimebundle_()

    assert "&lt;b&gt;bold" in str(shown["text/html"])
    assert "Tick a row when" in str(shown["text/plain"])
