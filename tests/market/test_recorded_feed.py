from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from qtkit.core.clock import cpu_seconds
from qtkit.core.errors import DataError
from qtkit.market.feeds.recorded import (
    Absent,
    FaultyFeed,
    NotANumber,
    RecordedFeed,
    Repeated,
    Silence,
)
from tests.market.bar_makers import bars_at, minutes, utc

START = utc("2026-03-04 01:30")


def quiet(*, fails: bool) -> FaultyFeed:
    window = Silence(start=utc("2026-03-04 01:32"), end=utc("2026-03-04 01:34"), fails=fails)
    return FaultyFeed(RecordedFeed({"A": minutes("A", "2026-03-04 01:31", 5)}), [window])


def test_a_silence_delivers_nothing_and_then_everything() -> None:
    feed = quiet(fails=False)
    sizes = []
    for minute in range(31, 36):
        batch = feed.bars_until(utc(f"2026-03-04 01:{minute}"))
        sizes.append(len(batch["A"]) if "A" in batch else 0)

    assert sizes == [1, 0, 0, 3, 1]


def test_a_failing_silence_says_until_when() -> None:
    feed = quiet(fails=True)

    with pytest.raises(DataError, match="away until 2026-03-04T01:34:00"):
        feed.bars_until(utc("2026-03-04 01:33"))
    assert len(feed.bars_until(utc("2026-03-04 01:34"))["A"]) == 4


def test_an_absent_symbol_never_comes() -> None:
    bars = {name: minutes(name, "2026-03-04 01:31", 3) for name in "AB"}
    feed = FaultyFeed(RecordedFeed(bars), [Absent(symbol="A")])

    assert list(feed.bars_until(utc("2026-03-04 02:00"))) == ["B"]


def test_one_bar_is_not_a_number_and_the_recording_stays_whole() -> None:
    bars = minutes("A", "2026-03-04 01:31", 3)
    fault = NotANumber(symbol="A", end=utc("2026-03-04 01:32"))
    batch = FaultyFeed(RecordedFeed({"A": bars}), [fault]).bars_until(utc("2026-03-04 02:00"))

    assert np.isnan(batch["A"].close).tolist() == [False, True, False]
    assert np.isnan(batch["A"].high).tolist() == [False, True, False]
    assert not np.isnan(bars.close).any()


def test_a_fault_at_a_minute_without_a_bar_changes_nothing() -> None:
    fault = NotANumber(symbol="A", end=utc("2026-03-04 01:50"))
    feed = FaultyFeed(RecordedFeed({"A": minutes("A", "2026-03-04 01:31", 3)}), [fault])

    assert feed.bars_until(utc("2026-03-04 02:00"))["A"].close.tolist() == [10.0] * 3


def test_repeats_are_left_out_and_counted() -> None:
    fault = Repeated(symbol="A", start=START)
    feed = FaultyFeed(RecordedFeed({"A": minutes("A", "2026-03-04 01:31", 2)}), [fault])

    first = feed.bars_until(utc("2026-03-04 01:31"))
    second = feed.bars_until(utc("2026-03-04 01:32"))

    assert (len(first["A"]), len(second["A"])) == (1, 1)
    assert feed.dropped == 3  # each bar again, and the first once more behind the second


def test_of_two_bars_at_one_time_the_first_stays() -> None:
    bars = bars_at("A", ["2026-03-04 01:31", "2026-03-04 01:31"], [10.0, 11.0])

    batch = RecordedFeed({"A": bars}).bars_until(utc("2026-03-04 02:00"))

    assert batch["A"].close.tolist() == [10.0]


def test_a_day_of_polls_is_cheap() -> None:
    feed = RecordedFeed({name: minutes(name, "2026-03-04 01:31", 240) for name in "ABC"})
    before = cpu_seconds()

    for minute in range(1, 241):
        feed.bars_until(START + timedelta(minutes=minute))

    assert cpu_seconds() - before < 0.1  # 3 ms on an idle core
