"""What the panels of one desk look at: one session, read once for all of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from threading import RLock

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot, SessionFolder, has_lines
from qtkit.evidence.session import OperableSession, Session
from qtkit.projections.health import LifeSigns
from qtkit.projections.session_view import SessionView
from qtkit.sessions.remote import RemoteSession

__all__ = ["Watch"]


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
        self,
        session: Session | None = None,
        *,
        root: Path | str | None = None,
        by: str = "operator",
    ) -> None:
        self.lock, self.by = RLock(), by
        self.root = OutputRoot(Path(root or "outputs"))
        self._given_root = root
        self._session: OperableSession | None = None
        self._signs: LifeSigns | None = None
        self._lines = 0  # of the journal, when it was looked at last
        if session is not None:
            self.attach(session)

    def attach(self, session: Session) -> None:
        """Look at a session from now on."""
        with self.lock:
            self._session = _own_reader(session)
            self._signs, self._lines = None, 0
            if self._given_root is None:
                self.root = OutputRoot(session.folder.path.parents[1])
            self.look()

    # --- looking -----------------------------------------------------------------------------

    @property
    def has_session(self) -> bool:
        """Whether there is a session, and its journal has begun."""
        return self._signs is not None

    @property
    def session(self) -> OperableSession:
        """The session.

        Raises
        ------
        ConfigError
            If there is none yet.
        """
        if self._session is None:
            raise ConfigError("no session is chosen; start one, or attach to one")
        return self._session

    @property
    def folder(self) -> SessionFolder:
        """The session's folder."""
        return self.session.folder

    @property
    def view(self) -> SessionView:
        """What its journal adds up to; nothing yet where there is no session."""
        return self.session.view if self.has_session else SessionView()

    @property
    def now(self) -> datetime:
        """The session's clock as far as it is known, in the exchange's zone."""
        return self.view.local(self.signs.now)

    @property
    def alive(self) -> bool:
        """Whether somebody wrote the journal at the last look."""
        return self._signs is not None and self._signs.alive

    @property
    def signs(self) -> LifeSigns:
        """What was seen of its life at the last look."""
        return self._signs or self.session.life_signs()

    def look(self) -> bool:
        """Read what is new; return whether there is any."""
        with self.lock:
            if self._session is None or not has_lines(self._session.folder):
                return False
            signs, lines = self._session.life_signs(), self._session.view.last.seq
            changed = (signs, lines) != (self._signs, self._lines)
            self._signs, self._lines = signs, lines
            return changed

    # --- asking ------------------------------------------------------------------------------

    @property
    def asks_aside(self) -> bool:
        """Whether a command may wait for its answer on a thread of its own."""
        return isinstance(self._session, RemoteSession)

    def counterpart(self) -> OperableSession:
        """Return the session for one command: a reader of its own, so that no two share one."""
        return _own_reader(self.session)


def _own_reader(session: Session) -> OperableSession:
    """Return a session that nobody else reads; what lives in this process is its own reader."""
    if isinstance(session, OperableSession) and not isinstance(session, RemoteSession):
        return session
    return RemoteSession(session.folder)
