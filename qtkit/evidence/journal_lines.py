"""The lines of a journal by the class of their event, gathered in one streaming pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from operator import attrgetter
from typing import Protocol, TypeVar, cast

from qtkit.core.errors import DataError, JournalCorrupt
from qtkit.model.events import Entry, Event

__all__ = ["JournalLines", "Recorded", "Wholeness", "gathered"]

E = TypeVar("E", bound=Event)
E_co = TypeVar("E_co", bound=Event, covariant=True)

_SHOWN_FAULTS = 20
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Recorded(Protocol[E_co]):
    """An entry whose event is of a known class."""

    @property
    def seq(self) -> int:
        """Journal line number."""

    @property
    def at(self) -> datetime:
        """Time on the session's clock, UTC."""

    @property
    def event(self) -> E_co:
        """What happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wholeness:
    """Whether a journal can be trusted as a sequence."""

    entries: int = 0
    first: Entry | None = None
    last: Entry | None = None
    faults: tuple[tuple[int, str], ...] = ()  # (line number, what is wrong)
    corrupt: str = ""  # why the reading ended early


@dataclass(frozen=True, kw_only=True)
class JournalLines:
    """A journal's lines, to be looked up by what they tell.

    Attributes
    ----------
    lines
        Entries by the class of their event, each list in journal order.
    whole
        What the pass found about the journal as a sequence.
    """

    lines: Mapping[type[Event], Sequence[Entry]]
    whole: Wholeness

    def of(self, kind: type[E]) -> Sequence[Recorded[E]]:
        """Return the entries of one class of events, in journal order."""
        return cast("Sequence[Recorded[E]]", self.lines.get(kind, ()))

    def merged(self, *kinds: type[Event]) -> Iterator[Entry]:
        """Yield the entries of some classes in journal order; of all without arguments."""
        chosen = [self.lines[k] for k in (kinds or self.lines) if self.lines.get(k)]
        if len(chosen) == 1:
            return iter(chosen[0])
        return iter(sorted(chain.from_iterable(chosen), key=attrgetter("seq")))

    def first(self, kind: type[E]) -> Recorded[E] | None:
        """Return the first entry of a class."""
        found = self.of(kind)
        return found[0] if found else None

    def last(self, kind: type[E]) -> Recorded[E] | None:
        """Return the last entry of a class."""
        found = self.of(kind)
        return found[-1] if found else None


def gathered(entries: Iterable[Entry]) -> tuple[dict[type[Event], Sequence[Entry]], Wholeness]:
    """Sort entries by class and check the numbers and times on the way."""
    lines: defaultdict[type[Event], list[Entry]] = defaultdict(list)
    faults: list[tuple[int, str]] = []
    last, before, until, corrupt = None, 0, _LONG_AGO, ""
    try:
        for last in entries:
            number, at = last.seq, last.at
            if number != before + 1:
                faults.append((number, f"line {number} follows line {before}"))
            if at < until:
                faults.append((number, f"line {number} is older than the line before it"))
            lines[type(last.event)].append(last)
            before, until = number, at
    except (JournalCorrupt, DataError) as problem:
        corrupt = str(problem)
    return dict(lines), Wholeness(
        entries=sum(map(len, lines.values())),
        first=next(iter(lines.values()))[0] if lines else None,
        last=last,
        faults=tuple(faults[:_SHOWN_FAULTS]),
        corrupt=corrupt,
    )
