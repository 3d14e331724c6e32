"""Every benchmark can be run; its figures are looked at with ``make bench``."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import pytest

from benchmarks import measured
from benchmarks.measured import Figure

QUICK = (
    measured.nothing_on_one_symbol,
    measured.nothing_on_ten_symbols,
    measured.moving_average_cross,
    measured.cost_of_an_order,
)


@pytest.mark.parametrize("benchmark", QUICK, ids=lambda b: str(b.__name__))
def test_a_benchmark_measures_something(
    benchmark: Callable[[], list[Figure]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "_BARS", 2_000)

    figures = benchmark()

    assert figures
    assert all(math.isfinite(f.value) and f.unit for f in figures)


def test_a_long_backtest_runs_in_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", "1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    seconds, megabytes = map(float, done.stdout.split())

    assert seconds > 0
    assert megabytes > 0
