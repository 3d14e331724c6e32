"""Instruments of one's own from the command line, and what becomes of unknown ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qtkit.cli import qtkit
from qtkit.core.errors import ConfigError, DataError

STRATEGY = """
from qtkit.testing import scripted_spec
from dataclasses import replace
SPEC = replace(
    scripted_spec({}, ["GOOG"], exchange="XNYS", zone="America/New_York"), currency="CURRENCY"
)
"""
LINE = '[symbols]\nGOOG = "XNYS"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own.py").write_text(STRATEGY.replace("CURRENCY", ""), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(words: str) -> Result:
    return CliRunner().invoke(qtkit, words.split())


@pytest.mark.parametrize(
    "words",
    [
        "backtest own.py --start 2026-03-04 --end 2026-03-04",
        "simulate own.py --date 2026-03-04",
        "simulate own.py --date 2026-03-04 --new_account mine",
        "shell own.py --date 2026-03-04 -c status",
        "live own.py --new_account mine",
        "instruments show GOOG",
    ],
)
def test_an_unknown_symbol_is_missing_data_everywhere_and_the_line_to_add_is_told(
    folder: Path, words: str
) -> None:
    found = asked(words).exception

    assert isinstance(found, DataError)
    assert found.exit_code == 3
    assert str(found).endswith('[symbols]\n  "GOOG" = "XNYS"')
    assert not (folder / "outputs" / "accounts").exists()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("instruments.toml", "instruments show GOOG"),
        ("instruments.toml", "simulate own.py --date 2026-03-04"),
        ("instruments.toml", "backtest own.py --start 2026-03-04 --end 2026-03-04"),
        ("instruments.toml", "shell own.py --date 2026-03-04 -c status"),
        ("mine.toml", "simulate own.py --date 2026-03-04 --instruments mine.toml"),
        ("desk/instruments.toml", "simulate own.py --date 2026-03-04 --config desk/qtkit.toml"),
    ],
)
def test_the_line_makes_it_known(folder: Path, place: str, words: str) -> None:
    (folder / "desk").mkdir()
    (folder / "desk" / "qtkit.toml").write_text("")
    (folder / place).write_text(LINE, encoding="utf-8")

    assert asked(words).exit_code == 0


def test_research_needs_no_line_where_it_names_an_exchange() -> None:
    words = "backtest own.py --start 2026-03-04 --end 2026-03-04 --exchange XNYS"

    assert asked(words).exit_code == 0


def test_the_session_keeps_the_file_that_it_was_given(folder: Path) -> None:
    (folder / "instruments.toml").write_text(LINE, encoding="utf-8")
    asked("simulate own.py --date 2026-03-04")

    (session,) = (folder / "outputs" / "paper_sessions").iterdir()

    assert (session / "artifacts" / "instruments.toml").read_text() == LINE


@pytest.mark.parametrize("words", [
    "simulate own.py --date 2026-03-04",
    "simulate own.py --date 2026-03-04 --new_account mine",
    "backtest own.py --start 2026-03-04 --end 2026-03-04 --exchange XNYS",
])  # fmt: skip
def test_a_strategy_in_other_money_is_refused_before_it_starts(folder: Path, words: str) -> None:
    (folder / "own.py").write_text(STRATEGY.replace("CURRENCY", "CNY"), encoding="utf-8")
    (folder / "instruments.toml").write_text(LINE, encoding="utf-8")

    found = asked(words).exception

    assert isinstance(found, ConfigError)
    assert 'currency = "USD"' in str(found)
    assert not (folder / "outputs").exists()


@pytest.mark.parametrize(
    "verb", ["simulate own.py --date", "backtest own.py --end 2026-03-04 --start"]
)
def test_a_strategy_with_the_hours_of_another_exchange_is_refused(folder: Path, verb: str) -> None:
    text = STRATEGY.replace('exchange="XNYS"', 'exchange="XSHG"').replace("CURRENCY", "")
    (folder / "own.py").write_text(text, encoding="utf-8")
    (folder / "instruments.toml").write_text(LINE, encoding="utf-8")

    found = asked(f"{verb} 2026-03-04").exception

    assert isinstance(found, ConfigError)
    assert 'exchange = "XNYS"' in str(found)
    assert not (folder / "outputs").exists()


def test_a_file_is_checked_with_all_its_mistakes(folder: Path) -> None:
    (folder / "instruments.toml").write_text('[symbols]\nA = "XNYX"\nB = 7\n')

    found = asked("instruments check instruments.toml").exception

    assert isinstance(found, ConfigError)
    assert "line 2" in str(found)
    assert "line 3" in str(found)
    (folder / "instruments.toml").write_text(LINE)
    assert asked("instruments check instruments.toml").exit_code == 0


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("instruments list", "STAR ETF"),
        ("instruments list --exchanges", "XTKS"),
        ("instruments list --fees", "stamp duty reserve tax"),
        ("instruments show 600036.SH --date 2023-08-27", "0.1% of the value"),
        ("instruments show SAP --exchange XETR", "EUR"),
    ],
)
def test_what_is_known_is_shown(words: str, part: str) -> None:
    assert part in asked(words).output
