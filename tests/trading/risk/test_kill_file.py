"""Whatever exists at the kill file's path stops trading, and so does what cannot be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtkit.trading.risk.kill_file import kill_file_is_there


def test_no_file_and_no_path_are_clear(tmp_path: Path) -> None:
    assert not kill_file_is_there(tmp_path / "KILL")
    assert not kill_file_is_there(tmp_path / "no folder" / "KILL")
    assert not kill_file_is_there(None)


@pytest.mark.parametrize("content", [b"", b"stop", b"\xff\x00broken"])
def test_a_file_stops_whatever_is_in_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "KILL").write_bytes(content)

    assert kill_file_is_there(tmp_path / "KILL")


def test_a_file_that_nobody_may_read_stops(tmp_path: Path) -> None:
    (tmp_path / "KILL").touch(mode=0o000)

    assert kill_file_is_there(tmp_path / "KILL")


def test_a_folder_and_a_dangling_link_stop(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")

    assert kill_file_is_there(tmp_path / "folder")
    assert kill_file_is_there(tmp_path / "link")


def test_what_cannot_be_told_stops(tmp_path: Path) -> None:
    """A path through a file, and a name that no file system takes: neither is "not found"."""
    (tmp_path / "file").touch()

    assert kill_file_is_there(tmp_path / "file" / "KILL")
    assert kill_file_is_there(tmp_path / ("K" * 300))
