"""One session over a holiday, shared by the tests that only look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtkit.sessions.local import LocalSession
from qtkit.sessions.simulation import simulate

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"


@pytest.fixture(scope="session")
def grid_file() -> Path:
    return GRID


@pytest.fixture(scope="session")
def over_a_holiday(tmp_path_factory: pytest.TempPathFactory) -> LocalSession:
    """2026-04-30 and 2026-05-06, with Labour Day and a weekend between them."""
    root = tmp_path_factory.mktemp("holiday")
    return simulate(GRID, day="2026-04-30", days=2, root=root)
