"""A clock that runs faster than the machine's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from qtkit.core.clock import ScaledClock, stopwatch

START = datetime(2026, 3, 4, 1, 30, tzinfo=UTC)


def test_it_shows_its_start_and_runs_at_its_speed() -> None:
    real, clock = stopwatch(), ScaledClock(START, 1000)
    first = clock.now()
    Event().wait(0.05)
    shown, passed = (clock.now() - START).total_seconds(), real()

    assert START <= first < START + timedelta(seconds=1000 * passed)
    assert 50 <= shown <= 1000 * passed


def test_waiting_takes_the_scaled_time_and_a_quarter_of_a_second_at_most() -> None:
    clock = ScaledClock(START, 600)
    real = stopwatch()
    clock.wait(clock.now() + timedelta(seconds=60), Event())
    assert 0.05 <= real() < 0.24

    real = stopwatch()
    clock.wait(clock.now() + timedelta(days=1), Event())
    assert 0.2 <= real() < 0.6


def test_a_signal_and_a_time_that_has_passed_end_the_wait_at_once() -> None:
    clock, rung = ScaledClock(START, 1), Event()
    rung.set()
    real = stopwatch()
    clock.wait(START + timedelta(hours=1), rung)
    clock.wait(START - timedelta(hours=1), Event())

    assert real() < 0.1


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="a number above 0"):
        ScaledClock(START, speed)


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="needs an aware time"):
        ScaledClock(START.replace(tzinfo=None), 60)
