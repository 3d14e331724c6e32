"""Hold two journals against each other, and tell the story of one order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

import msgspec

from qtkit.model.events import Entry

__all__ = ["Comparison", "compare", "story"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Whether two journals tell the same story, and where they part."""

    same: int  # entries that agree, from the first on
    left: Entry | None = None  # the first entry that differs; None when that side has ended
    right: Entry | None = None
    fields: tuple[str, ...] = ()  # which parts of it

    @property
    def equal(self) -> bool:
        """Whether every entry agrees."""
        return self.left is None and self.right is None

    def __str__(self) -> str:
        if self.equal:
            return f"the journals are equal: {self.same} entries"
        parts = [f"the journals part after {self.same} equal entries"]
        if self.fields:
            parts.append(f"in {', '.join(self.fields)}")
        return f"{' '.join(parts)}\n  left   {_shown(self.left)}\n  right  {_shown(self.right)}"


def compare(left: Iterable[Entry], right: Iterable[Entry]) -> Comparison:
    """Return the first difference of two journals, both read as streams."""
    same = 0
    for one, two in zip_longest(left, right):
        if one != two:
            return Comparison(same=same, left=one, right=two, fields=_differing(one, two))
        same += 1
    return Comparison(same=same)


def story(entries: Iterable[Entry], order_id: str) -> Iterator[Entry]:
    """Yield what happened to one order, the step that asked for it included."""
    return (e for e in entries if getattr(e.event, "order_id", None) == order_id)


def _differing(one: Entry | None, two: Entry | None) -> tuple[str, ...]:
    if one is None or two is None:
        return ("length",)
    fields = [] if one.at == two.at else ["at"]
    if type(one.event) is not type(two.event):
        return (*fields, "kind")
    fields += [
        name
        for name in one.event.__struct_fields__
        if getattr(one.event, name) != getattr(two.event, name)
    ]
    return tuple(fields)


def _shown(entry: Entry | None) -> str:
    if entry is None:
        return "(ended)"
    return (
        f"{entry.seq}  {entry.at:%Y-%m-%d %H:%M:%S.%f}  {msgspec.json.encode(entry.event).decode()}"
    )
