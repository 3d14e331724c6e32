"""`session_status.json` of a running session, rewritten every two seconds: its heartbeat."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event, Thread

from qtkit.core.errors import QtkitError
from qtkit.core.paths import write_atomic
from qtkit.core.render import json_text
from qtkit.runtime.run import Run
from qtkit.trading.engine.thread import EngineThread

__all__ = ["Heartbeat"]

_EVERY = 2.0  # seconds of real time
_SOON = 0.02


class Heartbeat:
    """Writes the status in a thread of its own; what it tells is the engine's last sign of life.

    Parameters
    ----------
    run
        Whose engine lives.
    thread
        On which thread it does.
    socket
        Where it listens.
    """

    def __init__(self, run: Run, thread: EngineThread, socket: Path) -> None:
        self._folder, self._engine, self._engine_thread = run.folder, run.engine, thread
        self._where = {"account": run.account.name, "pid": os.getpid(), "socket": str(socket)}
        self._status = run.status_file
        self._stop = Event()
        self._thread = Thread(target=self._beat_on, name="qtkit-heartbeat", daemon=True)
        self.problem = ""  # why the status could not be written last

    def wait_for_life(self) -> bool:
        """Return True when the engine has begun and the status says so, False if it ended first."""
        while self._engine.turned_at is None:
            if not self._engine_thread.is_alive:
                return False
            self._stop.wait(_SOON)
        self._beat()
        return not self.problem

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Return when nothing more will be written."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _beat_on(self) -> None:
        while not self._stop.wait(_EVERY):
            self._beat()

    def _beat(self) -> None:
        """Write the status; a beat that fails is missing in the file, and trading goes on."""
        try:
            status = self._status.as_json(
                beat=self._engine.turned_at,
                on_disk=self._engine.context.journal.synced[0],
            )
            write_atomic(
                self._folder.status, json_text({**status, **self._where}), within=self._folder.path
            )
        except (OSError, QtkitError) as problem:
            self.problem = str(problem)
        else:
            self.problem = ""
