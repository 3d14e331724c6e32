"""`qtkit data actions`: splits and dividends of instruments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qtkit.cli.data_options import (
    DATE,
    JSON,
    ROOT,
    KnownMarket,
    calendar_options,
    print_result,
)
from qtkit.core.errors import DataError

if TYPE_CHECKING:
    from qtkit.market.tables.action_store import ActionStore

__all__ = ["actions"]


@click.group()
def actions() -> None:
    """Import, list and remove splits and dividends: sessions book them on their ex dates."""


@actions.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--symbol", default="", help="Of all rows, where the file has no such column.")
@click.option("--replace", is_flag=True, help="Let new values that differ replace old ones.")
@calendar_options
@ROOT
@JSON
def import_(
    *,
    file: Path,
    symbol: str,
    replace: bool,
    root: Path,
    as_json: bool,
    known: KnownMarket,
) -> None:
    """Add the actions of a CSV FILE with symbol, ex_date, kind, value and source.

    A split's value is how many shares one becomes; a dividend's is cash per share.
    """
    from qtkit.market.tables.action_store import read_actions

    found = read_actions(file, symbol)
    closed = [a for a in found if not known.calendar_of(a.symbol).is_session(a.ex_date)]
    if closed:
        raise DataError(
            f"{file.name}: there is no trading on an ex date, which is the first trading date "
            f"without what is given: {'; '.join(map(str, closed[:5]))}. Correct the dates, nothing "
            "was written"
        )
    report = _store(root).merge(found, replace=replace)
    print_result(dict(report), str(report) or "no actions in the file", as_json=as_json)


@actions.command("list")
@click.argument("symbols", nargs=-1)
@ROOT
@JSON
def list_(*, symbols: Sequence[str], root: Path, as_json: bool) -> None:
    """List the actions of SYMBOLS, by default of all, in order of time."""
    from msgspec import to_builtins

    from qtkit.core.render import Table, text_table

    store = _store(root)
    found = [action for symbol in symbols or store.symbols() for action in store.of(symbol)]
    head = ("symbol", "ex date", "kind", "value", "source")
    cells = tuple((a.symbol, str(a.ex_date), a.kind, f"{a.value:f}", a.source) for a in found)
    text = text_table(Table("Corporate actions", head, cells, align="lllrl"))
    payload = [to_builtins(action) for action in found]
    print_result(payload, text if found else f"no actions under {root}", as_json=as_json)


@actions.command()
@click.argument("symbol")
@click.argument("ex_date", type=DATE)
@ROOT
def remove(*, symbol: str, ex_date: datetime, root: Path) -> None:
    """Take SYMBOL's actions of EX_DATE away."""
    count = _store(root).remove(symbol, ex_date.date())
    click.echo(f"{symbol}: {count} removed")


def _store(root: Path) -> ActionStore:
    from qtkit.core.paths import OutputRoot
    from qtkit.market.tables.action_store import ActionStore

    return ActionStore(OutputRoot(root).actions)
