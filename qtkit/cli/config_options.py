"""A verb's options on top of a configuration file: what is said on the command line wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from qtkit.runtime.configuration.models import Configuration
    from qtkit.runtime.settings import SessionSettings
    from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["account_asked", "config_option", "configured", "market_options", "warn_of_the_calendar"]

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A configuration file, such as qtkit.toml; options of the command line win.",
)


def market_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the files that extend what is known of instruments and calendars."""
    for name, key, text in (
        ("--overlay", "calendar_overlay", "A calendar_overlay.toml that extends the calendar."),
        ("--instruments", "instruments", "An instruments.toml with instruments of your own."),
    ):
        place = click.Path(path_type=Path, dir_okay=False)
        command = click.option(name, key, type=place, help=text)(command)
    return command


def configured(
    ctx: click.Context, config: Path | None, options: Mapping[str, object]
) -> Configuration:
    """Return the configuration that a file and the options given on the command line come to.

    Parameters
    ----------
    options
        Key of the configuration -> value of the verb's parameter of the same name. One that is
        None, or that nobody gave, leaves the key to the file.
    """
    from qtkit.runtime.configuration.reader import read_configuration

    given = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in options.items()
        if value is not None
        and ctx.get_parameter_source(key.rpartition(".")[2]) is not ParameterSource.DEFAULT
    }
    return read_configuration(config, arguments=given, folder=None if config else Path())


def warn_of_the_calendar(spec: StrategySpec, settings: SessionSettings, day: date) -> None:
    """Say on standard error that soon nothing is known about the exchange's days."""
    from qtkit.core.calendars import end_of_knowledge, how_to_extend
    from qtkit.runtime.plan import exchange_of

    calendar = exchange_of(spec, settings)
    if ends := end_of_knowledge(calendar, day):
        click.echo(f"{ends}; {how_to_extend(calendar.name)}", err=True)


def account_asked(
    found: Configuration, account: str | None, new_account: str | None
) -> tuple[str | None, str | None]:
    """Return the account that exists and the one to be made, by options or else by configuration.

    Parameters
    ----------
    account, new_account
        As given on the command line.
    """
    from qtkit.core.paths import OutputRoot, safe_name

    for option, name in (("--account", account), ("--new_account", new_account)):
        if name is not None:
            safe_name(name, option)
    asked = found.account
    if account or new_account or not asked.name:
        return account, new_account
    place = OutputRoot(Path(found.run.root)).account(found.settings.mode, asked.name)
    make = asked.new and not place.record.exists()
    return (None, asked.name) if make else (asked.name, None)
