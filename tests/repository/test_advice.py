"""Each command and page that the package prints exists, with its options and arguments."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from qtkit.cli import qtkit
from tests.repository.places import PACKAGE, ROOT

_COMMAND = re.compile(r"`qtkit ([^`]+)`")
_PAGE = re.compile(r"runbooks/([\w-]+\.md)")
_FILLED = "FILLED"  # stands for what is filled in when it is printed
# words that only the reader knows; each is the value of an option
_READERS = {"NAME", "TEXT"}


def _docstrings(tree: ast.AST) -> set[int]:
    kinds = ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
    bodies = (node.body for node in ast.walk(tree) if isinstance(node, kinds))
    return {id(b[0].value) for b in bodies if b and isinstance(b[0], ast.Expr)}


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or _FILLED for part in node.values)
    return None


def _printed(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each text of a module that is no docstring, with its line."""
    left_out = _docstrings(tree)
    inside = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and not {id(node)} & (left_out | inside):
            text = _text(node)
            if text is not None:
                yield node.lineno, text


def _built(tree: ast.AST) -> Iterator[tuple[int, list[str]]]:
    """Yield the words of each command that is put together by `command(...)`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "command" and node.args:
            plain = [a for a in node.args if not isinstance(a, ast.Starred)]
            words = [_text(a) or _FILLED for a in plain]
            if words and words[0] != _FILLED and words[:2] != ["journal", _FILLED]:
                yield node.lineno, words


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.AST]:
    """Return the syntax tree of each module of the package, by its path."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@pytest.fixture(scope="module")
def commands(modules: dict[str, ast.AST]) -> list[tuple[str, list[str]]]:
    """Return where each command is printed, and its words."""
    found = []
    for where, tree in modules.items():
        for line, text in _printed(tree):
            typed = (shlex.split(words) for words in _COMMAND.findall(text))
            found += [(f"{where}:{line}", words) for words in typed if words != [_FILLED]]
        found += [(f"{where}:{line}", words) for line, words in _built(tree)]
    return found


def _problem(words: list[str]) -> str:
    """Return why a command cannot be typed like this; "" if it can."""
    group: click.Command = qtkit
    rest = list(words)
    while isinstance(group, click.Group):
        if not rest:
            return f"{group.name} needs a verb"
        found = group.get_command(click.Context(group), rest[0])
        if found is None:
            return f"there is no verb {rest[0]}"
        group, rest = found, rest[1:]
    if "--help" in rest:
        return ""
    try:
        group.make_context(group.name, [_sample(group, rest, n) for n in range(len(rest))])
    except click.ClickException as problem:
        return problem.format_message()
    return ""


def _sample(command: click.Command, words: list[str], n: int) -> str:
    """Return a word that what is filled in could be, where its type matters."""
    if words[n] != _FILLED:
        return words[n]
    before = words[n - 1] if n else ""
    option = next((p for p in command.params if before in p.opts), None)
    if option is None:
        return str(ROOT)
    samples = {"date": "2026-03-04", "integer": "1", "choice": "paper"}
    return samples.get(option.type.name, str(ROOT))


def test_each_printed_command_can_be_typed(commands: list[tuple[str, list[str]]]) -> None:
    wrong = {
        f"{where}: qtkit {shlex.join(words)}": problem
        for where, words in commands
        if (problem := _problem(words))
    }

    assert wrong == {}


def test_no_printed_command_has_a_blank_to_fill(commands: list[tuple[str, list[str]]]) -> None:
    """But who does it and why, which nobody else knows; they are values of options."""
    known = {_FILLED, *_READERS}

    for where, words in commands:
        assert {word for word in words if word.isupper() and word not in known} == set(), where
        assert all(words[words.index(w) - 1].startswith("--") for w in _READERS & set(words))


def test_commands_are_found_at_all(commands: list[tuple[str, list[str]]]) -> None:
    assert ["data", "import", "--help"] in [words for _, words in commands]
    assert any(words[:1] == ["sheet"] for _, words in commands)
    assert len(commands) > 15


def test_a_command_that_does_not_exist_is_seen() -> None:
    assert _problem(["stop"]) != ""
    assert _problem(["journal", "show", "--kind", "task_skipped"]) != ""
    assert _problem(["journal", "story", "q000001"]) != ""
    assert _problem(["sheet", "x", "--nonsense"]) != ""


def test_each_page_in_a_text_exists(modules: dict[str, ast.AST]) -> None:
    named = {
        page
        for tree in modules.values()
        for _, text in _printed(tree)
        for page in _PAGE.findall(text)
    }

    assert "kill-switch.md" in named
    assert [page for page in sorted(named) if not (ROOT / "runbooks" / page).is_file()] == []
