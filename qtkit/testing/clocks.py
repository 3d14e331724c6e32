"""A machine's clock that a test can set, as an operator or NTP does."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Event

__all__ = ["SettableClock"]


class SettableClock:
    """Shows a time that may be set; the seconds that really pass cannot be.

    Parameters
    ----------
    start
        First time it shows, UTC-aware.

    Examples
    --------
    >>> from datetime import UTC
    >>> machine = SettableClock(datetime(2026, 3, 4, 2, tzinfo=UTC))
    >>> machine.pass_by(60)
    >>> machine.set_by(-3600)
    >>> machine.now().isoformat(), machine.elapsed()
    ('2026-03-04T01:01:00+00:00', 60.0)
    """

    def __init__(self, start: datetime) -> None:
        self._now, self._elapsed = start, 0.0

    def now(self) -> datetime:
        """Return the time it was set to, and what passed since."""
        return self._now

    def elapsed(self) -> float:
        """Return the seconds that really passed."""
        return self._elapsed

    def pass_by(self, seconds: float) -> None:
        """Let real time pass."""
        self._elapsed += seconds
        self._now += timedelta(seconds=seconds)

    def set_by(self, seconds: float) -> None:
        """Set the clock forward or back."""
        self._now += timedelta(seconds=seconds)

    def wait(self, until: datetime, signal: Event) -> None:
        """Let the time up to `until` pass at once."""
        left = (until - self._now).total_seconds()
        if left > 0 and not signal.is_set():
            self.pass_by(left)
