"""What a command of the desk returns: sentences, tables and verdicts, in three forms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qtkit.core.render import (
    Table,
    html_report,
    mimebundle,
    text_report,
    verdict_json,
    verdict_table,
    verdict_text,
)
from qtkit.core.verdict import Verdict
from qtkit.desk.table_view import TableView

__all__ = ["Part", "Report"]

Part = TableView | str | tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One answer to an operator.

    Attributes
    ----------
    name
        The command, for programs.
    heading
        What it is, and of when.
    """

    name: str
    heading: str
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return text_report(self.heading, *(_text(part) for part in self.parts))

    def __repr__(self) -> str:
        return str(self)

    def html(self) -> str:
        """Return the report for JupyterLab."""
        return html_report(self.heading, *(_html(part) for part in self.parts))

    def as_json(self) -> dict[str, object]:
        """Return the report for programs."""
        return {
            "format": 1,
            "type": "desk_report",
            "name": self.name,
            "heading": self.heading,
            "notes": [part for part in self.parts if isinstance(part, str)],
            "views": dict(self._views()),
            "verdicts": [verdict_json(v) for p in self.parts if isinstance(p, tuple) for v in p],
        }

    def _views(self) -> Iterator[tuple[str, object]]:
        for part in self.parts:
            if isinstance(part, TableView):
                yield part.name, part.as_json()

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return mimebundle(str(self), self.html(), self.as_json())


def _text(part: Part) -> Table | str:
    if isinstance(part, tuple):
        return verdict_text(part)
    return _shown(part)


def _html(part: Part) -> Table | str:
    if isinstance(part, tuple):
        return verdict_table("", part)
    return _shown(part)


def _shown(part: TableView | str) -> Table | str:
    if isinstance(part, str):
        return part
    return part.table() if part.rows else part.empty
