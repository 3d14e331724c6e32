"""What the machine refuses is one sentence with the right code; what was written stays readable."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from qtkit.cli import qtkit as command_line
from qtkit.cli import run_command
from qtkit.core.paths import SessionFolder
from qtkit.evidence.recorded import RecordedSession
from qtkit.journal import summarise

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
NOTEBOOK = """{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code",
 "id": "a", "metadata": {}, "source": "1 + 1", "execution_count": null, "outputs": []}]}"""
BARS = "timestamp,open,high,low,close,volume\n2026-03-04T09:31:00+08:00,1,1,1,1,100\n"
DAY = ("--date", "2026-03-04")


def qtkit(*words: object, **limits: int) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, within limits."""

    def limit() -> None:
        for name, most in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))

    return subprocess.run(
        [sys.executable, "-m", "qtkit", *(str(word) for word in words)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )


def is_one_sentence(done: subprocess.CompletedProcess[str]) -> bool:
    return done.stderr.count("\n") == 1 and "Error: " in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("simulate", GRID, *DAY),
        ("simulate", GRID, *DAY, "-n", "demo"),
        ("live", GRID),
        ("backtest", GRID, "--start", "2026-03-04", "--end", "2026-03-04"),
        ("run", "one.ipynb"),
        (
            "data",
            "import",
            "bars.csv",
            "stock_1min",
            "600036.SH",
            "--label",
            "end",
        ),
    ],
    ids=lambda words: " ".join(str(word) for word in words if word != GRID),
)
def test_a_root_that_nobody_can_write_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[object, ...]
) -> None:
    (tmp_path / "one.ipynb").write_text(NOTEBOOK)
    (tmp_path / "bars.csv").write_text(BARS)
    found = [tmp_path / str(w) if str(w).endswith(("ipynb", "csv")) else w for w in words]

    with pytest.raises(SystemExit) as left:
        run_command(command_line, [str(word) for word in (*found, "--root", "/proc")])

    assert left.value.code == 3
    # near the end of what a calendar knows, a line before says so
    shown = [line for line in capsys.readouterr().err.splitlines() if "is known until" not in line]
    assert ["Error: " in line for line in shown] == [True], shown


@pytest.mark.parametrize("words", [("kill", "demo"), ("check",), ("runs", "list")])
def test_looking_where_nothing_can_be_is_no_accident(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as left:
        run_command(command_line, [*words, "--root", "/proc"])

    assert left.value.code in {0, 2, 3}


@pytest.mark.parametrize("size", [10, 3_000, 30_000, 100_000, 300_000])
def test_a_file_that_may_not_grow_ends_a_session_and_a_return_goes_on(
    tmp_path: Path, size: int
) -> None:
    words = ("simulate", GRID, *DAY, "--root", tmp_path)

    done = qtkit(*words, FSIZE=size)
    folders = list((tmp_path / "paper_sessions").glob("*/artifacts/journal.jsonl"))
    found = [summarise(journal) for journal in folders]
    again = CliRunner().invoke(command_line, [str(word) for word in words])

    assert done.returncode == 3
    assert is_one_sentence(done), done.stderr
    assert all(journal.torn_bytes == 0 for journal in found)
    assert again.exit_code == 0, again.output
    assert RecordedSession(SessionFolder(Path(again.output.splitlines()[-1]))).exit_code == 0


def test_too_few_open_files(tmp_path: Path) -> None:
    done = qtkit("simulate", GRID, *DAY, "--root", tmp_path, NOFILE=8)

    assert done.returncode == 3
    assert is_one_sentence(done), done.stderr


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        ImportError("numpy: it is broken\n\nlibx.so: cannot map"),
        SystemError("error return without exception"),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_too_little_memory(problem: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    """What libraries raise when the machine gives no more, each seen under `ulimit -v`."""

    @click.command()
    def hungry() -> None:
        raise problem

    with pytest.raises(SystemExit) as left:
        run_command(click.Group(commands={"hungry": hungry}), ["hungry"])

    assert left.value.code == 3
    assert capsys.readouterr().err.count("\n") == 1
