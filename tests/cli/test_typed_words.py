"""What is typed may be anything: one short sentence, the right code, nothing written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qtkit.cli import qtkit, run_command
from qtkit.core.errors import ConfigError
from qtkit.core.input_text import checked_text
from qtkit.core.paths import OutputRoot
from qtkit.sessions.remote import open_session
from qtkit.sessions.simulation import simulate

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
DAY = ("--date", "2026-03-04")
HOSTILE = {
    "long": "x" * 5_000,
    "long with spaces": "a b " * 1_250,
    "no utf-8": "\udcff",
    "bidi": "\u202eanna",
    "nul": "a\0b",
    "escape": "\x1b[31m",
}
NAMES = {**HOSTILE, "above": "../x", "root": "/", "here": ".", "empty": "", "line": "a\nb"}
NOTEBOOK = """{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code",
 "id": "a", "metadata": {"tags": ["parameters"]}, "source": "seed = 1", "execution_count": null,
 "outputs": []}]}"""
EVERYWHERE = {
    "strategy": ("simulate", "?", *DAY),
    "new account": ("simulate", GRID, *DAY, "-n", "?"),
    "account": ("simulate", GRID, *DAY, "-a", "?"),
    "data": ("simulate", GRID, *DAY, "--data", "?"),
    "date": ("simulate", GRID, "--date", "?"),
    "stage": ("check", "?"),
    "session": ("check", "0", "--session", "?"),
    "attach": ("attach", "?"),
    "signature": ("sheet", "last", "--stage", "0", "--tick", "--by", "?"),
    "row": ("sheet", "last", "--stage", "?", "--summary", "x", "--by", "anna"),
    "order": ("journal", "order", "SESSION", "?"),
    "kind": ("journal", "show", "SESSION", "--kind", "?"),
    "notebook": ("run", "?"),
    "parameter": ("run", "NOTEBOOK", "-p", "?", "1"),
    "value": ("run", "NOTEBOOK", "-p", "seed", "?"),
    "run": ("runs", "show", "?"),
    "table": ("data", "check", "?"),
    "kill by": ("kill", "demo", "--by", "?"),
    "kill why": ("kill", "demo", "--why", "?"),
    "verb": ("?",),
}
ROOTED = {"simulate", "check", "attach", "sheet", "run", "runs", "kill"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("typed")
    simulate(GRID, day="2026-03-04", root=place / "outputs")
    (place / "one.ipynb").write_text(NOTEBOOK)
    return place / "outputs"


def ended(words: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        run_command(qtkit, words)
    return int(str(left.value.code))


@pytest.mark.parametrize("typed", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("words", EVERYWHERE.values(), ids=EVERYWHERE)
def test_a_word_that_no_journal_takes_is_one_short_sentence(
    root: Path, words: tuple[object, ...], typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"SESSION": str(root / "x"), "NOTEBOOK": str(root.parent / "one.ipynb"), "?": typed}
    before = sorted(root.rglob("*"))
    more = ["--root", str(root)] if words[0] in ROOTED else []

    code = ended([places.get(str(word), str(word)) for word in words] + more)

    said = capsys.readouterr().err
    assert code == 2
    assert len(said) < 400
    assert said.count("\n") == 1
    assert said.strip().isprintable()
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("option", ["-n", "-a"])
@pytest.mark.parametrize("verb", ["simulate", "live"])
def test_a_name_that_is_a_path_names_no_account(
    root: Path, verb: str, option: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(root.parent.rglob("*"))
    day = DAY if verb == "simulate" else ()

    code = ended([verb, str(GRID), *day, option, name, "--root", str(root)])

    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert sorted(root.parent.rglob("*")) == before


@pytest.mark.parametrize("verb", ["note", "cancel", "buy", "run_task", "x" * 5_000])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_command_with_such_words_is_not_sent(root: Path, verb: str, text: str) -> None:
    session = open_session("last", root=root)

    with pytest.raises(ConfigError) as refused:
        session.command(verb, by="anna", text=text)

    assert "nothing was sent" in str(refused.value)
    assert len(str(refused.value)) < 400


def test_an_ordinary_sentence_is_taken() -> None:
    sentence = "Überprüft: 3 von 4 Aufträgen, 平安银行 fehlt (siehe Blatt)."

    assert checked_text(sentence, "why") == sentence


def test_a_table_or_symbol_that_is_a_path_is_none(tmp_path: Path) -> None:
    shutil.copy(GRID, tmp_path / "x.csv")
    for name in ("../x", "/", ".", "", "a\nb"):
        words = [
            "data",
            "import",
            str(tmp_path / "x.csv"),
            name,
            "A",
            "--root",
            str(tmp_path / "o"),
        ]
        assert ended(words) in {2, 3}

    assert not OutputRoot(tmp_path / "o").path.exists()
