"""What others may import is written down, and really there."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

from tests.repository.places import PACKAGE, ROOT

PINNED = Path(__file__).with_name("public_names.txt")
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _announced(path: Path) -> list[str] | None:
    """Return a module's `__all__` as it is written; None if there is none."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign)
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def _is_only_a_sentence(path: Path) -> bool:
    """Return whether a module has nothing but its docstring."""
    return all(isinstance(node, ast.Expr) for node in ast.parse(path.read_text("utf-8")).body)


def _rooms() -> list[str]:
    """Return `qtkit`, its rooms, and those of their packages that announce names."""
    packages = [path for path in MODULES if path.name == "__init__.py"]
    return [_dotted(path) for path in packages if _announced(path)]


@pytest.mark.parametrize("path", MODULES, ids=_dotted)
def test_each_module_announces_its_names_and_keeps_its_word(path: Path) -> None:
    names = _announced(path)
    if names is None:
        assert _is_only_a_sentence(path), f"{_dotted(path)} has code and no __all__"
        return

    assert len(names) == len(set(names))
    module = import_module(_dotted(path))
    assert [name for name in names if not hasattr(module, name)] == []


def test_the_names_of_the_rooms_are_those_pinned() -> None:
    """A name that goes or comes is a decision: write it into public_names.txt and the changelog."""
    found = [f"{room}.{name}" for room in _rooms() for name in sorted(import_module(room).__all__)]

    assert found == PINNED.read_text(encoding="utf-8").split()
