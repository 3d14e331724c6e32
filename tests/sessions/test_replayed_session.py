"""A live session fed by a day that is over."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.clock import stopwatch
from qtkit.core.errors import ConfigError
from qtkit.market.tables.synthetic import synthetic_bars
from qtkit.model.bars import time_of
from qtkit.model.events import PricesSeen
from qtkit.sessions.replay import replayed_session

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
SYMBOLS = ("000651.SZ", "600036.SH", "601398.SH")


def _written(path: Path) -> Path:
    """Write two whole days: what has not ended yet must not be seen."""
    calendar = exchange_calendar("XSHG")
    lines = ["symbol,end,open,high,low,close,volume"]
    for symbol in SYMBOLS:
        for day in (date(2026, 3, 3), date(2026, 3, 4)):
            bars = synthetic_bars(symbol, day, calendar, seed=7)
            for i, end in enumerate(bars.end):
                numbers = [
                    float(getattr(bars, n)[i]) for n in ("open", "high", "low", "close", "volume")
                ]
                lines.append(",".join([symbol, time_of(int(end)).isoformat(), *map(str, numbers)]))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_bars_of_a_file_come_when_they_have_ended(tmp_path: Path) -> None:
    session = replayed_session(
        GRID,
        day="2026-03-04",
        at="09:34",
        speed=120,
        bars=_written(tmp_path / "bars.csv"),
        root=tmp_path / "outputs",
        settings={"refill": False},
    )
    try:
        elapsed = stopwatch()
        while not session.view.state.ledger.positions:
            assert elapsed() < 60
            Event().wait(0.05)
    finally:
        session.stop()

    seen = [e for e in session.entries() if isinstance(e.event, PricesSeen)]
    assert seen
    for entry in seen:
        assert all(price.end <= entry.at for price in entry.event.last)
    assert session.entries()[0].event.settings["refill"] is False


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"day": "4 March"}, "'4 March' is no date; expected YYYY-MM-DD"),
        ({"at": "half past nine"}, "no time; expected HH:MM"),
        ({"bars": "bars.xlsx"}, "of bars; expected .csv or .parquet"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    tmp_path: Path, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        replayed_session(GRID, root=tmp_path, **{"day": date(2026, 3, 4), **asked})

    assert list(tmp_path.iterdir()) == []
