"""Read a journal: streaming, chain checked line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from qtkit.core.errors import DataError, JournalCorrupt
from qtkit.core.file_reader import what_is_there
from qtkit.journal.codec import START, LineDecoder, digest, format_of
from qtkit.model.events import FORMAT, Entry, Event, SessionStarted
from qtkit.model.events.base import kind_of

__all__ = [
    "JournalChain",
    "JournalSummary",
    "read_journal",
    "summarise",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSummary:
    """What a whole reading of a journal found."""

    entries: int
    link: str  # digest of the last line: seals the whole journal
    sound_bytes: int
    torn_bytes: int  # of a half-written last line
    first: datetime | None
    last: datetime | None


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield the entries of a journal in order; a torn last line is left out.

    Raises
    ------
    DataError
        If there is no such file.
    JournalCorrupt
        If a line does not parse, a number is missing, or a link is broken.
    """
    return JournalChain(path).news()


def summarise(path: Path) -> JournalSummary:
    """Read a journal to its end and tell what is there; raises as `read_journal`."""
    first, last = None, None
    chain = JournalChain(path)
    for last in chain.news():
        first = first or last
    return JournalSummary(
        entries=chain.lines,
        link=chain.link,
        sound_bytes=chain.size,
        torn_bytes=path.stat().st_size - chain.size,
        first=first.at if first else None,
        last=last.at if last else None,
    )


class JournalChain:
    """A journal's lines as they are taken, each of which has to follow the one before.

    Attributes
    ----------
    lines
        How many were taken.
    link
        Digest of the last of them.
    size
        Bytes up to its end.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._decoder = path, LineDecoder()
        self.lines, self.link, self.size = 0, START, 0

    def copy(self) -> JournalChain:
        """Return another one that has come as far."""
        other = JournalChain(self._path)
        other.lines, other.link, other.size = self.lines, self.link, self.size
        return other

    def news(self) -> Iterator[Entry]:
        """Yield the entries behind those that were taken; half a line ends them."""
        decode = self._decoder.decode
        with _opened(self._path) as file:
            file.seek(self.size)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                number = self.lines + 1
                try:
                    entry, previous = decode(line)
                except ValueError as error:
                    raise self._no_entry(number, line, error) from None
                if entry.seq != number or previous != self.link:
                    raise self._broken(entry, previous)
                if number == 1 or type(entry.event) is SessionStarted:
                    self._demand_opening(number, entry.event)
                self.lines, self.link, self.size = number, digest(line), self.size + len(line)
                yield entry

    def _no_entry(self, number: int, line: bytes, error: ValueError) -> JournalCorrupt:
        self._demand_format(number, format_of(line))
        return self._corrupt(
            number, f"not a journal entry ({error}). Lines 1 to {number - 1} are sound"
        )

    def _broken(self, entry: Entry, previous: str) -> JournalCorrupt:
        number = self.lines + 1
        return self._corrupt(
            number,
            f"the chain is broken (seq was {entry.seq}, expected {number}; link was {previous}, "
            f"expected {self.link}). A line was edited, lost or moved",
        )

    def _demand_opening(self, number: int, event: Event) -> None:
        """Refuse a journal that does not begin with its session, in the format that we read."""
        if not isinstance(event, SessionStarted):
            kind = kind_of(type(event).__name__)
            raise self._corrupt(number, f"a journal begins with session_started, was {kind}")
        self._demand_format(number, event.format)

    def _demand_format(self, number: int, found: int | None) -> None:
        if found is not None and found != FORMAT:
            raise self._corrupt(
                number,
                f"written in format {found}, this qtkit reads format {FORMAT} alone. Use the "
                "version that wrote it (session_metadata.json names it)",
            )

    def _corrupt(self, number: int, what: str) -> JournalCorrupt:
        return JournalCorrupt(
            f"{self._path.name} line {number}: {what}. See runbooks/journal-corrupt.md"
        )


def _opened(path: Path) -> BinaryIO:
    """Return a journal's file, open to be read.

    Raises
    ------
    DataError
        If there is no plain file, or it cannot be read.
    """
    found = what_is_there(path)
    if found == "nothing":
        raise DataError(f"there is no journal at {path}")
    if found != "file":
        raise DataError(
            f"the journal {path} is {found}, expected a plain file. See runbooks/journal-corrupt.md"
        )
    try:
        return path.open("rb")
    except OSError as problem:
        raise DataError(f"the journal {path} cannot be read: {problem.strerror}") from None
