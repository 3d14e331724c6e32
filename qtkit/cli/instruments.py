"""`qtkit instruments`: what can be traded, by which rules, and whether your own file holds."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qtkit.cli.config_options import config_option, configured
from qtkit.cli.options import DAY

if TYPE_CHECKING:
    from qtkit.market.instrument_file import InstrumentFile
    from qtkit.market.instruments import InstrumentTable

__all__ = ["instruments"]

_FILE = click.option(
    "--instruments",
    type=click.Path(path_type=Path, dir_okay=False),
    help="An instruments.toml; by default the one beside the configuration, or in this folder.",
)


@click.group()
def instruments() -> None:
    """List, show and check instruments, exchanges and fee plans."""


@instruments.command("list")
@click.option("--exchanges", is_flag=True, help="List every calendar's code, with its defaults.")
@click.option("--fees", is_flag=True, help="List the fee plans, with source and date.")
@config_option
@_FILE
@click.pass_context
def list_(
    ctx: click.Context,
    *,
    exchanges: bool,
    fees: bool,
    config: Path | None,
    instruments: Path | None,
) -> None:
    """List what is known: your entries first, then those that come with qtkit."""
    from qtkit.core.render import text_table
    from qtkit.market.instrument_tables import exchange_table, family_table, fee_table

    table = _table(ctx, config, instruments)
    shown = exchange_table if exchanges else fee_table if fees else family_table
    click.echo(text_table(shown(table.known)))


@instruments.command()
@click.argument("symbols", nargs=-1, required=True)
@click.option("--date", "day", type=DAY, help="Default: the rules as they stand last.")
@click.option("--exchange", default="", help="Whose defaults hold for a symbol that nobody lists.")
@config_option
@_FILE
@click.pass_context
def show(
    ctx: click.Context,
    *,
    symbols: tuple[str, ...],
    day: date | None,
    exchange: str,
    config: Path | None,
    instruments: Path | None,
) -> None:
    """Show the rules and the fees of SYMBOLS on a date; exit 3 where one is unknown."""
    from qtkit.core.render import text_table
    from qtkit.market.instrument_tables import rules_table

    table = _table(ctx, config, instruments, exchange)
    for one in table.all_rules(symbols, day or date.max, exchange):
        click.echo(text_table(rules_table(one)))


@instruments.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def check(*, file: Path) -> None:
    """Check FILE, an instruments.toml; tell all mistakes.

    Exit codes: 0 it holds, 2 it does not.
    """
    from qtkit.market.instrument_file import read_instruments

    own = read_instruments(file, _shipped())
    click.echo(f"{file.name} holds: {len(own.families)} entries, ours among them")


def _shipped() -> InstrumentFile:
    from qtkit.market.instruments import instrument_table

    return instrument_table().known


def _table(
    ctx: click.Context, config: Path | None, file: Path | None, exchange: str = ""
) -> InstrumentTable:
    from qtkit.market.instruments import instrument_table

    found = configured(ctx, config, {"session.instruments": file})
    return instrument_table(found.settings.instruments, exchange=exchange)
