"""What our Parquet files carry: a checksum and, of bars, how much time each covers.

Readers of others pass it over, ours verify it.

The checksum covers the whole file, and stands between the last page and the footer, where nobody
looks. The checksums of pages that Parquet knows leave out the footer; a footer with a bit flipped
can hide rows, and can end the process inside the library.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from qtkit.core.errors import DataError
from qtkit.model.bar_length import BarLength

__all__ = ["LENGTH_NOTE", "SealState", "noted_length", "seal_state", "sealed"]

LENGTH_NOTE = b"qtkit.bar_length"
"""Under what a file's metadata name the length of its bars; without it they are of one minute."""

SealState = Literal["none", "fits", "broken"]
"""Of a stranger's file, of one as it was written, of one that was changed since."""

_MARK = b"qtkitsum"
_DIGEST = 32  # bytes
_TAIL = 8  # bytes of a file's end: the footer's length, and PAR1
_FILES = 256  # whose state is remembered


def noted_length(schema: Any, path: Path) -> BarLength:  # noqa: ANN401 - pyarrow has no types
    """Return how much time each bar of a file covers.

    Raises
    ------
    DataError
        If it names no length.
    """
    noted = (schema.metadata or {}).get(LENGTH_NOTE, BarLength.MIN_1.encode())
    try:
        return BarLength(noted.decode())
    except ValueError:
        raise DataError(
            f"the file {path} says that its bars are of {noted!r}; there are bars of "
            f"{', '.join(BarLength)}: restore it, or write it again"
        ) from None


def sealed(content: bytes) -> bytes:
    """Return a Parquet file's content with its checksum."""
    at = _footer_at(content[-_TAIL:], len(content))
    return content[:at] + _MARK + hashlib.sha256(content).digest() + content[at:]


def seal_state(path: Path) -> SealState:
    """Return whether a file is as it was written; one that has not changed is not read again.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    found = path.stat()
    return _state(path, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=_FILES)
def _state(path: Path, _inode: int, _size: int, _time: int) -> SealState:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        at = _footer_at(file.read(_TAIL), size) - len(_MARK) - _DIGEST
        if at < 0:
            return "none"
        file.seek(at)
        if file.read(len(_MARK)) != _MARK:
            return "none"
        digest, footer = file.read(_DIGEST), file.read()
        file.seek(0)
        return "fits" if hashlib.sha256(file.read(at) + footer).digest() == digest else "broken"


def _footer_at(tail: bytes, size: int) -> int:
    """Return where the footer begins."""
    return size - _TAIL - int.from_bytes(tail[:4], "little")
