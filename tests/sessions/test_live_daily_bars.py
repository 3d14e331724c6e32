"""Sessions in real time on bars of a day: a step at the open, filled when the day's bar is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.clock import Clock, ManualClock
from qtkit.core.paths import OutputRoot
from qtkit.core.verdict import Status
from qtkit.journal import read_journal
from qtkit.market.instruments import instrument_table
from qtkit.market.tables.synthetic import synthetic_bars
from qtkit.model import events as ev
from qtkit.model.bar_length import BarLength
from qtkit.model.intents import Intent
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.market_data import market_of
from qtkit.runtime.spec import REAL_TIME, SessionSpec
from qtkit.sessions.remote import open_session
from qtkit.stages import judge_session
from qtkit.trading.engine.workers import SimulatedWorkers, Workers
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, StrategySpec, View
from tests.market.bar_makers import utc

SEED, SECOND = 20260304, 0.05


@dataclass
class Once:
    """Buys at its first step; notes what it saw."""

    seen: list[tuple[datetime, int]] = field(default_factory=list)

    def prepare(self, view: View) -> Prepared:
        return None

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        self.seen.append((view.now, len(view.closes(view.symbols[0], 99))))
        size = Decimal("0.01") if view.symbols[0] == "BTC-PERP" else Decimal(10)
        wanted = [] if view.position(view.symbols[0]) else view.symbols
        return [Intent(symbol=s, quantity=size, because="once") for s in wanted]

    def on_fill(self, fill: Fill, view: View) -> None: ...

    def state(self) -> JsonObject:
        return {}

    def restore(self, state: JsonObject) -> None: ...


@pytest.mark.parametrize(
    ("exchange", "symbol", "start", "until"),
    [
        ("XNYS", "AAPL", "2026-03-04 14:00", "2026-03-05 21:30"),
        ("24/7", "BTC-PERP", "2026-03-03 23:50", "2026-03-05 00:30"),
    ],
)
def test_what_a_daily_strategy_orders_at_the_open_is_filled_at_that_days_open(
    exchange: str, symbol: str, start: str, until: str, tmp_path: Path
) -> None:
    """An answer of the broker and of the feed takes a moment, as in life."""
    made, once = list[ManualClock](), Once()

    def clock(not_before: datetime | None) -> Clock:
        made.append(ManualClock(max(utc(start), not_before or utc(start))))
        return made[-1]

    def workers(_: Event) -> Workers:
        return SimulatedWorkers(made[-1], lambda _task: SECOND)

    spec = StrategySpec(
        name="once", make=lambda: once, symbols=(symbol,), exchange=exchange, currency="USD",
        bar_length="1day",
    )  # fmt: skip
    asked = SessionSpec(
        kind=REAL_TIME,
        strategy=spec,
        settings=settings_of({"seed": SEED, "slippage_bps": 0}),
        clock_from=clock,
        workers_from=workers,
    )
    with build(asked, OutputRoot(tmp_path)) as run:
        run.engine.start()
        run.engine.run(utc(until))
        folder = run.folder

    fills = [e.event for e in read_journal(folder.journal) if isinstance(e.event, ev.OrderFilled)]
    calendar = exchange_calendar(exchange)
    day = utc("2026-03-04 12:00").date()
    market = market_of(instrument_table().rules(symbol, day))
    bar = synthetic_bars(symbol, day, calendar, seed=SEED, market=market, length=BarLength.DAY)
    assert [(f.trading_date, float(f.price)) for f in fills] == [(day, float(bar.open[0]))]
    assert once.seen[0][1] >= 60
    reports = judge_session(open_session(folder.path), [])
    verdicts = [v for report in reports for v in report.verdicts]
    quiet = {Status.PASS, Status.SKIP, Status.PENDING}
    assert [
        f"{v.rule}: {v.summary}" for v in verdicts if v.status not in quiet and v.rule != "1.1"
    ] == []
