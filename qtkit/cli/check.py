"""`qtkit check`: judge a session by the checklist."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from qtkit.cli.options import DAY, root_option, session_option

__all__ = ["check"]


@click.command()
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@session_option
@root_option
@click.option("--day", type=DAY, help="Judge this trading date alone.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write JUnit XML, for a CI server.",
)
@click.pass_context
def check(
    ctx: click.Context,
    *,
    stages: tuple[str, ...],
    session: str,
    root: Path,
    day: date | None,
    as_json: bool,
    junit: Path | None,
) -> None:
    """Judge a session by STAGEs (`0`, `3.5`, `4-A`, `grid`; by default all), one line a check.

    Exit code 0: passed; 1: blocked; 5: pending.
    """
    from qtkit.core.paths import write_atomic
    from qtkit.core.render import json_text
    from qtkit.sessions.remote import open_session
    from qtkit.stages import judge_session, report, stage_named

    if junit is not None and not junit.name:
        raise click.BadParameter("expected a file", param_hint="--junit")
    names = [stage_named(name).id for name in stages]
    reports = judge_session(open_session(session, root=root), names, day=day)
    if junit is not None:
        write_atomic(junit, report.junit(reports))
    if as_json:
        click.echo(json_text(report.reports_json(reports)), nl=False)
    else:
        click.echo(report.check_lines(reports))
    ctx.exit(report.exit_code(reports))
