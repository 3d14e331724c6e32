"""Rows under named columns, exact inside and readable outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from qtkit.core.render import Mark, Table

__all__ = ["Column", "TableView", "facts", "plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: what it is called and how its numbers are shown.

    Attributes
    ----------
    unit
        Stands in the heading; a column with a unit is right-aligned.
    places
        Decimals that are shown at least; a number is never cut.
    right
        Right-aligned though it has no unit: counts.
    """

    name: str
    unit: str = ""
    places: int = 0
    right: bool = False

    @property
    def title(self) -> str:
        """The heading."""
        return f"{self.name} {self.unit}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """Rows that a table, a panel or a program can show.

    Attributes
    ----------
    name
        Stable key, for programs.
    rows
        Exact values; times carry the zone in which people read them.
    empty
        The sentence that stands there when there are no rows.
    day
        Times of this date are shown without it.
    is_facts
        Whether each row is a name and its value.
    """

    name: str
    title: str = ""
    columns: tuple[Column, ...]
    rows: tuple[tuple[object, ...], ...]
    empty: str = ""
    day: date | None = None
    is_facts: bool = False

    def table(self) -> Table:
        """Return the rows as people read them."""
        rows = tuple(
            tuple(self._shown(value, c) for value, c in zip(row, self.columns, strict=True))
            for row in self.rows
        )
        align = "".join("r" if column.unit or column.right else "l" for column in self.columns)
        return Table(self.title, tuple(column.title for column in self.columns), rows, align)

    def _shown(self, value: object, column: Column) -> object:
        if isinstance(value, datetime):
            return f"{value:%H:%M:%S}" if value.date() == self.day else f"{value:%Y-%m-%d %H:%M:%S}"
        if isinstance(value, Decimal):
            return number_text(value, column.places)
        if value is None:
            return ""
        return value if isinstance(value, Mark) else str(value)

    def as_json(self) -> object:
        """Return the rows as JSON: exact numbers as text, times with their offset."""
        if self.is_facts:
            return {str(name): plain(value) for name, value in self.rows}
        names = [column.name for column in self.columns]
        return [
            {name: plain(value) for name, value in zip(names, row, strict=True)}
            for row in self.rows
        ]


def facts(
    name: str, *rows: tuple[str, object], title: str = "", day: date | None = None
) -> TableView:
    """Return names and their values."""
    columns = (Column(name="what"), Column(name="found"))
    return TableView(name=name, title=title, columns=columns, rows=rows, day=day, is_facts=True)


def number_text(number: Decimal, places: int = 0) -> str:
    """Return a number with its thousands apart, all its digits, and `places` decimals at least.

    Examples
    --------
    >>> number_text(Decimal("577002.1"), 2), number_text(Decimal("12.345"), 2)
    ('577,002.10', '12.345')
    """
    exponent = number.as_tuple().exponent
    there = -exponent if isinstance(exponent, int) else 0
    return f"{number:,.{max(places, there)}f}"


def plain(value: object) -> object:
    """Return a value as JSON has it."""
    if isinstance(value, Mark):
        return value.word
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal | date):
        return str(value)
    return value
