"""`qtkit`: one sub-command per verb; each is thin, the work is a function of the package."""

from __future__ import annotations

import sys
from importlib import import_module
from io import StringIO

import click

from qtkit import __version__
from qtkit.core.errors import QtkitError, readable

__all__ = ["main", "qtkit"]

_VERBS = {
    "attach": "qtkit.cli.attach",
    "backtest": "qtkit.cli.backtest",
    "check": "qtkit.cli.check",
    "config": "qtkit.cli.config",
    "data": "qtkit.cli.data",
    "journal": "qtkit.cli.journal",
    "rotatelogs": "qtkit.cli.rotatelogs",
    "kill": "qtkit.cli.kill",
    "live": "qtkit.cli.live",
    "run": "qtkit.cli.run",
    "runs": "qtkit.cli.runs",
    "sheet": "qtkit.cli.sheet",
    "shell": "qtkit.cli.shell",
    "simulate": "qtkit.cli.simulate",
    "smoke": "qtkit.cli.smoke",
    "stages": "qtkit.cli.stages",
}
_ABORTED = 130


class _LazyGroup(click.Group):
    """Imports a sub-command when it is used, so that help comes at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs."""
        return sorted(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb's command."""
        if cmd_name not in _VERBS:
            return None
        command: click.Command = getattr(import_module(_VERBS[cmd_name]), cmd_name)
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qtkit")
def qtkit() -> None:
    """Run and judge trading sessions by an executable checklist.

    Exit codes: 0 passed; 1 blocked or failed; 2 wrong usage, configuration or request; 3 data
    missing, damaged, insufficient or beyond the calendar; 4 the strategy raised; 5 pending or
    incomplete; 6 the kernel died or a time limit was hit; 130 aborted.
    """


def main() -> None:
    """Run the command line; every error of ours is one sentence and an exit code."""
    run_command(qtkit)


def run_command(command: click.Command) -> None:
    """Run a command as a program."""
    try:
        code = command.main(standalone_mode=False)
    except click.ClickException as problem:
        click.echo(readable(_shown(problem)), err=True, nl=False)
        sys.exit(problem.exit_code)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("aborted", err=True)
        sys.exit(_ABORTED)
    except QtkitError as problem:
        click.echo(f"{type(problem).__name__}: {problem}", err=True)
        sys.exit(problem.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def _shown(problem: click.ClickException) -> str:
    """Return what click says of a word that it refuses, usage and all."""
    text = StringIO()
    problem.show(text)
    return text.getvalue()
