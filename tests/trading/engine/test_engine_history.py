"""Bars as a strategy sees them: aggregated by hand, fresh by trading time, never ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.ledger.ledger import Ledger
from qtkit.market.bar_order import concatenated
from qtkit.market.feeds.protocol import Feed
from qtkit.market.instruments import instrument_table
from qtkit.model import events as ev
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import BarBatch, Bars, nanos, time_of
from qtkit.model.books import Book
from qtkit.testing import at, local
from qtkit.trading.engine.bar_history import EngineView, History, Lookup, last_price, usable_symbols
from tests.trading.engine.engine_bench import BANK, STEEL, day_of

NOWHERE = Lookup(instrument_table().rules, lambda _symbol, _day: None, exchange_calendar("XSHG"))
MORNING = ((nanos(at("09:30")), nanos(at("11:30"))), (nanos(at("13:00")), nanos(at("15:00"))))


def bars(*rows: tuple[str, float, float, float, float, float], symbol: str = BANK) -> Bars:
    """Return bars of (end, open, high, low, close, volume)."""
    ends, *columns = zip(*rows, strict=True)
    names = ("open", "high", "low", "close", "volume")
    arrays: dict[str, Any] = {
        n: np.array(c, np.float64) for n, c in zip(names, columns, strict=True)
    }
    end = np.array([nanos(at(str(e))) for e in ends], np.int64)
    return Bars(symbol=symbol, end=end, **arrays)


def minutes(first: str, count: int, *, symbol: str = BANK) -> Bars:
    """Return bars whose close is 1, 2, 3, ..., one a minute."""
    start = nanos(at(first))
    close = np.arange(1.0, count + 1)
    return Bars(
        symbol=symbol,
        end=np.array([start + n * BarLength.MIN_1.nanos for n in range(count)], np.int64),
        open=close - 0.5,
        high=close + 0.25,
        low=close - 0.75,
        close=close,
        volume=np.full(count, 10.0),
    )


def view_of(history: History) -> EngineView:
    """Return a view that shows every symbol."""
    ledger = Ledger.opened(Book(cash=Decimal(5)))
    view = EngineView((BANK, STEEL), history, ledger, NOWHERE)
    view.move(at("15:00"), date(2026, 3, 4), None, ledger)
    return view


def seen(*parts: Bars) -> EngineView:
    """Return a view of bars that came one part after another."""
    history = History((BANK, STEEL))
    for part in parts:
        history.extend({part.symbol: part})
    return view_of(history)


# --- aggregation ---------------------------------------------------------------------------------


def test_five_minute_bars_by_hand() -> None:
    view = seen(
        bars(
            ("09:31", 10.0, 10.4, 9.9, 10.1, 100),
            ("09:32", 10.1, 10.2, 10.0, 10.2, 200),
            ("09:33", 10.2, 10.9, 10.1, 10.3, 300),
            ("09:34", 10.3, 10.3, 9.5, 10.0, 400),
            ("09:35", 10.0, 10.1, 9.9, 10.05, 500),
            ("09:36", 10.05, 10.6, 10.0, 10.5, 600),
        )
    )
    five = view.bars(BANK, 10, "5min")
    assert [local(time_of(int(e))) for e in five.end] == ["09:35:00"]
    assert (five.open[0], five.high[0], five.low[0], five.close[0], five.volume[0]) == (
        10.0, 10.9, 9.5, 10.05, 1500.0,
    )  # fmt: skip


def test_an_unfinished_bar_is_not_shown_and_a_finished_one_is() -> None:
    assert len(seen(minutes("09:31", 4)).bars(BANK, 5, "5min")) == 0
    assert len(seen(minutes("09:31", 5)).bars(BANK, 5, "5min")) == 1
    assert seen(minutes("09:31", 14)).bars(BANK, 5, "5min").close.tolist() == [5.0, 10.0]


def test_a_bar_with_a_gap_in_it_is_finished_once_the_next_one_has_begun() -> None:
    """09:33 to 09:35 are missing; 09:36 shows that 09:35 has passed."""
    view = seen(minutes("09:31", 2), minutes("09:36", 1))
    five = view.bars(BANK, 5, "5min")
    assert [local(time_of(int(e))) for e in five.end] == ["09:35:00"]
    assert five.close.tolist() == [2.0]


def test_bars_do_not_reach_over_lunch() -> None:
    view = seen(minutes("11:26", 5), minutes("13:01", 5))
    five = view.bars(BANK, 5, "5min")
    assert [local(time_of(int(e))) for e in five.end] == ["11:30:00", "13:05:00"]
    assert five.volume.tolist() == [50.0, 50.0]


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_the_last_bars_are_whole_however_many_are_asked_for(count: int) -> None:
    five = seen(minutes("09:31", 23)).bars(BANK, count, "5min")
    assert five.close.tolist() == [5.0, 10.0, 15.0, 20.0][-count:]
    assert five.open.tolist() == [0.5, 5.5, 10.5, 15.5][-count:]
    assert set(five.volume.tolist()) == {50.0}


def test_one_minute_bars_are_those_that_came() -> None:
    view = seen(minutes("09:31", 7))
    assert view.bars(BANK, 3).close.tolist() == [5.0, 6.0, 7.0]
    assert view.closes(BANK, 2).tolist() == [6.0, 7.0]
    assert view.closes(BANK, 99).tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert len(view.bars(STEEL, 3)) == len(view.bars(STEEL, 3, "5min")) == 0
    assert view.closes(STEEL, 3).tolist() == []


# --- history -------------------------------------------------------------------------------------


def test_a_history_grows_beyond_its_first_room() -> None:
    history = History((BANK,))
    for day in range(1, 7):
        start = datetime(2026, 3, day, tzinfo=UTC)
        part = minutes("00:01", 1000)
        end = part.end - part.end[0] + nanos(start)
        history.extend({BANK: replace(part, end=end)})
    assert len(history.tail(BANK, 10_000)) == 6000
    assert history.tail(BANK, 10_000).close[[0, 999, 1000, 5999]].tolist() == [
        1.0,
        1000.0,
        1.0,
        1000.0,
    ]


def test_what_is_not_traded_here_is_left_out() -> None:
    history = History((BANK,))
    history.extend({"OTHER": minutes("09:31", 3, symbol="OTHER")})
    assert [len(b) for b in history.everything()] == [0]
    assert (history.last_end(BANK), np.isnan(history.last_close(BANK))) == (0, True)


def test_a_frozen_history_shows_nothing_that_comes_later() -> None:
    history = History((BANK,))
    history.extend({BANK: minutes("09:31", 3)})
    still = history.frozen()
    history.extend({BANK: minutes("09:34", 3)})
    assert len(still.tail(BANK, 99)) == 3
    assert len(history.tail(BANK, 99)) == 6


def test_the_newest_bar_is_the_last_one() -> None:
    history = History((BANK,))
    history.extend({BANK: minutes("09:31", 3)})
    newest = last_price(history, BANK)
    assert (local(newest.end), newest.close) == ("09:33:00", Decimal("3.0"))


# --- freshness -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "now", "fresh"),
    [
        ("09:35", "09:35", True),
        ("09:35", "09:38", True),  # 180 s old
        ("09:35", "09:38:01", False),
        ("11:30", "13:00", True),  # lunch is no trading time
        ("11:30", "13:03", True),
        ("11:30", "13:03:01", False),
        ("11:28", "13:00:59", True),
        ("11:28", "13:01:01", False),
        ("09:30", "09:31", False),  # the bar that ends with the opening is of yesterday's kind
        ("14:59", "15:30", True),  # nothing is traded any more
    ],
)
def test_a_price_is_fresh_by_trading_time(last: str, now: str, fresh: bool) -> None:  # noqa: FBT001
    history = History((BANK,))
    history.extend({BANK: minutes(last, 1)})
    assert usable_symbols(history, at(now), MORNING, 180) == (
        frozenset({BANK}) if fresh else frozenset()
    )


def test_a_price_that_is_not_positive_is_none() -> None:
    history = History((BANK, STEEL))
    history.extend(
        {BANK: bars(("09:35", 1, 1, 1, 0.0, 1)), STEEL: minutes("09:35", 1, symbol=STEEL)}
    )
    assert usable_symbols(history, at("09:36"), MORNING, 180) == {STEEL}


def test_on_a_closed_day_no_price_is_usable() -> None:
    history = History((BANK,))
    history.extend({BANK: minutes("09:35", 1)})
    assert usable_symbols(history, at("09:36"), (), 180) == frozenset()


# --- the view ------------------------------------------------------------------------------------


def test_a_view_shows_prices_of_usable_symbols_only() -> None:
    view = seen(minutes("09:31", 3), minutes("09:31", 2, symbol=STEEL))
    ledger = Ledger.opened(Book(cash=Decimal(5)))
    view.move(at("09:33"), date(2026, 3, 4), frozenset({BANK}), ledger)
    assert (view.price(BANK), np.isnan(view.price(STEEL))) == (3.0, True)
    assert view.now == at("09:33")
    assert (view.cash, view.position(BANK), view.sellable(BANK)) == (
        Decimal(5),
        Decimal(0),
        Decimal(0),
    )
    assert view.has_open_order(BANK) is False
    assert view.trading_date == date(2026, 3, 4)


def test_a_views_moment_may_be_given_in_nanoseconds() -> None:
    view = seen(minutes("09:31", 3))
    view.moment = nanos(at("09:40"))
    assert view.now == at("09:40")
    assert view.now is view.now


# --- what a feed must not deliver ----------------------------------------------------------------


class Eager:
    """A feed that breaks its promise: a forming minute, an old one, and one of the year 2199."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def bars_until(self, now: datetime) -> BarBatch:
        batch = dict(self._feed.bars_until(now))
        if BANK in batch:
            true = batch[BANK]
            rows = [
                replace(true.rows(0, 1), end=np.array([nanos(end)]), close=np.array([5.0]))
                for end in (now + timedelta(minutes=1), now - timedelta(minutes=9), FAR)
            ]
            batch[BANK] = concatenated(true, *rows)
        return batch


