"""CONTRIBUTING speaks of files and functions that are there, and of all rooms in their order."""

from __future__ import annotations

import ast
import re

import pytest

from tests.repository.places import PACKAGE, ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STOPS = re.findall(r"^\| (\d+) \|.*\| `([\w/]+\.py)` \| `([\w.]+)` \|$", PAGE, re.MULTILINE)
ROOMS = re.search(
    r"containers = qtkit\n.*?layers =\n(.*?)\n\n", (ROOT / ".importlinter").read_text(), re.DOTALL
)


def _defined(file: str) -> set[str]:
    """Return the functions and methods of a file: `judge`, `Check.__call__`."""
    found = set[str]()
    for node in ast.parse((PACKAGE / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize(("number", "file", "function"), STOPS, ids=[stop[2] for stop in STOPS])
def test_each_stop_from_a_bar_to_a_verdict_is_there(number: str, file: str, function: str) -> None:
    assert function in _defined(file)


def test_there_are_ten_stops_in_order() -> None:
    assert [int(number) for number, _, _ in STOPS] == list(range(1, 11))


def test_the_rooms_stand_in_the_order_that_is_enforced() -> None:
    assert ROOMS is not None
    enforced = [re.findall(r"\w+", line) for line in ROOMS[1].splitlines()]
    there = [[room for room in line if (PACKAGE / room).is_dir()] for line in enforced]
    block = PAGE.split("```text\n")[1].split("```")[0]
    shown = [line.split("  ")[0].split(" | ") for line in block.splitlines()]

    assert shown == [line for line in there if line]


def test_other_places_that_the_page_names_are_there() -> None:
    for file in re.findall(
        r"`((?:trading|ledger|evidence|runtime|core|risk|brokers)/\w[\w/]*\.py)`", PAGE
    ):
        places = (PACKAGE / file, PACKAGE / "trading" / file)
        assert any(place.is_file() for place in places), file
