"""`qtkit shell`: the operator's shell on a simulated day, to learn it and to try things out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from qtkit.cli.config_options import configured, market_options
from qtkit.cli.options import DAY, root_option

__all__ = ["shell"]


@click.command()
@click.argument("strategy", type=click.Path(path_type=Path))
@click.option("--date", "day", type=DAY, required=True, help="First trading date.")
@click.option("--days", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("-a", "--account", metavar="ID", help="An account that exists.")
@click.option(
    "-c", "--command", "lines", multiple=True, metavar="LINE", help="A line; may be repeated."
)
@click.option("--by", default="operator", show_default=True, help="Your name; it is journalled.")
@click.option("--debug", is_flag=True, help="Let tasks be run by hand.")
@market_options
@root_option
@click.pass_context
def shell(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    strategy: Path,
    day: date,
    days: int,
    account: str | None,
    lines: tuple[str, ...],
    by: str,
    debug: bool,
    calendar_overlay: Path | None,
    instruments: Path | None,
    root: Path,
) -> None:
    """Operate a simulated session of STRATEGY by hand: its time moves when you say `advance`.

    Without -c it asks at the terminal, or reads lines from standard input. When you leave it the
    session is stopped in order. To operate a session that runs in real time use `qtkit attach`.
    Exit codes: 0 done, 2 wrong request, 3 data missing or beyond the calendar, 4 the strategy
    raised.
    """
    from qtkit.desk.shell import Console, interact
    from qtkit.sessions.local import LocalSession

    files = {"session.calendar_overlay": calendar_overlay, "session.instruments": instruments}
    settings = configured(ctx, None, files).settings.model_copy(update={"debug": debug})
    with LocalSession.of(
        strategy, day=day, days=days, root=root, account=account, settings=settings
    ) as session:
        click.echo(session.folder.path)
        console = Console.at(session, by=by)
        try:
            if not lines:
                interact(session, by=by)
            for line in lines:
                if text := console.run(line):
                    click.echo(text)
        finally:
            session.stop(by=by)
    ctx.exit(session.exit_code)
