"""A page for everything that can go wrong: it exists, has its five parts, and its commands run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.places import PACKAGE, ROOT

RUNBOOKS = ROOT / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
TROUBLE = [page for page in PAGES if page.stem not in {"README", "smoke-live-grid-multi"}]
PARTS = [
    "What you see",
    "What it means",
    "First, what is safe",
    "How to confirm",
    "How to come back",
]
_NAMED = re.compile(r"runbooks/([\w-]+\.md)")
_BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A command of a page may judge that something is not good; it may not be used wrongly.
GUARDED = """
checked() { "$@"; code=$?; case $code in 2|126|127) echo "WRONG USE ($code): $*"; exit 99;; esac; }
qtkit() { checked "$QTKIT_PYTHON" -m qtkit "$@"; }
python() { checked "$QTKIT_PYTHON" "$@"; }
"""


def _blocks(page: Path) -> str:
    return "\n".join(_BLOCK.findall(page.read_text(encoding="utf-8")))


def _run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "QTKIT_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
    }
    return subprocess.run(
        ["bash", "-c", GUARDED + script],  # noqa: S607 - the shell that operators have
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a working folder in which the example has traded a day on account `demo`."""
    folder = tmp_path_factory.mktemp("operator")
    (folder / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "live_grid_multi.py", folder / "examples")
    done = _run("python examples/live_grid_multi.py -n demo --simulate 2026-03-04", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _pages_named_in_the_package() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in _NAMED.findall(path.read_text(encoding="utf-8")):
            yield name, str(path.relative_to(ROOT))


def test_each_page_that_the_package_names_exists() -> None:
    missing = {
        f"{name} ({path})"
        for name, path in _pages_named_in_the_package()
        if not (RUNBOOKS / name).is_file()
    }

    assert missing == set()


def test_the_package_names_pages_at_all() -> None:
    assert "journal-corrupt.md" in {name for name, _ in _pages_named_in_the_package()}


def test_each_page_is_listed_in_the_overview() -> None:
    overview = (RUNBOOKS / "README.md").read_text(encoding="utf-8")

    assert [p.name for p in PAGES if p.stem != "README" and f"({p.name})" not in overview] == []


@pytest.mark.parametrize("page", TROUBLE, ids=lambda page: str(page.stem))
def test_a_page_of_trouble_has_the_five_parts_in_order(page: Path) -> None:
    headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert headings == PARTS


@pytest.mark.parametrize("page", TROUBLE, ids=lambda page: str(page.stem))
def test_the_commands_of_a_page_run(page: Path, traded: Path, tmp_path: Path) -> None:
    script = _blocks(page)
    assert "qtkit " in script, "a page of trouble shows at least one command"
    shutil.copytree(traded, tmp_path / "work")

    done = _run(script, tmp_path / "work")

    assert done.returncode != 99, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_commands_of_the_smoke_procedure_run_from_start_to_end(tmp_path: Path) -> None:
    """Only the headless run of the notebook is left out: it is tested with the notebooks."""
    page = RUNBOOKS / "smoke-live-grid-multi.md"
    script = _blocks(page)
    kept = [line for line in script.splitlines() if not line.startswith("qtkit smoke")]
    shutil.copytree(ROOT / "examples", tmp_path / "examples")

    done = _run("\n".join(kept), tmp_path)

    assert done.returncode != 99, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "outputs" / "paper_sessions").is_dir()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_page_links_only_to_what_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []
