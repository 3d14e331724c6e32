"""Read small files that people and crashes can damage: one sentence about what is wrong."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Any

import msgspec

from qtkit.core.errors import DataError

__all__ = ["plain_bytes", "read_object", "what_is_there"]

_LARGEST = 64_000_000  # bytes; none of these files comes near it


def what_is_there(path: Path) -> str:
    """Return what stands at a path: "file", "nothing", or what it is instead."""
    try:
        kind = path.lstat().st_mode
        if S_ISLNK(kind):
            kind = path.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing" if path.is_symlink() else "nothing"
    except OSError as problem:
        return f"something that cannot be read ({problem.strerror})"
    if S_ISREG(kind):
        return "file"
    return "a folder" if S_ISDIR(kind) else "a pipe or a device"


def plain_bytes(path: Path, advice: str) -> bytes:
    """Return the content of a plain file.

    Parameters
    ----------
    advice
        What to do when it cannot be read; stands at the sentence's end.

    Raises
    ------
    FileNotFoundError
        If there is none.
    DataError
        If something else is there, or it cannot be read.
    """
    found = what_is_there(path)
    if found == "nothing":
        raise FileNotFoundError(path)
    if found != "file":
        raise DataError(f"{path} is {found}, expected a plain file. {advice}")
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as problem:
        raise DataError(f"{path} cannot be read ({problem.strerror}). {advice}") from None
    if len(content) > _LARGEST:
        raise DataError(f"{path} is larger than {_LARGEST} bytes. {advice}")
    return content


def read_object(path: Path, expected: str, advice: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Parameters
    ----------
    expected
        What should be in it, such as "an object with opening_cash".
    advice
        What to do when it is damaged.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataError
        If it holds anything else.
    """
    content = plain_bytes(path, advice)
    if not content.strip():
        raise DataError(f"{path} is empty, expected {expected}. {advice}")
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        raise DataError(
            f"{path} is damaged: no JSON ({problem}), expected {expected}. {advice}"
        ) from None
    if not isinstance(found, dict):
        raise DataError(
            f"{path} is damaged: it holds {type(found).__name__}, expected {expected}. {advice}"
        )
    return found
