"""Evidence: everything a check may look at, gathered in one streaming pass."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.collector import collector_paused
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.file_reader import read_object
from qtkit.core.locks import is_locked
from qtkit.core.paths import SessionFolder, lock_of
from qtkit.evidence.audit_ledger import AuditLedger
from qtkit.evidence.day_window import DayWindow, window_of
from qtkit.evidence.downtime import Downtime, downtimes
from qtkit.evidence.journal_lines import JournalLines, Recorded, Wholeness, gathered
from qtkit.evidence.orders import Orders
from qtkit.evidence.run_notes import read_run_notes
from qtkit.evidence.scenario import RunFacts, Scenario
from qtkit.evidence.sys_log import LogStory, read_log
from qtkit.evidence.tasks import TaskStory, task_stories
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.engine import ALL_CAPABILITIES, Capability, EngineDescription, TaskRole
from qtkit.model.events import Entry, Event
from qtkit.model.instruments import InstrumentRules
from qtkit.projections.session_terms import NO_SETTINGS, with_change
from qtkit.runtime.settings import declared_default

__all__ = ["Evidence", "Recorded", "Wholeness"]

_OF_THE_FOLDER = frozenset({Capability.SYS_LOG, Capability.FILES})
_UNKNOWN = EngineDescription(name="unknown", version="", capabilities=(Capability.JOURNAL,))
_OF_THE_SESSION = (
    ev.SessionStarted,
    ev.SessionResumed,
    ev.SettingsChanged,
    ev.StopRequested,
    ev.SessionEnded,
)


@dataclass(frozen=True, kw_only=True)
class Evidence(JournalLines):
    """What a check may look at: recorded facts, nothing live.

    Attributes
    ----------
    running
        Whether the session is alive, so that more evidence may come.
    runs
        The evidence of a target's scenarios, by name; empty on a lone session.
    facts
        What a journal cannot know, where somebody looked.
    origin
        The evidence of the whole session, where this is of one day of it.
    """

    running: bool = False
    folder: SessionFolder | None = None
    capabilities: frozenset[Capability] = ALL_CAPABILITIES - _OF_THE_FOLDER
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
        with collector_paused():
            lines, whole = gathered(entries)
        # before its first line, a session may still show anything
        described = frozenset(_engine_of(lines).capabilities) if lines else ALL_CAPABILITIES
        shown = described if folder else described - _OF_THE_FOLDER
        return cls(
            lines=lines,
            whole=whole,
            running=running,
            folder=folder,
            facts=facts or RunFacts(),
            scenario=scenario,
            capabilities=shown if capabilities is None else capabilities,
        )

    @classmethod
    def of_folder(
        cls,
        folder: SessionFolder,
        *,
        entries: Iterable[Entry] | None = None,
        facts: RunFacts | None = None,
        scenario: Scenario | None = None,
    ) -> Evidence:
        """Gather evidence from a session's folder; a damaged journal is evidence too.

        Parameters
        ----------
        entries
            The journal's, where somebody has read it already.
        facts
            What a journal cannot know; None: what was noted beside it.

        Raises
        ------
        DataError
            If what was noted of a scenario beside its journal cannot be read.
        """
        notes = read_run_notes(folder)
        return cls.of_entries(
            read_journal(folder.journal) if entries is None else entries,
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

    # --- the session -----------------------------------------------------------------------

    @property
    def started(self) -> Recorded[ev.SessionStarted] | None:
        """The first line of the session."""
        return self.first(ev.SessionStarted)

    @cached_property
    def engine(self) -> EngineDescription:
        """What the engine said of itself last."""
        return _engine_of(self.session.lines)

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
        """Every setting that matters to trading, with the changes that were accepted."""
        return self._settings_at(None)

    def setting(self, name: str, at_line: int | None = None) -> Any:  # noqa: ANN401 - of any type
        """Return a setting; where the journal does not say it, its declared default.

        Parameters
        ----------
        at_line
            The journal's line at which it is in force; None: the newest.
        """
        settings = self._settings_at(at_line)
        return settings[name] if name in settings else declared_default(name)

    def _settings_at(self, line: int | None) -> Mapping[str, Any]:
        settings: dict[str, Any] = self.started.event.settings if self.started else {}
        for change in self.of(ev.SettingsChanged):
            name = change.event.name
            if name not in NO_SETTINGS and (line is None or change.seq <= line):
                settings = with_change(settings, name, change.event.after)
        return settings

    def number(self, setting: str, at_line: int | None = None) -> float:
        """Return a setting that is a number, as `setting`."""
        found = self.setting(setting, at_line)
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

    @cached_property
    def told(self) -> Mapping[str, ev.FillReport]:
        """What the broker told of executions, by fill id, as the journal has it."""
        reports = self.session.of(ev.FillsReported)
        return {fill.fill_id: fill for entry in reports for fill in entry.event.fills}

    @cached_property
    def _rules(self) -> Mapping[str, Sequence[tuple[int, InstrumentRules]]]:
        """Each symbol's rules with the lines that told them."""
        found: dict[str, list[tuple[int, InstrumentRules]]] = {}
        for entry in self.session.merged(ev.DayStarted, ev.InstrumentsListed):
            for rules in entry.event.instruments:
                found.setdefault(rules.symbol, []).append((entry.seq, rules))
        return found

    def rules_at(self, symbol: str, line: int) -> InstrumentRules | None:
        """Return a symbol's rules as they stood at a line; None where nobody told them."""
        known = [rules for seq, rules in self._rules.get(symbol, ()) if seq <= line]
        return known[-1] if known else None

    # --- what the lines add up to ------------------------------------------------------------

    @cached_property
    def tasks(self) -> Mapping[str, TaskStory]:
        """Each task's story to its end, by its id; of one day those that it scheduled or began."""
        if self.origin is None:
            return task_stories(self)
        stories = self.origin.tasks
        return {name: s for name, s in stories.items() if self.window.holds(s.line)}

    def tasks_in(self, role: TaskRole) -> list[TaskStory]:
        """Return the stories of the tasks that have a role, as `tasks`."""
        names = self.engine.names(role)
        return [story for story in self.tasks.values() if story.task in names]

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
        return Orders.of(self.tally, self.day, self._kept_orders(), self.until)

    def _kept_orders(self) -> frozenset[str]:
        """Return the open orders that the break point keeps, where the policy says so."""
        if self.folder is None or self.setting("on_stop") != "keep":
            return frozenset()
        point = self.json_file(self.folder.break_point) or {}
        return frozenset(str(order_id) for order_id in point.get("open_orders", ()))

    @cached_property
    def downtimes(self) -> Sequence[Downtime]:
        """When nobody was there: from the last line before a crash until the return."""
        return downtimes(self.session, self.of(ev.SessionResumed))

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


def _engine_of(lines: Mapping[type[Event], Sequence[Entry]]) -> EngineDescription:
    """Return the newest description of the engine; one that shows nothing where there is none."""
    begun = lines.get(ev.SessionStarted, ())[:1]
    later = [e for e in lines.get(ev.SessionResumed, ()) if e.event.engine is not None]
    newest = (*begun, *later)[-1:]
    return newest[0].event.engine if newest else _UNKNOWN


def ends_on_a_line(path: Path) -> bool:
    """Return whether a file is empty or ends with a complete line."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _lock_of(folder: SessionFolder) -> Path:
    return lock_of(folder.journal)


def _is_of(entry: Entry, day: date, window: DayWindow) -> bool:
    on = entry.event.trading_date
    return on == day or (on is None and window.holds(entry.seq))
