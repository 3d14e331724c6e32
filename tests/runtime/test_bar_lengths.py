"""Bars of any length: backtest and session agree, checks raise no alarm, and nobody sees ahead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import OutputRoot
from qtkit.core.verdict import Status
from qtkit.journal import read_journal
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import concatenated
from qtkit.market.longer_bars import longer_bars
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.synthetic import Market, synthetic_bars
from qtkit.model import events as ev
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, time_of
from qtkit.model.intents import Intent
from qtkit.runtime.backtest import backtest
from qtkit.runtime.settings import SessionSettings
from qtkit.sessions.simulation import simulate
from qtkit.stages import judge_session
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, StrategySpec, View
from tests.market.bar_makers import utc

SYMBOLS = {"XNYS": "AAPL", "XTKS": "7203.T", "XSHG": "600036.SH", "24/7": "BTC-PERP"}
CURRENCIES = {"XNYS": "USD", "XTKS": "JPY", "XSHG": "CNY", "24/7": "USD"}
OWN = """
[symbols]
"7203.T" = "XTKS"
"""
DAY = BarLength.DAY
CASES = [
    *(("XNYS", date(2026, 3, 6), length) for length in BarLength),  # the clocks change after it
    *(("XTKS", date(2026, 3, 4), length) for length in BarLength),
    *(("24/7", date(2026, 3, 7), length) for length in BarLength),
    # Thanksgiving follows, and half a day
    *(("XNYS", date(2026, 11, 25), length) for length in (BarLength.MIN_5, BarLength.MIN_60, DAY)),
]
QUIET = {Status.PASS, Status.SKIP, Status.PENDING}


@dataclass
class Trend:
    """Holds shares after a bar that rose and none after one that fell; notes what it saw."""

    size: Decimal
    length: str = ""
    seen: list[tuple[datetime, int, float]] = field(default_factory=list)
    wishes: list[tuple[date, Decimal]] = field(default_factory=list)

    def prepare(self, view: View) -> Prepared:
        return None

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        symbol = view.symbols[0]
        bars = view.bars(symbol, 2, self.length)
        if len(bars) < 2:
            return []
        self.seen.append((view.now, int(bars.end[-1]), float(bars.close[-1])))
        if view.has_open_order(symbol):
            return []
        rises, held = bars.close[1] > bars.close[0], view.position(symbol)
        wanted = (self.size if not held else Decimal(0)) if rises else -view.sellable(symbol)
        if wanted:
            self.wishes.append((view.trading_date, wanted))
        return [Intent(symbol=symbol, quantity=wanted, because="trend")] if wanted else []

    def on_fill(self, fill: Fill, view: View) -> None: ...

    def state(self) -> JsonObject:
        return {}

    def restore(self, state: JsonObject) -> None: ...


def spec_of(trend: Trend, exchange: str, length: str, step: int | None = None) -> StrategySpec:
    return StrategySpec(
        name="trend",
        make=lambda: trend,
        symbols=(SYMBOLS[exchange],),
        exchange=exchange,
        currency=CURRENCIES[exchange],
        opening_cash=Decimal(10_000_000),
        bar_length=length,
        step_minutes=step,
    )


def size_in(exchange: str) -> Decimal:
    return Decimal("0.01") if exchange == "24/7" else Decimal(100)


def fills_of(events: Iterable[object]) -> list[tuple[Decimal, Decimal, date | None]]:
    return [(e.quantity, e.price, e.trading_date) for e in events if isinstance(e, ev.OrderFilled)]


def alarms(session: object) -> list[str]:
    """Return the checks that neither pass nor have nothing to judge."""
    reports = judge_session(session, [])  # type: ignore[arg-type]
    verdicts = [verdict for report in reports for verdict in report.verdicts]
    return [f"{v.rule} {v.status}: {v.summary}" for v in verdicts if v.status not in QUIET]


@pytest.mark.parametrize(("exchange", "day", "length"), CASES)
def test_bars_of_each_length_trade_alike_in_backtest_and_session(
    exchange: str, day: date, length: BarLength, tmp_path: Path
) -> None:
    days, step = (8, None) if length.is_day else (2, max(30, length.minutes))
    size = size_in(exchange)
    researched, lived = Trend(size), Trend(size)
    last = exchange_calendar(exchange).sessions(day, date(2026, 12, 31))[days - 1]

    own = tmp_path / "instruments.toml"
    own.write_text(OWN)
    settings = SessionSettings(instruments=str(own))

    research = backtest(spec_of(researched, exchange, length, step), day, last, settings=settings)
    session = simulate(
        spec_of(lived, exchange, length, step),
        day=day,
        days=days,
        root=OutputRoot(tmp_path),
        settings=settings,
    )

    events = [entry.event for entry in read_journal(session.folder.journal)]
    assert fills_of(events) == fills_of(e.event for e in research.entries) != []
    assert events[0].bar_seconds == length.seconds
    assert lived.seen == researched.seen
    assert all(time_of(end) <= now for now, end, _ in lived.seen)
    assert alarms(session) == []


def daily_market(exchange: str, days: Sequence[date], length: BarLength) -> Bars:
    calendar, market = exchange_calendar(exchange), Market(lot=1.0)
    minutes = [
        synthetic_bars(SYMBOLS[exchange], day, calendar, seed=3, market=market) for day in days
    ]
    return longer_bars(concatenated(*minutes), BarGrid(calendar, length))


@pytest.mark.parametrize("exchange", ["XNYS", "24/7"])
def test_tables_of_three_lengths_give_a_strategy_of_daily_closes_the_same_decisions(
    exchange: str, tmp_path: Path
) -> None:
    days = exchange_calendar(exchange).sessions(date(2026, 2, 20), date(2026, 3, 13))
    outcomes = {}
    for length in (BarLength.MIN_1, BarLength.MIN_5, BarLength.DAY):
        table = BarTable(OutputRoot(tmp_path).tables, f"bars_{length}")
        table.write(daily_market(exchange, days, length))
        trend = Trend(size_in(exchange), "1day")
        spec = spec_of(trend, exchange, length, step=0)
        settings = SessionSettings(data=table.name)
        result = backtest(spec, days[3], days[-1], settings=settings, root=OutputRoot(tmp_path))
        fills = fills_of(entry.event for entry in result.entries)
        dates = [(quantity, day) for quantity, _, day in fills]
        outcomes[length] = (trend.wishes, trend.seen, dates)

    assert len(outcomes[BarLength.DAY][0]) >= 4
    assert outcomes[BarLength.MIN_1] == outcomes[BarLength.MIN_5] == outcomes[BarLength.DAY]


def test_a_daily_strategy_steps_at_the_open_and_fills_at_that_days_open(tmp_path: Path) -> None:
    days = exchange_calendar("XNYS").sessions(date(2026, 3, 2), date(2026, 3, 13))
    bars = daily_market("XNYS", days, BarLength.DAY)
    BarTable(OutputRoot(tmp_path).tables, "us_1day").write(bars)
    trend = Trend(Decimal(10))
    spec = spec_of(trend, "XNYS", "1day")

    session = simulate(
        spec,
        day=days[2],
        days=8,
        root=OutputRoot(tmp_path),
        settings={"data": "us_1day", "slippage_bps": 0},
    )

    entries = list(read_journal(session.folder.journal))
    fills = [e.event for e in entries if isinstance(e.event, ev.OrderFilled)]
    opens: dict[date | None, float] = dict(zip(days, bars.open.tolist(), strict=True))
    # 14:30 UTC, and 13:30 from the 9th of March on: the session's open in New York
    assert [f"{now:%d %H:%M}" for now, _, _ in trend.seen] == [
        "04 14:30", "05 14:30", "06 14:30", "09 13:30",
        "10 13:30", "11 13:30", "12 13:30", "13 13:30",
    ]  # fmt: skip
    assert [end for _, end, _ in trend.seen] == bars.end[1:-1].tolist()
    assert len(fills) == 2
    assert [(f.trading_date, float(f.price)) for f in fills] == [
        (f.trading_date, opens[f.trading_date]) for f in fills
    ]


@pytest.mark.parametrize(
    ("exchange", "length", "step", "words"),
    [
        ("XNYS", "1day", 30, ("step_minutes is 30", "0, once a day")),
        ("XNYS", "15min", 20, ("step_minutes is 20", "such as 15")),
        ("XSHG", "30min", 240, ("step_minutes is 240", "120 minutes", "09:30 to 11:30")),
        ("XNYS", "10min", None, ("bar_length", "'10min'")),
    ],
)
def test_steps_that_do_not_go_with_the_bars_are_refused(
    exchange: str, length: str, step: int | None, words: tuple[str, ...], tmp_path: Path
) -> None:
    spec = spec_of(Trend(Decimal(100)), exchange, length, step)

    with pytest.raises(ConfigError) as refused:
        simulate(spec, day=date(2026, 3, 4), root=OutputRoot(tmp_path))

    assert [word for word in words if word not in str(refused.value)] == []


def test_a_table_of_another_length_is_refused(tmp_path: Path) -> None:
    days = exchange_calendar("XNYS").sessions(date(2026, 3, 2), date(2026, 3, 4))
    BarTable(OutputRoot(tmp_path).tables, "t").write(daily_market("XNYS", days, BarLength.MIN_5))
    spec = spec_of(Trend(Decimal(10)), "XNYS", "1day")

    with pytest.raises(ConfigError) as refused:
        simulate(spec, day=days[-1], root=OutputRoot(tmp_path), settings={"data": "t"})

    assert [w for w in ("5min", "1day", "bar_length") if w not in str(refused.value)] == []


def test_a_table_holds_bars_of_one_length(tmp_path: Path) -> None:
    days = exchange_calendar("XNYS").sessions(date(2026, 3, 2), date(2026, 3, 4))
    table = BarTable(OutputRoot(tmp_path).tables, "t")
    table.write(daily_market("XNYS", days, BarLength.MIN_5))
    other = daily_market("24/7", [date(2026, 3, 4)], BarLength.MIN_1)

    with pytest.raises(DataError, match="5min"):
        table.merge(other)

    assert table.symbols() == ("AAPL",)
    assert table.length is table.read("AAPL", until=utc("2026-03-02 15:00")).length
    assert table.length is BarLength.MIN_5
