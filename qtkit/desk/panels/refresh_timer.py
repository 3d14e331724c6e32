"""One thread for each desk that looks for news and lets what is shown follow."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread, current_thread

__all__ = ["EVERY", "RefreshTimer"]

EVERY = 0.5  # seconds between two looks
_PATIENCE = 5.0  # seconds for a look that is under way


class RefreshTimer:
    """Calls `refresh` twice a second until it is stopped.

    Parameters
    ----------
    refresh
        Must not raise: there is nobody to hear it.
    every
        Seconds, at least 0.2.
    """

    def __init__(self, refresh: Callable[[], None], every: float = EVERY) -> None:
        self._refresh, self._every = refresh, max(every, 0.2)
        self._stop = Event()
        self._thread = Thread(target=self._run, name="qtkit-desk", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for a look that is under way."""
        self._stop.set()
        if self._thread is not current_thread() and self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._refresh()
