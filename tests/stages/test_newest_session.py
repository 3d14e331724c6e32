"""The session that is meant where none is named: the one that was started last."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from qtkit.cli.check import check
from qtkit.core.errors import DataError
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.runtime.session_finder import find_session, newest_session, sessions_by_start
from qtkit.sessions.simulation import simulate

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"


@pytest.fixture
def root(tmp_path: Path) -> OutputRoot:
    return OutputRoot(tmp_path)


def begun(root: OutputRoot, name: str, started: object, mode: str = "paper") -> SessionFolder:
    folder = root.new_session(mode, name)
    folder.journal.write_text("{}\n")
    folder.metadata.write_text(json.dumps({"started_wall_time": started}))
    return folder


def test_it_is_the_one_started_last_whatever_date_it_simulates(tmp_path: Path) -> None:
    simulate(GRID, day="2026-04-01", root=tmp_path)
    last = simulate(GRID, day="2026-03-04", root=tmp_path)

    done = CliRunner().invoke(check, ["0", "--root", str(tmp_path)])

    assert newest_session(OutputRoot(tmp_path)).session_id == last.session_id
    assert last.session_id in done.output


def test_the_folders_own_times_do_not_matter(root: OutputRoot) -> None:
    newer = begun(root, "20200101_000000_paper_a", "2026-03-05T00:00:00+00:00")
    older = begun(root, "20210101_000000_live_b", "2026-03-04T00:00:00+00:00", "live")
    os.utime(newer.path, (1, 1))
    os.utime(newer.metadata, (1, 1))

    assert sessions_by_start(root) == [newer, older]
    assert find_session(root, "last") == newer


@pytest.mark.parametrize("fill", ["nothing", "no line", "only metadata"])
def test_a_folder_that_never_began_is_passed_over(root: OutputRoot, fill: str) -> None:
    there = begun(root, "20260304_000000_paper_a", "2026-03-04T00:00:00+00:00")
    if fill == "nothing":
        (root.sessions("paper") / "20990101_000000_paper_b").mkdir()
    else:
        empty = begun(root, "20990101_000000_paper_b", "2026-03-05T00:00:00+00:00")
        empty.journal.write_text("") if fill == "no line" else empty.journal.unlink()

    assert newest_session(root) == there


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        b'{"started_wall_time": 7}',
        b'{"started_wall_time": "soon"}',
        b'{"started_wall_time": "2026-03-04T00:00:00"}',
        b'{"started_wall_time": "2999-03-04T00:00:00+00:00"}',
        b"[" * 99_999,
        None,
    ],
)
def test_damaged_metadata_are_told_by_the_time_of_the_file(
    root: OutputRoot, metadata: bytes | None
) -> None:
    older = begun(root, "20260304_000000_paper_a", "2026-03-04T00:00:00+00:00")
    newer = begun(root, "20260305_000000_paper_b", "2026-03-05T00:00:00+00:00")
    damaged = begun(root, "20260306_000000_paper_c", "")
    damaged.metadata.unlink() if metadata is None else damaged.metadata.write_bytes(metadata)
    noon = 1_772_625_600  # 2026-03-04T12:00:00Z
    for path in (damaged.metadata, damaged.journal):
        if path.exists():
            os.utime(path, (noon, noon))

    assert sessions_by_start(root) == [newer, damaged, older]


def test_a_half_written_return_is_passed_over(root: OutputRoot) -> None:
    older = begun(root, "20260304_000000_paper_a", "2026-03-04T00:00:00+00:00")
    newer = begun(root, "20260305_000000_paper_b", "2026-03-05T00:00:00+00:00")
    older.returns.write_bytes(b'{"at": "2026-03-04T06:00:00+00:00"}\n{"at": "2026-03-0')

    assert sessions_by_start(root) == [newer, older]


def test_without_any_there_is_one_sentence(root: OutputRoot) -> None:
    root.new_session("paper", "20260304_010000_paper_abc")

    with pytest.raises(DataError):
        newest_session(root)


@pytest.mark.parametrize("name", ["x" * 5_000, "a\x00b", "a\nb", "\u202ea", "../../x"])
def test_a_name_that_no_session_has_is_one_short_sentence(root: OutputRoot, name: str) -> None:
    with pytest.raises(DataError) as refused:
        find_session(root, name)

    assert len(str(refused.value)) < 400
