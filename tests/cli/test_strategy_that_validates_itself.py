"""A strategy whose parameters are wrong, or whose symbols nobody knows, starts nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from qtkit.cli import qtkit
from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError, DataError
from qtkit.runtime.backtest import backtest
from qtkit.testing import hand_made_data, scripted_spec

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
VERBS = {
    "simulate": ("--date", "2026-03-04", "-n", "demo"),
    "backtest": ("--start", "2026-03-04", "--end", "2026-03-04"),
    "live": ("-n", "demo"),
    "shell": ("--date", "2026-03-04", "-c", "status"),
}


def _run(folder: Path, verb: str, file: Path) -> BaseException | None:
    words = [verb, str(file), *VERBS[verb], "--root", str(folder / "outputs")]
    return CliRunner().invoke(qtkit, words).exception


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_parameters_are_all_named_before_anything_starts(tmp_path: Path, verb: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace('spacing=Decimal("0.10")', 'spacing=Decimal("-0.10")')
    file = tmp_path / "grid.py"
    file.write_text(text.replace("batch=Decimal(500)", "batch=Decimal(1050)"), encoding="utf-8")

    found = _run(tmp_path, verb, file)

    assert isinstance(found, ConfigError)
    assert found.exit_code == 2
    assert all(word in str(found) for word in ("-0.10", "1050", "601398.SH", "000651.SZ"))
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("verb", VERBS)
def test_symbols_that_nobody_knows_are_all_named_before_anything_starts(
    tmp_path: Path, verb: str
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    file = tmp_path / "grid.py"
    file.write_text(
        text.replace("000651.SZ", "NOBODY.1").replace("601398.SH", "NOBODY.2"), encoding="utf-8"
    )

    found = _run(tmp_path, verb, file)

    assert isinstance(found, DataError)
    assert found.exit_code == 3
    assert "NOBODY.1" in str(found)
    assert "NOBODY.2" in str(found)
    assert not (tmp_path / "outputs").exists()


def test_an_unknown_symbol_that_has_bars_starts_no_backtest() -> None:
    """Without rules each of its orders would be refused, all day long."""
    calendar, day = exchange_calendar("XSHG"), date(2026, 3, 4)
    data = hand_made_data({"NOBODY": 10.0}, [day], calendar)

    with pytest.raises(DataError, match="NOBODY"):
        backtest(scripted_spec({}, ["NOBODY"]), day, day, data=data)
