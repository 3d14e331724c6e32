"""One journal, read once: what it adds up to, and how long it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from qtkit.core.paths import SessionFolder
from qtkit.journal.reader import read_linked
from qtkit.ledger.ledger import Ledger
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.projections.engine_state import EngineState
from qtkit.runtime.session_status import Standing
from qtkit.trading.engine.session_files import break_point_text

__all__ = ["Reading", "break_point_again", "read_session"]


@dataclass(slots=True, kw_only=True)
class Reading:
    """What a journal adds up to.

    Attributes
    ----------
    links
        Link of each line, the first one at 0.
    known_fills
        Ids of the last date's fills: the broker may tell them again.
    accepted, filled
        Ids of the orders and fills that the broker has told.
    """

    folder: SessionFolder
    state: EngineState
    standing: Standing
    links: list[str] = field(default_factory=list)
    opening: ev.SessionStarted | None = None
    last: ev.Entry | None = None
    day: date | None = None
    known_fills: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)
    rebuilt: tuple[str, ...] = ()  # names of files that were written anew

    @property
    def ended(self) -> bool:
        """Whether the session came to its end."""
        return self.last is not None and isinstance(self.last.event, ev.SessionEnded)

    def take(self, entry: ev.Entry, link: str) -> None:
        """Take the next entry into account."""
        event = entry.event
        self.state.apply(entry)
        self.standing.take(entry)
        self.last = entry
        self.links.append(link)
        if self.state.today != self.day:
            self.day, self.known_fills = self.state.today, []
        if isinstance(event, ev.SessionStarted):
            self.opening, self.filled = event, set(event.known_fills)
        elif isinstance(event, ev.OrderAccepted):
            self.accepted.add(event.order_id)
        elif isinstance(event, ev.OrderFilled):
            self.known_fills.append(event.fill_id)
            self.filled.add(event.fill_id)


def read_session(folder: SessionFolder) -> Reading:
    """Return what a session's journal adds up to; raises as `read_journal`."""
    standing = Standing(folder.session_id)
    reading = Reading(folder=folder, state=_nothing_yet(), standing=standing)
    for entry, link, _ in read_linked(folder.journal):
        reading.take(entry, link)
    return reading


def break_point_again(folder: SessionFolder) -> str:
    """Return `break_point.json` as the stop wrote it: before the session's last lines."""
    state, text = _nothing_yet(), ""
    for entry, _, _ in read_linked(folder.journal):
        state.apply(entry)
        if isinstance(entry.event, ev.StrategySaved | ev.InternalErrorRaised):
            text = break_point_text(folder, state, entry.seq)
    return text


def _nothing_yet() -> EngineState:
    return EngineState(ledger=Ledger.opened(Book(cash=Decimal(0))))
