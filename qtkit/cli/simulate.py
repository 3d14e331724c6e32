"""`qtkit simulate`: a paper session on a simulated clock."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from qtkit.cli.account_options import account_options
from qtkit.cli.options import DAY, root_option

__all__ = ["simulate"]


@click.command()
@click.argument("strategy", type=click.Path(path_type=Path))
@click.option("--date", "day", type=DAY, required=True, help="First trading date.")
@click.option("--days", type=click.IntRange(min=1), default=1, show_default=True)
@account_options
@click.option("--seed", type=int, help="Of the generated data and of chance.")
@click.option("--data", help="'synthetic' (default), or the name of a local table.")
@root_option
@click.pass_context
def simulate(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    strategy: Path,
    day: date,
    days: int,
    account: str | None,
    new_account: str | None,
    restart: bool,
    seed: int | None,
    data: str | None,
    root: Path,
) -> None:
    """Run STRATEGY (a Python file with a SPEC) for simulated trading days.

    The session's folder is printed last. Exit codes: 0 done, 2 wrong request, 3 data missing or
    beyond the calendar, 4 the strategy raised, 130 stopped by Ctrl-C or SIGTERM.
    """
    from qtkit.sessions.simulated import prepare_account
    from qtkit.sessions.simulated import simulate as simulated
    from qtkit.trading.strategy.loading import load_spec

    spec = load_spec(strategy)
    name = prepare_account(
        spec, root=root, account=account, new_account=new_account, restart=restart, day=day
    )
    asked = {name: value for name, value in (("seed", seed), ("data", data)) if value is not None}
    session = simulated(
        strategy, spec=spec, day=day, days=days, root=root, account=name, settings=asked
    )
    click.echo(str(session))
    click.echo(session.folder.path)
    ctx.exit(session.exit_code)
