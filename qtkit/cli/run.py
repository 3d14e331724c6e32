"""`qtkit run`: one notebook, headlessly, with a record."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["run"]


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option(
    "-p",
    "--parameter",
    "pairs",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A value for a name that the notebook's `parameters` cell declares; may be repeated.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds one cell may take."
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds the whole run may take.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("outputs"),
    show_default=True,
    help="Where the run's folder is made, under run_records/.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@click.pass_context
def run(
    ctx: click.Context,
    *,
    notebook: Path,
    pairs: tuple[tuple[str, str], ...],
    timeout: float | None,
    time_limit: float | None,
    root: Path,
    as_json: bool,
) -> None:
    """Run NOTEBOOK headlessly and write a run record.

    Unknown parameters, wrong types, secrets and a notebook without code are refused before
    anything starts. Stage reports are judged again from the folders they name; one that names none
    is shown as claimed and does not count as passed. A run passes only if every cell ran and none
    raised, whatever their tags say.

    Exit codes: 0 passed, 1 blocked or a cell raised, 2 wrong request, 5 pending or incomplete,
    6 the kernel died or a time limit was hit, 130 interrupted.
    """
    from qtkit.core.paths import OutputRoot
    from qtkit.runs.execute import RunInterrupted, execute
    from qtkit.runs.parameters import parsed
    from qtkit.runs.record import record_json
    from qtkit.runs.report import record_text
    from qtkit.runs.source import read_source

    outputs = OutputRoot(root)
    values = parsed(read_source(notebook).parameters, pairs)
    try:
        record = execute(
            notebook,
            values,
            root=outputs,
            timeout=timeout,
            time_limit=time_limit,
            progress=not as_json,
            own_process=True,
        )
    except RunInterrupted as stopped:
        record = stopped.record
    click.echo(record_json(record) if as_json else record_text(record), nl=not as_json)
    if not as_json:
        click.echo(f"  record {outputs.run_records / record.run_id / 'record.json'}")
    ctx.exit(record.status.exit_code)
