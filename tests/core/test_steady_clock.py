"""A clock that is set while it is used: forward, back, a little, and during a wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtkit.core.clock import ClockStep, SteadyClock, SystemClock, stopwatch
from qtkit.testing import SettableClock

START = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)


def clocks() -> tuple[SettableClock, SteadyClock]:
    machine = SettableClock(START)
    return machine, SteadyClock(machine, machine.elapsed, tolerance=5.0)


def seconds(clock: SteadyClock) -> float:
    return (clock.now() - START).total_seconds()


def test_it_shows_the_machines_time_while_nobody_sets_it() -> None:
    machine, clock = clocks()
    machine.pass_by(90)

    assert clock.now() == machine.now() == START + timedelta(seconds=90)
    assert clock.steps() == []


@pytest.mark.parametrize("back", [6, 3600, 86_400 * 400])
def test_a_step_back_is_noted_once_and_time_goes_on(back: int) -> None:
    machine, clock = clocks()
    machine.set_by(-back)
    machine.pass_by(10)

    assert clock.steps() == [ClockStep(seconds=-back, apart=-back)]
    assert clock.steps() == []
    assert seconds(clock) == 10


def test_a_clock_that_is_set_right_again_is_followed_again() -> None:
    machine, clock = clocks()
    machine.set_by(-3600)
    machine.pass_by(60)
    clock.steps()
    machine.set_by(3600)

    assert clock.steps() == [ClockStep(seconds=3600, apart=0)]
    assert clock.now() == machine.now()


def test_a_leap_forward_is_noted_and_followed() -> None:
    machine, clock = clocks()
    machine.set_by(7200)

    assert clock.steps() == [ClockStep(seconds=7200, apart=0)]
    assert seconds(clock) == 7200


def test_a_small_correction_is_no_step() -> None:
    machine, clock = clocks()
    machine.pass_by(60)
    clock.now()
    machine.set_by(-3)
    held = seconds(clock)
    machine.pass_by(10)

    assert (held, seconds(clock)) == (60, 67)
    assert clock.steps() == []


def test_a_wait_ends_when_its_time_has_passed_however_the_clock_was_set() -> None:
    machine, clock = clocks()
    machine.set_by(-3600)
    clock.wait(START + timedelta(seconds=30), Event())

    assert seconds(clock) == 30


@pytest.mark.parametrize("back", [0.0, -3600.0])
def test_a_wait_on_the_real_machine_is_short(back: float) -> None:
    real, passed = stopwatch(), stopwatch()
    clock = SteadyClock(SystemClock(), lambda: real() + back)
    clock.wait(clock.now() + timedelta(hours=1), Event())

    assert passed() < 0.5


@given(st.lists(st.tuples(st.floats(0, 4000), st.floats(-100_000, 100_000)), max_size=30))
def test_it_never_shows_an_earlier_time(moves: list[tuple[float, float]]) -> None:
    machine, clock = clocks()
    shown = [clock.now()]
    for passing, setting in moves:
        machine.pass_by(passing)
        shown.append(clock.now())
        machine.set_by(setting)
        shown.append(clock.now())

    assert shown == sorted(shown)
