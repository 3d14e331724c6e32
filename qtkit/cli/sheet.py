"""`qtkit sheet`: the daily summary of a session, and its record."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qtkit.cli.options import DAY, root_option, session_argument
from qtkit.core.errors import ConfigError

if TYPE_CHECKING:
    from qtkit.evidence.session import Session

__all__ = ["sheet"]


@click.command()
@session_argument
@click.option("--day", type=DAY, help="Default: the session's last trading date.")
@click.option("--stage", metavar="ROW", help="The row to write in: 0, 1, 2-4-B, 5-A/B, 11/5-C.")
@click.option("--summary", metavar="TEXT", help="What was done; an empty text takes it away.")
@click.option("--tick/--untick", "ticked", default=None, help="Tick the row's box, or clear it.")
@click.option("--by", metavar="NAME", help="Who writes; needed for --summary and --tick.")
@click.option("--headless", is_flag=True, help='Nobody ticks: boxes read "headless".')
@click.option("--save", is_flag=True, help="Write the day's record into the session's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@root_option
@click.pass_context
def sheet(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    session: str,
    day: date | None,
    stage: str | None,
    summary: str | None,
    ticked: bool | None,
    by: str | None,
    headless: bool,
    save: bool,
    as_json: bool,
    root: Path,
) -> None:
    """Show the day's sheet of SESSION, and write in it.

    SESSION is its id, the beginning of it, its folder, its account's name, or `last`.

    One row per stage: what the checks say, the action summary, the tick; then what changed since
    the trading day before. Exit codes: 0 passed, 1 blocked, 5 pending: an empty box is pending.
    """
    from qtkit.core.clock import wall_time
    from qtkit.core.render import json_text
    from qtkit.reports.daily_sheet.sheet import save_sheet, sheet_of
    from qtkit.sessions.remote import open_session

    opened, now = open_session(session, root=root), wall_time()
    if stage is not None or summary is not None or ticked is not None:
        _write(opened, day, stage, summary, ticked=ticked, by=by)
    found = sheet_of(opened, at=now, day=day, headless=headless)
    click.echo(json_text(found.as_json()) if as_json else str(found), nl=not as_json)
    if save:
        click.echo(f"written: {save_sheet(found)}", err=as_json)
    ctx.exit(found.exit_code)


def _write(
    session: Session,
    day: date | None,
    stage: str | None,
    summary: str | None,
    *,
    ticked: bool | None,
    by: str | None,
) -> None:
    """Write in one row of the sheet."""
    from qtkit.core.clock import wall_time
    from qtkit.reports.daily_sheet.notes import write_summary, write_tick
    from qtkit.reports.daily_sheet.sheet import sheet_day

    if stage is None or (summary is None and ticked is None):
        raise ConfigError(
            "to write on the sheet give the row and what to write, such as: --stage 0 --summary "
            "'started at nine' --tick --by anna"
        )
    if by is None:
        raise ConfigError("a sheet is signed: add --by NAME")
    folder, now = session.folder, wall_time()
    date_ = sheet_day(session.view, day)
    if summary is not None:
        write_summary(folder, date_, stage, summary, by=by, at=now)
    if ticked is not None:
        write_tick(folder, date_, stage, ticked=ticked, by=by, at=now)
