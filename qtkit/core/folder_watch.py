"""Notices that files somebody works in were removed, renamed or put elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qtkit.core.clock import stopwatch
from qtkit.core.errors import FolderGone

__all__ = ["FolderWatch"]

_EVERY = 0.25  # seconds of the machine between two looks


class FolderWatch:
    """Knows files and folders by what they are, and looks whether they still stand there.

    Parameters
    ----------
    paths
        What must stay; one that is not there yet is left out.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._known = {path: mark for path in paths if (mark := _mark(path)) is not None}
        self._since = stopwatch()

    def look(self) -> None:
        """Look, if the last time was a while ago; raises as `check`."""
        if self._since() >= _EVERY:
            self._since = stopwatch()
            self.check()

    def check(self) -> None:
        """Look now.

        Raises
        ------
        FolderGone
            If something is not there any more, or something else stands in its place.
        """
        gone = [path for path, mark in self._known.items() if _mark(path) != mark]
        if gone:
            raise FolderGone(
                f"{gone[0]} was removed, renamed or replaced while an engine worked in it: "
                "without its files nothing is traded, and the engine ends as in a crash. Put it "
                "back where it was, then start again on the account. "
                "See runbooks/session-crashed.md"
            )


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
