"""A command that is stopped while it begins says one word and ends with 130."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# each sends a signal to itself at a stage of its start
STAGES = {
    "the command line is imported": "import click",
    "a verb is imported": "import pydantic",
    "a strategy's file is read": "import strategy_that_is_read",
}
BEGINNING = """
import builtins, os, signal, sys
number, stage, *words = sys.argv[1:]
load = builtins.__import__
def importing(name, *rest, **more):
    if name == stage.split()[1]:
        for _ in range(3):
            os.kill(os.getpid(), int(number))
    return load(name, *rest, **more)
builtins.__import__ = importing
sys.argv = ["qtkit", *words]
from qtkit.__main__ import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_a_signal_while_it_begins_is_one_word(
    tmp_path: Path, number: signal.Signals, stage: str
) -> None:
    strategy = tmp_path / "strategy.py"
    strategy.write_text("import strategy_that_is_read")
    words = ["simulate", str(strategy), "--date", "2026-03-04", "--root", str(tmp_path / "o")]

    done = subprocess.run(
        [sys.executable, "-c", BEGINNING, str(int(number)), stage, *words],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "aborted")
    assert not (tmp_path / "o").exists()


def test_a_command_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    file = tmp_path / "hangs_up.py"
    file.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGHUP)\nraise RuntimeError\n")
    words = [sys.executable, "-m", "qtkit", "simulate", str(file), "--date", "2026-03-04"]

    done = subprocess.run(
        words,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ},
    )

    assert done.returncode == 4
    assert done.stderr.startswith("StrategyError")
