"""Commands that errors and verdicts print: written out, so that they can be pasted as they are."""

from __future__ import annotations

import shlex
from pathlib import Path

from qtkit.core.paths import AccountFolder

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


def kill_command(account: AccountFolder, *more: str) -> str:
    """Return the command that sets the kill switch of an account."""
    mode, root = account.path.parent.name, account.path.parents[2]
    return command("kill", account.name, "--mode", mode, *more, *root_words(root))


def lift_command(account: AccountFolder) -> str:
    """Return the command that lifts it; who and why is for the reader to say."""
    return kill_command(account, "--lift", "--by", "NAME", "--why", "TEXT")
