"""A strategy that raises, exits, or returns nonsense ends with code 4 and its method, wherever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qtkit.cli import qtkit
from qtkit.core.errors import QtkitError

FILE = """
from decimal import Decimal
from qtkit.model.intents import Intent
from qtkit.trading.strategy.protocol import StrategySpec
{at_import}

class Own:
    def __init__(self): {make}
    def prepare(self, view): {prepare}
    def decide(self, view, prepared): {decide}
    def on_fill(self, fill, view): {on_fill}
    def state(self): {state}
    def restore(self, state): {restore}

SPEC = StrategySpec(name="own", make=Own, symbols=("SPY",), exchange="XNYS", currency="USD")
"""
PLAIN = {
    "at_import": "",
    "make": "pass",
    "prepare": "pass",
    "decide": "return [Intent(symbol='SPY', quantity=Decimal(100), because='x')]",
    "on_fill": "pass",
    "state": "return {}",
    "restore": "pass",
}
VERBS = {
    "simulate": ("--date", "2026-03-04"),
    "backtest": ("--start", "2026-03-04", "--end", "2026-03-04"),
    "shell": ("--date", "2026-03-04", "-c", "advance 10:00"),
}
LEAVES = {
    "an exit": "__import__('sys').exit(0)",
    "quit": "raise SystemExit",
    "an interrupt of its own": "raise KeyboardInterrupt",
    "a generator's exit": "raise GeneratorExit",
    "an error": "1 / 0",
}
NONSENSE = {
    "state": ["return ['a']", "return {'a': float('nan')}", "return {1: 2}"],
    "decide": ["return 7", "return [('SPY', 100)]", "return None"],
}


def _strategy(folder: Path, **methods: str) -> Path:
    file = folder / "own.py"
    file.write_text(FILE.format(**{**PLAIN, **methods}), encoding="utf-8")
    return file


def _run(folder: Path, verb: str, file: Path) -> Result:
    words = [verb, str(file), *VERBS[verb], "--root", str(folder / "outputs")]
    return CliRunner().invoke(qtkit, words)


def _code_and_text(done: Result) -> tuple[int, str]:
    if isinstance(done.exception, QtkitError):
        return done.exception.exit_code, str(done.exception)
    return done.exit_code, done.output


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("leaves", LEAVES)
@pytest.mark.parametrize("where", PLAIN)
def test_it_ends_with_4_and_says_where(tmp_path: Path, verb: str, leaves: str, where: str) -> None:
    file = _strategy(tmp_path, **{where: LEAVES[leaves]})

    code, text = _code_and_text(_run(tmp_path, verb, file))

    assert code == 4
    assert verb == "shell" or where in text.replace(str(file), "at_import")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("where", "what"), [(where, what) for where, some in NONSENSE.items() for what in some]
)
def test_nonsense_ends_with_4_too(tmp_path: Path, verb: str, where: str, what: str) -> None:
    code, _ = _code_and_text(_run(tmp_path, verb, _strategy(tmp_path, **{where: what})))
    assert code == 4


def test_a_state_that_fails_at_the_stop_alone_ends_with_4(tmp_path: Path) -> None:
    sly = (
        "return {} if 'stop' not in str(__import__('traceback').extract_stack()[-6:-2]) else 1 / 0"
    )
    file = _strategy(tmp_path, state=sly, decide="return []")
    assert _code_and_text(_run(tmp_path, "simulate", file))[0] == 4


def test_a_preparation_ahead_that_raises_ends_with_4(tmp_path: Path) -> None:
    file = _strategy(tmp_path, prepare="raise SystemExit(0)")
    config = tmp_path / "qtkit.toml"
    config.write_text("[engine]\nsplit_strategy_prepare = true\n", encoding="utf-8")
    words = ["simulate", str(file), *VERBS["simulate"], "--root", str(tmp_path / "outputs")]
    done = CliRunner().invoke(qtkit, [*words, "--config", str(config)])
    assert _code_and_text(done)[0] == 4, done.output


@pytest.mark.parametrize("verb", ["live"])
@pytest.mark.parametrize("where", ["at_import", "make", "restore"])
def test_a_live_session_that_cannot_begin_ends_with_4(
    tmp_path: Path, verb: str, where: str
) -> None:
    file = _strategy(tmp_path, **{where: "raise SystemExit(0)"})
    done = CliRunner().invoke(qtkit, [verb, str(file), "--root", str(tmp_path / "outputs")])
    assert _code_and_text(done)[0] == 4


def test_a_ctrl_c_during_a_backtest_is_130(tmp_path: Path) -> None:
    """The operator presses it while the strategy thinks."""
    file = _strategy(tmp_path, decide="print('thinking', flush=True); __import__('time').sleep(20)")
    words = ["backtest", str(file), *VERBS["backtest"], "--root", str(tmp_path / "outputs")]
    with subprocess.Popen(
        [sys.executable, "-m", "qtkit", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"thinking\n"
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said
