"""The one place that reads the time or sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = [
    "Clock",
    "ManualClock",
    "ScaledClock",
    "SystemClock",
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
