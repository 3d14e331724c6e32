"""`qtkit`: one sub-command per verb; each is thin, the work is a function of the package."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import StringIO

import click

from qtkit import __version__
from qtkit.core.errors import ConfigError, QtkitError, StorageError, readable
from qtkit.core.files import storage_error
from qtkit.core.input_text import quoted, word_trouble
from qtkit.core.process_signals import interrupt_once, leave
from qtkit.core.render import visible

__all__ = ["main", "qtkit"]

_VERBS = {
    "attach": "qtkit.cli.attach",
    "backtest": "qtkit.cli.backtest",
    "check": "qtkit.cli.check",
    "config": "qtkit.cli.config",
    "data": "qtkit.cli.data",
    "instruments": "qtkit.cli.instruments",
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
_NO_THREAD = "can't start new thread"
_NO_MEMORY = (
    "the machine gives this process no more memory; end others or raise the limits (`ulimit -v`, "
    "`ulimit -u`), then do it again. What was written before is kept"
)


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


def run_command(command: click.Command, words: Sequence[str] | None = None) -> None:
    """Run a command as a program; Ctrl-C, SIGTERM and SIGHUP interrupt it once.

    Parameters
    ----------
    words
        Its arguments; None: those of the process.
    """
    with interrupt_once():
        code = _code_of(command, words)
        if code == _ABORTED:
            leave()
        sys.exit(code)


def _code_of(command: click.Command, words: Sequence[str] | None) -> int:
    """Run a command and return its exit code; what went wrong is said in one sentence."""
    try:
        _check_words(sys.argv[1:] if words is None else words)
        code = command.main(words, standalone_mode=False)
    except click.ClickException as problem:
        with suppress(OSError):
            click.echo(readable(_shown(problem)), err=True, nl=False)
        return problem.exit_code
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("aborted")
        return _ABORTED
    except (QtkitError, OSError, MemoryError, ImportError, RuntimeError, SystemError) as problem:
        error = _error_of(problem)
        if error is None:
            raise
        _say(f"{type(error).__name__}: {error}")
        return error.exit_code
    return code if isinstance(code, int) else 0


def _check_words(words: Sequence[str]) -> None:
    """Make sure that everything typed can stand in a sentence, a journal and a file's name."""
    troubles = ((number, word_trouble(word)) for number, word in enumerate(words, 1))
    found = [f"word {number} must have {trouble}" for number, trouble in troubles if trouble]
    if found:
        raise ConfigError(f"{'; '.join(found)}. Nothing was done")


def _error_of(problem: Exception) -> QtkitError | None:
    """Return what went wrong as an error of ours, None for a bug; the machine's refusal is none."""
    if isinstance(problem, QtkitError):
        return problem
    if isinstance(problem, OSError) and problem.errno == errno.ENAMETOOLONG:
        return ConfigError(f"a name is too long for a file: {quoted(problem.filename)}")
    if isinstance(problem, OSError):
        return storage_error(problem)
    if isinstance(problem, ImportError):
        lines = [line for line in str(problem).splitlines() if line.strip()]
        return StorageError(
            f"a library cannot be loaded ({lines[-1] if lines else problem!r}); give this process "
            "more memory and files (`ulimit -v`, `ulimit -n`), or install it again"
        )
    if isinstance(problem, RuntimeError) and _NO_THREAD not in str(problem):
        return None
    return StorageError(_NO_MEMORY)


def _say(sentence: str) -> None:
    # the terminal may be what went away
    with suppress(OSError):
        click.echo(visible(sentence), err=True)


def _shown(problem: click.ClickException) -> str:
    """Return what click says of a word that it refuses, usage and all."""
    text = StringIO()
    problem.show(text)
    return text.getvalue()
