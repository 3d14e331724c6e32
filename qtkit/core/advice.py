"""Commands that errors and verdicts print: written out, so that they can be pasted as they are."""

from __future__ import annotations

import shlex
from pathlib import Path

from qtkit.core.folders import AccountFolder

__all__ = ["command", "kill_command", "root_words"]

_DEFAULT_ROOT = Path("outputs")


def command(*words: object) -> str:
    """Return a `qtkit` command in backticks, its words quoted for a shell.

    Examples
    --------
    >>> command("journal", "story", "/tmp/a b", "q000001")
    "`qtkit journal story '/tmp/a b' q000001`"
    """
    return f"`qtkit {shlex.join(str(word) for word in words)}`"


def root_words(root: Path) -> tuple[object, ...]:
    """Return the words that name a folder of outputs; none for the one that is the default."""
    return () if root == _DEFAULT_ROOT else ("--root", root.resolve())


def kill_command(account: AccountFolder, *words: object) -> str:
    """Return a `qtkit kill` command for an account, in backticks."""
    mode, root = account.path.parent.name, account.path.parents[2]
    return command("kill", account.name, "--mode", mode, *words, *root_words(root))
