"""Operators' commands on their way into the engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Lock
from typing import Any

from qtkit.core.input_text import LONGEST_REASON, text_trouble

__all__ = ["Answer", "Command", "CommandQueue", "command_trouble"]


def command_trouble(verb: str, by: str, arguments: Mapping[str, object]) -> str:
    """Return why a command cannot be taken to the engine; "" when its words fit a journal line."""
    troubles = [text_trouble(verb, "the command"), text_trouble(by, "by")]
    troubles += [text_trouble(name, "the name of an argument") for name in arguments]
    troubles += [
        text_trouble(value, name, LONGEST_REASON)
        for name, value in arguments.items()
        if isinstance(value, str) and value
    ]
    return "; ".join(trouble for trouble in troubles if trouble)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a command: the journal lines it is, and why it was refused, if it was."""

    first_line: int
    last_line: int
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing an operator wants.

    Attributes
    ----------
    answer
        Told what became of it, on the engine's thread: must return at once and never raise.
    """

    verb: str
    arguments: dict[str, Any] = field(default_factory=dict)
    by: str = "operator"
    answer: Callable[[Answer], None] | None = None


class CommandQueue:
    """A queue that any thread may fill and the engine alone empties.

    Parameters
    ----------
    signal
        Set when something came, so that the loop wakes up.
    """

    def __init__(self, signal: Event) -> None:
        self._signal, self._lock = signal, Lock()
        self._now = deque[Command]()
        self._timed = list[tuple[datetime, Command]]()

    def put(self, command: Command) -> None:
        """Hand a command over."""
        with self._lock:
            self._now.append(command)
        self._signal.set()

    def put_at(self, at: datetime, command: Command) -> None:
        """Hand a command over at a moment of the session's clock: for simulated days."""
        with self._lock:
            self._timed.append((at, command))
            self._timed.sort(key=lambda row: row[0])

    def take(self, now: datetime) -> list[Command]:
        """Return the commands that have come, oldest first."""
        if not self._now and not (self._timed and self._timed[0][0] <= now):
            return []
        with self._lock:
            due = [command for at, command in self._timed if at <= now]
            self._timed = self._timed[len(due) :]
            taken = [*due, *self._now]
            self._now.clear()
        return taken

    def next_due(self) -> datetime | None:
        """Return the moment of the next timed command."""
        return self._timed[0][0] if self._timed else None
