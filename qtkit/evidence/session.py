"""What a session is to whoever looks at it or steers it, wherever its engine runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from qtkit.core.paths import SessionFolder
from qtkit.model.events import Entry
from qtkit.projections.health import LifeSigns
from qtkit.projections.session_view import SessionView

__all__ = ["CommandDone", "OperableSession", "Session"]


@dataclass(frozen=True, slots=True)
class CommandDone:
    """A command that was carried out, and the journal lines that it became, itself the first."""

    verb: str
    entries: tuple[Entry, ...]

    @property
    def lines(self) -> tuple[int, ...]:
        """The journal's line numbers."""
        return tuple(entry.seq for entry in self.entries)

    def __str__(self) -> str:
        return f"{self.verb}: journal lines {self.lines[0]} to {self.lines[-1]}"


@runtime_checkable
class Session(Protocol):
    """A session that can be read: one that runs, or one that is over."""

    @property
    def folder(self) -> SessionFolder:
        """Where it writes."""

    @property
    def session_id(self) -> str:
        """The folder's name."""

    @property
    def is_alive(self) -> bool:
        """Whether somebody writes its journal."""

    @property
    def view(self) -> SessionView:
        """What its journal adds up to by now.

        Raises
        ------
        DataError
            If it has no line yet.
        """

    def entries(self, after: int = 0) -> tuple[Entry, ...]:
        """Return the journal's entries behind line `after`, to the newest."""

    def life_signs(self) -> LifeSigns:
        """Return what can be seen of it from outside: heartbeat, lock, kill file."""


@runtime_checkable
class OperableSession(Session, Protocol):
    """A session whose engine can be asked for something."""

    def command(self, verb: str, *, by: str = "operator", **arguments: Any) -> CommandDone:  # noqa: ANN401
        """Ask the engine for something, and return when it is in the journal.

        Raises
        ------
        ConfigError
            With the reason, if the engine refused.
        QtkitError
            If no engine answers.
        """
