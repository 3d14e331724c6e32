"""The built package works without the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(folder: Path, *command: str | Path) -> str:
    """Run a program in a folder, as on a machine that has never seen the repository."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "COV_", "COVERAGE", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built without a network."""
    target = tmp_path_factory.mktemp("dist")
    _run(ROOT, sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, ROOT)
    (built,) = target.glob("qtkit-*.whl")
    return built


@pytest.fixture(scope="module")
def machine(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an empty environment that has the wheel, and a copy of the example.

    What the wheel depends on is lent by the environment that runs the tests; its own qtkit is not
    seen, because a `.pth` file inside a lent folder is not read.
    """
    folder = tmp_path_factory.mktemp("machine")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    python = folder / "env" / "bin" / "python"
    site = Path(_run(folder, python, "-c", "import site; print(site.getsitepackages()[0])").strip())
    (site / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    _install(wheel, python)
    shutil.copy(ROOT / "examples" / "live_grid_multi.py", folder)
    return folder


def _install(wheel: Path, python: Path) -> None:
    """Install a wheel with what made this environment: pip, or uv."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--ignore-installed"]
    if shutil.which("uv"):
        pip = ["uv", "pip", "install", "--python", str(python), "--offline"]
    _run(wheel.parent, *pip, "--no-deps", "--no-index", "--quiet", wheel)


def test_the_wheel_has_the_package_its_data_and_its_licence_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names} == {"qtkit", "qtkit-0.1.0.dist-info"}
    assert "qtkit/market/instruments.toml" in names
    assert "qtkit/py.typed" in names
    assert "qtkit-0.1.0.dist-info/licenses/LICENSE" in names
    assert [name for name in names if "__pycache__" in name] == []


def test_the_installed_package_is_the_wheels_own(machine: Path) -> None:
    place = _run(machine, machine / "env/bin/python", "-c", "import qtkit; print(qtkit.__file__)")

    assert Path(place.strip()).is_relative_to(machine / "env")


def test_the_installed_command_simulates_a_day(machine: Path) -> None:
    told = _run(
        machine,
        *(machine / "env/bin/qtkit", "simulate", "live_grid_multi.py"),
        *("--date", "2026-03-04", "--root", "out"),
    )

    folder = machine / told.splitlines()[-1]
    assert folder.parent == machine / "out" / "paper_sessions"
    assert (folder / "artifacts" / "journal.jsonl").stat().st_size > 0


def test_the_example_runs_as_a_program(machine: Path) -> None:
    command = ["live_grid_multi.py", "-n", "demo", "--simulate", "2026-03-04", "--root", "own"]

    told = _run(machine, machine / "env/bin/python", *command)

    assert (machine / told.splitlines()[-1] / "artifacts" / "journal.jsonl").is_file()


def test_without_the_notebook_the_main_job_says_what_to_do(machine: Path) -> None:
    done = subprocess.run(
        [str(machine / "env/bin/qtkit"), "smoke"],
        cwd=machine,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "use --notebook" in done.stderr
