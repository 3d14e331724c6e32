"""Commands that errors and verdicts print: written out, so that they can be pasted as they are."""

from __future__ import annotations

import shlex
from pathlib import Path

__all__ = ["command", "kill_command", "lift_command", "root_words"]

_DEFAULT_ROOT = Path("outputs")


def command(*words: object) -> str:
    """Return a `qtkit` command in backticks, its words quoted for a shell.

    Examples
    --------
    >>> command("journal", "story", "data/a b", "q000001")
    "`qtkit journal story 'data/a b' q000001`"
    """
    return f"`qtkit {shlex.join(str(word) for word in words)}`"


def root_words(root: Path) -> tuple[object, ...]:
    """Return the words that name a folder of outputs; none for the one that is the default."""
    return () if root == _DEFAULT_ROOT else ("--root", root.resolve())


def kill_command(account: str, mode: str, root: Path) -> str:
    """Return the command that sets the kill switch of an account."""
    return command("kill", account, "--mode", mode, *root_words(root))


def lift_command(account: str, mode: str, root: Path) -> str:
    """Return the command that lifts it; who and why is for the reader to say."""
    who = ("--lift", "--by", "NAME", "--why", "TEXT")
    return command("kill", account, "--mode", mode, *who, *root_words(root))
