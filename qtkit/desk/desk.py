"""What people sit at: a session that can be read and asked, wherever it runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from qtkit.core.paths import SessionFolder
from qtkit.model.events import Entry

__all__ = ["Desk", "Movable", "Reply"]


class Reply(Protocol):
    """What became of a command."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The journal lines that it became, itself the first."""


class Desk(Protocol):
    """A session as its operator sees it."""

    @property
    def folder(self) -> SessionFolder:
        """Where it writes."""

    def entries(self) -> Iterable[Entry]:
        """Return its journal from the first line to the newest."""

    def command(self, verb: str, *, by: str = "operator", **arguments: Any) -> Reply:  # noqa: ANN401
        """Ask the engine for something, and return when it is in the journal.

        Raises
        ------
        ConfigError
            With the reason, if the engine refused.
        QtkitError
            If no engine answers.
        """


@runtime_checkable
class Movable(Protocol):
    """A session whose time moves only when told."""

    def advance(self, until: datetime) -> None:
        """Live through everything up to a time, UTC-aware."""
