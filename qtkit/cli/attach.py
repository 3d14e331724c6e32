"""`qtkit attach`: look at a running session, and command it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from qtkit.cli.options import root_option, session_argument
from qtkit.core.errors import ConfigError

__all__ = ["attach"]


@click.command()
@session_argument
@click.option(
    "-c",
    "--command",
    "lines",
    multiple=True,
    metavar="LINE",
    help="A line of the shell, such as 'status'; may be repeated.",
)
@click.option(
    "--ask",
    metavar="'VERB KEY=VALUE ...'",
    help="Ask the engine itself, such as 'pause' or 'buy symbol=600036.SH quantity=100'.",
)
@click.option("--by", default="operator", show_default=True, help="Who asks; it is journalled.")
@click.option("--timeout", type=float, default=10.0, show_default=True, help="Seconds to wait.")
@root_option
def attach(
    *,
    session: str,
    lines: Sequence[str],
    ask: str | None,
    by: str,
    timeout: float,
    root: Path,
) -> None:
    """Attach to SESSION: open the operator's shell, or say one line in it.

    SESSION is its id, the beginning of it, its folder, its account's name, or `last`.

    What is asked of the engine prints the journal lines that it became. Exit codes: 0 carried out,
    1 nobody answers, 2 refused, 3 no such session.
    """
    from qtkit.sessions.remote import open_session

    found = open_session(session, root=root)
    if ask is not None:
        from qtkit.cli.journal import print_entries

        verb, arguments = _parsed(ask)
        print_entries(found.command(verb, by=by, timeout=timeout, **arguments).entries)
        return
    from qtkit.desk.shell import interact, run_line

    if not lines:
        interact(found, by=by)
    for line in lines:
        click.echo(run_line(found, line, by=by))


def _parsed(line: str) -> tuple[str, dict[str, str]]:
    """Return verb and arguments of a command line.

    Raises
    ------
    ConfigError
        If it is not a verb and KEY=VALUE words.
    """
    try:
        verb, *words = shlex.split(line)
    except ValueError as problem:
        raise ConfigError(f"{line!r} is no command: {problem}") from None
    wrong = [word for word in words if "=" not in word.removeprefix("=")]
    if wrong:
        raise ConfigError(
            f"arguments are written KEY=VALUE, such as symbol=600036.SH; found {', '.join(wrong)}"
        )
    return verb, dict(word.split("=", 1) for word in words)
