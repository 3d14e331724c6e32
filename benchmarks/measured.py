"""What is measured, and against which goal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.history import random_walk
from benchmarks.order_cost import OnlyLooks, parts_of
from benchmarks.strategies import DoNothing, MovingAverageCross
from qtkit.core.calendars import exchange_calendar
from qtkit.core.clock import cpu_seconds
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.market.instruments import instrument_table
from qtkit.runtime.backtest import BacktestResult, run_backtest
from qtkit.runtime.build import build
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import Strategy, StrategySpec

__all__ = [
    "Figure",
    "checks_over_a_million_entries",
    "cost_of_an_order",
    "growing_history",
    "moving_average_cross",
    "nothing_on_one_symbol",
    "nothing_on_ten_symbols",
    "reference_day",
]

_BARS = 98_280  # a year of New York's minutes
_EXAMPLE = Path(__file__).parents[1] / "examples" / "live_grid_multi.py"
_DAYS_OF_A_MILLION = 295


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number beside its goal."""

    name: str
    value: float
    unit: str
    goal: float | None = None  # None: only to be looked at
    at_least: bool = False  # whether more is better

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        if self.goal is None:
            return True
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    @property
    def shown(self) -> str:
        """The value as people read it."""
        return f"{self.value:,.0f}" if self.value >= 1000 else f"{self.value:.3g}"  # noqa: PLR2004

    @property
    def goal_shown(self) -> str:
        """The goal as people read it."""
        if self.goal is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {self.goal:,.10g}"

    def as_json(self) -> dict[str, object]:
        """Return it as a row of ``bench.json``."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "goal": self.goal,
            "met": self.met,
        }


def _timed(make: Callable[[], Strategy], symbols: Sequence[str]) -> tuple[float, BacktestResult]:
    """Return the CPU seconds of a backtest over a year of New York's minutes, best of three."""
    run, times = _a_year(make, symbols), list[float]()
    for _ in range(3):
        before = cpu_seconds()
        result = run()
        times.append(cpu_seconds() - before)
    return min(times), result


def _a_year(make: Callable[[], Strategy], symbols: Sequence[str]) -> Callable[[], BacktestResult]:
    """Return what runs a backtest over a year of New York's minutes."""
    calendar = exchange_calendar("XNYS")
    days = calendar.sessions(date(2024, 1, 2), date(2025, 1, 7))
    data = random_walk(symbols, days, calendar, _BARS)
    spec = StrategySpec(
        name="bench",
        make=make,
        symbols=tuple(symbols),
        exchange="XNYS",
        step_minutes=1,
        opening_cash=Decimal(10_000_000),
        currency="USD",
    )
    settings = SessionSettings(mode="backtest", close_offset_minutes=0)
    table = instrument_table(exchange="XNYS")
    return lambda: run_backtest(spec, settings, days, data, instruments=table)


def nothing_on_one_symbol() -> list[Figure]:
    """One call of a strategy per bar, and nothing comes of it."""
    seconds, _ = _timed(DoNothing, ["SPY"])
    return [_rate("one symbol, strategy does nothing", _BARS / seconds, 1_400_000)]


def nothing_on_ten_symbols() -> list[Figure]:
    """Ten symbols side by side."""
    # any ten that the instrument table knows: nothing is traded
    seconds, _ = _timed(DoNothing, [f"US{n}" for n in range(10)])
    return [_rate("ten symbols, strategy does nothing", 10 * _BARS / seconds, 5_000_000)]


def moving_average_cross() -> list[Figure]:
    """Orders through risk, simulated broker and ledger."""
    seconds, result = _timed(lambda: MovingAverageCross("SPY", Decimal(100)), ["SPY"])
    name = f"moving averages 10/30, {len(result.fills):,} fills"
    return [_rate(name, _BARS / seconds, 220_000)]


def cost_of_an_order() -> list[Figure]:
    """Follow orders from the wish to the booked fill: what one costs, whole and in its parts."""

    def trades() -> Strategy:
        return MovingAverageCross("SPY", Decimal(100))

    def looks() -> Strategy:
        return OnlyLooks("SPY", Decimal(100))

    (trading, result), (looking, _) = _timed(trades, ["SPY"]), _timed(looks, ["SPY"])
    whole = (trading - looking) / len(result.fills) * 1e6
    parts = parts_of(_a_year(trades, ["SPY"]), _a_year(looks, ["SPY"]))
    unit = "µs of CPU"
    return [
        Figure(name="an order, from wish to booked fill", value=whole, unit=unit),
        *(Figure(name=f"of it, {p}", value=whole * s, unit=unit) for p, s in parts.items()),
    ]


def _rate(name: str, value: float, goal: float) -> Figure:
    return Figure(name=name, value=value, unit="bars per CPU second", goal=goal, at_least=True)


def growing_history() -> list[Figure]:
    """Linear cost and flat memory: one million bars and five million, each in a fresh process."""
    small, large = (_in_a_process(millions) for millions in (1, 5))
    return [
        Figure(
            name="cost of a bar, five million against one",
            value=large[0] / 5 / small[0],
            unit="ratio",
            goal=1.25,
            at_least=False,
        ),
        Figure(
            name="memory beside the columns, five million bars",
            value=large[1],
            unit="MB",
            goal=100,
            at_least=False,
        ),
    ]


def _in_a_process(millions: int) -> tuple[float, float]:
    """Return CPU seconds and the megabytes that a backtest needed beside its columns."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", str(millions)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


def reference_day() -> list[Figure]:
    """Run the reference day with journal, log and broker's book on disk."""
    spec = load_spec(_EXAMPLE)
    times = list[float]()
    with TemporaryDirectory() as folder:
        for _ in range(3):
            before = cpu_seconds()
            plan = SessionSpec(strategy=spec, day=date(2026, 3, 4))
            build(plan, OutputRoot(Path(folder))).run()
            times.append(cpu_seconds() - before)
    figure = Figure(
        name="reference day with its journal on disk",
        value=min(times),
        unit="CPU seconds",
        goal=1.0,
        at_least=False,
    )
    return [figure]


def checks_over_a_million_entries() -> list[Figure]:
    """Every check that a lone session allows, over a journal of a million entries."""
    spec = load_spec(_EXAMPLE)
    with TemporaryDirectory() as folder:
        plan = SessionSpec(strategy=spec, day=date(2023, 5, 4), days=_DAYS_OF_A_MILLION)
        run = build(plan, OutputRoot(Path(folder)))
        run.run()
        seconds, megabytes, entries = _judged_in_a_process(run.folder)
    return [
        Figure(
            name=f"single-session checks over {entries:,} entries",
            value=seconds,
            unit="CPU seconds",
            goal=4.5,
            at_least=False,
        ),
        Figure(
            name="memory for these checks",
            value=megabytes,
            unit="MB, peak of the process",
            goal=1500,
            at_least=False,
        ),
    ]


def _judged_in_a_process(folder: SessionFolder) -> tuple[float, float, int]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.judging", str(folder.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, megabytes, entries = done.stdout.split()
    return float(seconds), float(megabytes), int(entries)


def forget_peak() -> None:
    """Let the peak be counted from now on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes() -> float:
    """Return the most memory that this process has held since `forget_peak` (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024
