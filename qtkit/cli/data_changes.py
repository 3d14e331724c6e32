"""`qtkit data import` and `remove`: what changes a table by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import click

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
    print_result,
    printed_verdicts,
)

__all__ = ["import_", "remove"]

_MANY = 25  # files; where there are as many, how far it is is shown


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("table")
@click.argument("symbol", required=False)
@ZONE
@LABEL
@COLUMN
@click.option(
    "--length", help="Of the bars, such as 5min or 1day; by default as far as they are apart."
)
@click.option(
    "--volume", type=float, help="Of every bar, where the file has no volumes; by default 0."
)
@click.option(
    "--replace",
    is_flag=True,
    help="Let the file be the truth about its sessions: what differs is replaced, and what it has "
    "no place for goes.",
)
@click.option("--drop-outside", is_flag=True, help="Leave out bars outside trading hours.")
@click.option(
    "--accept-data",
    "accepted",
    multiple=True,
    metavar="RULE",
    help="Import although data.reading or data.ohlc fails. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Show the verdicts, and write nothing.")
@calendar_options
@ROOT
@JSON
def import_(  # noqa: PLR0913 - one for each option
    *,
    file: Path,
    table: str,
    symbol: str | None,
    zone: str | None,
    label: Literal["start", "end"] | None,
    columns: Sequence[str],
    length: str | None,
    volume: float | None,
    replace: bool,
    drop_outside: bool,
    accepted: Sequence[str],
    dry_run: bool,
    root: Path,
    as_json: bool,
    known: KnownMarket,
) -> None:
    """Add the bars of FILE (.csv, .csv.gz, .parquet, or a folder of them) to TABLE.

    They are SYMBOL's; or those of a column `symbol`, if the file has one; or else of the symbol
    that the file is named after. Everything is judged before anything is written: columns, zone
    and label against the trading hours of the instrument's exchange.
    """
    from qtkit.core.render import verdict_json
    from qtkit.market.tables.bar_import import BarImport, import_bars
    from qtkit.market.tables.column_names import columns_from
    from qtkit.model.bar_length import BarLength

    request = BarImport(
        symbol=symbol,
        columns=columns_from(columns),
        zone=zone,
        label=label,
        length=None if length is None else BarLength.named(length),
        volume=volume,
        replace=replace,
        drop_outside=drop_outside,
        accepted=frozenset(accepted),
    )
    report = import_bars(
        file,
        bar_table(root, table),
        request,
        known.calendar_of,
        dry_run=dry_run,
        progress=_shown,
    )
    payload = {**report.payload(), "verdicts": [verdict_json(v) for v in report.verdicts]}
    text = f"{report}\n{printed_verdicts(report.verdicts)}"
    print_result(payload, text, as_json=as_json)


def _shown(files: Sequence[Path]) -> Iterator[Path]:
    """Hand files on; where there are many, how far it is goes to standard error."""
    for number, file in enumerate(files, 1):
        yield file
        if len(files) >= _MANY and (number % _MANY == 0 or number == len(files)):
            click.echo(f"{number} of {len(files)} files judged, {file.name}", err=True)


@click.command()
@click.argument("table")
@click.argument("symbols", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All symbols of the table.")
@click.option("--first", type=DATE, help="First trading date that goes.")
@click.option("--last", type=DATE, help="Last trading date that goes.")
@click.option("--outside", is_flag=True, help="Only what lies outside trading hours.")
@calendar_options
@ROOT
@JSON
def remove(  # noqa: PLR0913 - one for each option
    *,
    table: str,
    symbols: Sequence[str],
    everything: bool,
    first: datetime | None,
    last: datetime | None,
    outside: bool,
    root: Path,
    as_json: bool,
    known: KnownMarket,
) -> None:
    """Remove the bars of SYMBOLS from TABLE, or those of some trading dates."""
    from qtkit.core.errors import ConfigError, DataError
    from qtkit.market.tables.removal import removed

    if bool(symbols) == everything:
        raise ConfigError("name the symbols whose bars go, or say --all for those of the table")
    target = bar_table(root, table)
    chosen = target.symbols() if everything else tuple(dict.fromkeys(symbols))
    if not chosen:
        raise DataError(f"there is no table {table} with bars in it under {root}")
    reports = removed(
        target,
        chosen,
        known.calendar_of,
        first=first.date() if first else None,
        last=last.date() if last else None,
        outside=outside,
    )
    payload = [report.payload() for report in reports]
    print_result(payload, "\n".join(map(str, reports)), as_json=as_json)
