"""`qtkit smoke`: the main job."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["smoke"]


@click.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("outputs"),
    show_default=True,
    help="Where sessions and the run record are written.",
)
@click.option(
    "--notebook",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The checklist; by default notebooks/smoke_checklist.ipynb, here or beside the package.",
)
@click.option(
    "-p",
    "--parameter",
    "pairs",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A value for one of the notebook's parameters; may be repeated.",
)
@click.pass_context
def smoke(
    ctx: click.Context,
    *,
    root: Path,
    notebook: Path | None,
    pairs: tuple[tuple[str, str], ...],
) -> None:
    """Run the smoke checklist on a simulated trading day and judge every stage.

    A checklist that leaves out a stage is incomplete.

    Exit codes: 0 passed, 1 blocked or a cell raised, 2 wrong request, 5 pending or incomplete,
    6 the kernel died or a time limit was hit, 130 interrupted.
    """
    from qtkit.core.paths import OutputRoot
    from qtkit.runs.execute import RunInterrupted
    from qtkit.runs.parameters import parsed
    from qtkit.runs.smoke import find_checklist, smoke_text
    from qtkit.runs.smoke import smoke as judged
    from qtkit.runs.source import read_source

    outputs = OutputRoot(root)
    checklist = notebook or find_checklist()
    values = parsed(read_source(checklist).parameters, pairs)
    try:
        record = judged(
            outputs, notebook=checklist, parameters=values, progress=True, own_process=True
        )
    except RunInterrupted as stopped:
        record = stopped.record
    click.echo(smoke_text(record, outputs))
    ctx.exit(record.status.exit_code)
