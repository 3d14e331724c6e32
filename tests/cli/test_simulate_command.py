"""`qtkit simulate`, as an operator types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qtkit.cli.simulate import simulate
from qtkit.core.errors import QtkitError

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
WRONG = """
from decimal import Decimal
from qtkit.trading.strategy.protocol import StrategySpec

class Wrong:
    def prepare(self, view): return None
    def decide(self, view, prepared): raise RuntimeError("no idea")
    def on_fill(self, fill, view): pass
    def state(self): return {}
    def restore(self, state): pass

SPEC = StrategySpec(name="wrong", make=Wrong, symbols=("600036.SH",))
"""


def run(root: Path, *words: object) -> Result:
    return CliRunner().invoke(simulate, [str(word) for word in (*words, "--root", root)])


def test_the_sessions_folder_is_printed_last(tmp_path: Path) -> None:
    done = run(tmp_path, GRID, "--date", "2026-03-04", "--seed", "7")

    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    folder = Path(lines[-1])
    assert lines[0] == "Session · live_grid_multi · 2026-03-04 · end_of_data"
    assert folder.parent == tmp_path / "paper_sessions"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["asked_settings"] == {"seed": 7}


def test_two_days_in_a_process_of_their_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "qtkit", "simulate", str(GRID)]
    command += ["--date", "2026-03-04", "--days", "2", "--root", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "2026-03-04 to 2026-03-05, 2 trading days" in done.stdout
    assert (Path(done.stdout.splitlines()[-1]) / "report.json").exists()


def test_a_strategy_that_raises_ends_with_4(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(WRONG, encoding="utf-8")

    done = run(tmp_path / "outputs", file, "--date", "2026-03-04")

    assert done.exit_code == 4
    assert "decide raised RuntimeError: no idea" in done.output


@pytest.mark.parametrize(
    ("name", "content", "code", "sentence"),
    [
        ("raises.py", "1 / 0", 4, "raised ZeroDivisionError"),
        ("empty.py", "", 2, "has no SPEC = StrategySpec(...) (found NoneType)"),
        ("notes.txt", "SPEC = 1", 2, "is no Python file"),
    ],
)
def test_a_file_that_is_no_strategy_starts_nothing(
    tmp_path: Path, name: str, content: str, code: int, sentence: str
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")

    found = run(tmp_path / "outputs", file, "--date", "2026-03-04").exception

    assert isinstance(found, QtkitError)
    assert found.exit_code == code
    assert sentence in str(found)
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("nowhere.py", "--date", "2026-03-04"), 2, "no strategy file nowhere.py"),
        ((GRID, "--date", "2027-03-04"), 3, "XSHG is known from"),
        ((GRID, "--date", "2026-03-04", "--account", "nobody"), 2, "--new_account nobody"),
        ((GRID, "--date", "2026-03-04", "--data", "mine"), 3, "table 'mine'"),
        ((GRID, "--date", "2026-03-04", "-a", "one", "-n", "two"), 2, "two accounts"),
    ],
)
def test_errors_carry_the_exit_code_of_the_table(
    tmp_path: Path, words: tuple[object, ...], code: int, sentence: str
) -> None:
    found = run(tmp_path, *words).exception

    assert isinstance(found, QtkitError)
    assert found.exit_code == code
    assert sentence in str(found)


@pytest.mark.parametrize(
    "words", [(GRID, "--date", "tomorrow"), (GRID, "--date", "2026-03-04", "--days", "0"), (GRID,)]
)
def test_wrong_words_end_with_2(tmp_path: Path, words: tuple[object, ...]) -> None:
    assert run(tmp_path, *words).exit_code == 2


def test_an_account_lives_on_and_does_not_go_back(tmp_path: Path) -> None:
    first = run(tmp_path, GRID, "--date", "2026-03-04", "-n", "demo")
    second = run(tmp_path, GRID, "--date", "2026-03-05", "-a", "demo")
    back = run(tmp_path, GRID, "--date", "2026-03-04", "-a", "demo")
    cleared = run(tmp_path, GRID, "--date", "2026-03-06", "-a", "demo", "--restart")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert isinstance(back.exception, QtkitError)
    assert "has lived until 2026-03-05" in str(back.exception)
    assert isinstance(cleared.exception, QtkitError)
    assert "while something is open" in str(cleared.exception)


@pytest.mark.parametrize("words", [(), ("--new_account", "mine")])
def test_a_step_longer_than_every_segment_is_refused_before_anything_is_written(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    file, root = tmp_path / "slow.py", tmp_path / "outputs"
    file.write_text(GRID.read_text().replace("step_minutes=5", "step_minutes=121"))
    command = [sys.executable, "-m", "qtkit", "simulate", str(file), "--date", "2026-03-04"]
    done = subprocess.run(
        [*command, "--root", str(root), *words], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "step_minutes is 121" in done.stderr
    assert not [path for path in root.rglob("*") if path.is_file()]
