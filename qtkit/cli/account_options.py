"""The options that choose a session's account, the same for every verb that trades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["account_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("-a", "--account", metavar="ID", help="An account that exists."),
    click.option("-n", "--new_account", metavar="NAME", help="Make a new account of this name."),
    click.option(
        "--restart",
        is_flag=True,
        help="Clear the account's record first; refused while a position is open.",
    ),
)


def account_options(command: _Command) -> _Command:
    """Add ``--account``, ``--new_account`` and ``--restart``; without them an account is fresh."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
