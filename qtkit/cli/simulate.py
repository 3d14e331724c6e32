"""`qtkit simulate`: a paper session on a simulated clock."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from qtkit.cli.account_options import accept_options, acceptance, account_options
from qtkit.cli.config_options import (
    account_asked,
    config_option,
    configured,
    market_options,
    warn_of_the_calendar,
)
from qtkit.cli.options import DAY, accept_data_option, root_option

if TYPE_CHECKING:
    from qtkit.runtime.configuration.models import Configuration
    from qtkit.sessions.local import LocalSession

__all__ = ["show_end", "simulate"]

_GOES_ON = (
    "the same request began a session on account {account} that was cut off: it goes on there. "
    "To begin anew give another name with --new_account"
)


@click.command()
@click.argument("strategy", type=click.Path(path_type=Path), required=False)
@config_option
@click.option("--date", "day", type=DAY, required=True, help="First trading date.")
@click.option("--days", type=click.IntRange(min=1), default=1, show_default=True)
@account_options
@accept_options
@click.option("--seed", type=int, help="Of the generated data and of chance.")
@click.option("--data", help="'synthetic' (default), or the name of a local table.")
@market_options
@accept_data_option
@root_option
@click.pass_context
def simulate(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    strategy: Path | None,
    config: Path | None,
    day: date,
    days: int,
    account: str | None,
    new_account: str | None,
    restart: bool,
    accept_changes: bool,
    by: str | None,
    why: str | None,
    seed: int | None,
    data: str | None,
    calendar_overlay: Path | None,
    instruments: Path | None,
    accept_data: tuple[str, ...],
    root: Path,
) -> None:
    """Run STRATEGY (a Python file with a SPEC) for simulated trading days.

    A request whose session was cut off is finished: the same words again go on where it was. After
    the strategy was mended, or with other settings, it goes on with --accept-changes.

    A configuration file may name the strategy, and everything else that can be set.

    The session's folder is printed last. Exit codes: 0 done, 2 wrong request, 3 data missing or
    beyond the calendar, 4 the strategy raised, 130 stopped by Ctrl-C, SIGTERM or SIGHUP.
    """
    from qtkit.sessions.simulation import prepare_account
    from qtkit.sessions.simulation import simulate as simulated
    from qtkit.trading.strategy.loader import load_spec

    options = {
        "session.strategy": strategy,
        "session.seed": seed,
        "session.data": data,
        "session.calendar_overlay": calendar_overlay,
        "session.instruments": instruments,
        "session.accept_data": accept_data,
        "session.root": root,
    }
    accept = acceptance(accept_changes=accept_changes, by=by, why=why)
    found = configured(ctx, config, options)
    file, place = Path(found.strategy), Path(found.run.root)
    spec = found.spec_of(load_spec(file))
    warn_of_the_calendar(spec, found.settings, day)
    name, new_name = account_asked(found, account, new_account)
    cut_off = None
    if name is None and not restart:
        cut_off = _cut_off(found, day, days, new_name, accepting=accept is not None)
    if cut_off is not None:
        name, new_name = cut_off, None
    name = prepare_account(
        spec, root=place, account=name, new_account=new_name, restart=restart, day=day,
        settings=found.settings,
    )  # fmt: skip
    session = simulated(
        file, spec=spec, day=day, days=days, root=place, account=name, accept=accept,
        settings=found.settings,
    )  # fmt: skip
    show_end(ctx, session)


def show_end(ctx: click.Context, session: LocalSession) -> NoReturn:
    """Print a simulated session and, as the last line, its folder; leave with its exit code."""
    click.echo(str(session))
    click.echo(session.folder.path)
    ctx.exit(session.exit_code)


def _cut_off(
    found: Configuration, day: date, days: int, new_account: str | None, *, accepting: bool
) -> str | None:
    """Return the account of a session that was cut off and answers to the same words."""
    from qtkit.core.paths import OutputRoot
    from qtkit.sessions.interruptions import cut_off_account

    account = cut_off_account(
        OutputRoot(Path(found.run.root)),
        Path(found.strategy),
        day=day,
        days=days,
        settings=found.settings,
        new_account=new_account,
        accepting=accepting,
    )
    if account is not None:
        click.echo(_GOES_ON.format(account=account), err=True)
    return account
