"""`qtkit rotatelogs`: remove risk logs that have expired."""

from __future__ import annotations

from pathlib import Path

import click

from qtkit.cli.options import root_option

__all__ = ["rotatelogs"]


@click.command()
@click.option(
    "--days", type=click.IntRange(min=0), required=True, help="How long a session's logs are kept."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@root_option
def rotatelogs(*, days: int, dry_run: bool, yes: bool, root: Path) -> None:
    """Remove the risk logs of sessions that ended more than --days days ago.

    What would be removed is shown first. Sessions that have not ended are left alone, and so are
    journals: the lines of a risk log can be made again from its journal.
    """
    from qtkit.core.clock import wall_time
    from qtkit.core.paths import OutputRoot
    from qtkit.reports.retention import expired_logs, rotate_logs

    found = expired_logs(OutputRoot(root), days, wall_time())
    click.echo(str(found))
    if dry_run or not found.logs:
        return
    if not yes:
        click.confirm(f"Remove {len(found.logs)} risk logs?", abort=True)
    click.echo(rotate_logs(found, wall_time()).heading)
