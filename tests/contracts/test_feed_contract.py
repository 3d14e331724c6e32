"""What every feed promises: finished bars, in order, each once."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from qtkit.core.errors import DataError
from qtkit.market.feeds.protocol import Feed
from qtkit.market.feeds.recorded import FaultyFeed, RecordedFeed, Repeated, Silence
from qtkit.model.bars import Bars
from tests.market.bar_makers import bars_at, utc

ENDS = ["2026-03-04 01:31", "2026-03-04 01:32", "2026-03-04 01:33", "2026-03-04 01:35"]


def recording() -> dict[str, Bars]:
    return {
        "A": bars_at("A", ENDS, [10.0, 11.0, 12.0, 13.0]),
        "B": bars_at("B", ENDS[1:2], [20.0]),
    }


class FeedContract:
    """Inherited by one class per feed; the feed plays `recording()`."""

    def feed(self) -> Feed:
        raise AssertionError("each class makes its own feed")

    def test_nothing_before_the_first_bar_has_ended(self) -> None:
        assert dict(self.feed().bars_until(utc("2026-03-04 01:30:59.999999"))) == {}

    def test_a_bar_is_there_at_the_moment_of_its_end(self) -> None:
        batch = self.feed().bars_until(utc("2026-03-04 01:31"))

        assert list(batch) == ["A"]
        assert batch["A"].close.tolist() == [10.0]

    def test_a_symbol_without_new_bars_is_not_in_the_batch(self) -> None:
        feed = self.feed()
        feed.bars_until(utc("2026-03-04 01:32"))

        assert list(feed.bars_until(utc("2026-03-04 01:33"))) == ["A"]

    def test_each_bar_comes_once_and_in_order_however_often_one_asks(self) -> None:
        feed, seen = self.feed(), []
        at = utc("2026-03-04 01:30")
        for _ in range(14):
            at += timedelta(seconds=30)
            batch = feed.bars_until(at)
            seen += [(symbol, float(c)) for symbol, bars in batch.items() for c in bars.close]

        assert [close for symbol, close in seen if symbol == "A"] == [10.0, 11.0, 12.0, 13.0]
        assert [close for symbol, close in seen if symbol == "B"] == [20.0]

    def test_a_late_question_gets_all_at_once_in_order(self) -> None:
        batch = self.feed().bars_until(utc("2026-03-04 03:00"))

        assert batch["A"].close.tolist() == [10.0, 11.0, 12.0, 13.0]
        assert bool(np.all(np.diff(batch["A"].end) > 0))
        assert batch["B"].symbol == "B"

    def test_a_question_about_the_past_brings_nothing(self) -> None:
        feed = self.feed()
        feed.bars_until(utc("2026-03-04 01:33"))

        assert dict(feed.bars_until(utc("2026-03-04 01:31"))) == {}
        assert feed.bars_until(utc("2026-03-04 01:35"))["A"].close.tolist() == [13.0]

    def test_after_a_failure_nothing_is_lost(self) -> None:
        feed = self.feed()
        closes: list[float] = []
        for minute in range(31, 40):
            try:
                batch = feed.bars_until(utc(f"2026-03-04 01:{minute}"))
            except DataError:
                continue
            closes += batch["A"].close.tolist() if "A" in batch else []

        assert closes == [10.0, 11.0, 12.0, 13.0]


class TestRecordedFeed(FeedContract):
    def feed(self) -> Feed:
        return RecordedFeed(recording())


class TestRecordedFeedOfAMess(FeedContract):
    """The recording is shuffled and has a repeat in it."""

    def feed(self) -> Feed:
        mess = bars_at(
            "A",
            [ENDS[2], ENDS[0], ENDS[3], ENDS[1], ENDS[2]],
            [12.0, 10.0, 13.0, 11.0, 99.0],
        )
        return RecordedFeed({**recording(), "A": mess})


class TestFaultyFeedWithoutFaults(FeedContract):
    def feed(self) -> Feed:
        return FaultyFeed(RecordedFeed(recording()), ())


class TestFaultyFeedThatRepeats(FeedContract):
    def feed(self) -> Feed:
        start = utc("2026-03-04 01:30")
        faults = [Repeated(symbol=symbol, start=start) for symbol in ("A", "B")]
        return FaultyFeed(RecordedFeed(recording()), faults)


class TestFaultyFeedThatFails(FeedContract):
    """The window of the failure lies behind every question but those of the last test."""

    def feed(self) -> Feed:
        window = Silence(
            start=utc("2026-03-04 01:35:30"), end=utc("2026-03-04 01:38:30"), fails=True
        )
        return FaultyFeed(RecordedFeed(recording()), [window])

    def test_each_bar_comes_once_and_in_order_however_often_one_asks(self) -> None:
        feed = self.feed()
        feed.bars_until(utc("2026-03-04 01:33"))
        with pytest.raises(DataError, match="did not answer"):
            feed.bars_until(utc("2026-03-04 01:36"))

        assert feed.bars_until(utc("2026-03-04 01:39"))["A"].close.tolist() == [13.0]
