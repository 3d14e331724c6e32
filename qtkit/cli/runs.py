"""`qtkit runs`: list, show and compare headless runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["runs"]

_ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("outputs"),
    show_default=True,
    help="The folder that holds run_records/.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def runs() -> None:
    """Look at headless notebook runs."""


@runs.command("list")
@_ROOT
@_JSON
def list_(*, root: Path, as_json: bool) -> None:
    """List all runs, the newest first; damaged folders are listed as damaged."""
    from qtkit.core.paths import OutputRoot
    from qtkit.core.render import json_text, text_table
    from qtkit.runs.run_store import list_runs, runs_table

    found = list_runs(OutputRoot(root))
    if as_json:
        rows = [
            {
                "run_id": run.run_id,
                "status": str(run.record.status) if run.record else "damaged",
                "conclusion": run.record.conclusion if run.record else None,
                "damage": run.damage,
            }
            for run in found
        ]
        click.echo(json_text(rows), nl=False)
    else:
        click.echo(text_table(runs_table(found)) if found else f"no runs under {root}")


@runs.command()
@click.argument("run_id", default="last")
@_ROOT
@_JSON
def show(*, run_id: str, root: Path, as_json: bool) -> None:
    """Show one run; RUN_ID may be shortened, or `last`."""
    from qtkit.runs.record import record_json
    from qtkit.runs.report import record_text

    record = _record(root, run_id)
    click.echo(record_json(record) if as_json else record_text(record), nl=not as_json)


@runs.command()
@click.argument("run_id", default="last")
@click.argument("before", required=False)
@_ROOT
@_JSON
def compare(*, run_id: str, before: str | None, root: Path, as_json: bool) -> None:
    """Say what changed in RUN_ID since BEFORE, by default since the last good run before it."""
    from qtkit.core.render import json_text
    from qtkit.runs.record_diff import compare as compared

    after = _record(root, run_id)
    comparison = compared(_record(root, before) if before else _good_before(root, after), after)
    click.echo(json_text(comparison.payload()) if as_json else str(comparison), nl=not as_json)


def _record(root: Path, run_id: str) -> Any:  # noqa: ANN401 - a RunRecord, imported when needed
    """Return a run's record."""
    from qtkit.core.paths import OutputRoot
    from qtkit.runs.run_store import find_run, read_record

    return read_record(find_run(OutputRoot(root), run_id))


def _good_before(root: Path, after: Any) -> Any:  # noqa: ANN401 - as above
    """Return the last good run before another one of the same notebook and parameters."""
    from qtkit.core.advice import command, root_words
    from qtkit.core.errors import ConfigError
    from qtkit.core.paths import OutputRoot
    from qtkit.runs.run_store import last_good

    good = last_good(OutputRoot(root), after.notebook, after.parameters, before=after.started)
    if good is None:
        raise ConfigError(
            f"run {after.run_id} has no good run of {after.notebook} with the same parameters "
            "before it: name the run to compare with as a second argument; "
            f"{command('runs', 'list', *root_words(root))} shows them"
        )
    return good
