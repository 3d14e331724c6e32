"""`qtkit config`: what a configuration comes to, and what its keys mean."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["config"]

_file = click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False), default=Path("qtkit.toml")
)


@click.group()
def config() -> None:
    """Check, show and explain a configuration."""


@config.command()
@_file
def check(*, file: Path) -> None:
    """Check FILE (qtkit.toml), the .env beside it and the environment; tell all mistakes.

    Exit codes: 0 it holds, 2 it does not.
    """
    from qtkit.runtime.configuration.reader import read_configuration
    from qtkit.runtime.factories import PARTS

    found = read_configuration(file, parts=PARTS)
    click.echo(f"{file.name} holds: {len(found.places)} keys are given, the others are defaults")


@config.command()
@_file
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(*, file: Path, as_json: bool) -> None:
    """Show every value that FILE (qtkit.toml) leads to, and where it came from.

    Secrets are masked.
    """
    from qtkit.core.render import json_text, text_table
    from qtkit.runtime.configuration.reader import read_configuration
    from qtkit.runtime.configuration.tables import configuration_json, configuration_table

    found = read_configuration(file)
    if as_json:
        click.echo(json_text(configuration_json(found)), nl=False)
    else:
        click.echo(text_table(configuration_table(found)))


@config.command()
@click.argument("key")
def explain(*, key: str) -> None:
    """Explain KEY, such as engine.step_minutes: meaning, values, unit, default, other names."""
    from qtkit.runtime.configuration.tables import explained

    click.echo(explained(key))
