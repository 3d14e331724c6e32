"""A simulation that was killed is finished by the command that began it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qtkit.cli import qtkit as command_line
from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot
from qtkit.model import events as ev
from qtkit.runtime.session_finder import newest_session
from qtkit.sessions.remote import open_session

KILLED_AT_TEN = """
import os, signal
from decimal import Decimal
from pathlib import Path
from qtkit.model.intents import Intent
from qtkit.trading.strategy.protocol import StrategySpec

class Once:
    def prepare(self, view): return None
    def decide(self, view, prepared):
        alive = Path(__file__).with_name("killed")
        if view.now.hour == 2 and not alive.exists():
            alive.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [Intent(symbol="600036.SH", quantity=Decimal(100), because="a step")]
    def on_fill(self, fill, view): pass
    def state(self): return {}
    def restore(self, state): pass

SPEC = StrategySpec(name="once", make=Once, symbols=("600036.SH",), step_minutes=30)
"""


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    (tmp_path / "once.py").write_text(KILLED_AT_TEN)
    return tmp_path / "once.py"


@pytest.fixture
def root(tmp_path: Path) -> OutputRoot:
    return OutputRoot(tmp_path / "outputs")


def words(strategy: Path, root: OutputRoot, *more: str) -> list[str]:
    return ["simulate", str(strategy), "--date", "2026-03-04", "--root", str(root.path), *more]


def killed(strategy: Path, root: OutputRoot, *more: str) -> list[str]:
    """Run the command in a process that is killed; return its words."""
    command = words(strategy, root, *more)
    done = subprocess.run(
        [sys.executable, "-m", "qtkit", *command], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    return command


def run(command: list[str]) -> Result:
    return CliRunner().invoke(command_line, command)


def sessions(root: OutputRoot) -> list[Path]:
    return sorted(root.sessions("paper").iterdir())


@pytest.mark.parametrize("account", [[], ["-n", "demo"]], ids=["fresh", "new"])
def test_the_same_words_again_finish_it(
    strategy: Path, root: OutputRoot, account: list[str]
) -> None:
    command = killed(strategy, root, *account)

    done = run(command)

    assert done.exit_code == 0, (done.output, done.exception)
    (folder,) = sessions(root)
    assert Path(done.output.splitlines()[-1]) == folder
    session = open_session(folder)
    assert session.status()["status"] == "stopped"
    kinds = [type(entry.event) for entry in session.entries()]
    assert kinds.count(ev.SessionStarted) == kinds.count(ev.SessionResumed) == 1
    ids = [e.event.order_id for e in session.entries() if isinstance(e.event, ev.OrderRequested)]
    assert len(ids) == len(set(ids)) > 2


def test_on_an_account_that_was_there_it_goes_on_too(strategy: Path, root: OutputRoot) -> None:
    (strategy.with_name("killed")).touch()
    run([*words(strategy, root, "-n", "demo"), "--date", "2026-03-03"])
    (strategy.with_name("killed")).unlink()
    command = killed(strategy, root, "-a", "demo")

    done = run(command)

    assert done.exit_code == 0, (done.output, done.exception)
    assert [open_session(f).status()["status"] for f in sessions(root)] == ["stopped"] * 2


def test_another_request_is_a_session_of_its_own(strategy: Path, root: OutputRoot) -> None:
    killed(strategy, root)

    done = run(words(strategy, root, "--seed", "8"))

    assert done.exit_code == 0
    assert len(sessions(root)) == 2


def test_another_code_is_a_session_of_its_own(strategy: Path, root: OutputRoot) -> None:
    command = killed(strategy, root)
    strategy.write_text(KILLED_AT_TEN + "\n# mended\n")

    assert run(command).exit_code == 0
    assert len(sessions(root)) == 2


def test_once_it_has_ended_the_same_words_begin_anew(strategy: Path, root: OutputRoot) -> None:
    command = killed(strategy, root)
    run(command)

    assert run(command).exit_code == 0
    assert len(sessions(root)) == 2


def test_other_dates_on_its_account_are_told_the_ones_to_finish(
    strategy: Path, root: OutputRoot
) -> None:
    killed(strategy, root, "-n", "demo")
    earlier = [*words(strategy, root, "-a", "demo"), "--date", "2026-03-03"]

    found = run(earlier).exception

    assert isinstance(found, ConfigError)
    assert "--date 2026-03-04 --account demo" in str(found)


def test_damage_around_it_is_passed_over(strategy: Path, root: OutputRoot) -> None:
    command = killed(strategy, root)
    (root.sessions("paper") / "20990101_000000_paper_abc").mkdir()
    (root.sessions("paper") / "20990102_000000_paper_abc").mkdir()
    (root.sessions("paper") / "20990102_000000_paper_abc" / "config.json").write_text("[" * 9_999)

    assert run(command).exit_code == 0
    assert len(sessions(root)) == 3


def test_a_session_that_came_back_is_the_newest(strategy: Path, root: OutputRoot) -> None:
    command = killed(strategy, root)
    first = sessions(root)[0].name
    later = run([*words(strategy, root), "--date", "2026-03-05"])
    assert newest_session(root).session_id == Path(later.output.splitlines()[-1]).name

    run(command)

    assert newest_session(root).session_id == first
    assert json.loads(newest_session(root).returns.read_text())["at"]
