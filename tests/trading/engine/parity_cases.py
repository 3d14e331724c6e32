"""What the law of parity draws: strategies, settings, days and prices; and both ways to trade."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.market.bar_grid import BarGrid
from qtkit.market.trading_minutes import day_window
from qtkit.model import events as ev
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars
from qtkit.model.events import Entry
from qtkit.model.money import decimal_of
from qtkit.model.series import SeriesTerms, ValueSeries
from qtkit.runtime.backtest import run_backtest
from qtkit.runtime.market_data import MarketData
from qtkit.runtime.settings import SessionSettings
from qtkit.testing.programs import Programmed, ProgramRule, Sight
from qtkit.trading.strategy.protocol import Fill, StrategySpec
from tests.trading.engine.engine_bench import Setup, on_the_bench

_OF_AN_ORDER = (
    ev.OrderRequested, ev.OrderRefused, ev.OrderAccepted, ev.OrderFilled, ev.OrderCancelled,
    ev.OrderRejected, ev.StrategySaved, ev.DayClosed,
)  # fmt: skip
# a session counts the day's steps, a backtest all of them
_NUMBERED = ("step", "task_id")


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Where a case trades."""

    name: str
    zone: str
    symbols: tuple[str, ...]
    days: tuple[date, ...]
    currency: str
    lot: int
    price: float


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Bars that are not there, have no price, or had no trading."""

    symbol: int
    first: int
    count: int
    how: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """One strategy with its settings on its days."""

    exchange: Exchange
    days: int
    rules: tuple[ProgramRule, ...]
    settings: Mapping[str, Any]
    seed: int
    volume: int
    gaps: tuple[Gap, ...]
    cash: Decimal


SHANGHAI = Exchange(
    name="XSHG",
    zone="Asia/Shanghai",
    symbols=("600036.SH", "601398.SH"),
    days=(date(2026, 3, 5), date(2026, 3, 6), date(2026, 3, 9)),
    currency="CNY",
    lot=100,
    price=10.0,
)
NEW_YORK = Exchange(
    name="XNYS",
    zone="America/New_York",
    symbols=("SPY", "AAPL"),
    # daylight saving begins on the Sunday between them
    days=(date(2026, 3, 6), date(2026, 3, 9)),
    currency="USD",
    lot=1,
    price=100.0,
)
ALWAYS = Exchange(
    name="24/7",
    zone="UTC",
    symbols=("BTC-PERP",),
    days=(date(2026, 3, 7), date(2026, 3, 8)),
    currency="USD",
    lot=1,
    price=50.0,
)


def rules(exchange: Exchange) -> st.SearchStrategy[ProgramRule]:
    """Return rules for an exchange: market and limit orders, trades and targets, odd lots too."""
    lots = st.integers(1, 8).map(lambda n: n * exchange.lot * 10)
    trades = st.one_of(lots, lots.map(int.__neg__), st.integers(-150, 150))
    targets = st.one_of(st.just(0), lots)
    common: dict[str, st.SearchStrategy[Any]] = {
        "symbol": st.sampled_from(exchange.symbols),
        "every": st.sampled_from((5, 10, 15, 30, 60, 120)),
        "offset": st.sampled_from((0, 5, 10, 30, 55)),
        "look": st.sampled_from((0, 0, 1, 3, 10)),
        "rising": st.booleans(),
        "ticks": st.none() | st.integers(-30, 30),
        "alone": st.booleans(),
    }
    return st.one_of(
        st.builds(ProgramRule, shares=trades, **common),
        st.builds(ProgramRule, shares=targets, is_target=st.just(value=True), **common),
    )


def gaps() -> st.SearchStrategy[Gap]:
    """Return gaps of one bar to two hours."""
    return st.builds(
        Gap,
        symbol=st.integers(0, 1),
        first=st.integers(0, 400),
        count=st.sampled_from((1, 2, 4, 7, 20, 120)),
        how=st.sampled_from(("missing", "no price", "no volume")),
    )


def risk() -> st.SearchStrategy[dict[str, Any]]:
    """Return risk limits that now and then keep an order in."""
    return st.fixed_dictionaries(
        {},
        optional={
            "max_order_value": st.sampled_from((5_000, 20_000, 500_000)),
            "max_order_quantity": st.sampled_from((100, 2_000)),
            "max_position_quantity": st.sampled_from((500, 5_000)),
            "max_day_turnover": st.sampled_from((30_000, 200_000)),
            "trading_windows": st.sampled_from(((), (("09:35", "11:00"), ("13:00", "14:50")))),
        },
    )


def wanted_settings() -> st.SearchStrategy[dict[str, Any]]:
    """Return settings of the engine, its risk rules and the simulated broker."""
    return st.fixed_dictionaries(
        {
            "startup_gate_mode": st.just("off"),
            "refill": st.just(False),
            "price_poll_minutes": st.sampled_from((1, 2, 5)),
            "risk": risk(),
        },
        optional={
            "close_offset_minutes": st.integers(0, 4),
            "prepare_lead_seconds": st.sampled_from((0, 1, 5, 60, 90, 150)),
            "split_strategy_prepare": st.booleans(),
            "max_price_age_seconds": st.sampled_from((30, 60, 61, 150, 300, 900)),
            "feed_silent_seconds": st.sampled_from((60, 600)),
            "slippage_bps": st.sampled_from((Decimal(0), Decimal("1.5"), Decimal(40))),
            "participation": st.sampled_from((Decimal("0.01"), Decimal("0.10"), Decimal(1))),
            "latency_seconds": st.sampled_from((0, 0.25, 30, 60, 61, 400)),
            "commission_rate": st.sampled_from((Decimal(0), Decimal("0.0003"), Decimal("0.01"))),
            "commission_minimum": st.sampled_from((Decimal(0), Decimal(5))),
            "on_stop": st.sampled_from(("cancel", "keep")),
        },
    )


_STEPS = {
    "1min": (0, 5, 10, 15, 30, 60),
    "5min": (0, 5, 10, 30, 60),
    "30min": (0, 30, 60),
    "60min": (0, 60),
    "1day": (0,),
}
"""Length of a bar -> minutes of a step on them; 0: at the open."""


def bars_and_steps() -> st.SearchStrategy[dict[str, Any]]:
    """Return how long bars are, and steps on them; half of the time minutes."""
    return st.sampled_from(("1min",) * 4 + ("5min", "30min", "60min", "1day")).flatmap(
        lambda length: st.fixed_dictionaries(
            {"bar_length": st.just(length), "step_minutes": st.sampled_from(_STEPS[length])}
        )
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return one case."""
    exchange = draw(st.sampled_from((SHANGHAI, SHANGHAI, NEW_YORK, ALWAYS)))
    return Case(
        exchange=exchange,
        days=draw(st.sampled_from((1, 1, 1, 2, 3)[: len(exchange.days) + 2])),
        rules=tuple(draw(st.lists(rules(exchange), min_size=1, max_size=4))),
        settings={**draw(wanted_settings()), **draw(bars_and_steps())},
        seed=draw(st.integers(0, 2**16)),
        volume=draw(st.sampled_from((500, 20_000, 1_000_000))),
        gaps=tuple(draw(st.lists(gaps(), max_size=3))),
        cash=draw(st.sampled_from((Decimal(20_000), Decimal(1_000_000)))),
    )


