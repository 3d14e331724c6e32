"""The bars so far: when each became known, and what the last close was."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.clock import ManualClock
from qtkit.core.errors import DataError
from qtkit.market.bar_grid import BarGrid
from qtkit.market.feeds.recorded import FaultyFeed, RecordedFeed, Silence
from qtkit.market.live_market import ListenedFeed, LiveMarket
from qtkit.model.bars import nanos
from tests.market.bar_makers import bars_at, utc

SHANGHAI = exchange_calendar("XSHG")
TUESDAY, WEDNESDAY = date(2026, 3, 3), date(2026, 3, 4)
BARS = bars_at(
    "A", ["2026-03-03 06:59", "2026-03-03 07:00", "2026-03-04 01:31"], [10.0, 10.5, 11.0]
)


def grown() -> LiveMarket:
    market = LiveMarket(("A", "B"), BarGrid(SHANGHAI), lambda _symbol, _day: Decimal("9.99"))
    market.add({"A": BARS}, nanos(utc("2026-03-04 01:31:02")))
    return market


def test_the_last_close_is_that_of_the_day_before_and_never_of_today() -> None:
    market = grown()

    assert market.close_before("A", WEDNESDAY) == Decimal("10.5")
    assert market.close_before("A", date(2026, 3, 5)) == Decimal("11.0")


def test_what_no_bar_tells_is_asked_elsewhere() -> None:
    market = grown()

    assert market.close_before("A", TUESDAY) == Decimal("9.99")
    assert market.close_before("B", WEDNESDAY) == Decimal("9.99")
    assert market.close_before("X", WEDNESDAY) == Decimal("9.99")
    assert LiveMarket(("A",), BarGrid(SHANGHAI)).close_before("A", WEDNESDAY) is None


def test_a_close_that_is_no_price_is_no_close() -> None:
    market = LiveMarket(("A",), BarGrid(SHANGHAI))
    market.add({"A": bars_at("A", ["2026-03-03 07:00"], [np.nan])}, 0)

    assert market.close_before("A", WEDNESDAY) is None


def test_a_bar_is_known_at_its_end_or_when_it_came() -> None:
    market = grown()
    late, early = utc("2026-03-04 01:31"), utc("2026-03-03 07:00")
    market.add({"A": bars_at("A", ["2026-03-04 01:32"])}, nanos(utc("2026-03-04 01:31:59")))

    assert market.revealed("A", nanos(late)) == nanos(utc("2026-03-04 01:31:02"))
    assert market.revealed("A", nanos(early)) == nanos(utc("2026-03-04 01:31:02"))
    assert market.revealed("A", nanos(utc("2026-03-04 01:32"))) == nanos(utc("2026-03-04 01:32"))


def test_who_reads_while_it_grows_keeps_what_it_has() -> None:
    market = grown()
    before = market.bars["A"]
    market.add({"A": bars_at("A", ["2026-03-04 01:32"])}, 0)

    assert (len(before), len(market.bars["A"])) == (3, 4)
    assert market.bars["A"] is not before


def test_what_was_heard_ahead_is_delivered_with_the_first_poll() -> None:
    market, clock = LiveMarket(("A",), BarGrid(SHANGHAI)), ManualClock(utc("2026-03-04 01:00"))
    feed = ListenedFeed(RecordedFeed({"A": BARS}), market, clock)
    assert feed.listen_ahead() == ""
    assert market.close_before("A", WEDNESDAY) == Decimal("10.5")

    batch = feed.bars_until(utc("2026-03-04 01:31"))
    assert batch["A"].close.tolist() == [10.0, 10.5, 11.0]
    assert dict(feed.bars_until(utc("2026-03-04 01:31"))) == {}


def test_a_source_that_is_away_at_the_start_and_at_the_first_poll_loses_nothing() -> None:
    market, clock = LiveMarket(("A",), BarGrid(SHANGHAI)), ManualClock(utc("2026-03-04 01:00"))
    away = Silence(start=utc("2026-03-04 00:59"), end=utc("2026-03-04 01:35"), fails=True)
    feed = ListenedFeed(FaultyFeed(RecordedFeed({"A": BARS}), [away]), market, clock)

    assert "did not answer" in feed.listen_ahead()
    with pytest.raises(DataError):
        feed.bars_until(utc("2026-03-04 01:31"))
    assert feed.bars_until(utc("2026-03-04 01:35"))["A"].close.tolist() == [10.0, 10.5, 11.0]
