"""Bars that make no sense cost a poll nothing else, and stand in the journal."""

from __future__ import annotations

from datetime import datetime

from qtkit.market.feeds.protocol import Delivery, Feed
from qtkit.model import events as ev
from qtkit.model.bars import BarBatch
from qtkit.testing import at
from tests.trading.engine.engine_bench import day_of


class OneBadBar:
    """A feed of which one bar makes no sense, once."""

    def __init__(self, feed: Feed) -> None:
        self._feed, self._told = feed, False

    def bars_until(self, now: datetime) -> BarBatch:
        """Return the others."""
        bars = self._feed.bars_until(now)
        if self._told or now < at("09:32"):
            return bars
        self._told = True
        return Delivery(bars, refused=1, problem="bar 3 (A at 2999-03-04T09:32)")


def test_a_bar_that_makes_no_sense_is_counted_and_told_and_the_others_are_used() -> None:
    bench = day_of(wrap_feed=OneBadBar).run("09:36")

    (refused,) = bench.of(ev.BarsRefused)
    seen = bench.of(ev.PricesSeen)
    assert (refused.bars, refused.problem) == (1, "bar 3 (A at 2999-03-04T09:32)")
    assert sum(event.refused for event in seen) == 1
    assert [len(event.last) for event in seen if event.refused] == [2]
    assert bench.of(ev.FeedFailed) == []
    assert bench.skipped() == {}
