"""What a verdict or an error tells people to type is typed, on the situation that caused it."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qtkit.adapters.embedded.target import EmbeddedEngine
from qtkit.cli import qtkit
from qtkit.core.errors import QtkitError
from qtkit.core.locks import NamedLock
from qtkit.core.paths import OutputRoot, SessionFolder, write_atomic
from qtkit.evidence import Evidence
from qtkit.evidence.recorded import RecordedSession
from qtkit.model.intents import Intent
from qtkit.reports.daily_sheet.sheet import save_sheet, sheet_of
from qtkit.sessions.control.kill_switch import kill_account
from qtkit.sessions.simulation import prepare_account, simulate
from qtkit.stages import StageReport, all_stages, judge, stage_named
from qtkit.stages.scenarios import CANCEL_RACE
from qtkit.stages.stage import judge_runs
from qtkit.testing.strategies import scripted_spec
from qtkit.trading.strategy.loader import load_spec

_COMMAND = re.compile(r"`qtkit ([^`]+)`")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BUY = Intent(symbol="600036.SH", quantity=Decimal(100), because="the script says so")
HUGE = Intent(symbol="600036.SH", quantity=Decimal(10_000_000), because="too much")
SPEC = scripted_spec({"09:35": [BUY], "10:00": [HUGE]}, ["600036.SH"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a working folder with outputs of two sessions of one account over two days each."""
    place = tmp_path_factory.mktemp("operator")
    root = place / "outputs"
    name = prepare_account(SPEC, root=root, new_account="demo", day=date(2026, 3, 4))
    simulate(SPEC, day="2026-03-04", days=2, root=root, account=name)
    return place


