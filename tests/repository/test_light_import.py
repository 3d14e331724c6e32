"""Importing the package reads, writes, opens and starts nothing, and is light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "IPython",
    "exchange_calendars",
    "ipywidgets",
    "jupyter_client",
    "matplotlib",
    "nbclient",
    "nbformat",
    "pandas",
    "papermill",
    "pyarrow",
    "pydantic",
    "sqlite3",
}
LOOK = """
import json, sys, threading
import {module}
loaded = sorted({{name.split(".")[0] for name in sys.modules}})
print(json.dumps([loaded, threading.active_count()]))
"""


def _after_importing(module: str, folder: Path) -> tuple[set[str], int]:
    environment = {name: value for name, value in os.environ.items() if "COV" not in name}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOK.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.stderr == ""
    modules, threads = json.loads(done.stdout)
    return set(modules), threads


@pytest.mark.parametrize("module", ["qtkit", "qtkit.cli"])
def test_importing_loads_nothing_heavy_starts_nothing_and_writes_nothing(
    module: str, tmp_path: Path
) -> None:
    modules, threads = _after_importing(module, tmp_path)

    assert modules & HEAVY == set()
    assert threads == 1
    assert list(tmp_path.iterdir()) == []


def test_the_package_alone_needs_the_standard_library_only(tmp_path: Path) -> None:
    modules, _ = _after_importing("qtkit", tmp_path)

    assert modules & {"numpy", "msgspec", "click", "loguru"} == set()
