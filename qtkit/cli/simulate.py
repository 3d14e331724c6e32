"""`qtkit simulate`: a paper session on a simulated clock."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from qtkit.cli.options import DAY, root_option

__all__ = ["simulate"]


@click.command()
@click.argument("strategy", type=click.Path(path_type=Path))
@click.option("--date", "day", type=DAY, required=True, help="First trading date.")
@click.option("--days", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--account", help="An account that exists; without it a fresh one is used.")
@click.option("--seed", type=int, help="Of the generated data and of chance.")
@click.option("--data", help="'synthetic' (default), or the name of a local table.")
@root_option
@click.pass_context
def simulate(
    ctx: click.Context,
    *,
    strategy: Path,
    day: date,
    days: int,
    account: str | None,
    seed: int | None,
    data: str | None,
    root: Path,
) -> None:
    """Run STRATEGY (a Python file with a SPEC) for simulated trading days.

    The session's folder is printed last.
    """
    from qtkit.sessions.simulated import simulate as simulated

    asked = {name: value for name, value in (("seed", seed), ("data", data)) if value is not None}
    session = simulated(strategy, day=day, days=days, root=root, account=account, settings=asked)
    click.echo(str(session))
    click.echo(session.folder.path)
    ctx.exit(session.exit_code)
