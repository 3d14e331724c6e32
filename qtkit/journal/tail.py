"""Follow a journal that somebody else is writing: each call reads what was added."""

from __future__ import annotations

from pathlib import Path

from qtkit.core.file_reader import what_is_there
from qtkit.journal.codec import START, digest
from qtkit.journal.reader import opened_journal, sound_entry
from qtkit.model.events import Entry

__all__ = ["JournalTail"]


class JournalTail:
    """Reads a journal once, in parts; the chain is checked across them.

    Parameters
    ----------
    path
        The journal; it may appear later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sound, self._number, self._link = 0, 0, START

    def news(self) -> list[Entry]:
        """Return the entries that were added since the last call; half a line waits.

        Raises
        ------
        JournalCorrupt
            If a line cannot be trusted.
        """
        if what_is_there(self._path) == "nothing":
            return []
        with opened_journal(self._path) as file:
            file.seek(self._sound)
            whole, newline, _ = file.read().rpartition(b"\n")
        return [self._taken(line + b"\n") for line in whole.split(b"\n")] if newline else []

    def _taken(self, line: bytes) -> Entry:
        entry = sound_entry(self._path, line, self._number + 1, self._link)
        self._number += 1
        self._sound += len(line)
        self._link = digest(line)
        return entry
