"""`qtkit stages`: every stage and check of the checklist."""

from __future__ import annotations

import click

__all__ = ["stages"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stages(*, as_json: bool) -> None:
    """List every stage and every check, with id and sentence."""
    from qtkit.core.render import json_text
    from qtkit.stages.catalogue import all_stages, catalogue_json, catalogue_text

    found = all_stages()
    if as_json:
        click.echo(json_text(catalogue_json(found)), nl=False)
    else:
        click.echo(catalogue_text(found))
