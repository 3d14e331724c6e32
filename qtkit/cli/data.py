"""`qtkit data`: import, refill, check, list and fingerprint local bar tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import click

from qtkit.core.verdict import Verdict

__all__ = ["data"]

_ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("outputs"),
    show_default=True,
    help="The folder that holds tables/.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_EXCHANGE = click.option(
    "--exchange", default="XSHG", show_default=True, help="Its calendar: XSHG, XNYS or 24/7."
)
_OVERLAY = click.option(
    "--overlay",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A calendar_overlay.toml that extends the calendar.",
)
_ZONE = click.option(
    "--zone", default="UTC", show_default=True, help="Zone of times without an offset."
)
_LABEL = click.option(
    "--label",
    type=click.Choice(["start", "end"]),
    default="end",
    show_default=True,
    help="Which end of its minute a row's time names.",
)
_COLUMN = click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Name of a column in the file: time, open, high, low, close or volume. Repeatable.",
)
_REPLACE = click.option(
    "--replace", is_flag=True, help="Let new bars that differ replace those that are there."
)
_DATE = click.DateTime(["%Y-%m-%d"])


@click.group()
def data() -> None:
    """Import, refill and judge local bar tables."""


@data.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("table")
@click.argument("symbol")
@_ZONE
@_LABEL
@_COLUMN
@_REPLACE
@_ROOT
@_JSON
def import_(  # noqa: PLR0913 - one for each option
    *,
    file: Path,
    table: str,
    symbol: str,
    zone: str,
    label: Literal["start", "end"],
    columns: Sequence[str],
    replace: bool,
    root: Path,
    as_json: bool,
) -> None:
    """Add the bars of a CSV FILE (.csv or .csv.gz) to SYMBOL of TABLE."""
    from qtkit.market.tables.csv_import import columns_from, import_csv

    target = _table(root, table)
    report = import_csv(
        file,
        target,
        symbol,
        columns=columns_from(columns),
        zone=zone,
        label=label,
        replace=replace,
    )
    _print(report.payload(), str(report), as_json=as_json)


@data.command()
@click.argument("table")
@click.argument("symbols", nargs=-1, required=True)
@click.option("--from", "source", required=True, help="synthetic:SEED, csv:FOLDER or table:NAME.")
@click.option("--first", type=_DATE, required=True, help="First trading date.")
@click.option("--last", type=_DATE, required=True, help="Last trading date.")
@_EXCHANGE
@_OVERLAY
@_ZONE
@_LABEL
@_COLUMN
@_REPLACE
@_ROOT
@_JSON
def refill(  # noqa: PLR0913 - one for each option
    *,
    table: str,
    symbols: Sequence[str],
    source: str,
    first: datetime,
    last: datetime,
    exchange: str,
    overlay: Path | None,
    zone: str,
    label: Literal["start", "end"],
    columns: Sequence[str],
    replace: bool,
    root: Path,
    as_json: bool,
) -> None:
    """Fill SYMBOLS of TABLE from another source; exit 1 if a day is missing there."""
    from qtkit.core.calendars import exchange_calendar
    from qtkit.core.paths import OutputRoot
    from qtkit.market.tables.csv_import import columns_from
    from qtkit.market.tables.refill import refill as refilled
    from qtkit.market.tables.refill import source_from

    calendar = exchange_calendar(exchange, overlay)
    origin = source_from(
        source,
        calendar,
        tables=OutputRoot(root).tables,
        zone=zone,
        label=label,
        columns=columns_from(columns),
    )
    days = calendar.sessions(first.date(), last.date())
    _judge(
        refilled(_table(root, table), origin, symbols, days, replace=replace).verdicts(),
        as_json=as_json,
    )


@data.command()
@click.argument("table")
@click.argument("symbols", nargs=-1)
@click.option("--first", type=_DATE, help="First trading date; by default that of the first bar.")
@click.option("--last", type=_DATE, help="Last trading date; without it no stale tail is seen.")
@click.option(
    "--gap-warn", type=float, default=0.0, show_default=True, help="Missing share to warn above."
)
@click.option(
    "--gap-fail", type=float, default=0.01, show_default=True, help="Missing share to fail above."
)
@click.option(
    "--tail", type=int, default=0, show_default=True, help="Bars that may lack at the end."
)
@_EXCHANGE
@_OVERLAY
@_ROOT
@_JSON
def check(  # noqa: PLR0913 - one for each option
    *,
    table: str,
    symbols: Sequence[str],
    first: datetime | None,
    last: datetime | None,
    gap_warn: float,
    gap_fail: float,
    tail: int,
    exchange: str,
    overlay: Path | None,
    root: Path,
    as_json: bool,
) -> None:
    """Judge SYMBOLS of TABLE, by default all; exit 1 if anything fails."""
    from qtkit.core.calendars import exchange_calendar
    from qtkit.market.tables.quality import QualityBudget, check_symbols

    verdicts = check_symbols(
        _table(root, table),
        symbols,
        exchange_calendar(exchange, overlay),
        first.date() if first else None,
        last.date() if last else None,
        budget=QualityBudget(gap_warn=gap_warn, gap_fail=gap_fail, tail_bars=tail),
    )
    _judge(verdicts, as_json=as_json)


@data.command("list")
@_ROOT
@_JSON
def list_(*, root: Path, as_json: bool) -> None:
    """List all tables and their symbols; a damaged file is listed as damaged."""
    from qtkit.core.paths import OutputRoot
    from qtkit.core.render import text_table
    from qtkit.market.tables.table_list import list_tables, tables_table

    rows = list_tables(OutputRoot(root).tables)
    text = text_table(tables_table(rows)) if rows else f"no tables under {root}"
    _print([row.payload() for row in rows], text, as_json=as_json)


@data.command()
@click.argument("table")
@click.argument("symbol", required=False)
@_ROOT
@_JSON
def fingerprint(*, table: str, symbol: str | None, root: Path, as_json: bool) -> None:
    """Print the SHA-256 of SYMBOL's bars, or of the whole TABLE."""
    digest = _table(root, table).fingerprint(symbol)
    payload = {"table": table, "symbol": symbol, "fingerprint": digest}
    _print(payload, digest, as_json=as_json)


def _table(root: Path, name: str) -> Any:  # noqa: ANN401 - a BarTable, imported when needed
    from qtkit.core.paths import OutputRoot
    from qtkit.market.tables.bar_table import BarTable

    return BarTable(OutputRoot(root).tables, name)


def _print(payload: object, text: str, *, as_json: bool) -> None:
    from qtkit.core.render import json_text

    click.echo(json_text(payload) if as_json else text, nl=not as_json)


def _judge(verdicts: Sequence[Verdict], *, as_json: bool) -> None:
    """Print verdicts; end with 1 if one of them blocks."""
    from qtkit.core.render import verdict_counts, verdict_json, verdict_text
    from qtkit.core.verdict import Conclusion, conclude

    payload = [verdict_json(verdict) for verdict in verdicts]
    text = f"{verdict_text(verdicts)}\n{verdict_counts(verdicts)}"
    _print(payload, text, as_json=as_json)
    if conclude(verdicts) is Conclusion.BLOCKED:
        raise SystemExit(1)
