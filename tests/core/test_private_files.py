"""What is written is its owner's alone, whatever the umask says."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtkit.core.files import append_line, make_folder, new_folder, open_file, write_atomic

FRONT = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
EVERYTHING = """
import sys
from pathlib import Path
from click.testing import CliRunner
from qtkit.cli import qtkit
from qtkit.core.paths import OutputRoot
from qtkit.reports.artifacts import rebuild
from qtkit.sessions.live import run_live
from qtkit.sessions.control.server import Request, request_line
from qtkit.sessions.remote import RemoteSession, open_session

grid, root, here = (Path(word) for word in sys.argv[1:])
def say(*words):
    done = CliRunner().invoke(qtkit, [*words, "--root", str(root)])
    assert done.exit_code == 0, (done.output, done.exception)
say("simulate", str(grid), "--date", "2026-03-04", "-n", "demo")
say("simulate", str(grid), "--date", "2026-03-05", "-a", "demo")
say("kill", "demo")
say("data", "import", str(here / "bars.csv"), "stock_1min", "600036.SH", "--label", "end")
say("run", str(here / "one.ipynb"))
def look(folder):
    socket = RemoteSession(folder).written_status()["socket"]
    (here / "modes").write_text(oct(Path(socket).stat().st_mode & 0o777))
    RemoteSession(folder).command("stop")
replayed = {"feed": {"speed": 60, "start": "2026-03-05T09:29:00+08:00"}}
rebuild(run_live(grid, root=OutputRoot(root), settings=replayed, meanwhile=look).folder)
"""
NOTEBOOK = """{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code",
 "id": "a", "metadata": {}, "source": "1 + 1", "execution_count": null, "outputs": []}]}"""
BARS = "timestamp,open,high,low,close,volume\n2026-03-04T09:31:00+08:00,1,1,1,1,100\n"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_others(root: Path) -> list[str]:
    wanted = {True: 0o700, False: 0o600}
    found = [root, *root.rglob("*")]
    return [f"{p.relative_to(root)} {mode(p):o}" for p in found if mode(p) != wanted[p.is_dir()]]


def test_everything_under_the_root_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "everything.py").write_text(EVERYTHING)
    (tmp_path / "one.ipynb").write_text(NOTEBOOK)
    (tmp_path / "bars.csv").write_text(BARS)
    root = tmp_path / "outputs"

    done = subprocess.run(
        [sys.executable, tmp_path / "everything.py", FRONT, root, tmp_path],
        umask=0,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert open_to_others(root) == []
    assert (tmp_path / "modes").read_text() == "0o600"
    names = {path.name for path in root.rglob("*")}
    assert {"KILL", "broker.sqlite", "journal.jsonl", "feed.parquet", "600036.SH.parquet"} <= names
    assert {"notebook.ipynb", "record.json", "session_status.json", "trade.log"} <= names


@pytest.fixture(params=[0o000, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_folders_above_are_closed_too_and_what_was_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there").chmod(0o755)

    make_folder(tmp_path / "there" / "a" / "b")
    write_atomic(tmp_path / "there" / "a" / "file", "text")

    assert mode(tmp_path / "there") == 0o755
    assert mode(tmp_path / "there" / "a") == mode(tmp_path / "there" / "a" / "b") == 0o700
    assert mode(tmp_path / "there" / "a" / "file") == 0o600


def test_a_file_in_the_place_of_a_folder_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")

    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "a")


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    assert [new_folder(tmp_path, "a").name for _ in range(3)] == ["a", "a_2", "a_3"]


def test_a_line_is_appended_and_an_older_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n")
    (tmp_path / "a").chmod(0o640)

    append_line(tmp_path / "a", "2")

    assert (tmp_path / "a").read_text() == "1\n2\n"
    assert mode(tmp_path / "a") == 0o640


def test_a_link_is_replaced_by_the_file_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    write_atomic(tmp_path / "link", "text")

    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "link").is_symlink()


def test_a_dangling_link_makes_no_file_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileExistsError):
        open_file(tmp_path / "link", os.O_WRONLY | os.O_CREAT)

    assert not (tmp_path / "elsewhere").exists()


def test_a_write_that_fails_leaves_no_draft_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(OSError, match="directory"):
        write_atomic(tmp_path / "folder", "text")

    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
