"""`qtkit data`: import, refill, check, list, fingerprint and clean local bar tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from qtkit.cli.data_actions import actions
from qtkit.cli.data_changes import import_, remove
from qtkit.cli.data_options import (
    COLUMN,
    DATE,
    JSON,
    LABEL,
    ROOT,
    ZONE,
    KnownMarket,
    bar_table,
    calendar_options,
    judge_data,
    print_result,
)
from qtkit.cli.data_series import series

__all__ = ["data"]


@click.group()
def data() -> None:
    """Import, refill and judge local bar tables."""


data.add_command(actions)
data.add_command(import_)
data.add_command(remove)
data.add_command(series)


@data.command()
@click.argument("table")
@click.argument("symbols", nargs=-1, required=True)
@click.option(
    "--from",
    "source",
    required=True,
    help="synthetic:SEED, csv:FOLDER, parquet:FOLDER, table:NAME, http://ADDRESS or a plug-in's.",
)
@click.option("--first", type=DATE, required=True, help="First trading date.")
@click.option("--last", type=DATE, required=True, help="Last trading date.")
@ZONE
@LABEL
@COLUMN
@click.option(
    "--length", help="Of the table's bars, such as 5min or 1day; by default those that it has."
)
@click.option("--replace", is_flag=True, help="Let new bars that differ replace old ones.")
@calendar_options
@ROOT
@JSON
def refill(  # noqa: PLR0913 - one for each option
    *,
    table: str,
    symbols: Sequence[str],
    source: str,
    first: datetime,
    last: datetime,
    zone: str | None,
    label: Literal["start", "end"] | None,
    columns: Sequence[str],
    length: str | None,
    replace: bool,
    root: Path,
    as_json: bool,
    known: KnownMarket,
) -> None:
    """Fill SYMBOLS of TABLE from another source; exit 1 if a day is missing there."""
    from qtkit.core.paths import OutputRoot
    from qtkit.market.bar_grid import BarGrid
    from qtkit.market.tables.bar_sources import SourceRequest, source_from
    from qtkit.market.tables.column_names import columns_from
    from qtkit.market.tables.refill import refill as refilled
    from qtkit.model.bar_length import BarLength

    calendar = known.calendar_of_all(symbols)
    request = SourceRequest(
        calendar=calendar,
        tables=OutputRoot(root).tables,
        zone=zone,
        label=label,
        columns=columns_from(columns),
    )
    origin = source_from(source, request)
    days, held = calendar.sessions(first.date(), last.date()), bar_table(root, table)
    wanted = BarLength.named(length) if length else held.length
    grid = None if wanted is None else BarGrid(calendar, wanted)
    judge_data(
        refilled(held, origin, symbols, days, replace=replace, grid=grid).verdicts(),
        as_json=as_json,
    )


@data.command()
@click.argument("table")
@click.argument("symbols", nargs=-1)
@click.option("--first", type=DATE, help="First trading date; by default that of the first bar.")
@click.option("--last", type=DATE, help="Last trading date; without it no stale tail is seen.")
@click.option(
    "--gap-warn", type=float, default=0.0, show_default=True, help="Missing share to warn above."
)
@click.option(
    "--gap-fail", type=float, default=0.01, show_default=True, help="Missing share to fail above."
)
@click.option(
    "--tail", type=int, default=0, show_default=True, help="Bars that may lack at the end."
)
@calendar_options
@ROOT
@JSON
def check(  # noqa: PLR0913 - one for each option
    *,
    table: str,
    symbols: Sequence[str],
    first: datetime | None,
    last: datetime | None,
    gap_warn: float,
    gap_fail: float,
    tail: int,
    root: Path,
    as_json: bool,
    known: KnownMarket,
) -> None:
    """Judge SYMBOLS of TABLE, by default all; exit 1 if anything fails."""
    from qtkit.market.tables.quality import QualityBudget, check_symbols, condensed

    judged = list(
        check_symbols(
            bar_table(root, table),
            symbols,
            known.calendar_of,
            first.date() if first else None,
            last.date() if last else None,
            budget=QualityBudget(gap_warn=gap_warn, gap_fail=gap_fail, tail_bars=tail),
        )
    )
    judge_data(
        [verdict for _, verdicts in judged for verdict in verdicts],
        shown=[verdict for bars, verdicts in judged for verdict in condensed(bars, verdicts)],
        as_json=as_json,
    )


@data.command("list")
@ROOT
@JSON
def list_(*, root: Path, as_json: bool) -> None:
    """List all tables and their symbols; a damaged file is listed as damaged."""
    from qtkit.core.paths import OutputRoot
    from qtkit.core.render import text_table
    from qtkit.market.tables.table_list import list_tables, tables_table

    rows = list_tables(OutputRoot(root).tables)
    text = text_table(tables_table(rows)) if rows else f"no tables under {root}"
    print_result([row.payload() for row in rows], text, as_json=as_json)


@data.command()
@click.argument("table")
@click.argument("symbol", required=False)
@ROOT
@JSON
def fingerprint(*, table: str, symbol: str | None, root: Path, as_json: bool) -> None:
    """Print the SHA-256 of SYMBOL's bars, or of the whole TABLE."""
    digest = bar_table(root, table).fingerprint(symbol)
    payload = {"table": table, "symbol": symbol, "fingerprint": digest}
    print_result(payload, digest, as_json=as_json)
