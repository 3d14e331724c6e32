"""`qtkit data series`: values that are no prices, which strategies see beside their bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qtkit.cli.data_options import JSON, ROOT, ZONE, judge_data, print_result

if TYPE_CHECKING:
    from qtkit.market.tables.series_store import SeriesStore

__all__ = ["series"]

_COLUMN = click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Name of a column in the file: time or value. Repeatable.",
)


@click.group()
def series() -> None:
    """Import, list, judge and remove series: signals, rates, counts and the like."""


@series.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("name")
@click.option("--unit", default="", help="Of its values, for people.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by. Repeatable.")
@click.option(
    "--max-gap",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="How long a value holds; by default for ever.",
)
@ZONE
@_COLUMN
@click.option("--replace", is_flag=True, help="Let new values that differ replace old ones.")
@ROOT
@JSON
def import_(  # noqa: PLR0913 - one for each option
    *,
    file: Path,
    name: str,
    unit: str,
    tags: Sequence[str],
    max_gap: float | None,
    zone: str | None,
    columns: Sequence[str],
    replace: bool,
    root: Path,
    as_json: bool,
) -> None:
    """Add the values of FILE (.csv, .csv.gz, .parquet) to the series NAME.

    A value's time is the moment from which on it was known.
    """
    from dataclasses import asdict

    from qtkit.market.tables.column_names import columns_from
    from qtkit.market.tables.series_import import read_series
    from qtkit.model.series import SeriesTerms

    seconds = None if max_gap is None else max_gap * 3600
    terms = SeriesTerms(name=name, unit=unit, tags=tuple(tags), max_gap_seconds=seconds)
    fresh = read_series(file, terms, columns=columns_from(columns), zone=zone or "UTC")
    report = _store(root).merge(fresh, replace=replace)
    print_result(asdict(report), str(report), as_json=as_json)


@series.command("list")
@ROOT
@JSON
def list_(*, root: Path, as_json: bool) -> None:
    """List all series with unit, tags and how long a value holds."""
    from msgspec import to_builtins

    from qtkit.core.render import Table, text_table

    store = _store(root)
    rows = [(one.terms, len(one)) for one in map(store.read, store.names())]
    cells = tuple(
        (t.name, count, t.unit, " ".join(t.tags), t.max_gap_seconds or "") for t, count in rows
    )
    head = ("series", "values", "unit", "tags", "a value holds, s")
    text = text_table(Table("Series", head, cells, align="lrllr"))
    payload = [{**to_builtins(terms), "values": count} for terms, count in rows]
    print_result(payload, text if rows else f"no series under {root}", as_json=as_json)


@series.command()
@click.argument("names", nargs=-1)
@ROOT
@JSON
def check(*, names: Sequence[str], root: Path, as_json: bool) -> None:
    """Judge the series NAMES (or tag:WORD), by default all; exit 1 if a gap is too long."""
    from qtkit.market.tables.series_store import judged_series

    store = _store(root)
    found = store.named(names) if names else store.names()
    judge_data(judged_series([store.read(name) for name in found]), as_json=as_json)


@series.command()
@click.argument("name")
@ROOT
def remove(*, name: str, root: Path) -> None:
    """Take the series NAME away."""
    _store(root).remove(name)
    click.echo(f"{name} is removed")


def _store(root: Path) -> SeriesStore:
    from qtkit.core.paths import OutputRoot
    from qtkit.market.tables.series_store import SeriesStore

    return SeriesStore(OutputRoot(root).series)
