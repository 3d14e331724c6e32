"""The package as a whole: imports go one way, and no file has grown beyond reading."""

from __future__ import annotations

import grimp

from tests.repository.places import PACKAGE, ROOT

LONGEST = 450  # lines
PREFIX = "qtkit"


def test_no_modules_import_one_another_in_a_circle_not_even_for_types() -> None:
    graph = grimp.build_graph(PREFIX, cache_dir=None, exclude_type_checking_imports=False)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(imports) > 300

    assert sorted(_on_a_circle(imports)) == []


def _on_a_circle(imports: dict[str, set[str]]) -> set[str]:
    """Return what is left when modules that import, or are imported by, nothing left go away."""
    left = set(imports)
    while True:
        importing = {name for name in left if imports[name] & left}
        imported = {other for name in left for other in imports[name] & left}
        if importing & imported == left:
            return left
        left = importing & imported


def test_a_circle_would_be_seen() -> None:
    assert _on_a_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"b", "c"}


def test_no_file_is_longer_than_anybody_reads() -> None:
    lines = {p: len(p.read_text("utf-8").splitlines()) for p in PACKAGE.rglob("*.py")}

    assert [f"{p.relative_to(ROOT)}: {n}" for p, n in lines.items() if n > LONGEST] == []
