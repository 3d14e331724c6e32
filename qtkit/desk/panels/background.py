"""Slow work beside the panels: a handler returns at once, and the answer comes when it comes."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread

__all__ = ["BackgroundTasks"]


class BackgroundTasks:
    """Runs each errand on a thread of its own, so that none waits for another.

    A kill switch must not stand in a queue behind a command that hangs.
    """

    def __init__(self) -> None:
        self._threads, self._lock = set[Thread](), Lock()

    def send(self, name: str, work: Callable[[], None]) -> None:
        """Begin an errand; `work` must not raise."""

        def run() -> None:
            try:
                work()
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = Thread(target=run, name=f"qtkit-errand-{name}", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def finish(self, timeout: float = 30.0) -> None:
        """Wait for every errand that is under way, each `timeout` seconds at most."""
        with self._lock:
            waiting = tuple(self._threads)
        for thread in waiting:
            thread.join(timeout)
