"""`rotatelogs` removes exactly the expired risk logs, and nothing else ever removes one."""

from __future__ import annotations

import ast
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import qtkit as package
from qtkit.cli.rotatelogs import rotatelogs
from qtkit.core.errors import ConfigError
from qtkit.core.locks import NamedLock
from qtkit.core.paths import OutputRoot, SessionFolder, log_parts
from qtkit.core.render import REPORT_MIME
from qtkit.reports.artifacts import rebuild
from qtkit.reports.retention import LogRotation, expired_logs, rotate_logs
from qtkit.sessions.local import LocalSession
from qtkit.sessions.simulation import simulate

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"


def on(day: int, month: int = 3) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> LocalSession:
    """Return a session of two days with a log for each, three intents refused on the first."""
    return simulate(
        GRID,
        day="2026-03-04",
        days=2,
        root=tmp_path_factory.mktemp("two_days"),
        settings={"logs": {"rotate_daily": True}, "risk": {"max_order_value": 1000}},
    )


@pytest.fixture
def root(two_days: LocalSession, tmp_path: Path) -> OutputRoot:
    """Return three sessions: an ended one, one cut short, and a live one that ended."""
    root = OutputRoot(tmp_path / "out")
    for name in ("paper_sessions/ended", "paper_sessions/cut", "live_sessions/live"):
        shutil.copytree(two_days.folder.path, root.path / name)
    cut = SessionFolder(root.path / "paper_sessions" / "cut")
    lines = cut.journal.read_bytes().splitlines(keepends=True)
    cut.journal.write_bytes(b"".join(lines[:-1]))
    return root


