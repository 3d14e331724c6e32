"""Read a journal: streaming, chain checked line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from qtkit.core.errors import DataError, JournalCorrupt
from qtkit.core.file_reader import what_is_there
from qtkit.journal.codec import START, decode, digest, format_of
from qtkit.model.events import FORMAT, Entry, SessionStarted
from qtkit.model.events.base import kind_of

__all__ = [
    "JournalSummary",
    "opened_journal",
    "read_journal",
    "read_linked",
    "sound_entry",
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
    for entry, _, _ in read_linked(path):
        yield entry


def summarise(path: Path) -> JournalSummary:
    """Read a journal to its end and tell what is there; raises as `read_journal`."""
    count, link, sound, first, last = 0, START, 0, None, None
    for entry, link, sound in read_linked(path):  # noqa: B007 - the last values are the result
        count, last = entry.seq, entry.at
        first = first or entry.at
    return JournalSummary(
        entries=count,
        link=link,
        sound_bytes=sound,
        torn_bytes=path.stat().st_size - sound,
        first=first,
        last=last,
    )


def read_linked(path: Path) -> Iterator[tuple[Entry, str, int]]:
    """Yield (entry, digest of its line, bytes up to its end); raises as `read_journal`."""
    link, number, sound = START, 0, 0
    with opened_journal(path) as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            number += 1
            entry = sound_entry(path, line, number, link)
            link, sound = digest(line), sound + len(line)
            yield entry, link, sound


def opened_journal(path: Path) -> BinaryIO:
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


def sound_entry(path: Path, line: bytes, number: int, link: str) -> Entry:
    """Return a line's entry, if it is line `number` and follows the line of digest `link`."""
    try:
        entry, previous = decode(line)
    except ValueError as error:
        _demand_format(path, number, format_of(line))
        raise JournalCorrupt(
            f"{path.name} line {number}: not a journal entry ({error}). "
            f"Lines 1 to {number - 1} are sound. See runbooks/journal-corrupt.md"
        ) from None
    if entry.seq != number or previous != link:
        raise JournalCorrupt(
            f"{path.name} line {number}: the chain is broken (seq was {entry.seq}, expected "
            f"{number}; link was {previous}, expected {link}). A line was edited, lost or moved. "
            "See runbooks/journal-corrupt.md"
        )
    if number == 1 and not isinstance(entry.event, SessionStarted):
        raise JournalCorrupt(
            f"{path.name} line 1: a journal begins with session_started, was "
            f"{kind_of(type(entry.event).__name__)}. See runbooks/journal-corrupt.md"
        )
    if isinstance(entry.event, SessionStarted):
        _demand_format(path, number, entry.event.format)
    return entry


def _demand_format(path: Path, number: int, found: int | None) -> None:
    if found is not None and found != FORMAT:
        raise JournalCorrupt(
            f"{path.name} line {number}: written in format {found}, this qtkit reads format "
            f"{FORMAT} alone. Use the version that wrote it (session_metadata.json names it). "
            "See runbooks/journal-corrupt.md"
        )
