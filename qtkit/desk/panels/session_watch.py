"""What the panels of one desk look at: one session, read once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import RLock

from qtkit.core.clock import stopwatch
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.file_reader import read_object
from qtkit.core.locks import is_locked
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.desk.desk import Desk
from qtkit.desk.picture import Picture
from qtkit.desk.vitals import Vitals
from qtkit.model.events import Entry
from qtkit.sessions.session import Session
from qtkit.stages.sources import HasFolder

__all__ = ["Seen", "Watch"]

_LOOK_FOR_LIFE = 2.0  # seconds between two looks at the journal's lock
_SILENT = 10.0  # seconds without a heartbeat, of which one comes every two

Seen = Desk | HasFolder | SessionFolder | Path | str
"""A session: running, simulated, ended, or only its folder or id."""


class Watch:
    """A session as panels see it; they share one, and none of them reads on its own.

    Parameters
    ----------
    session
        None: none yet.
    root
        Where sessions and runs are; by default the folder that the session is in.
    by
        The operator's name, as the journal has it.
    """

    def __init__(
        self, session: Seen | None = None, *, root: Path | str | None = None, by: str = "operator"
    ) -> None:
        self.lock, self.by = RLock(), by
        self.root = OutputRoot(Path(root or "outputs"))
        self._given_root = root
        self._desk: Desk | None = None
        self._forget()
        if session is not None:
            self.attach(session)

    def _forget(self) -> None:
        self._desk = None
        self.entries = list[Entry]()
        self._picture, self.vitals = Picture(), Vitals()
        self.alive = False
        self._told_of_life: tuple[object, ...] = ()
        self._status_mark = 0  # when the heartbeat was written, ns
        self._clock: datetime | None = None
        self._since_life: Callable[[], float] | None = None
        self._since_beat = stopwatch()

    def attach(self, session: Seen) -> None:
        """Look at a session from now on."""
        with self.lock:
            found = _desk_of(session, self.root)
            self._forget()
            self._desk = found
            if self._given_root is None:
                self.root = OutputRoot(found.folder.path.parents[1])
            self.look()

    # --- looking -----------------------------------------------------------------------------

    @property
    def has_session(self) -> bool:
        """Whether there is a session, and its journal has begun."""
        return self._desk is not None and self._picture.first is not None

    @property
    def folder(self) -> SessionFolder:
        """The session's folder."""
        return self.desk.folder

    @property
    def desk(self) -> Desk:
        """The session.

        Raises
        ------
        ConfigError
            If there is none yet.
        """
        if self._desk is None:
            raise ConfigError("no session is chosen; start one, or attach to one")
        return self._desk

    @property
    def picture(self) -> Picture:
        """What its journal adds up to, as far as it was read."""
        return self._picture

    @property
    def now(self) -> datetime:
        """The session's clock as far as it is known, in the exchange's zone."""
        seen = self._picture.now
        return max(seen, self._picture.local(self._clock)) if self._clock else seen

    def look(self) -> bool:
        """Read what is new; return whether there is any."""
        with self.lock:
            if self._desk is None:
                return False
            news = _news(self._desk, len(self.entries))
            self.entries += news
            self._picture.update(news)
            for entry in news:
                self.vitals.take(entry)
            return bool(news) | self._look_for_life()

    def _look_for_life(self) -> bool:
        """Look at heartbeat and lock; return whether they changed."""
        before = self._told_of_life
        self._read_clock()
        if self._since_life is None or self._since_life() > _LOOK_FOR_LIFE:
            self._since_life = stopwatch()
            self.alive = _is_alive(self.desk)
        self._told_of_life = (self.alive, self._clock, self.is_silent)
        return before != self._told_of_life

    @property
    def is_silent(self) -> bool:
        """Whether a process that is there has not told of its engine for too long: it may hang."""
        waiting = isinstance(self._desk, Session) and self.alive and not self._picture.state.ended
        return waiting and self._since_beat() > _SILENT

    def _read_clock(self) -> None:
        """Take the session's time from its heartbeat, if that was written anew."""
        try:
            changed = self.folder.status.stat().st_mtime_ns
            if changed == self._status_mark:
                return
            told = read_object(self.folder.status, "an object", "")
            beat = datetime.fromisoformat(str(told["updated_at"]))
            if beat != self._clock:
                self._since_beat = stopwatch()
            self._status_mark, self._clock = changed, beat
        except (OSError, ValueError, KeyError, DataError):
            return  # no heartbeat yet; the journal's last line tells the time

    # --- asking ------------------------------------------------------------------------------

    @property
    def asks_aside(self) -> bool:
        """Whether a command may wait for its answer on a thread of its own."""
        return isinstance(self._desk, Session)

    def counterpart(self) -> Desk:
        """Return the session for one command: a reader of its own, so that no two share one."""
        desk = self.desk
        return Session(desk.folder) if isinstance(desk, Session) else desk


def _desk_of(session: Seen, root: OutputRoot) -> Desk:
    if isinstance(session, Session):
        return Session(session.folder)
    if isinstance(session, SessionFolder):
        return Session(session)
    if isinstance(session, Path | str):
        return Session.attach(session, root=root.path)
    if hasattr(session, "command"):
        return session  # type: ignore[return-value]  # has all that a Desk has
    return Session(session.folder)


def _news(desk: Desk, known: int) -> list[Entry]:
    if isinstance(desk, Session):
        return list(desk.entries(known))
    return list(desk.entries())[known:]


def _is_alive(desk: Desk) -> bool:
    journal = desk.folder.journal
    return is_locked(journal.with_name(journal.name + ".lock"))
