"""Which session a notebook's desk is opened on."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtkit.core.errors import ConfigError
from qtkit.desk.panels.open_session import session_to_watch
from qtkit.sessions.local import LocalSession
from qtkit.sessions.remote import RemoteSession

GRID = str(Path(__file__).parents[3] / "examples" / "live_grid_multi.py")


def test_headless_a_day_is_simulated_where_the_environment_says_and_attached_to_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nobody_is_there: None
) -> None:
    monkeypatch.setenv("QTKIT_OUTPUTS", str(tmp_path / "there"))

    made = session_to_watch(GRID, day="2026-03-04", root=str(tmp_path / "not_here"))
    again = session_to_watch(GRID, day="2026-03-04", session=made.session_id)

    assert isinstance(made, LocalSession)
    assert isinstance(again, RemoteSession)
    assert (
        again.folder.path
        == made.folder.path
        == tmp_path / "there" / "paper_sessions" / (made.session_id)
    )


def test_another_way_is_refused() -> None:
    with pytest.raises(ConfigError, match="how was 'real'; expected auto, replay, simulate"):
        session_to_watch(GRID, day="2026-03-04", how="real")


def test_somebody_at_the_lab_gets_a_live_session(
    tmp_path: Path, somebody_is_there: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QTKIT_OUTPUTS", raising=False)

    session = session_to_watch(GRID, day="2026-03-04", root=str(tmp_path))

    assert isinstance(session, RemoteSession)
    assert session.is_running
    session.stop()