# --- prices ---------------------------------------------------------------------------------------


def data_of_case(case: Case) -> MarketData:
    """Return a random walk with its gaps, and each day's last close before it."""
    calendar, days = exchange_calendar(case.exchange.name), case.exchange.days[: case.days]
    grid = BarGrid(calendar, BarLength(case.settings.get("bar_length", "1min")))
    ends = np.concatenate([grid.ends(day) for day in days])
    bars = {
        symbol: replace(
            _with_gaps(_walk(case, symbol, number, ends), number, case.gaps), length=grid.length
        )
        for number, symbol in enumerate(case.exchange.symbols)
    }
    start = decimal_of(case.exchange.price)
    closes = {(symbol, day): start for symbol in bars for day in days}
    return MarketData(bars, closes, series={"signal": _signal(case, ends)})


def _signal(case: Case, ends: NDArray[np.int64]) -> ValueSeries:
    """Return values of any sign that become known at any time, and hold for two hours."""
    chance = np.random.Generator(np.random.PCG64(case.seed + 99))
    times = chance.integers(int(ends[0]) - 10**13, int(ends[-1]), 60)
    at: NDArray[np.int64] = np.unique(np.concatenate([times, ends[::97]]))
    value = chance.integers(-5, 6, at.size).astype(float)
    return ValueSeries(SeriesTerms(name="signal", max_gap_seconds=7200), at, value)