def everything(root: OutputRoot) -> dict[str, bytes]:
    return {
        path.relative_to(root.path).as_posix(): path.read_bytes()
        for path in root.path.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


EXPIRED = {
    f"{session}/artifacts/{name}"
    for session in ("paper_sessions/ended", "live_sessions/live")
    for name in ("risk.log", "risk.log.20260304.1")
}


def test_exactly_the_risk_logs_of_ended_sessions_go(root: OutputRoot) -> None:
    before = everything(root)

    done = rotate_logs(expired_logs(root, 30, on(5, 4)), on(5, 4))

    after = everything(root)
    assert before.keys() - after.keys() == EXPIRED
    assert {name: after[name] for name in after if name in before} == {
        name: content for name, content in before.items() if name not in EXPIRED
    }
    assert after.keys() - before.keys() == {
        "paper_sessions/ended/artifacts/removed_logs.jsonl",
        "live_sessions/live/artifacts/removed_logs.jsonl",
    }
    assert (len(done.logs), done.unfinished) == (4, ("cut",))


@pytest.mark.parametrize(
    ("days", "now", "count"),
    [(30, on(4, 4), 0), (30, on(5, 4), 4), (0, on(5), 0), (0, on(6), 4), (400, on(5, 4), 0)],
)
def test_a_session_expires_by_the_date_of_its_own_end(
    root: OutputRoot, days: int, now: datetime, count: int
) -> None:
    """The sessions ended on 5 March: 30 days later is 4 April, and that is not yet more."""
    assert len(expired_logs(root, days, now).logs) == count


def test_what_is_gone_is_noted_down(root: OutputRoot) -> None:
    folder = SessionFolder(root.path / "paper_sessions" / "ended")
    sizes = {part.name: part.stat().st_size for part in log_parts(folder.risk_log)}

    rotate_logs(expired_logs(root, 0, on(9)), on(9))

    notes = [json.loads(line) for line in folder.log_removals.read_text().splitlines()]
    assert {note["log"]: note["bytes"] for note in notes} == sizes
    assert {note["at"] for note in notes} == {"2026-03-09T12:00:00+00:00"}


def test_what_is_gone_can_be_made_again_from_the_journal(
    root: OutputRoot, two_days: LocalSession
) -> None:
    folder = SessionFolder(root.path / "paper_sessions" / "ended")
    before = {part.name: part.read_bytes() for part in log_parts(folder.risk_log)}
    rotate_logs(expired_logs(root, 0, on(9)), on(9))

    rebuild(folder)

    again = {part.name: part.read_bytes() for part in log_parts(folder.risk_log)}
    named = two_days.session_id.encode()
    assert again == {name: text.replace(named, b"ended") for name, text in before.items()}


def test_a_session_that_somebody_writes_is_left_alone(root: OutputRoot) -> None:
    folder = SessionFolder(root.path / "paper_sessions" / "ended")
    lock = NamedLock(folder.journal.with_name("journal.jsonl.lock"), "a journal")
    lock.acquire()

    found = expired_logs(root, 0, on(9))
    lock.release()

    assert "ended" in found.unfinished
    assert {log.folder.session_id for log in found.logs} == {"live"}


def test_a_session_that_came_back_after_the_question_is_left_alone(root: OutputRoot) -> None:
    found = expired_logs(root, 0, on(9))
    folder = SessionFolder(root.path / "paper_sessions" / "ended")
    lock = NamedLock(folder.journal.with_name("journal.jsonl.lock"), "a journal")
    lock.acquire()

    done = rotate_logs(found, on(9))
    lock.release()

    assert {log.folder.session_id for log in done.logs} == {"live"}
    assert len(log_parts(folder.risk_log)) == 2


@pytest.mark.parametrize("tail", [b"{}\n", b"half a li", b"\xff\n"])
def test_a_journal_that_tells_no_end_keeps_its_logs(root: OutputRoot, tail: bytes) -> None:
    folder = SessionFolder(root.path / "paper_sessions" / "ended")
    with folder.journal.open("ab") as file:
        file.write(tail)

    found = expired_logs(root, 0, on(9))

    assert "ended" in (*found.unfinished, *found.unreadable)
    assert {log.folder.session_id for log in found.logs} == {"live"}


def test_folders_that_are_no_sessions_break_nothing(root: OutputRoot) -> None:
    (root.path / "paper_sessions" / "empty").mkdir()
    (root.path / "paper_sessions" / "note.txt").write_text("x")

    found = expired_logs(root, 0, on(9))

    assert found.unreadable == ("empty",)
    assert len(found.logs) == 4


def test_logs_elsewhere_are_found(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    session = simulate(
        GRID,
        day="2026-03-04",
        root=tmp_path / "out",
        settings={"logs": {"trade_log_file_path": str(logs)}},
    )
    (logs / "other.risk.log").write_text("not ours")

    found = expired_logs(OutputRoot(tmp_path / "out"), 0, on(9))
    rotate_logs(found, on(9))

    assert sorted(path.name for path in logs.iterdir()) == [
        f"{session.session_id}.trade.log",
        "other.risk.log",
    ]


def test_a_negative_number_of_days_is_refused(root: OutputRoot) -> None:
    with pytest.raises(ConfigError, match="days was -1; expected 0 or more"):
        expired_logs(root, -1, on(9))


def test_it_shows_well(root: OutputRoot) -> None:
    found = expired_logs(root, 30, on(5, 4))

    bundle = found._repr_mimebundle_()

    assert repr(found) == bundle["text/plain"]
    assert "4 risk logs expired" in repr(found)
    assert "left alone: cut" in repr(found)
    payload = bundle[REPORT_MIME]
    assert isinstance(payload, dict)
    assert json.loads(json.dumps(payload))["type"] == "log_rotation"
    assert isinstance(found, LogRotation)


# --- the command line --------------------------------------------------------------------------


def run(root: OutputRoot, *words: str, say: str = "") -> Result:
    return CliRunner().invoke(rotatelogs, [*words, "--root", str(root.path)], input=say)


def test_a_dry_run_shows_and_removes_nothing(root: OutputRoot) -> None:
    before = everything(root)

    done = run(root, "--days", "30", "--dry-run")

    assert done.exit_code == 0
    assert "risk.log.20260304.1" in done.output
    assert everything(root) == before


@pytest.mark.parametrize(("say", "left"), [("n\n", 4), ("", 4), ("y\n", 0)])
def test_it_asks_first(root: OutputRoot, say: str, left: int) -> None:
    done = run(root, "--days", "30", say=say)

    assert "Remove 4 risk logs? [y/N]" in done.output
    assert len([name for name in everything(root) if name in EXPIRED]) == left


def test_with_yes_it_does_not_ask(root: OutputRoot) -> None:
    done = run(root, "--days", "30", "--yes")

    assert done.exit_code == 0
    assert "4 risk logs removed" in done.output
    assert EXPIRED & everything(root).keys() == set()


def test_nothing_expired_is_nothing_to_ask_about(root: OutputRoot) -> None:
    done = run(root, "--days", "5000")

    assert (done.exit_code, done.output.splitlines()[0][:19]) == (0, "0 risk logs expired")


@pytest.mark.parametrize("words", [["--days", "-1"], [], ["--days", "x"]])
def test_a_wrong_request_removes_nothing(root: OutputRoot, words: list[str]) -> None:
    done = run(root, *words, "--yes")

    assert done.exit_code == 2
    assert everything(root).keys() >= EXPIRED


# --- and nothing else --------------------------------------------------------------------------


def deletions() -> list[tuple[str, str]]:
    """Return (module, source of the function) of everything in the package that deletes a file."""
    found = []
    base = Path(package.__path__[0])
    for path in sorted(base.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef) and _deletes(function):
                source = ast.get_source_segment(text, function) or ""
                found.append((path.relative_to(base).as_posix(), source))
    return found


def _deletes(function: ast.FunctionDef) -> bool:
    called = (call.func for call in ast.walk(function) if isinstance(call, ast.Call))
    names = [ast.unparse(func).rpartition(".") for func in called]
    return any(
        last in {"unlink", "rmtree", "rmdir", "removedirs"} or (owner, last) == ("os", "remove")
        for owner, _, last in names
    )


def test_nothing_else_in_the_package_deletes_a_log() -> None:
    about_logs = ("risk_log", "sys_log", "trade_log", "log_parts", ".log", "log.path")
    found = {module for module, source in deletions() if any(w in source for w in about_logs)}

    assert found == {"reports/retention.py"}
