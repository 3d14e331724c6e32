"""What a session recorded, fed through the code again: each life of it, as its journal says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.paths import SessionFolder
from qtkit.journal import read_journal
from qtkit.market.feeds.recorder import recorded_bars
from qtkit.model.events import (
    CommandReceived,
    DayStarted,
    Entry,
    SessionResumed,
    SessionStarted,
    SettingsChanged,
    StopRequested,
)
from qtkit.model.series import is_carried, series_in
from qtkit.projections.session_terms import SessionTerms
from qtkit.runtime.market_data import MarketData
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.sources import folder_instruments
from qtkit.runtime.spec import Acceptance, SessionSpec
from qtkit.trading.engine.command_queue import Command

__all__ = ["ComeBack", "Rerun", "rerun_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComeBack:
    """A return of a session that was cut off.

    Attributes
    ----------
    line
        The journal's last before the cut.
    start
        When the session came back, UTC.
    settings
        Under which it goes on; code and trading rules are always those of now.
    accept
        Who accepted that they are others than before, and why; None: they are not.
    commands
        What operators did from the return to the next cut, or the end.
    """

    line: int
    start: datetime
    settings: SessionSettings
    accept: Acceptance | None
    commands: tuple[tuple[datetime, Command], ...]

    def of(self, asked: SessionSpec) -> SessionSpec:
        """Return what is asked for from here on."""
        return replace(
            asked,
            start=self.start,
            settings=self.settings,
            accept=self.accept,
            commands=self.commands,
        )


@dataclass(frozen=True, slots=True)
class Rerun:
    """A session once more: as it began, and each return."""

    begins: SessionSpec
    returns: tuple[ComeBack, ...] = ()


def rerun_of(plan: SessionSpec, inputs: Path) -> Rerun:
    """Return what feeds a session's recorded inputs through the code again.

    Bars, last closes, settings, accepted changes, cuts and returns, start, stop and operators'
    commands come from the folder alone; strategy code and trading rules are those of now. A
    session that was cut off for good is fed again up to its last line.
    """
    folder = SessionFolder(inputs)
    entries = list(read_journal(folder.journal))
    began, *lives = _lives(entries)
    opening = began[0]
    stop = next((e for e in entries if isinstance(e.event, StopRequested)), None)
    last_day = _day_it_ended_with(stop, exchange_calendar(opening.event.exchange))
    terms = SessionTerms()
    terms.apply(opening)
    begins = SessionSpec(
        strategy=plan.strategy,
        source=plan.source,
        settings=_settings(terms),
        day=plan.day,
        days=plan.days,
        start=opening.at,
        stop=_stop_of(stop, last_day) if stop else entries[-1].at,
        last_day=last_day,
        stop_reason=stop.event.reason if stop else plan.stop_reason,
        commands=tuple(_commands(began)),
        wrap=plan.wrap,
        wrap_broker=plan.wrap_broker,
        data=_recorded(folder, entries),
        instruments=plan.instruments or folder_instruments(folder),
    )
    return Rerun(begins, tuple(_come_back(life, terms) for life in lives))


def _recorded(folder: SessionFolder, entries: Sequence[Entry]) -> MarketData:
    """Return what a session's feed delivered, and the closes that its days began with."""
    delivered = recorded_bars(folder)
    bars = {symbol: part for symbol, part in delivered.items() if not is_carried(symbol)}
    days = [e.event for e in entries if isinstance(e.event, DayStarted)]
    known = tuple(dict.fromkeys(action for day in days for action in day.actions))
    series = series_in(delivered, entries[0].event.series)
    cut_from = entries[0].event.data.get("bars", "")
    return MarketData(bars, _last_closes(entries), cut_from, known, series)


def _lives(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the lines from the start to the first cut, then those from each return on."""
    lives = list[list[Entry]]()
    for entry in entries:
        if isinstance(entry.event, SessionStarted | SessionResumed):
            lives.append([])
        lives[-1].append(entry)
    return lives


def _come_back(life: Sequence[Entry], terms: SessionTerms) -> ComeBack:
    """Return a return; the terms are taken on to it."""
    changes = [entry for entry in life if isinstance(entry.event, SettingsChanged)]
    for entry in changes:
        terms.apply(entry)
    accepted = changes[0].event if changes else None
    return ComeBack(
        line=life[0].seq - 1,
        start=life[0].at,
        settings=_settings(terms),
        accept=Acceptance(by=accepted.by, why=accepted.why) if accepted else None,
        commands=tuple(_commands(life)),
    )


def _settings(terms: SessionTerms) -> SessionSettings:
    known = SessionSettings.model_fields.keys() & terms.settings.keys()
    return SessionSettings.model_validate({name: terms.settings[name] for name in known})


def _day_it_ended_with(stop: Entry | None, calendar: Calendar) -> date | None:
    """Return the date whose last row, at its midnight, came before the stop; None for others."""
    if stop is None or stop.event.by != "qtkit" or stop.event.trading_date is None:
        return None
    day: date = stop.event.trading_date
    return day if calendar.local_date(stop.at) > day else None


def _stop_of(stop: Entry, last_day: date | None) -> datetime:
    """Return when to stop at the latest; where a day's last row decides, a little after it."""
    return stop.at if last_day is None else stop.at + timedelta(minutes=1)


def _commands(entries: Sequence[Entry]) -> Iterator[tuple[datetime, Command]]:
    for entry in entries:
        event = entry.event
        if isinstance(event, CommandReceived):
            yield entry.at, Command(verb=event.command, arguments=event.arguments, by=event.by)


def _last_closes(entries: Sequence[Entry]) -> dict[tuple[str, Any], Decimal]:
    return {
        (symbol, entry.event.trading_date): close
        for entry in entries
        if isinstance(entry.event, DayStarted)
        for symbol, close in entry.event.last_closes.items()
    }
