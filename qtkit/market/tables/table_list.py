"""What local tables there are, for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from qtkit.core.errors import DataError, QtkitError
from qtkit.core.render import Table
from qtkit.core.text import closest
from qtkit.market.tables.bar_table import BarTable
from qtkit.model.bars import time_of

__all__ = ["TableRow", "demand_table", "list_tables", "tables_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One symbol of one table."""

    table: str
    symbol: str
    bars: int
    first: datetime | None  # end of the first bar, UTC
    last: datetime | None
    damage: str = ""

    def payload(self) -> dict[str, object]:
        """Return the row for JSON."""
        return {
            "table": self.table,
            "symbol": self.symbol,
            "bars": self.bars,
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None,
            "damage": self.damage,
        }


def list_tables(root: Path) -> list[TableRow]:
    """Return every symbol of every table below the folder of all tables; damage is a row too."""
    folders = sorted(path for path in root.glob("*") if path.is_dir()) if root.exists() else []
    return [row for folder in folders for row in _rows(root, folder.name)]


def demand_table(root: Path, name: str) -> None:
    """Make sure that a table has bars.

    Raises
    ------
    DataError
        If it has none; the nearest name is told.
    """
    if BarTable(root, name).symbols():
        return
    names = [path.name for path in root.glob("*") if path.is_dir() and path.name != name]
    near = closest(name, names)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(names)) or 'none'};"
    raise DataError(
        f"there is no table {name!r} under {root}, {hint} fill it first "
        "(`qtkit data import --help`, `qtkit data refill --help`)"
    )


def tables_table(rows: list[TableRow]) -> Table:
    """Return the listing as a table."""
    return Table(
        "Tables",
        ("table", "symbol", "bars", "first bar ends (UTC)", "last bar ends (UTC)", "damage"),
        tuple(
            (row.table, row.symbol, row.bars, _text(row.first), _text(row.last), row.damage)
            for row in rows
        ),
        align="llrlll",
    )


def _rows(root: Path, name: str) -> Iterator[TableRow]:
    try:
        table = BarTable(root, name)
    except QtkitError as problem:
        yield _damaged(name, "", problem)
        return
    for symbol in table.symbols():
        try:
            bars = table.read(symbol)
        except QtkitError as problem:
            yield _damaged(name, symbol, problem)
            continue
        ends = [time_of(int(bars.end[row])) for row in (0, -1)] if len(bars) else [None, None]
        yield TableRow(table=name, symbol=symbol, bars=len(bars), first=ends[0], last=ends[1])


def _damaged(table: str, symbol: str, problem: QtkitError) -> TableRow:
    return TableRow(table=table, symbol=symbol, bars=0, first=None, last=None, damage=str(problem))


def _text(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "none"
