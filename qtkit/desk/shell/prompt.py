"""The shell at a terminal, with completion and history; without one it reads lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from qtkit.core.errors import QtkitError
from qtkit.core.files import open_file
from qtkit.core.paths import OutputRoot
from qtkit.desk.shell.completion import candidates
from qtkit.desk.shell.console import Console
from qtkit.desk.shell.context import Seat
from qtkit.evidence.session import OperableSession

__all__ = ["interact"]

_GREETING = "`help` lists the commands, Tab completes, `bye` leaves."


def interact(
    session: OperableSession, *, by: str = "operator", history: Path | None = None
) -> None:
    """Let an operator work on a session until they leave; the session goes on.

    Parameters
    ----------
    by
        The operator's name, as the journal has it.
    history
        Where lines are kept for another time; None: beside the sessions.
    """
    console = Console.at(session, by=by)
    click.echo(_GREETING)
    kept = history or OutputRoot(session.folder.path.parents[1]).shell_history
    for line in _lines(console.seat, kept):
        try:
            answer = console.answer(line)
        except KeyboardInterrupt:
            answer = "interrupted; what was asked for may have been carried out: see `status`"
        if answer:
            click.echo(answer)
        if console.left:
            return


def _lines(seat: Seat, history: Path) -> Iterable[str]:
    if sys.stdin.isatty() and sys.stdout.isatty():
        return _typed(seat, history)
    return sys.stdin


def _typed(seat: Seat, history: Path) -> Iterator[str]:
    """Yield what is typed; Ctrl-C drops a line, Ctrl-D ends."""
    ask = _prompter(seat, history)
    while True:
        try:
            yield ask(_prompt(seat))
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _prompt(seat: Seat) -> str:
    """Return status and time of the session."""
    try:
        view = seat.session.view
    except (QtkitError, OSError):
        return "unreadable> "
    status = "ended" if view.state.ended else view.state.status
    return f"{view.now:%H:%M:%S} {status}> "


def _kept(history: Path) -> bool:
    """Whether what is typed can be kept, in a file that is the operator's alone."""
    try:
        os.close(open_file(history, os.O_WRONLY | os.O_CREAT))
    except OSError:
        return False
    return True


def _prompter(seat: Seat, history: Path) -> Callable[[str], str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import FileHistory

    class FromDesk(Completer):
        """Completes from the words of the shell and what the session knows."""

        def get_completions(
            self, document: Document, complete_event: CompleteEvent
        ) -> Iterator[Completion]:
            """Yield what may stand at the cursor."""
            text = document.text_before_cursor
            fragment = text.rsplit(" ", 1)[-1]
            for found in candidates(seat, text):
                yield Completion(found.word, -len(fragment), display_meta=found.about)

    session: PromptSession[Any] = PromptSession(
        completer=FromDesk(),
        complete_while_typing=False,
        auto_suggest=AutoSuggestFromHistory(),
        history=FileHistory(str(history)) if _kept(history) else None,
    )

    def ask(prompt: str) -> str:
        return str(session.prompt(prompt))

    return ask