@pytest.fixture
def work(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it, which is the working folder now."""
    shutil.copytree(place, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def lived(work: Path) -> SessionFolder:
    (path,) = (work / "outputs" / "paper_sessions").iterdir()
    return SessionFolder(path)


def typed(*words: object) -> Result:
    return CliRunner().invoke(qtkit, [str(word) for word in words])


def told(result: Result) -> str:
    """Return everything that a command says, as `qtkit` would print it."""
    error = result.exception
    return result.output + (str(error) if isinstance(error, QtkitError) else "")


def assert_it_runs(text: str) -> int:
    """Type each command of a text; return how many there were."""
    commands = [shlex.split(found) for found in _COMMAND.findall(text)]
    for words in commands:
        done = typed(*words)
        ours = done.exception is None or isinstance(done.exception, QtkitError | SystemExit)
        assert ours, (words, done.exception)
        assert "Usage:" not in done.output or "--help" in words, (words, done.output)
        assert done.exit_code != 2, (words, told(done))
    return len(commands)


def fixes(*reports: StageReport) -> str:
    return "\n".join(verdict.fix for report in reports for verdict in report.verdicts)


def all_of(folder: SessionFolder) -> Iterator[StageReport]:
    return (judge(stage, RecordedSession(folder)) for stage in all_stages())


# --- verdicts on planted faults --------------------------------------------------------------


def cut_in_the_day(folder: SessionFolder) -> None:
    """The process died after the first order, before its outcome."""
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    asked = next(n for n, line in enumerate(lines) if b'"order_requested"' in line)
    folder.journal.write_bytes(b"".join(lines[: asked + 1]))


def log_lines_lost(folder: SessionFolder) -> None:
    lines = folder.sys_log.read_text().splitlines(keepends=True)
    folder.sys_log.write_text("".join(lines[:40]))


def returns_invented(folder: SessionFolder) -> None:
    with folder.sys_log.open("a") as file:
        file.write("2026-03-05T15:40:00.000000+08:00 | INFO | s | session_resumed entries=9\n")


def skips_invented(folder: SessionFolder) -> None:
    with folder.sys_log.open("a") as file:
        file.write("2026-03-05T15:40:00.000000+08:00 | INFO | s | task_skipped skip_reason=x\n")


def refusals_lost(folder: SessionFolder) -> None:
    write_atomic(folder.risk_log, "")


@pytest.mark.parametrize(
    ("plant", "verb"),
    [
        (cut_in_the_day, "journal story"),
        (log_lines_lost, ""),
        (returns_invented, "journal show"),
        (skips_invented, "journal show"),
        (refusals_lost, "journal show"),
    ],
)
def test_what_a_verdict_on_a_fault_says_can_be_typed(
    work: Path, plant: Callable[[SessionFolder], None], verb: str
) -> None:
    folder = lived(work)
    plant(folder)

    advice = fixes(*all_of(folder))

    assert f"`qtkit {verb}" in advice or not verb
    assert_it_runs(advice)


def test_what_a_running_session_is_told_can_be_typed(work: Path) -> None:
    folder = lived(work)
    cut_in_the_day(folder)
    lock = NamedLock(folder.journal.with_name("journal.jsonl.lock"), "the journal")
    lock.acquire()
    try:
        advice = fixes(*all_of(folder))
        assert "--ask stop" in advice
        assert assert_it_runs(advice) > 0
    finally:
        lock.release()


def test_what_is_said_of_two_sessions_that_differ_can_be_typed(work: Path) -> None:
    """The re-run of a day that is another day, and the same schedule with two digests."""
    one = Evidence.of_folder(lived(work))
    other = Evidence.of_folder(simulate(SPEC, day="2026-03-06", root=work / "elsewhere").folder)
    stage = stage_named("3")
    names = {s.name: s for s in stage.scenarios}
    runs = {
        "reference": replace(one, scenario=names["reference"]),
        "rerun": replace(other, scenario=names["rerun"]),
    }

    advice = fixes(judge_runs(stage, "x", runs))

    assert "journal compare" in advice
    assert assert_it_runs(advice) > 0


def test_what_a_scenario_with_a_warning_says_can_be_typed(work: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
    engine = EmbeddedEngine(load_spec(example), example)
    stage = replace(stage_named("4-A"), scenarios=(CANCEL_RACE,))

    report = judge(stage, engine, root=work)

    assert str(report.verdict("4-A.3").status) == "warn"
    assert assert_it_runs(fixes(report)) > 0


# --- errors and answers ----------------------------------------------------------------------


def an_unknown_order(work: Path) -> str:
    return told(typed("journal", "story", lived(work).path, "q999999"))


def an_unknown_run(_: Path) -> str:
    return told(typed("runs", "show", "nothing"))


def an_unknown_run_elsewhere(work: Path) -> str:
    return told(typed("runs", "show", "nothing", "--root", work / "else where"))


def no_session(_: Path) -> str:
    return told(typed("check", "--root", "empty"))


def a_kill(work: Path) -> str:
    account = OutputRoot(work / "outputs").account("paper", "demo")
    return kill_account(account, by="anna", why="to try it")


def a_lift_without_a_name(_: Path) -> str:
    return told(typed("kill", "demo", "--lift"))


def an_absent_table(_: Path) -> str:
    return told(typed("data", "check", "stock_1min"))


def an_absent_symbol(work: Path) -> str:
    from qtkit.market.tables.bar_table import BarTable

    table = BarTable(work / "tables", "stock_1min")
    with pytest.raises(QtkitError) as refusal:
        table.read("600036.SH")
    return str(refusal.value)


def no_record_of_the_day_before(work: Path) -> str:
    return str(sheet_of(RecordedSession(lived(work)), at=NOON, headless=True))


def an_altered_record_of_the_day_before(work: Path) -> str:
    folder = lived(work)
    file = save_sheet(
        sheet_of(RecordedSession(folder), at=NOON, day=date(2026, 3, 4), headless=True)
    )
    write_atomic(file, file.read_text().replace("demo", "domo"))
    return told(typed("sheet", folder.path))


SITUATIONS: Mapping[str, Callable[[Path], str]] = {
    made.__name__: made
    for made in (
        an_unknown_order, an_unknown_run, an_unknown_run_elsewhere, no_session, a_kill,
        a_lift_without_a_name, an_absent_table, an_absent_symbol, no_record_of_the_day_before,
        an_altered_record_of_the_day_before,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_an_error_says_can_be_typed(work: Path, name: str) -> None:
    text = SITUATIONS[name](work)

    assert assert_it_runs(text) > 0, text


def test_what_the_sheet_says_writes_the_record_that_is_not_there(work: Path) -> None:
    assert_it_runs(no_record_of_the_day_before(work))

    assert lived(work).day_record(date(2026, 3, 4)).is_file()


def test_what_is_said_when_no_answer_comes_sets_the_kill_switch(work: Path) -> None:
    """The command is that of the session's own account, mode and root."""
    from qtkit.core.advice import kill_command
    from qtkit.runtime.session_finder import account_of

    assert_it_runs(kill_command(account_of(lived(work))))

    assert OutputRoot(work / "outputs").account("paper", "demo").kill_file.is_file()
