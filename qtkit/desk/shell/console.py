"""From a line of text to an answer; a mistake is one sentence, never a traceback."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import click

from qtkit.core.errors import ConfigError, QtkitError
from qtkit.core.render import json_text
from qtkit.core.text import nearest
from qtkit.desk.shell.commands import ALIASES, WORDS, usage
from qtkit.desk.shell.context import JSON, Seat, Shown
from qtkit.evidence.session import OperableSession

__all__ = ["Console", "run_line"]

_HELP = {"-h", "--help"}
_FREE_TEXT = {"note"}  # what follows the word is text, quotes and all


@dataclass(slots=True)
class Console:
    """One operator at one session.

    Attributes
    ----------
    seat
        Who sits there, and what they set for themselves.
    """

    seat: Seat

    @classmethod
    def at(cls, session: OperableSession, *, by: str = "operator") -> Console:
        """Return a console.

        Parameters
        ----------
        by
            The operator's name, as the journal has it.
        """
        return cls(Seat(session=session, by=by))

    @property
    def left(self) -> bool:
        """Whether the operator said `bye`."""
        return self.seat.left

    def run(self, line: str) -> str:
        """Carry one line out and return its answer; an empty line has an empty one.

        Raises
        ------
        ConfigError
            If the line is no command, or is refused.
        QtkitError
            If the session cannot be read or reached.
        """
        name, words = _split(line)
        if not name:
            return ""
        if _HELP & set(words) and name not in _FREE_TEXT:
            name, words = "help", [name]
        return _invoked(name, words, self.seat)

    def answer(self, line: str) -> str:
        """Carry one line out as `run` does; a mistake is answered by its sentence."""
        try:
            return self.run(line)
        except QtkitError as problem:
            return f"{type(problem).__name__}: {problem}"
        except OSError as problem:
            return f"a file could not be read or written: {problem}"


def run_line(session: OperableSession, line: str, *, by: str = "operator") -> str:
    """Carry one line out on a session and return its answer; raises as `Console.run`."""
    return Console.at(session, by=by).run(line)


def _split(line: str) -> tuple[str, list[str]]:
    """Return a line's command and its words."""
    first, _, rest = line.strip().partition(" ")
    name = ALIASES.get(first, first)
    if name in _FREE_TEXT:
        return name, ["--", rest.strip()]
    try:
        words = shlex.split(rest)
    except ValueError:
        raise ConfigError(
            f"{first}: a quote is opened and not closed; close it, or put \\ before it"
        ) from None
    return name, words


def _invoked(name: str, words: list[str], seat: Seat) -> str:
    command = WORDS.get(name)
    if command is None:
        hint = nearest(name, WORDS)
        raise ConfigError(f"there is no command {name!r}{hint} (`help` explains them)")
    try:
        context = command.make_context(name, list(words), obj=seat)
        with context:
            result = command.invoke(context)
    except click.UsageError as problem:
        raise ConfigError(_sentence(name, problem)) from None
    return _text(result, as_json=JSON in context.meta)


def _sentence(name: str, problem: click.UsageError) -> str:
    message = " ".join(problem.format_message().split()).rstrip(".")
    return f"{name}: {message[:1].lower()}{message[1:]}; write: {usage(name)}"


def _text(result: Shown, *, as_json: bool) -> str:
    if as_json and not isinstance(result, str):
        return json_text(result.as_json()).rstrip("\n")
    return str(result)
