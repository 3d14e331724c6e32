"""`qtkit kill`: the second door of the kill switch, with or without an engine."""

from __future__ import annotations

from pathlib import Path

import click

from qtkit.cli.options import root_option
from qtkit.core.advice import lift_command
from qtkit.core.errors import ConfigError

__all__ = ["kill"]


@click.command()
@click.argument("account", metavar="ACCOUNT")
@click.option(
    "--mode",
    type=click.Choice(["paper", "shadow", "live"]),
    default="paper",
    show_default=True,
    help="Of the account.",
)
@click.option("--by", help="Who does it; needed to lift.")
@click.option("--why", help="For the journal; needed to lift.")
@click.option("--lift", is_flag=True, help="Let the account trade again.")
@root_option
def kill(
    *, account: str, mode: str, by: str | None, why: str | None, lift: bool, root: Path
) -> None:
    """Stop all trading of ACCOUNT but orders that reduce a position; it survives restarts.

    It needs no running engine, and works on one that hangs: before every order the broker's gate
    looks for the file that this command makes.
    """
    from qtkit.core.paths import OutputRoot
    from qtkit.sessions.control.kill_switch import kill_account, lift_account

    place = OutputRoot(root).account(mode, account)
    if not lift:
        click.echo(kill_account(place, by=by or "operator", why=why or "by hand"))
        return
    if not ((by or "").strip() and (why or "").strip()):
        raise ConfigError(
            f"lifting the kill switch needs who and why: {lift_command(account, mode, root)}; "
            "nothing was changed"
        )
    click.echo(lift_account(place, by=by or "", why=why or ""))
