"""A journal by hand: events with their times, and the ways to damage one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import msgspec

from qtkit.core.clock import ManualClock
from qtkit.evidence import Evidence, RunFacts, Scenario
from qtkit.journal import FileJournal
from qtkit.model import events as ev
from qtkit.model.events import Entry, Event
from qtkit.testing.days import DAY, SHANGHAI, at

__all__ = ["HandMadeJournal", "entries_of"]

Lines = Iterable[tuple[datetime, Event]]


def entries_of(lines: Lines) -> list[Entry]:
    """Return journal entries, numbered from 1."""
    return [Entry(seq=n, at=when, event=event) for n, (when, event) in enumerate(lines, 1)]


class HandMadeJournal:
    """Lines of a journal that a test makes up: (time, event) in order.

    Parameters
    ----------
    moments
        Lines to begin with.
    day, zone
        What times without a date mean.

    Examples
    --------
    >>> from qtkit.testing import order_filled, order_requested, session_started
    >>> journal = HandMadeJournal().add("09:00", session_started())
    >>> journal = journal.add("10:00", order_requested("q1", 100), order_filled("q1", 100, "10.0"))
    >>> journal.evidence().tally.cash
    Decimal('999000.0')
    >>> journal.edit(ev.OrderFilled, {"price": 11}).evidence().tally.cash
    Decimal('998900')
    """

    def __init__(self, moments: Lines = (), *, day: date = DAY, zone: ZoneInfo = SHANGHAI) -> None:
        self.moments = list(moments)
        self._day, self._zone = day, zone

    def _dated(self, when: datetime, event: Event) -> tuple[datetime, Event]:
        if isinstance(event, ev.SessionStarted) or event.trading_date is not None:
            return when, event
        day = when.astimezone(self._zone).date()
        return when, msgspec.structs.replace(event, trading_date=day)

    def _time(self, when: str | datetime) -> datetime:
        return at(when, self._day, self._zone) if isinstance(when, str) else when

    def add(self, when: str | datetime, *events: Event) -> Self:
        """Append events at a time; a trading date that is missing is the local date."""
        self.moments += [self._dated(self._time(when), event) for event in events]
        return self

    def find(self, kind: type[Event], number: int = 0, **fields: object) -> int:
        """Return the place of an event, from 0."""
        places = [
            place
            for place, (_, event) in enumerate(self.moments)
            if type(event) is kind and all(getattr(event, k) == v for k, v in fields.items())
        ]
        return places[number]

    def line(self, kind: type[Event], number: int = 0, **fields: object) -> int:
        """Return the journal line of an event, from 1."""
        return self.find(kind, number, **fields) + 1

    def drop(self, kind: type[Event], number: int = 0, **fields: object) -> Self:
        """Take an event out."""
        del self.moments[self.find(kind, number, **fields)]
        return self

    def edit(
        self, kind: type[Event], changes: Mapping[str, object], number: int = 0, **fields: object
    ) -> Self:
        """Change fields of an event."""
        place = self.find(kind, number, **fields)
        when, event = self.moments[place]
        values: dict[str, Any] = {**msgspec.structs.asdict(event), **changes}
        self.moments[place] = (when, msgspec.convert(values, kind, strict=False))
        return self

    def shift(self, kind: type[Event], seconds: float, number: int = 0, **fields: object) -> Self:
        """Let an event, and what follows it at the same time, happen later."""
        place = self.find(kind, number, **fields)
        before = self.moments[place][0]
        for i in range(place, len(self.moments)):
            when, event = self.moments[i]
            if when == before:
                self.moments[i] = (when + timedelta(seconds=seconds), event)
        self.moments.sort(key=lambda line: line[0])
        return self

    def insert(self, place: int, *events: Event, when: str | None = None) -> Self:
        """Put events in at a place, at the time of what stands there or at `when`."""
        beside = self.moments[min(place, len(self.moments) - 1)][0]
        moment = self._time(when) if when else beside
        self.moments[place:place] = [self._dated(moment, event) for event in events]
        return self

    def cut(self, place: int) -> Self:
        """Let the journal end before a place."""
        del self.moments[place:]
        return self

    def entries(self) -> list[Entry]:
        """Return its entries."""
        return entries_of(self.moments)

    def evidence(
        self,
        *,
        running: bool = False,
        facts: RunFacts | None = None,
        scenario: Scenario | None = None,
    ) -> Evidence:
        """Return it as evidence for checks, without a folder."""
        return Evidence.of_entries(self.entries(), running=running, facts=facts, scenario=scenario)

    def write(self, path: Path) -> FileJournal:
        """Write it to a file by the engine's own writer, which stays open for more."""
        path.parent.mkdir(parents=True, exist_ok=True)
        clock = ManualClock(self.moments[0][0])
        journal = FileJournal(path, clock)
        for when, event in self.moments:
            clock.set(when)
            journal.append(event)
        return journal
