"""What the documentation says is what the source does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qtkit.cli import qtkit
from qtkit.core import errors
from qtkit.model.events import BY_KIND
from qtkit.model.skip_reasons import GLOSSARY
from qtkit.stages import all_stages
from tests.docs.generated import PARTS, ROOT, pages, rewritten

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_BASH = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PYTHON = re.compile(r"^( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# A page's own commands may judge; they may not be used wrongly.
GUARDED = """
checked() { "$@" || { code=$?; case $code in 1|5) ;; *) echo "exit $code: $*"; exit 99;; esac; }; }
qtkit() { checked "$QTKIT_PYTHON" -m qtkit "$@"; }
python() { checked "$QTKIT_PYTHON" "$@"; }
make() { :; }
"""


def _named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _lines(page: Path) -> list[str]:
    return [line for block in _BASH.findall(_text(page)) for line in block.splitlines()]


WITH_COMMANDS = [page for page in PAGES if any("qtkit " in line for line in _lines(page))]
WITH_PYTHON = [page for page in PAGES if _PYTHON.search(_text(page))]


def _in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    shutil.copytree(ROOT / "examples", folder / "examples")
    environment = {**os.environ, "QTKIT_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("page", pages(), ids=_named)
def test_the_parts_from_the_source_are_up_to_date(page: Path) -> None:
    """`make docs` writes them."""
    assert _text(page) == rewritten(_text(page))


def test_every_part_stands_on_a_page() -> None:
    found = {
        name for page in pages() for name in re.findall(r"from the source: (\w+)", _text(page))
    }

    assert found == set(PARTS)


def test_every_event_every_reason_and_every_check_is_documented() -> None:
    journal, glossary, checklist = (
        _text(ROOT / "docs" / name) for name in ("journal-format.md", "glossary.md", "checklist.md")
    )

    assert [kind for kind in BY_KIND if f"| `{kind}` |" not in journal] == []
    assert [name for name in GLOSSARY if f"| `{name}`" not in glossary] == []
    checks = [check.id for stage in all_stages() for check in stage.checks]
    assert [
        name for name in checks if not re.search(rf"^\| {name}( ◆)? \|", checklist, re.MULTILINE)
    ] == []


def test_every_verb_stands_in_the_readme_and_on_the_page_of_commands() -> None:
    verbs = qtkit.list_commands(qtkit.make_context("qtkit", ["--help"], resilient_parsing=True))
    commands = _text(ROOT / "docs" / "commands.md")

    assert [verb for verb in verbs if f"| `qtkit {verb}` |" not in README] == []
    assert [verb for verb in verbs if f"\n## qtkit {verb}\n" not in commands] == []


def test_the_readme_has_every_exit_code_that_an_error_can_have() -> None:
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.QtkitError)
    }

    assert [code for code in sorted(codes) if f"| {code} |" not in README] == []


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_a_page_links_only_to_what_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", _text(page))
    local = [link.partition("#") for link in links if "://" not in link]

    assert [link for link, _, _ in local if link and not (page.parent / link).exists()] == []
    for link, _, anchor in local:
        if not anchor:
            continue
        target = _text(page.parent / link) if link else _text(page)
        headings = {
            re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", target, re.MULTILINE)
        }
        assert anchor in headings


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_each_target_of_make_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", _text(page), re.MULTILINE))
    there = set(re.findall(r"^([a-z-]+):", _text(ROOT / "Makefile"), re.MULTILINE))

    assert named - there == set()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=_named)
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    done = _in(tmp_path, "bash", "-c", GUARDED + "\n".join(_lines(page)))

    assert done.returncode != 99, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "page", [page for page in PAGES if _PYTHON.search(_text(page))], ids=_named
)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    blocks = [
        re.sub(rf"^{indent}", "", block, flags=re.MULTILINE)
        for indent, block in _PYTHON.findall(_text(page))
    ]

    done = _in(tmp_path, sys.executable, "-W", "error", "-c", "\n".join(blocks))

    assert done.returncode == 0, done.stderr


def test_the_readme_shows_the_stages_that_the_smoke_run_judges() -> None:
    shown = README.split("```text")[1].split("```")[0]

    assert [
        s.id for s in all_stages() if not re.search(rf"^  {s.id} +{s.title} ", shown, re.MULTILINE)
    ] == []


def test_the_changelog_has_a_heading_for_what_is_not_released() -> None:
    headings = re.findall(r"^## \[(.*)\]", _text(ROOT / "CHANGELOG.md"), re.MULTILINE)

    assert headings[0] == "Unreleased"
