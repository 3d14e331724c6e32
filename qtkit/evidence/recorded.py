"""A session as its folder tells it, running or over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

from qtkit.core.clock import stopwatch
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.file_reader import read_object
from qtkit.core.paths import SessionFolder
from qtkit.evidence.evidence import Evidence
from qtkit.journal.tail import JournalTail
from qtkit.model.events import Entry, JsonObject
from qtkit.projections.health import LifeSigns
from qtkit.projections.session_view import SessionView
from qtkit.runtime.session_finder import account_of
from qtkit.runtime.session_status import StatusFile, is_written
from qtkit.trading.risk.kill_file import kill_file_is_there

__all__ = ["RecordedSession"]

_STATUS = "an object with status, updated_at and perhaps socket as text"
_REWRITTEN = (
    "It is rewritten every two seconds while the session runs, and from its journal by the next "
    "start"
)
_BEAT = 2.0  # seconds between two heartbeats
_SILENT = 10.0  # seconds without one


class RecordedSession:
    """A session that is read from its folder, and read on with every look.

    Parameters
    ----------
    folder
        The session's.
    view
        What its journal adds up to, as far as somebody has read it; None: nobody has.
    """

    def __init__(self, folder: SessionFolder, view: SessionView | None = None) -> None:
        self._folder = folder
        self._tail = JournalTail(folder.journal)
        # kept from the first time that somebody asks for them: a view alone needs none
        self._entries: list[Entry] | None = None
        self._view = view or SessionView()
        self._heartbeat: datetime | None = None
        self._pid: int | None = None
        self._since_heartbeat: Callable[[], float] = stopwatch()
        self._was_alive = False
        self._since_lock: Callable[[], float] | None = None

    @property
    def folder(self) -> SessionFolder:
        """Where it writes."""
        return self._folder

    @property
    def session_id(self) -> str:
        """The folder's name."""
        return self.folder.session_id

    # --- the journal -------------------------------------------------------------------------

    def entries(self, after: int = 0) -> tuple[Entry, ...]:
        """Return the journal's entries behind line `after`, to the newest."""
        if self._entries is None:
            self._entries, self._tail = [], JournalTail(self.folder.journal)
        self._catch_up()
        return tuple(self._entries[after:])

    @property
    def view(self) -> SessionView:
        """What its journal adds up to by now; it is folded further with every look.

        Raises
        ------
        DataError
            If it has no line yet.
        """
        if self._view.end is None:
            self._catch_up()
        if not self._view.has_begun:
            raise self._view.not_begun()
        return self._view

    def _catch_up(self) -> None:
        news = self._tail.news()
        if self._entries is not None:
            self._entries += news
        self._view.update(news)

    def evidence(self) -> Evidence:
        """Return what checks look at."""
        return Evidence.of_folder(self.folder)

    @property
    def exit_code(self) -> int:
        """What the shell sees: 130 stopped by a signal, 4 the strategy raised, else 0."""
        return self.view.exit_code

    # --- its life ----------------------------------------------------------------------------

    @property
    def is_alive(self) -> bool:
        """Whether somebody writes its journal."""
        return is_written(self.folder)

    @property
    def is_running(self) -> bool:
        """Whether an engine works on it."""
        return bool(self.status()["status"] == "running")

    def status(self) -> JsonObject:
        """Return where the session stands; a process that died is told apart from a running one.

        Raises
        ------
        DataError
            If the session never began, or its status cannot be read.
        """
        written = self.written_status()
        if written.get("terminal") or (written and self.is_alive):
            return written
        return StatusFile(self.folder).as_json()

    def written_status(self) -> JsonObject:
        """Return what `session_status.json` holds; ``{}`` where there is none.

        Raises
        ------
        DataError
            If it is damaged.
        """
        try:
            found = read_object(self.folder.status, _STATUS, _REWRITTEN)
        except FileNotFoundError:
            return {}
        words = (found.get("status"), found.get("updated_at"), found.get("socket", ""))
        if not all(isinstance(word, str) for word in words):
            raise DataError(f"{self.folder.status} is damaged, expected {_STATUS}. {_REWRITTEN}")
        return found

    def life_signs(self) -> LifeSigns:
        """Return what can be seen of it from outside: heartbeat, lock, kill file.

        The journal's lock is looked at every two seconds, for whoever looks holds it for a moment.
        """
        self._look_for_heartbeat()
        if self._since_lock is None or self._since_lock() > _BEAT:
            self._was_alive, self._since_lock = self.is_alive, stopwatch()
        view, beat = self.view, self._heartbeat
        return LifeSigns(
            now=max(view.last.at, beat) if beat else view.last.at,
            alive=self._was_alive,
            silent=self._was_alive and view.end is None and self._is_silent,
            pid=self._pid,
            kill_file=kill_file_is_there(self._kill_file),
        )

    @property
    def _is_silent(self) -> bool:
        return self._since_heartbeat() > _SILENT

    def _look_for_heartbeat(self) -> None:
        """Take the session's time from its heartbeat; without one the journal tells it."""
        with suppress(OSError, ValueError, KeyError, DataError):
            status = self.written_status()
            beat, self._pid = datetime.fromisoformat(status["updated_at"]), status.get("pid")
            if beat != self._heartbeat:
                self._heartbeat, self._since_heartbeat = beat, stopwatch()

    @cached_property
    def _kill_file(self) -> Path | None:
        try:
            return account_of(self.folder).kill_file
        except ConfigError:
            # an account of a foreign engine, which has no folder of ours
            return None
