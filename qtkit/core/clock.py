"""The one place that reads the time or sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

__all__ = [
    "Clock",
    "ClockStep",
    "ManualClock",
    "ScaledClock",
    "SteadyClock",
    "SystemClock",
    "WatchedClock",
    "cpu_seconds",
    "stopwatch",
    "wall_time",
]

_LONGEST_WAIT = 0.25  # seconds; what a signal handler noted is seen this soon


class Clock(Protocol):
    """Time as the engine sees it."""

    def now(self) -> datetime:
        """Return the time, UTC-aware."""

    def wait(self, until: datetime, signal: threading.Event) -> None:
        """Return when `until` is reached or `signal` is set, or a little before: look again."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, UTC-aware."""
        return datetime.now(UTC)

    def wait(self, until: datetime, signal: threading.Event) -> None:
        """Sleep until `until` or until `signal` is set, a quarter of a second at most."""
        left = (until - self.now()).total_seconds()
        if left > 0:
            signal.wait(min(left, _LONGEST_WAIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """Somebody set the clock, or the machine slept.

    Attributes
    ----------
    seconds
        How far it moved beside the time that passed; below 0: back.
    apart
        Seconds that it is now ahead of the time that is shown; below 0: behind.
    """

    seconds: float
    apart: float


@runtime_checkable
class WatchedClock(Protocol):
    """A clock that notices when it is set."""

    def steps(self) -> list[ClockStep]:
        """Return the steps since the last call, oldest first."""


class SteadyClock:
    """Another clock, held against the time that really passes: it never shows an earlier time.

    A small difference is followed. A step forward is followed and noted: the machine may have
    slept. A step back is noted and not followed: time goes on at its pace, and `steps` tells how
    far the two are apart until they agree again.

    Parameters
    ----------
    clock
        The one that may be set.
    elapsed
        Seconds of real time since some moment; they cannot be set.
    tolerance
        Seconds; a smaller difference is no step.
    """

    def __init__(self, clock: Clock, elapsed: Callable[[], float], tolerance: float = 5.0) -> None:
        self._clock, self._elapsed, self._tolerance = clock, elapsed, tolerance
        self._lock = threading.Lock()
        self._shown, self._at = clock.now(), elapsed()
        self._apart = 0.0  # of the step back that is not followed
        self._steps = list[ClockStep]()

    def now(self) -> datetime:
        """Return the time, UTC-aware; it never goes back."""
        with self._lock:
            wall, at = self._clock.now(), self._elapsed()
            steady = self._shown + timedelta(seconds=max(0.0, at - self._at))
            self._at = at
            self._shown = max(self._shown, self._followed(wall, steady))
            return self._shown

    def _followed(self, wall: datetime, steady: datetime) -> datetime:
        """Return the time to show; `steady` is the last one shown and what passed since."""
        apart = (wall - steady).total_seconds()
        if abs(apart - self._apart) > self._tolerance:
            left = apart if apart < -self._tolerance else 0.0
            self._steps.append(ClockStep(seconds=apart - self._apart, apart=left))
            self._apart = left
        return steady if self._apart else wall

    def steps(self) -> list[ClockStep]:
        """Return the steps since the last call, oldest first."""
        self.now()
        with self._lock:
            found, self._steps = self._steps, []
            return found

    def wait(self, until: datetime, signal: threading.Event) -> None:
        """Wait as the other clock does, for the time that is left by this one."""
        left = until - self.now()
        if left > timedelta(0):
            self._clock.wait(self._clock.now() + left, signal)


class ScaledClock:
    """A clock that starts at a time of its own and runs faster than the machine's.

    Parameters
    ----------
    start
        First time it shows, UTC-aware.
    speed
        Seconds it moves on in one second of the machine, > 0.
    """

    def __init__(self, start: datetime, speed: float) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock needs an aware time, was {start.isoformat()}")
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed must be a number above 0, was {speed}")
        self._start, self._speed = start.astimezone(UTC), speed
        self._elapsed = stopwatch()

    def now(self) -> datetime:
        """Return the time, UTC-aware; it never goes back."""
        return self._start + timedelta(seconds=self._elapsed() * self._speed)

    def wait(self, until: datetime, signal: threading.Event) -> None:
        """Sleep until `until` or until `signal` is set, a quarter of a real second at most."""
        left = (until - self.now()).total_seconds() / self._speed
        if left > 0:
            signal.wait(min(left, _LONGEST_WAIT))


class ManualClock:
    """A clock that moves only when told: a simulated day on the same code.

    Parameters
    ----------
    start
        First time it shows, UTC-aware.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock needs an aware time, was {start.isoformat()}")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the time, UTC-aware."""
        return self._now

    def wait(self, until: datetime, signal: threading.Event) -> None:
        """Jump to `until`; nobody waits for a simulated day."""
        if not signal.is_set():
            self.set(until)

    def set(self, to: datetime) -> None:
        """Move to `to`; a time in the past changes nothing."""
        self._now = max(self._now, to)

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`, as slow work does."""
        self._now += timedelta(seconds=seconds)


def wall_time() -> datetime:
    """Return the machine's time, UTC-aware: for records of what people did, never for trading."""
    return datetime.now(UTC)


def cpu_seconds() -> float:
    """Return the CPU seconds this process has used."""
    return time.process_time()


def stopwatch() -> Callable[[], float]:
    """Return a function that tells the seconds since this call."""
    start = time.perf_counter()
    return lambda: time.perf_counter() - start
