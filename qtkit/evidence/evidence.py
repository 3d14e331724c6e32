"""Evidence: everything a check may look at, gathered in one streaming pass."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.errors import ConfigError, DataError, JournalCorrupt
from qtkit.core.file_reader import read_object
from qtkit.core.locks import is_locked
from qtkit.core.paths import SessionFolder
from qtkit.evidence.audit_ledger import AuditLedger
from qtkit.evidence.day_window import DayWindow, window_of
from qtkit.evidence.downtime import Downtime, downtimes
from qtkit.evidence.orders import Orders
from qtkit.evidence.run_notes import read_run_notes
from qtkit.evidence.scenario import ALL_CAPABILITIES, Capability, RunFacts, Scenario
from qtkit.evidence.sys_log import LogStory, read_log
from qtkit.evidence.tasks import TaskStory, task_stories
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.events import Entry, Event
from qtkit.runtime.settings import declared_default

__all__ = ["Evidence", "Recorded", "Wholeness"]

E = TypeVar("E", bound=Event)
E_co = TypeVar("E_co", bound=Event, covariant=True)

_SHOWN_FAULTS = 20
_WITHOUT_FOLDER = ALL_CAPABILITIES - {Capability.SYS_LOG, Capability.FILES}
_OF_THE_SESSION = (ev.SessionStarted, ev.SessionResumed, ev.StopRequested, ev.SessionEnded)


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
class Evidence:
    """What a check may look at: recorded facts, nothing live.

    Attributes
    ----------
    lines
        Entries by the class of their event, each list in journal order.
    whole
        What the pass found about the journal as a sequence.
    running
        Whether the session is alive, so that more evidence may come.
    runs
        The evidence of a target's scenarios, by name; empty on a lone session.
    facts
        What a journal cannot know, where somebody looked.
    origin
        The evidence of the whole session, where this is of one day of it.
    """

    lines: Mapping[type[Event], Sequence[Entry]]
    whole: Wholeness
    running: bool = False
    folder: SessionFolder | None = None
    capabilities: frozenset[Capability] = _WITHOUT_FOLDER
    known_defects: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, Evidence] = field(default_factory=dict)
    facts: RunFacts = field(default_factory=RunFacts)
    scenario: Scenario | None = None
    day: date | None = None
    origin: Evidence | None = None

    # --- gathering -------------------------------------------------------------------------

    @classmethod
    def of_entries(
        cls,
        entries: Iterable[Entry],
        *,
        folder: SessionFolder | None = None,
        running: bool = False,
        facts: RunFacts | None = None,
        scenario: Scenario | None = None,
        capabilities: frozenset[Capability] | None = None,
    ) -> Evidence:
        """Gather evidence from entries, in one pass."""
        lines, whole = _gathered(entries)
        with_folder = ALL_CAPABILITIES if folder else _WITHOUT_FOLDER
        return cls(
            lines=lines,
            whole=whole,
            running=running,
            folder=folder,
            facts=facts or RunFacts(),
            scenario=scenario,
            capabilities=with_folder if capabilities is None else capabilities,
        )

    @classmethod
    def of_folder(
        cls,
        folder: SessionFolder,
        *,
        facts: RunFacts | None = None,
        scenario: Scenario | None = None,
    ) -> Evidence:
        """Gather evidence from a session's folder; a damaged journal is evidence too.

        Raises
        ------
        DataError
            If what was noted of a scenario beside its journal cannot be read.
        """
        notes = read_run_notes(folder)
        return cls.of_entries(
            read_journal(folder.journal),
            folder=folder,
            running=is_locked(_lock_of(folder)),
            facts=notes.facts if facts is None else facts,
            scenario=scenario,
        )

    @classmethod
    def broken(cls, reason: str, *, scenario: Scenario | None = None) -> Evidence:
        """Return the evidence of a run that could not be carried out."""
        whole = Wholeness(corrupt=reason)
        return cls(lines={}, whole=whole, scenario=scenario, capabilities=ALL_CAPABILITIES)

    def of_day(self, day: date) -> Evidence:
        """Return the part that belongs to one trading date; what is of the session stays.

        A line without a date belongs to the date that it stands in. A date that another one
        followed is over, however long the session goes on.
        """
        window = window_of(self, day)
        kept: dict[type[Event], Sequence[Entry]] = {
            kind: [e for e in found if kind in _OF_THE_SESSION or _is_of(e, day, window)]
            for kind, found in self.lines.items()
        }
        running = self.running and window.ends_the_session
        return replace(self, lines=kept, day=day, origin=self, running=running)

    @property
    def session(self) -> Evidence:
        """The evidence of the whole session: what a state at a day's beginning is read from."""
        return self.origin or self

    @cached_property
    def window(self) -> DayWindow:
        """The lines and the time that are judged."""
        return window_of(self.session, self.day)

    # --- lines -----------------------------------------------------------------------------

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

    # --- the session -----------------------------------------------------------------------

    @property
    def started(self) -> Recorded[ev.SessionStarted] | None:
        """The first line of the session."""
        return self.first(ev.SessionStarted)

    @property
    def ended(self) -> Recorded[ev.SessionEnded] | None:
        """The last line of an orderly ended session."""
        return self.last(ev.SessionEnded)

    @property
    def until(self) -> datetime | None:
        """The time of the newest line; of a day that is over, the beginning of the next one."""
        return self.window.until

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that matters to trading, as the session started with it."""
        return self.started.event.settings if self.started else {}

    def setting(self, name: str) -> Any:  # noqa: ANN401 - of whatever type the setting is
        """Return a setting; where the journal does not say it, its declared default."""
        return self.settings[name] if name in self.settings else declared_default(name)

    def number(self, setting: str) -> float:
        """Return a setting that is a number."""
        found = self.setting(setting)
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            raise ConfigError(f"the setting {setting} must be a number, was {found!r}")
        return float(found)

    @cached_property
    def calendar(self) -> Calendar:
        """The calendar of the session's exchange."""
        if self.started is None:
            raise DataError("the journal names no exchange: it has no session_started line")
        overlay = self.settings.get("calendar_overlay")
        return exchange_calendar(self.started.event.exchange, Path(overlay) if overlay else None)

    def local(self, at: datetime) -> datetime:
        """Return a time in the exchange's own zone."""
        return at.astimezone(self.calendar.zone)

    def moment(self, day: date, at: time) -> datetime:
        """Return a local time of a date."""
        return datetime.combine(day, at, self.calendar.zone)

    # --- what the lines add up to ------------------------------------------------------------

    @cached_property
    def tasks(self) -> Mapping[str, TaskStory]:
        """Each task's story to its end, by its id; of one day those that it scheduled or began."""
        if self.origin is None:
            return task_stories(self)
        stories = self.origin.tasks
        return {name: s for name, s in stories.items() if self.window.holds(s.line)}

    @cached_property
    def decided(self) -> frozenset[str]:
        """Ids of the steps for which a decision is recorded."""
        return frozenset(entry.event.task_id for entry in self.session.of(ev.DecisionTaken))

    @cached_property
    def tally(self) -> AuditLedger:
        """Cash, positions and orders, worked out from the events by the checks' own arithmetic."""
        return AuditLedger.of(self.session, day=self.day)

    @cached_property
    def orders(self) -> Orders:
        """Which orders were requested, and which have come to an end."""
        return Orders.of(self)

    @cached_property
    def downtimes(self) -> Sequence[Downtime]:
        """When nobody was there: from the last line before a crash until the return."""
        return downtimes(self)

    # --- the folder ------------------------------------------------------------------------

    @cached_property
    def log(self) -> LogStory | None:
        """What sys.log tells; None where there is no such file."""
        path = self.folder.sys_log if self.folder else None
        return read_log(path, self.day) if path and path.exists() else None

    @cached_property
    def locked(self) -> bool:
        """Whether somebody holds the journal's lock."""
        return self.folder is not None and is_locked(_lock_of(self.folder))

    def json_file(self, path: Path) -> dict[str, Any] | None:
        """Return a JSON object from the folder; None if there is no such file.

        Raises
        ------
        DataError
            If the file is no JSON object.
        """
        try:
            return read_object(path, "an object", "The journal is not affected")
        except FileNotFoundError:
            return None


