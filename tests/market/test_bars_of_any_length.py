"""Bars of any length out of a stranger's file, and out of shorter bars."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from qtkit.cli.data import data
from qtkit.core.calendars import exchange_calendar
from qtkit.core.paths import OutputRoot
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import concatenated
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.synthetic import synthetic_bars
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, time_of

NEW_YORK = exchange_calendar("XNYS")
DAYS = NEW_YORK.sessions(date(2026, 11, 23), date(2026, 12, 1))  # half a day among them


def week(length: BarLength) -> Bars:
    return concatenated(
        *(synthetic_bars("AAPL", day, NEW_YORK, seed=5, length=length) for day in DAYS)
    )


def rows_by_start(bars: Bars) -> str:
    """Return a file as strangers write it: local times of where each bar begins, days as dates."""
    starts = BarGrid(NEW_YORK, bars.length).spans_between(DAYS[0], DAYS[-1]).start.tolist()
    form = "%Y-%m-%d" if bars.length.is_day else "%Y-%m-%d %H:%M"
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    lines = [
        ",".join([f"{time_of(start).astimezone(NEW_YORK.zone):{form}}", *map(str, numbers)])
        for start, *numbers in zip(starts, *(column.tolist() for column in columns), strict=True)
    ]
    return "\n".join(["timestamp,open,high,low,close,volume", *lines, ""])


@pytest.mark.parametrize("length", list(BarLength))
def test_a_file_named_by_the_start_of_its_bars_is_imported_as_what_it_is(
    length: BarLength, tmp_path: Path
) -> None:
    file, bars = tmp_path / "aapl.csv", week(length)
    file.write_text(rows_by_start(bars))
    words = ["import", str(file), "us", "AAPL", "--root", str(tmp_path)]

    done = CliRunner().invoke(data, [*words, "--zone", "America/New_York", "--label", "start"])

    table = BarTable(OutputRoot(tmp_path).tables, "us")
    assert done.exit_code == 0, done.output
    assert table.length is length
    assert table.read("AAPL").end.tolist() == bars.end.tolist()
    assert table.read("AAPL").close.tolist() == bars.close.tolist()


@pytest.mark.parametrize("length", [BarLength.MIN_5, BarLength.MIN_60, BarLength.DAY])
def test_a_table_of_minutes_fills_one_of_longer_bars(length: BarLength, tmp_path: Path) -> None:
    tables = OutputRoot(tmp_path).tables
    BarTable(tables, "minutes").write(week(BarLength.MIN_1))
    span = ["--first", str(DAYS[0]), "--last", str(DAYS[-1]), "--root", str(tmp_path)]
    words = ["refill", "longer", "AAPL", "--from", "table:minutes", "--length", str(length)]

    done = CliRunner().invoke(data, [*words, *span])
    back = ["refill", "minutes", "AAPL", "--from", "table:longer", "--replace"]
    refused = CliRunner().invoke(data, [*back, *span])

    found, wanted = BarTable(tables, "longer").read("AAPL"), week(length)
    assert done.exit_code == 0, done.output
    assert found.length is length
    for name in ("end", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    assert refused.exit_code != 0
    assert len(BarTable(tables, "minutes").read("AAPL")) == len(week(BarLength.MIN_1))
