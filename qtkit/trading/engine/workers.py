"""Where slow work runs: in threads, or in simulated time; answers come back to the loop."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol

from qtkit.core.clock import Clock
from qtkit.core.text import error_text

__all__ = ["Answer", "Job", "SimulatedWorkers", "ThreadWorkers", "Workers"]

Job = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a job: a result, or an error."""

    key: str
    result: object = None
    error: Exception | None = None


class Workers(Protocol):
    """A place for work that may be slow."""

    def submit(self, key: str, job: Job) -> None:
        """Start a job; its answer carries `key`."""

    def answers(self) -> list[Answer]:
        """Return the answers that have come since the last call."""

    def next_due(self) -> datetime | None:
        """Return when the next answer comes, where that is known."""

    def close(self) -> None:
        """Return when no worker is left."""


def _answer_of(key: str, job: Job) -> Answer:
    """Run a job; whatever it raises becomes an answer, for the loop to judge."""
    try:
        return Answer(key=key, result=job())
    except Exception as error:  # noqa: BLE001 - a worker's error belongs to the task it works for
        return Answer(key=key, error=error)
    except SystemExit as error:  # of a feed's code: it must not take the answer with it
        return Answer(key=key, error=RuntimeError(f"the job called {error_text(error)}"))


class SimulatedWorkers:
    """Work that takes as long as `seconds_of` says, on the session's clock.

    Parameters
    ----------
    clock
        The session's clock.
    seconds_of
        Key of a job -> seconds until its answer comes; a function of the key, so that runs repeat.
    """

    def __init__(self, clock: Clock, seconds_of: Callable[[str], float] = lambda _: 0.0) -> None:
        self._clock, self._seconds_of = clock, seconds_of
        self._coming = list[tuple[datetime, Answer]]()

    def submit(self, key: str, job: Job) -> None:
        """Do the job now and hold its answer back."""
        due = self._clock.now() + timedelta(seconds=self._seconds_of(key))
        self._coming.append((due, _answer_of(key, job)))

    def answers(self) -> list[Answer]:
        """Return the answers whose time has come."""
        if not self._coming:
            return []
        now = self._clock.now()
        ready = [answer for due, answer in self._coming if due <= now]
        self._coming = [row for row in self._coming if row[0] > now]
        return ready

    def next_due(self) -> datetime | None:
        """Return when the next answer comes."""
        return min((due for due, _ in self._coming), default=None)

    def close(self) -> None:
        """Nothing runs between two calls."""
        self._coming.clear()


class ThreadWorkers:
    """Work in threads.

    Parameters
    ----------
    signal
        Set when an answer has come, so that the loop wakes up.
    """

    def __init__(self, signal: Event) -> None:
        self._signal = signal
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="qtkit-worker")
        self._done = queue.SimpleQueue[Answer]()

    def submit(self, key: str, job: Job) -> None:
        """Start a job in a thread."""

        def work() -> None:
            self._done.put(_answer_of(key, job))
            self._signal.set()

        self._pool.submit(work)

    def answers(self) -> list[Answer]:
        """Return the answers that have come."""
        found = list[Answer]()
        while not self._done.empty():
            found.append(self._done.get())
        return found

    def next_due(self) -> datetime | None:
        """Nobody knows: the signal tells."""
        return None

    def close(self) -> None:
        """Wait for what runs; nothing new is started."""
        self._pool.shutdown(wait=True, cancel_futures=True)
