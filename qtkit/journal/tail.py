"""Follow a journal that somebody else is writing: each call reads what was added."""

from __future__ import annotations

from pathlib import Path

from qtkit.core.file_reader import what_is_there
from qtkit.journal.reader import JournalChain
from qtkit.model.events import Entry

__all__ = ["JournalTail"]


class JournalTail:
    """Reads a journal once, in parts; the chain is checked across them.

    Parameters
    ----------
    path
        The journal; it may appear later.
    read
        How far somebody has read it; None: nobody has.
    """

    def __init__(self, path: Path, read: JournalChain | None = None) -> None:
        self._path = path
        self._chain = read.copy() if read else JournalChain(path)

    def news(self) -> list[Entry]:
        """Return the entries that were added since the last call; half a line waits.

        Raises
        ------
        JournalCorrupt
            If a line cannot be trusted.
        """
        if what_is_there(self._path) == "nothing":
            return []
        return list(self._chain.news())
