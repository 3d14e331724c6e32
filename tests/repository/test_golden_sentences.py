"""Tests hold to ids, facts, names and types; texts held to the letter are few, in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.golden import texts
from tests.repository.places import ROOT

SENTENCE = re.compile(r"[A-Za-z']+(?: [A-Za-z']+){4,}")
"""Five words or more in a row: no number, name or mark between them."""
MOST = 40
OF_CHECKS = ROOT / "tests" / "stages"


def _literals(node: ast.AST) -> Iterator[ast.Constant]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner


def _compared(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a test expects: of `match=`, of a comparison, of `startswith`, of its table."""
    if isinstance(node, ast.keyword) and node.arg == "match":
        yield node.value
    elif isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"startswith", "endswith"}:
            yield from node.args
        elif node.func.attr == "parametrize":
            yield from node.args[1:]


def _sentences(file: Path) -> set[tuple[str, int]]:
    """Return each whole sentence that a test expects: file and line."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {
        (file.relative_to(ROOT).as_posix(), literal.lineno)
        for node in nodes
        for expected in _compared(node)
        for literal in _literals(expected)
        if SENTENCE.search(str(literal.value))
    }


def _of(*files: Path) -> list[tuple[str, int]]:
    return sorted(found for file in files for found in _sentences(file))


def test_a_sentence_is_expected_in_one_place_only() -> None:
    """What a test expects of people's texts are names and numbers: see tests/golden/names.py."""
    files = [f for f in (ROOT / "tests").rglob("test_*.py") if OF_CHECKS not in f.parents]

    assert _of(*files) == []


def test_the_texts_held_to_the_letter_are_few() -> None:
    """Those of checks stand beside the mistakes that are planted for them."""
    held = [name for name in vars(texts) if name.isupper()]

    assert len(held) <= MOST // 2
    assert len(held) + len(_of(*OF_CHECKS.rglob("*.py"))) <= MOST
