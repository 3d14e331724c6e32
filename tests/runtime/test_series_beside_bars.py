"""A strategy that looks at series: backtest, session, re-run and return see the same values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import DataError
from qtkit.core.paths import OutputRoot
from qtkit.journal import read_journal
from qtkit.market.feeds.recorded import RecordedFeed
from qtkit.market.feeds.recorder import recorded_bars
from qtkit.market.feeds.series_beside import SeriesBeside
from qtkit.market.tables.series_store import SeriesStore
from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.model.intents import Intent
from qtkit.model.series import SeriesTerms, ValueSeries
from qtkit.runtime.backtest import run_backtest
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.market_data import MarketData
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import hand_made_data
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, StrategySpec, View
from tests.market.bar_makers import utc

DAYS = (date(2026, 3, 4), date(2026, 3, 5))
SCORE = SeriesTerms(name="score", unit="points", tags=("signal",), max_gap_seconds=3600)
# 10:17 and 11:00 in New York on the first day, 10:00 on the second: one between two polls
TIMES = ("2026-03-04 15:17", "2026-03-04 16:00", "2026-03-05 15:00")


@dataclass
class Follower:
    """Holds 10 shares while the score is above 0, none below; notes what it saw."""

    seen: list[tuple[str, str, int]] = field(default_factory=list)

    def prepare(self, view: View) -> Prepared:
        return None

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        score = view.value("score")
        self.seen.append((f"{view.now:%d %H:%M}", str(score), len(view.values("score", 9))))
        if not abs(score) > 0 or view.has_open_order("AAPL"):
            return []
        lot = view.instrument("AAPL").lot
        missing = (10 * lot if score > 0 else Decimal(0)) - view.position("AAPL")
        return [Intent(symbol="AAPL", quantity=missing, because="score")] if missing else []

    def on_fill(self, fill: Fill, view: View) -> None: ...

    def state(self) -> JsonObject:
        return {}

    def restore(self, state: JsonObject) -> None: ...


def spec_of(follower: Follower, *series: str) -> StrategySpec:
    return StrategySpec(
        name="follower",
        make=lambda: follower,
        symbols=("AAPL",),
        exchange="XNYS",
        step_minutes=10,
        currency="USD",
        series=series or ("tag:signal",),
    )


def scores() -> ValueSeries:
    at = np.array([nanos(utc(time)) for time in TIMES], np.int64)
    return ValueSeries(SCORE, at, np.array([1.5, -2.0, 0.5]))


@pytest.fixture
def root(tmp_path: Path) -> OutputRoot:
    root = OutputRoot(tmp_path / "outputs")
    SeriesStore(root.series).merge(scores())
    return root


@pytest.fixture
def bars() -> MarketData:
    return hand_made_data({"AAPL": 250.0}, DAYS, exchange_calendar("XNYS"))


def asked(follower: Follower, bars: MarketData) -> SessionSpec:
    settings = settings_of({"price_poll_minutes": 1, "refill": False})
    return SessionSpec(
        strategy=spec_of(follower), settings=settings, day=DAYS[0], days=2, data=bars
    )


def traded(entries: Iterable[ev.Entry]) -> list[Decimal]:
    return [e.event.quantity for e in entries if isinstance(e.event, ev.OrderFilled)]


def test_a_value_is_seen_from_its_moment_on_until_it_is_too_old(
    root: OutputRoot, bars: MarketData
) -> None:
    follower = Follower()

    with build(asked(follower, bars), root) as run:
        run.run()

    seen = {at: (score, count) for at, score, count in follower.seen}
    assert seen["04 15:10"] == ("nan", 0)
    assert seen["04 15:20"] == ("1.5", 1)
    assert seen["04 16:00"] == ("-2.0", 2)
    assert seen["04 17:10"] == ("nan", 2)  # an hour is over
    assert seen["05 15:00"] == ("0.5", 3)
    assert traded(read_journal(run.folder.journal)) == [10, -10, 10]


def test_backtest_and_session_see_and_do_the_same(root: OutputRoot, bars: MarketData) -> None:
    tested, lived = Follower(), Follower()

    result = run_backtest(spec_of(tested), asked(tested, bars).settings, DAYS, bars, root)
    with build(asked(lived, bars), root) as run:
        run.run()

    assert tested.seen == lived.seen
    assert traded(result.entries) == traded(read_journal(run.folder.journal))


def test_the_first_line_names_the_series_and_the_recording_holds_it(
    root: OutputRoot, bars: MarketData
) -> None:
    with build(asked(Follower(), bars), root) as run:
        run.run()

    opening = next(iter(read_journal(run.folder.journal))).event
    assert opening.series == (SCORE,)
    assert recorded_bars(run.folder)["series:score"].close.tolist() == [1.5, -2.0, 0.5]


def test_a_series_that_is_not_there_is_refused_before_anything_starts(
    root: OutputRoot, bars: MarketData
) -> None:
    spec = replace(asked(Follower(), bars), strategy=spec_of(Follower(), "scroe"))

    with pytest.raises(DataError) as refused:
        build(spec, root)

    assert "did you mean score" in str(refused.value)
    assert not (root.path / "sessions").exists()


def test_a_live_feed_brings_values_that_somebody_writes_meanwhile(
    root: OutputRoot, bars: MarketData
) -> None:
    store, later = SeriesStore(root.series), utc("2026-03-04 18:00")
    feed = SeriesBeside(RecordedFeed(bars.bars), store, [SCORE])
    first = feed.bars_until(utc("2026-03-04 15:30"))["series:score"].close.tolist()

    store.merge(ValueSeries(SCORE, np.array([nanos(later)], np.int64), np.array([7.0])))
    nothing = feed.bars_until(later - timedelta(hours=2, minutes=1))
    then = feed.bars_until(later)["series:score"].close.tolist()

    assert first == [1.5]
    assert "series:score" not in nothing
    assert then == [-2.0, 7.0]


def test_a_damaged_series_keeps_no_bar_back(root: OutputRoot, bars: MarketData) -> None:
    store = SeriesStore(root.series)
    feed = SeriesBeside(RecordedFeed(bars.bars), store, [SCORE])
    store.file("score").write_bytes(b"PAR1")

    answer = feed.bars_until(utc("2026-03-04 15:30"))

    assert len(answer["AAPL"]) == 60
    assert answer.problem
