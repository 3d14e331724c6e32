"""The engine in a thread of its own."""

from __future__ import annotations

import threading
from datetime import datetime

from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.engine import Engine

__all__ = ["EngineThread"]


class EngineThread:
    """Drives one engine; whoever made it talks to it through its inbox alone.

    Parameters
    ----------
    engine
        Not started yet.
    until
        When to stop by itself, UTC; None: when asked.
    """

    def __init__(self, engine: Engine, until: datetime | None = None) -> None:
        self._engine, self._until = engine, until
        self._thread = threading.Thread(target=self._drive, name="qtkit-engine")
        self.error: BaseException | None = None

    def _drive(self) -> None:
        try:
            self._engine.start()
            self._engine.run(self._until)
        except BaseException as error:  # noqa: BLE001 - kept for whoever joins the thread
            self.error = error

    def start(self) -> None:
        """Start the thread.

        Raises
        ------
        RuntimeError
            If it was started before.
        """
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the engine still runs."""
        return self._thread.is_alive()

    def stop(self, timeout: float = 10.0, by: str = "operator") -> None:
        """Ask for an orderly stop and wait for it; stopping twice changes nothing.

        Raises
        ------
        TimeoutError
            If the engine has not ended after `timeout` seconds; it goes on stopping.
        BaseException
            What the engine died of, if it did.
        """
        self._engine.inbox.put(Command(verb="stop", by=by))
        self.join(timeout)

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the session; raises as `stop`."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(
                f"the engine has not ended within {timeout} s; it goes on stopping, look at sys.log"
            )
        if self.error is not None:
            raise self.error
