"""`qtkit run`, `qtkit runs` and `qtkit smoke`, as an operator types them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from qtkit.cli.run import run
from qtkit.cli.runs import runs
from qtkit.cli.smoke import smoke
from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot
from qtkit.core.provenance import commit_of, surroundings
from qtkit.runs.cell_monitor import Silent, Watch, first_line
from qtkit.runs.progress import Bar, Lines, progress_for
from qtkit.runs.signals import stop_signals
from qtkit.runs.smoke import find_checklist

Write = Callable[..., Path]


def typed(command: Any, *words: object) -> Result:  # noqa: ANN401 - a click command
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


def test_run_list_show_and_compare_tell_one_story(notebook: Write, root: OutputRoot) -> None:
    path = notebook("day", ("seed = 1", ["parameters"]), "1 / (seed - 2) if seed == 2 else seed")

    good = typed(run, path, "-p", "seed", "3", "--root", root.path)
    bad = typed(run, path, "-p", "seed", "2", "--root", root.path, "--json")

    assert good.exit_code == 0
    assert "✓ passed" in good.output
    assert "2/2 cells" in good.stderr
    assert (bad.exit_code, bad.stderr) == (1, "")
    failed = json.loads(bad.stdout)
    assert (failed["status"], failed["parameters"]) == ("failed_cell", {"seed": 2})

    listing = typed(runs, "list", "--root", root.path)
    assert "✓ passed" in listing.output
    assert "ZeroDivisionError" in listing.output
    rows = json.loads(typed(runs, "list", "--root", root.path, "--json").output)
    assert {row["status"] for row in rows} == {"failed_cell", "passed"}

    shown = typed(runs, "show", failed["run_id"], "--root", root.path)
    assert "Stopped in cell 1" in shown.output
    as_json = typed(runs, "show", failed["run_id"], "--root", root.path, "--json")
    assert json.loads(as_json.output) == failed

    first = next(row["run_id"] for row in rows if row["status"] == "passed")
    changed = typed(runs, "compare", failed["run_id"], first, "--root", root.path, "--json")
    assert json.loads(changed.output)["differences"][0] == {
        "section": "outcome", "name": "status", "before": "passed", "after": "failed_cell",
        "beyond": True,
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"good run of day\.ipynb with the same"):
        typed(runs, "compare", failed["run_id"], "--root", root.path)


def test_a_run_is_compared_with_the_last_good_one(notebook: Write, root: OutputRoot) -> None:
    path = notebook("day", "x = 1")
    assert typed(run, path, "--root", root.path).exit_code == 0
    notebook("day", "x = 1 / 0")
    second = json.loads(typed(run, path, "--root", root.path, "--json").stdout)
    third = json.loads(typed(run, path, "--root", root.path, "--json").stdout)

    assert (second["attempt"], third["attempt"]) == (1, 2)
    assert second["previous"] == third["previous"] != ""
    assert [d["name"] for d in second["differences"]] == [
        "status", "stopped by", "cells run", "notebook",
    ]  # fmt: skip
    told = typed(runs, "compare", "last", "--root", root.path)
    assert "outcome  status" in told.output


def test_an_empty_folder_has_no_runs(root: OutputRoot) -> None:
    assert typed(runs, "list", "--root", root.path).output == f"no runs under {root.path}\n"


def test_smoke_shows_stages_conclusion_and_paths(
    notebook: Write,
    showing: Callable[[dict[str, Any]], str],
    stage_payload: Callable[..., dict[str, Any]],
    root: OutputRoot,
) -> None:
    session = {"format": 1, "type": "session", "session_id": "s1", "folder": "/sessions/s1"}
    path = notebook(
        "smoke_checklist",
        ("root: str = 'elsewhere'", ["parameters"]),
        showing(session),
        showing(stage_payload("pass", "passed")),
        showing(stage_payload("fail", "blocked", rule="3.1", summary="differs at line 9")),
        f"assert root == {str(root.path)!r}",
    )

    done = typed(smoke, "--root", root.path, "--notebook", path)

    (folder,) = root.run_records.iterdir()
    assert done.exit_code == 1, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "Smoke checklist · ✗ blocked"
    assert lines[2].split() == ["2", "tasks", "…", "claimed", "1", "pass"]
    finding = next(line for line in lines if line.strip().startswith("3.1"))
    assert finding.split() == ["3.1", "✗", "fail", "differs", "at", "line", "9"]
    assert "Conclusion: blocked" in lines
    assert f"  record             {folder / 'record.json'}" in lines
    assert f"  executed notebook  {folder / 'notebook.ipynb'}" in lines
    assert "  session folder     /sessions/s1" in lines


def test_the_checklist_is_found_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    here = tmp_path / "notebooks" / "smoke_checklist.ipynb"
    here.write_text("{}")

    assert find_checklist() == here


def test_a_missing_checklist_is_told_with_the_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qtkit.runs.smoke.package_folder", lambda: tmp_path / "lib" / "qtkit")

    with pytest.raises(ConfigError, match="was not found") as refusal:
        find_checklist()
    assert str(refusal.value).count("smoke_checklist.ipynb") == 3


def test_progress_is_a_bar_on_a_terminal_lines_in_a_log_and_nothing_if_unwanted() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    log, terminal = io.StringIO(), Terminal()
    lines, bar = (
        progress_for(2, wanted=True, stream=log),
        progress_for(2, wanted=True, stream=terminal),
    )
    silent = progress_for(2, wanted=False, stream=log)
    for teller in (lines, bar, silent):
        teller.begun("x = 1")
        teller.ended(1, "   0.50 s")
        teller.close()

    assert (type(lines), type(bar), type(silent)) == (Lines, Bar, Silent)
    assert log.getvalue() == "  1/2 cells     0.50 s  x = 1\n"
    assert "1/2 cells" in terminal.getvalue()


@pytest.mark.parametrize(
    ("source", "line"),
    [("", ""), ("# note\n\n  run()\nx", "run()"), ("# only", "# only"), ("x" * 200, "x" * 120)],
)
def test_a_cell_is_named_by_its_first_line_of_code(source: str, line: str) -> None:
    assert first_line(source) == line


def test_a_cell_may_take_its_own_limit_or_what_is_left_of_the_run_s() -> None:
    def seconds(timeout: float | None, time_limit: float | None) -> float | None:
        return Watch([0], Silent(), timeout=timeout, time_limit=time_limit).time_for({})

    assert seconds(None, None) is None
    assert seconds(5, None) == 5
    assert seconds(5, 3600) == 5
    assert 3590 < (seconds(None, 3600) or 0) < 3600
    assert seconds(5, 0) == 0.001  # 0 would mean for ever


def test_stop_signals_interrupt_once_and_former_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    with stop_signals(install=True) as stop:
        stop.arm()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)

    assert stop.seen == 2
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    with stop_signals(install=False):
        assert signal.getsignal(signal.SIGTERM) == before[0]


def test_a_disarmed_stop_is_only_noted() -> None:
    with stop_signals(install=True) as stop:
        stop.arm()
        stop.disarm()
        os.kill(os.getpid(), signal.SIGTERM)

    assert stop.seen == 1


def test_a_stop_that_comes_early_interrupts_as_soon_as_it_may() -> None:
    with stop_signals(install=True) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            stop.arm()

    assert stop.seen == 1


def test_the_commit_is_that_of_the_repository_that_tracks_the_folder(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert commit_of(tmp_path) == ""
    git("init", "-q")
    (tmp_path / "a.py").write_text("x = 1\n")
    assert commit_of(tmp_path) == ""
    git("add", "a.py")
    git("commit", "-q", "-m", "one")
    head = git("rev-parse", "HEAD")
    assert commit_of(tmp_path) == head
    (tmp_path / "new.py").write_text("")
    assert commit_of(tmp_path) == head
    (tmp_path / "a.py").write_text("x = 2\n")
    assert commit_of(tmp_path) == f"{head}+dirty"


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert commit_of(Path(__file__).parent) == ""


def test_the_environment_is_every_installed_package_once() -> None:
    on = surroundings()

    assert list(on.environment) == sorted(set(on.environment))
    assert any(line.startswith("papermill==2.") for line in on.environment)


def test_importing_the_verbs_imports_nothing_heavy() -> None:
    program = (
        "import sys, qtkit.cli.run, qtkit.cli.runs, qtkit.cli.smoke, qtkit.core.render;"
        "print([m for m in ('papermill', 'pydantic', 'nbformat', 'tqdm') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert done.stdout == "[]\n"
