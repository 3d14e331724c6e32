"""The options that choose a session's account, the same for every verb that trades."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from qtkit.core.errors import ConfigError

if TYPE_CHECKING:
    from qtkit.runtime.spec import Acceptance

__all__ = ["accept_options", "acceptance", "account_options"]

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


_ACCEPT = (
    click.option(
        "--accept-changes",
        is_flag=True,
        help="Let a session that was cut off go on under other code or settings; recorded.",
    ),
    click.option("--by", metavar="NAME", help="Who accepts the changes."),
    click.option("--why", metavar="TEXT", help="Why the changes are accepted."),
)


def accept_options(command: _Command) -> _Command:
    """Add ``--accept-changes``, ``--by`` and ``--why``."""
    for option in reversed(_ACCEPT):
        command = option(command)
    return command


def acceptance(*, accept_changes: bool, by: str | None, why: str | None) -> Acceptance | None:
    """Return what an operator accepts; None where nothing is accepted.

    Raises
    ------
    ConfigError
        If the name or the reason is missing, or stands there alone.
    """
    from qtkit.runtime.spec import Acceptance

    if accept_changes:
        return Acceptance(by=by or "", why=why or "")
    if by is not None or why is not None:
        raise ConfigError("--by and --why say who accepts changes, and why: add --accept-changes")
    return None