def ends_on_a_line(path: Path) -> bool:
    """Return whether a file is empty or ends with a complete line."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _lock_of(folder: SessionFolder) -> Path:
    return folder.journal.with_name(folder.journal.name + ".lock")


def _is_of(entry: Entry, day: date, window: DayWindow) -> bool:
    on = entry.event.trading_date
    return on == day or (on is None and window.holds(entry.seq))


def _gathered(entries: Iterable[Entry]) -> tuple[dict[type[Event], Sequence[Entry]], Wholeness]:
    """Sort entries by class and check the numbers and times on the way."""
    lines: defaultdict[type[Event], list[Entry]] = defaultdict(list)
    faults: list[tuple[int, str]] = []
    first: Entry | None = None
    last: Entry | None = None
    count, expected, corrupt = 0, 1, ""
    try:
        for entry in entries:
            if entry.seq != expected:
                faults.append((entry.seq, f"line {entry.seq} follows line {expected - 1}"))
            if last is None:
                first = entry
            elif entry.at < last.at:
                faults.append((entry.seq, f"line {entry.seq} is older than the line before it"))
            lines[type(entry.event)].append(entry)
            last, expected, count = entry, entry.seq + 1, count + 1
    except (JournalCorrupt, DataError) as problem:
        corrupt = str(problem)
    return dict(lines), Wholeness(
        entries=count, first=first, last=last, faults=tuple(faults[:_SHOWN_FAULTS]), corrupt=corrupt
    )
