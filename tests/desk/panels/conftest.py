"""A simulated session at half past ten, and a JupyterLab that somebody sits at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from qtkit.sessions.local import LocalSession

GRID = Path(__file__).parents[3] / "examples" / "live_grid_multi.py"
HALF_PAST_TEN = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[LocalSession]:
    with LocalSession.of(GRID, day=date(2026, 3, 4), root=tmp_path / "outputs") as session:
        session.advance(HALF_PAST_TEN)
        yield session


@pytest.fixture
def somebody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "desk.ipynb")
    monkeypatch.delenv("QTKIT_HEADLESS", raising=False)


@pytest.fixture
def nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


@pytest.fixture
def widgets() -> Callable[[], int]:
    """Counts the widgets that live in this process."""
    from ipywidgets.widgets import widget

    return lambda: len(widget._instances)
