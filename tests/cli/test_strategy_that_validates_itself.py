"""A strategy whose parameters are wrong, or whose symbols nobody knows, starts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from qtkit.cli import qtkit
from qtkit.core.errors import ConfigError, DataError, QtkitError

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


def test_an_unknown_symbol_with_bars_in_a_table_starts_no_backtest(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    rows = ["symbol,end,open,high,low,close,volume"]
    rows += [f"NOBODY,2026-03-04 {h:02}:{m:02},1,1,1,1,9" for h in (10,) for m in range(1, 59)]
    bars = tmp_path / "bars.csv"
    bars.write_text("\n".join(rows) + "\n", encoding="utf-8")
    file = tmp_path / "own.py"
    file.write_text(
        "from qtkit.testing import scripted_spec\nSPEC = scripted_spec({}, ['NOBODY'])\n",
        encoding="utf-8",
    )
    words = ["backtest", str(file), *VERBS["backtest"], "--data", "mine", "--root", str(outputs)]

    found = CliRunner().invoke(qtkit, words).exception

    assert isinstance(found, QtkitError)
    assert found.exit_code == 3
    assert "NOBODY" in str(found)
