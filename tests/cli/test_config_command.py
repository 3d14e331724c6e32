"""`qtkit config`, and `--config` of the verbs that trade, as an operator types them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from qtkit.cli import qtkit
from qtkit.core.config.secret import MASK
from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot
from qtkit.runtime.account_chain import sessions_of
from tests.golden import texts

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
WORD = "geheim-9f3a"
GOOD = """
[session]
strategy = "live_grid_multi.py"
root = "out"
seed = 7

[account]
name = "demo"
new = true
opening_cash = 700_000

[logs]
trade_log_file_path = "logs"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder with the example and a configuration for it."""
    for name in [name for name in os.environ if name.startswith("QTKIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    shutil.copy(GRID, tmp_path)
    (tmp_path / "qtkit.toml").write_text(GOOD, encoding="utf-8")
    address = f"https://example.org/bars?apikey={WORD}&table=x"
    (tmp_path / ".env").write_text(
        f"QTKIT_FEED__TOKEN={WORD}\nQTKIT_FEED__URL={address}\n", encoding="utf-8"
    )
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(qtkit, words)


def test_a_configuration_that_holds_is_told(folder: Path) -> None:
    done = run("config", "check")

    assert (done.exit_code, done.output) == (
        0,
        texts.CONFIGURATION_HOLDS,
    )


@pytest.mark.parametrize(
    ("section", "key", "name", "nearest"),
    [("engine", "broker", "simm", "sim"), ("feed", "kind", "parqet", "parquet")],
)
def test_a_broker_or_feed_that_there_is_not_is_a_mistake_of_the_configuration(
    folder: Path, section: str, key: str, name: str, nearest: str
) -> None:
    file = folder / "qtkit.toml"
    file.write_text(GOOD.replace("seed = 7", "seeed = 7") + f'[{section}]\n{key} = "{name}"\n')

    done = CliRunner().invoke(qtkit, ["config", "check"])

    line = len(file.read_text().splitlines())
    assert isinstance(done.exception, ConfigError)
    assert done.exception.exit_code == 2
    found = str(done.exception).splitlines()
    assert any("session.seed" in sentence for sentence in found)
    (mistake,) = [sentence for sentence in found if f"{section}.{key}" in sentence]
    assert all(word in mistake for word in (repr(name), repr(nearest), f"line {line}"))


def test_mistakes_are_a_wrong_request(folder: Path) -> None:
    (folder / "qtkit.toml").write_text("[engine]\nstep_minuts = 5\nrefill = 7\n", encoding="utf-8")

    done = run("config", "check")

    assert isinstance(done.exception, ConfigError)
    assert done.exception.exit_code == 2
    assert "the configuration has 2 mistakes" in str(done.exception)


def test_every_value_is_shown_with_its_origin_and_no_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QTKIT_ENGINE__STEP_MINUTES", "15")

    text, as_json = run("config", "show").output, run("config", "show", "--json").output

    assert ["session.seed", "7", "qtkit.toml", "line", "5"] in [
        r.split() for r in text.splitlines()
    ]
    keys = json.loads(as_json)["keys"]
    assert keys["engine.step_minutes"] == {
        "value": "15",
        "from": "environment QTKIT_ENGINE__STEP_MINUTES",
    }
    assert keys["engine.retry_seconds"] == {"value": "5", "from": "default"}
    assert WORD not in text + as_json
    assert keys["feed.url"]["value"] == f'"https://example.org/bars?apikey={MASK}&table=x"'


def test_a_key_is_explained(folder: Path) -> None:
    done = run("config", "explain", "late_after_seconds")

    assert done.exit_code == 0
    assert "allowed      a number, above 0" in done.output
    assert "unit         seconds" in done.output


def test_a_day_is_simulated_as_the_file_says(folder: Path) -> None:
    """Strategy, place, account with its cash, seed and logs: nothing of it is an option."""
    done = run("simulate", "--config", "qtkit.toml", "--date", "2026-03-04")

    session = Path(done.output.splitlines()[-1])
    config = json.loads((session / "config.json").read_text(encoding="utf-8"))
    opening = json.loads((session / "artifacts" / "journal.jsonl").read_bytes().splitlines()[0])
    assert done.exit_code == 0, done.output
    assert session.parent == Path("out/paper_sessions")
    assert config["account"] == "demo"
    assert (config["settings"]["seed"], config["settings"]["opening_cash"]) == (7, "700000")
    assert "700000" in json.dumps(opening)
    assert [path.suffix for path in sorted(Path("logs").iterdir())] == [".log", ".log"]
    for path in (p for p in folder.rglob("*") if p.is_file() and p.name != ".env"):
        assert WORD.encode() not in path.read_bytes()


def test_an_account_that_is_there_is_used_again(folder: Path) -> None:
    run("simulate", "--config", "qtkit.toml", "--date", "2026-03-04")

    done = run("simulate", "--config", "qtkit.toml", "--date", "2026-03-05")

    assert done.exit_code == 0, done.output
    account = OutputRoot(folder / "out").account("paper", "demo")
    assert len(sessions_of(account)) == 2


def test_options_of_the_command_line_win(folder: Path) -> None:
    words = ("--config", "qtkit.toml", "--date", "2026-03-04", "--seed", "9", "--root", "other")

    done = run("simulate", *words, "-n", "mine")

    session = Path(done.output.splitlines()[-1])
    config = json.loads((session / "config.json").read_text(encoding="utf-8"))
    assert session.parent == Path("other/paper_sessions")
    assert (config["settings"]["seed"], config["account"]) == (9, "mine")


def test_a_backtest_takes_the_same_file(folder: Path) -> None:
    done = run(
        "backtest",
        "--config",
        "qtkit.toml",
        "--start",
        "2026-03-04",
        "--end",
        "2026-03-04",
        "--json",
    )

    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["opening_cash"] == "700000"
    assert (folder / "out" / "runs").is_dir()


@pytest.mark.parametrize("verb", ["simulate", "backtest"])
def test_without_a_strategy_nothing_starts(folder: Path, verb: str) -> None:
    dates = ["--date", "2026-03-04"]
    if verb == "backtest":
        dates = ["--start", "2026-03-04", "--end", "2026-03-04"]

    done = run(verb, *dates)

    assert isinstance(done.exception, ConfigError)
    assert "no strategy is named" in str(done.exception)
    assert not (folder / "out").exists()


def test_a_configuration_that_is_not_there_is_told(folder: Path) -> None:
    done = run("simulate", "--config", "other.toml", "--date", "2026-03-04")

    assert isinstance(done.exception, ConfigError)
    assert "other.toml cannot be read" in str(done.exception)


def test_every_sub_command_says_what_it_does() -> None:
    command = qtkit.get_command(click.Context(qtkit), "config")
    assert isinstance(command, click.Group)

    assert {name: bool(sub.help) for name, sub in command.commands.items()} == {
        "check": True,
        "show": True,
        "explain": True,
    }
