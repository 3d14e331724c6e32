"""One long backtest in a fresh process: prints CPU seconds, and MB beside the columns."""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal

from benchmarks.history import random_walk
from benchmarks.measured import forget_peak, peak_megabytes
from benchmarks.strategies import DoNothing
from qtkit.core.calendars import exchange_calendar
from qtkit.core.clock import cpu_seconds
from qtkit.runtime.backtest import run_backtest
from qtkit.runtime.settings import SessionSettings
from qtkit.trading.strategy.protocol import StrategySpec

_MINUTES_A_DAY = 1440


def main(millions: int) -> None:
    """Run `millions` of one-minute bars of a market that never closes."""
    bars = millions * 1_000_000
    calendar = exchange_calendar("24/7")
    days = calendar.sessions(date(2017, 1, 1), date(2026, 11, 1))[: bars // _MINUTES_A_DAY]
    data = random_walk(["BTC-PERP"], days, calendar, bars)
    spec = StrategySpec(
        name="bench",
        make=DoNothing,
        symbols=("BTC-PERP",),
        exchange="24/7",
        step_minutes=1,
        opening_cash=Decimal(10_000_000),
        currency="USD",
    )
    forget_peak()
    held, before = peak_megabytes(), cpu_seconds()
    run_backtest(spec, SessionSettings(mode="backtest", close_offset_minutes=0), days, data)
    print(cpu_seconds() - before, peak_megabytes() - held)


if __name__ == "__main__":
    main(int(sys.argv[1]))
