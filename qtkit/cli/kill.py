"""`qtkit kill`: the second door of the kill switch, with or without an engine."""

from __future__ import annotations

from pathlib import Path

import click

from qtkit.cli.options import root_option
from qtkit.core.advice import lift_command
from qtkit.core.errors import ConfigError
from qtkit.model.modes import ACCOUNT_MODES

__all__ = ["kill"]


@click.command()
@click.argument("which", metavar="ACCOUNT|SESSION")
@click.option(
    "--mode",
    type=click.Choice(ACCOUNT_MODES),
    help="Of the account; needed where two modes have one of this name.",
)
@click.option("--by", help="Who does it; needed to lift.")
@click.option("--why", help="For the journal; needed to lift.")
@click.option("--lift", is_flag=True, help="Let the account trade again.")
@root_option
def kill(
    *, which: str, mode: str | None, by: str | None, why: str | None, lift: bool, root: Path
) -> None:
    """Stop all trading of an account but orders that reduce a position; it survives restarts.

    The account is named by itself, or by a session of it: its id, the beginning of it, its folder,
    or `last`.

    It needs no running engine, and works on one that hangs: before every order the broker's gate
    looks for the file that this command makes.
    """
    from qtkit.core.paths import OutputRoot
    from qtkit.runtime.session_finder import find_account
    from qtkit.sessions.control.kill_switch import kill_account, lift_account

    place = find_account(OutputRoot(root), which, mode)
    if not lift:
        click.echo(kill_account(place, by=by or "operator", why=why or "by hand"))
        return
    if not ((by or "").strip() and (why or "").strip()):
        raise ConfigError(
            f"lifting the kill switch needs who and why: {lift_command(place)}; nothing was changed"
        )
    click.echo(lift_account(place, by=by or "", why=why or ""))
