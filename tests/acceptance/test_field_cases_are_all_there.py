"""No case of the field is forgotten: each row stands in a test's docstring or in the document."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs" / "qteasy-cases.md"
ROWS = set(range(1, 57))
AFTER = (
    "a start on each exact boundary", "skip no step", "is judged again every day",
    "two buys of 8000", "what an open sell has claimed", "it is unmatched",
    "carries broker ids is booked", "the day's own is still due", "in the broker's own book",
    "code and text", "sellable on the Monday", "no trace in it", "line by line",
    "nor does it write",
)  # fmt: skip


def docstrings() -> list[str]:
    """Return the docstring of every test of the cases."""
    found = list[str]()
    for path in sorted(HERE.glob("test_field_cases_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.append(ast.get_docstring(node) or "")
    return found


def rows_in_docstrings() -> set[int]:
    return {int(n) for text in docstrings() for n in re.findall(r"^Row (\d+)[,:]", text)}


def decided_otherwise() -> dict[int, str]:
    """Return the second table of the document: row -> what happens here."""
    _, _, second = DOCUMENT.read_text(encoding="utf-8").partition("## Decided otherwise")
    lines = re.findall(r"^\| (\d+) \| .+? \| (.+) \|$", second, flags=re.MULTILINE)
    return {int(row): reason for row, reason in lines}


def test_every_row_is_tested_or_explained() -> None:
    assert rows_in_docstrings() | decided_otherwise().keys() == ROWS


def test_what_is_explained_has_a_reason() -> None:
    assert all(len(reason) > 30 for reason in decided_otherwise().values())


def test_what_is_not_explained_is_named_in_the_first_table() -> None:
    """Ranges such as 9 to 15, spelt out, and the tests' files exist."""
    text = DOCUMENT.read_text(encoding="utf-8")
    first, _, _ = text.partition("## Decided otherwise")
    named = set[int]()
    for cell in re.findall(r"^\| ([\d, to]+) \|", first, flags=re.MULTILINE):
        for part in cell.split(","):
            low, _, high = part.strip().partition(" to ")
            named |= set(range(int(low), int(high or low) + 1))

    assert rows_in_docstrings() - decided_otherwise().keys() <= named
    for name in set(re.findall(r"`(test_\w+\.py)`", text)):
        assert (HERE / name).is_file(), name


def test_the_list_after_the_rows_is_rows_in_docstrings() -> None:
    told = [text for text in docstrings() if text.startswith("After row 56:")]

    assert len(told) == len(AFTER)
    assert [words for words in AFTER if not any(words in text for text in told)] == []
