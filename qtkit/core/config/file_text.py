"""Files that people write by hand, as text."""

from __future__ import annotations

import os
from pathlib import Path

from qtkit.core.errors import ConfigError

__all__ = ["read_text", "shortened"]

_LONGEST = 60  # letters of a value that a sentence shows
_LARGEST = 1_000_000  # bytes; nobody writes more by hand


def read_text(path: Path) -> str:
    """Return a file's text; a byte order mark is left out, and lines end with a newline.

    Raises
    ------
    ConfigError
        If it is no file, is unreadable or too large, or is no UTF-8 text; the line is named.
    """
    # What is no regular file is not opened: a pipe would never answer.
    if os.path.lexists(path) and not path.is_file():
        raise ConfigError(f"{path.name} cannot be read: {_what(path)}, expected a file: {path}")
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as problem:
        raise ConfigError(
            f"{path.name} cannot be read ({problem.strerror}); name a file that is there: {path}"
        ) from None
    if len(data) > _LARGEST:
        raise ConfigError(f"{path.name} is longer than {_LARGEST:,} bytes; expected settings")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ConfigError(
            f"{path.name} line {_line(data, problem.start)} is no UTF-8 text (byte "
            f"0x{data[problem.start]:02x}); save it as UTF-8"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ConfigError(f"{path.name} line {line} has a NUL character; save it as UTF-8 text")
    return text.replace("\r\n", "\n")


def _what(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    return "it is a pipe or a device" if path.exists() else "it is a link to nowhere"


def _line(data: bytes, position: int) -> int:
    return data[:position].count(b"\n") + 1


def shortened(text: str) -> str:
    """Return text as a sentence shows it: not too long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
