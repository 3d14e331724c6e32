"""What a notebook declares, and what is refused before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot
from qtkit.runs.execute import execute
from qtkit.runs.parameters import Parameter, checked, declared, parsed

CELL = """
# what a person may change
seed: int = 7
day = "2026-03-04"
mode: Literal["paper", "shadow"] = "paper"
limit: float | None = None
symbols: list[str] = ["600519"]
grid: "dict[str, float]" = {"600519": 0.5}
quiet = True
first: date = "2026-03-04"
maybe: Optional[int] = None
either: Union[int, str] = 3
pair: tuple[int, int] = (1, 2)
anything = None
folder: Path = "x"
account: str
odd: "not a type" = 1
made = Path("x")
numbers.first = 1
seed: int = 8
"""
R_NOTEBOOK = """{"nbformat": 4, "nbformat_minor": 5, "cells": [],
 "metadata": {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}}"""

OLD_NOTEBOOK = """{"nbformat": 1, "cells": [{"cell_type": "other"}]}"""


def cell(source: str, tags: tuple[str, ...] = ("parameters",)) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source}


@pytest.fixture
def known() -> dict[str, Parameter]:
    return {p.name: p for p in declared([cell("import os", ()), cell(CELL)])}


def test_names_kinds_and_defaults_are_read_without_running_the_cell(
    known: dict[str, Parameter],
) -> None:
    shown = {name: (p.kind, p.default) for name, p in known.items()}

    assert shown["seed"] == ("int", "8")
    assert shown["day"] == ("str", "'2026-03-04'")
    assert shown["mode"] == ("Literal['paper', 'shadow']", "'paper'")
    assert shown["grid"] == ("dict[str, float]", "{'600519': 0.5}")
    assert shown["account"] == ("str", "")
    assert len(known) == 16


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("seed", [1, -3], [1.5, "1", True, None]),
        ("day", ["x"], [1, None]),
        ("mode", ["shadow"], ["live", None]),
        ("limit", [1, 1.5, None], ["1", True, float("nan"), float("inf")]),
        ("symbols", [[], ["a"]], ["a", [1], {"a": 1}]),
        ("grid", [{}, {"a": 1}], [{"a": "b"}, {1: 1.0}, []]),
        ("quiet", [False], [0, "no"]),
        ("first", ["2026-12-31"], ["2026-13-01", 20261231]),
        ("maybe", [1, None], ["1"]),
        ("either", [1, "a"], [1.5, None]),
        ("pair", [[3, 4]], [3]),
        ("anything", [1, "a", None, [1]], [float("nan"), object()]),
        ("folder", ["a", 1], [Path("a")]),
        ("odd", ["a", 1], [object()]),
        ("made", ["a", 1], [Path("a")]),
    ],
)
def test_each_kind_takes_its_values_and_no_others(
    known: dict[str, Parameter], name: str, good: list[object], bad: list[object]
) -> None:
    assert [value for value in good if not known[name].takes(value)] == []
    assert [value for value in bad if known[name].takes(value)] == []


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("seed", "5", 5),
        ("seed", "five", "five"),
        ("day", "600519", "600519"),
        ("limit", "2", 2),
        ("limit", "None", None),
        ("quiet", "False", False),
        ("symbols", '["a", "b"]', ["a", "b"]),
        ("symbols", "['a']", ["a"]),
        ("either", "4", 4),
        ("either", "four", "four"),
        ("mode", "shadow", "shadow"),
        ("anything", "true", True),
    ],
)
def test_words_of_a_command_line_are_read_by_the_declared_kind(
    known: dict[str, Parameter], name: str, word: str, value: object
) -> None:
    assert parsed(tuple(known.values()), [(name, word)]) == {name: value}


def test_all_mistakes_come_at_once_with_the_nearest_name(known: dict[str, Parameter]) -> None:
    given = {"sed": 1, "seed": "x", "api_key": "k", "zzz": 1}

    with pytest.raises(ConfigError) as refusal:
        checked(tuple(known.values()), given, "day.ipynb")

    said = str(refusal.value)
    assert "day.ipynb: the parameters do" in said
    assert "did you mean seed?" in said
    assert "be int, was 'x' (str)" in said
    assert "api_key looks like a" in said
    assert "zzz is unknown" in said
    assert "account is required (str)" in said


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "broker_token",
        "API_KEY",
        "clientSecret",
        "private_key",
        "credentials",
        "auth",
        "pw",
    ],
)
def test_secrets_are_refused_even_when_the_notebook_declares_them(name: str) -> None:
    with pytest.raises(ConfigError, match="looks like a secret"):
        checked(declared([cell(f"{name} = ''")]), {name: "x"}, "n")


@pytest.mark.parametrize(
    "value",
    ["http://host/?apikey=x", ["http://me:x@host/"], {"pw": "x"}, {"a": {"b": "http://h/?sig=x"}}],
)
def test_a_secret_inside_a_value_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="looks like a secret"):
        checked(declared([cell("source = None")]), {"source": value}, "n")


def test_a_name_that_only_looks_like_a_secret_is_taken() -> None:
    asked = {"author": "anna", "source": "http://host/?table=x"}

    assert checked(declared([cell("author = ''\nsource = ''")]), asked, "n") == asked


def test_a_notebook_without_the_tagged_cell_takes_no_parameters() -> None:
    with pytest.raises(ConfigError, match="notebook is tagged `parameters`"):
        checked(declared([cell("x = 1", ())]), {"x": 1}, "n")


def test_a_tagged_cell_that_is_not_plain_python_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigError, match=re.escape("line 2: expected plain assignments")):
        declared([cell("x = 1\n%matplotlib inline")])


@pytest.mark.parametrize(
    "word",
    ["[" * 3_000 + "]" * 3_000, "[" * 100 + "]" * 100, "9" * 5_000, "{[]: 1}", "(" * 300, "\x00"],
    ids=["very deep", "deep", "digits", "no key", "brackets", "nul"],
)
@pytest.mark.parametrize("name", ["seed", "anything"])
def test_a_word_that_python_cannot_read_is_a_text(
    known: dict[str, Parameter], name: str, word: str
) -> None:
    assert parsed(tuple(known.values()), [(name, word)]) == {name: word}


@pytest.mark.parametrize(
    "source", ["x = " + "-" * 30_000 + "1", "x = 1\x00", "x = " + "1 + " * 5_000 + "1"]
)
def test_a_tagged_cell_that_python_cannot_read_is_refused(source: str) -> None:
    with pytest.raises(ConfigError):
        declared([cell(source)])


def test_a_refused_run_leaves_nothing_behind(
    notebook: Callable[..., Path], root: OutputRoot
) -> None:
    with pytest.raises(ConfigError, match="did you mean seed"):
        execute(notebook("n", ("seed = 1", ["parameters"])), {"sede": 2}, root=root)

    assert not root.path.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no notebook"),
        ("[]", "is no notebook"),
        ("[" * 3_000, "is no notebook"),
        ('{"nbformat": -4, "metadata": {}, "cells": []}', "is no notebook"),
        (OLD_NOTEBOOK, "is no notebook"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{}]}', "is no notebook"),
        (
            R_NOTEBOOK,
            "is for R; only Python",
        ),
    ],
)
def test_what_is_no_python_notebook_is_refused(
    tmp_path: Path, root: OutputRoot, text: str, message: str
) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(text)

    with pytest.raises(ConfigError, match=message):
        execute(path, root=root)
    with pytest.raises(ConfigError, match="cannot be read"):
        execute(tmp_path / "absent.ipynb", root=root)


def test_a_pipe_in_a_notebook_s_place_is_refused_and_not_waited_for(
    tmp_path: Path, root: OutputRoot
) -> None:
    os.mkfifo(tmp_path / "n.ipynb")

    with pytest.raises(ConfigError):
        execute(tmp_path / "n.ipynb", root=root)


@pytest.mark.parametrize("cells", [(), ("",), ("  \n ",), (("seed = 9", ["injected-parameters"]),)])
def test_a_notebook_without_code_is_refused_before_anything_starts(
    notebook: Callable[..., Path], root: OutputRoot, cells: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as refusal:
        execute(notebook("empty", *cells), root=root)

    assert refusal.value.exit_code == 2
    assert not root.path.exists()
