"""The rows of a day's sheet: which stages each holds, and when its box may be ticked."""

from __future__ import annotations

from dataclasses import dataclass

from qtkit.core.errors import ConfigError

__all__ = ["ROWS", "Row", "row_named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the sheet.

    Attributes
    ----------
    id
        As it stands in the sheet and in records.
    stages
        Ids of the checklist's stages that decide it.
    criterion
        When the box may be ticked.
    """

    id: str
    stages: tuple[str, ...]
    criterion: str


ROWS = (
    Row(
        id="0",
        stages=("0",),
        criterion="startup, schedule and key tasks can be retold from journal and log",
    ),
    Row(
        id="1",
        stages=("1",),
        criterion="it was stopped from the shell, and left no thread, lock or unknown order",
    ),
    Row(
        id="2-4-B",
        stages=("2", "3", "3.5", "4-A", "4-B"),
        criterion="each skip is understood, the book agrees with the broker, no error all day",
    ),
    Row(
        id="5-A/B",
        stages=("5-A", "5-B"),
        criterion="each step ran from its own snapshot where split; the gate kept out only faults",
    ),
    Row(
        id="11/5-C",
        stages=("5-C",),
        criterion="orders map both ways, refusals are listed, artifacts and reconciliation there",
    ),
)


def row_named(name: str) -> Row:
    """Return the row of an id, or the one that a stage belongs to.

    Raises
    ------
    ConfigError
        If there is none.

    Examples
    --------
    >>> row_named("3.5").id, row_named("4a").id, row_named("11").id
    ('2-4-B', '2-4-B', '11/5-C')
    """
    wanted = _plain(name)
    for row in ROWS:
        also = (part for part in row.id.split("/") if part[0].isdigit())
        if wanted in {_plain(part) for part in (row.id, *row.stages, *also)}:
            return row
    known = ", ".join(row.id for row in ROWS)
    raise ConfigError(f"the sheet has no row {name!r}; there are: {known}, or a stage of them")


def _plain(name: str) -> str:
    return "".join(c for c in name.lower().removeprefix("phase") if c.isalnum())
