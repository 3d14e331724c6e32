"""The first lines of a journal: what was there at some time stays as it was."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

__all__ = ["is_prefix_digest", "prefix_digest"]


def prefix_digest(path: Path, lines: int) -> str:
    """Return the sha256 of the first lines of a file, hex; "" if it has not so many.

    A journal only grows, so that this never changes.
    """
    found, count = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            for count, line in enumerate(islice(file, lines), 1):  # noqa: B007 - the last counts
                found.update(line)
    except OSError:
        return ""
    return found.hexdigest() if count == lines else ""


def is_prefix_digest(path: Path, digest: str) -> bool:
    """Whether some number of first lines of a file has a digest: it only grew since."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for line in file:
                found.update(line)
                if found.hexdigest() == digest:
                    return True
    except OSError:
        return False
    return False
