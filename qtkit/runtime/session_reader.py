"""One journal, read once: what it adds up to, and how long it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from qtkit.core.paths import SessionFolder
from qtkit.journal.reader import JournalChain, read_journal
from qtkit.model import events as ev
from qtkit.projections.engine_state import EngineState
from qtkit.projections.session_status import SessionStatus
from qtkit.projections.session_terms import SeenPrices, SessionTerms
from qtkit.trading.engine.session_files import break_point_text

__all__ = ["Reading", "break_point_again", "read_session"]


@dataclass(slots=True, kw_only=True)
class Reading:
    """What a journal adds up to.

    Attributes
    ----------
    chain
        How far the journal was read.
    marked_link
        Link of the line that the account's chain has a mark of; "" where it has none.
    terms, seen
        What the session lives under, and the prices that it saw.
    known_fills
        Ids of the last date's fills: the broker may tell them again.
    accepted, filled
        Ids of the orders and fills that the broker has told.
    """

    folder: SessionFolder
    chain: JournalChain
    state: EngineState = field(default_factory=EngineState.empty)
    status: SessionStatus = field(default_factory=SessionStatus)
    terms: SessionTerms = field(default_factory=SessionTerms)
    seen: SeenPrices = field(default_factory=SeenPrices)
    marked_link: str = ""
    day: date | None = None
    known_fills: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)
    rebuilt: tuple[str, ...] = ()  # names of files that were written anew

    @property
    def ended(self) -> bool:
        """Whether the session came to its end."""
        return self.status.end is not None

    def status_json(self) -> dict[str, object]:
        """Return what `session_status.json` must hold when nobody writes the journal."""
        return self.status.as_json(self.folder.session_id, alive=False)

    def take(self, entry: ev.Entry) -> None:
        """Take the next entry into account."""
        event = entry.event
        for projection in (self.state, self.status, self.terms, self.seen):
            projection.apply(entry)
        if self.state.today != self.day:
            self.day, self.known_fills = self.state.today, []
        if isinstance(event, ev.SessionStarted):
            self.filled = set(event.known_fills)
        elif isinstance(event, ev.OrderAccepted):
            self.accepted.add(event.order_id)
        elif isinstance(event, ev.OrderFilled):
            self.known_fills.append(event.fill_id)
            self.filled.add(event.fill_id)


def read_session(folder: SessionFolder, marked: int = 0) -> Reading:
    """Return what a session's journal adds up to; raises as `read_journal`.

    Parameters
    ----------
    marked
        Number of the line whose link is to be kept.
    """
    chain = JournalChain(folder.journal)
    reading = Reading(folder=folder, chain=chain)
    for entry in chain.news():
        reading.take(entry)
        if entry.seq == marked:
            reading.marked_link = chain.link
    return reading


def break_point_again(folder: SessionFolder) -> str:
    """Return `break_point.json` as the stop wrote it: before the session's last lines."""
    state, text = EngineState.empty(), ""
    for entry in read_journal(folder.journal):
        state.apply(entry)
        if isinstance(entry.event, ev.StrategySaved | ev.InternalErrorRaised):
            text = break_point_text(folder, state, entry.seq)
    return text