FAR = datetime(2199, 1, 1, tzinfo=UTC)


def test_an_engine_believes_no_bar_that_has_not_ended() -> None:
    bench = day_of(wrap_feed=Eager).run("09:45")
    told = bench.of(ev.BarsLeftOut)

    assert {p.close for seen in bench.of(ev.PricesSeen) for p in seen.last} == {
        Decimal(10), Decimal(8),
    }  # fmt: skip
    assert len(bench.of(ev.DecisionTaken)) == 2
    assert all(event.counts["unfinished"] == 2 for event in told)
    assert len(told) == 14
    assert {s.why for event in told for s in event.samples} == {"late", "unfinished"}


@pytest.mark.parametrize("length", ["1min", "5min"])
def test_a_strategy_cannot_write_into_the_prices_that_its_orders_are_judged_by(
    length: str,
) -> None:
    view = seen(minutes("09:31", 10))
    with pytest.raises(ValueError, match="read-only"):
        view.closes(BANK, 3)[-1] = 0.5
    shown = view.bars(BANK, 2, length)
    if length == "1min":
        with pytest.raises(ValueError, match="read-only"):
            shown.close[0] = 0.5
    else:
        shown.close[0] = 0.5  # a copy: it is the strategy's own
    assert view.closes(BANK, 10).tolist() == list(np.arange(1.0, 11.0))