def _walk(case: Case, symbol: str, number: int, ends: NDArray[np.int64]) -> Bars:
    """Return bars that wander around their start by less than a price band."""
    chance = np.random.Generator(np.random.PCG64(case.seed + number))
    tick = 0.01
    steps = chance.integers(-3, 4, ends.size)
    wave = np.cumsum(steps) % 120 - 60
    close = (case.exchange.price + np.abs(wave) * tick).round(2)
    opened = (np.roll(close, 1) + chance.integers(-1, 2, ends.size) * tick).round(2)
    wicks = chance.integers(0, 3, (2, ends.size)) * tick
    return Bars(
        symbol=symbol,
        end=ends,
        open=opened,
        high=(np.maximum(opened, close) + wicks[0]).round(2),
        low=(np.minimum(opened, close) - wicks[1]).round(2),
        close=close,
        volume=chance.integers(0, 2 * case.volume, ends.size).astype(float),
    )


def _with_gaps(bars: Bars, number: int, wanted: Sequence[Gap]) -> Bars:
    kept = np.ones(len(bars), bool)
    close, volume = bars.close.copy(), bars.volume.copy()
    for gap in wanted:
        if gap.symbol != number:
            continue
        rows = slice(gap.first, gap.first + gap.count)
        if gap.how == "missing":
            kept[rows] = False
        elif gap.how == "no price":
            close[rows] = 0.0
        else:
            volume[rows] = 0.0
    columns: dict[str, Any] = {"open": bars.open, "high": bars.high, "low": bars.low}
    return Bars(
        symbol=bars.symbol,
        end=bars.end[kept],
        close=close[kept],
        volume=volume[kept],
        **{name: column[kept] for name, column in columns.items()},
    )


# --- both ways ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What a strategy saw, what it decided, and what became of it."""

    sights: list[Sight]
    fills: list[tuple[Fill, Sight]]
    decisions: list[tuple[object, ...]]
    orders: list[tuple[object, ...]]


def backtested(case: Case, data: MarketData) -> Outcome:
    """Return what a backtest makes of a case."""
    strategy = Programmed(case.rules)
    spec = StrategySpec(
        name="scripted",
        make=lambda: strategy,
        symbols=case.exchange.symbols,
        exchange=case.exchange.name,
        opening_cash=case.cash,
        currency=case.exchange.currency,
    )
    settings = SessionSettings(**{**case.settings, "mode": "backtest"})
    result = run_backtest(spec, settings, case.exchange.days[: case.days], data)
    return _outcome(strategy, result.entries)


def lived(case: Case, data: MarketData) -> Outcome:
    """Return what a simulated paper session makes of a case."""
    strategy, calendar = Programmed(case.rules), exchange_calendar(case.exchange.name)
    days = case.exchange.days[: case.days]
    bench = on_the_bench(
        Setup(
            prices=dict.fromkeys(case.exchange.symbols, 1.0),
            days=days,
            start=_start(calendar, days[0]),
            settings=case.settings,
            exchange=case.exchange.name,
            zone=case.exchange.zone,
            cash=case.cash,
            currency=case.exchange.currency,
            wrap=lambda _strategy, _clock: strategy,
            data=data,
        )
    )
    bench.engine.start()
    bench.engine.run(_end(calendar.segments(days[-1])[-1].end), last_day=days[-1])
    return _outcome(strategy, bench.entries)


def _start(calendar: Calendar, day: date) -> datetime:
    """Return a time before the open, but of the same date."""
    midnight, _ = day_window(calendar, day)
    return max(midnight, calendar.segments(day)[0].start - timedelta(minutes=5))


def _end(close: datetime) -> datetime:
    """Return a time after everything that a day still has to do."""
    return close.astimezone(UTC) + timedelta(minutes=45)


def _outcome(strategy: Programmed, entries: Iterable[Entry]) -> Outcome:
    entries = list(entries)
    return Outcome(
        sights=strategy.sights,
        fills=strategy.fills,
        decisions=[
            (e.event.due, e.event.prices, e.event.aside, e.event.intents, e.event.state_digest)
            for e in entries
            if isinstance(e.event, ev.DecisionTaken) and e.event.intents
        ],
        orders=[_row(e) for e in entries if isinstance(e.event, _OF_AN_ORDER)],
    )


def _row(entry: Entry) -> tuple[object, ...]:
    """Return what happened to an order, with its time where both ways have the same."""
    fields = {
        name: getattr(entry.event, name)
        for name in entry.event.__struct_fields__
        if name not in _NUMBERED
    }
    at = None if isinstance(entry.event, ev.DayClosed | ev.StrategySaved) else entry.at
    return at, type(entry.event).__name__, fields
