"""The second door of the kill switch: a file that anybody can make, seen before every order."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

__all__ = ["NAMELESS", "KillRequest", "kill_file_is_there", "kill_requests", "set_aside"]

_MOST_BYTES = 64 * 1024  # of the file that are read
_MOST_REQUESTS = 50
_LONGEST = 500  # letters of a name or a reason


class KillRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file: somebody stopped trading.

    Attributes
    ----------
    by
        Who; "" where the file does not say.
    why
        What for, on one line.
    at
        When, ISO, as the file has it.
    """

    by: str = ""
    why: str
    at: str = ""


NAMELESS = KillRequest(why="the KILL file is in the account's folder")


def kill_file_is_there(path: Path | None) -> bool:
    """Whether anything at all exists at the kill file's path; what cannot be told counts as yes.

    An empty file, a folder and a dangling link stop trading as well as a file with a reason in it.

    Parameters
    ----------
    path
        Where the file would be; None for an account without one.
    """
    return path is not None and (_is_there(path) or _is_there(set_aside(path)))


def _is_there(path: Path) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def set_aside(path: Path) -> Path:
    """Return where a kill file is while somebody lifts it; there it stops trading as before."""
    return path.with_name(f"{path.name}.aside")


def kill_requests(path: Path) -> tuple[KillRequest, ...]:
    """Return what a kill file says, line by line; at least one request, whatever is in it.

    `qtkit kill` writes a line of JSON each time. A line in plain words is a reason without a name;
    a folder, a link or a file that cannot be read stops trading without one.
    """
    content = b"\n".join(map(_content, (path, set_aside(path))))
    lines = (_request(line) for line in content.splitlines())
    found = tuple(dict.fromkeys(request for request in lines if request is not None))
    return found[:_MOST_REQUESTS] or (NAMELESS,)


def _content(path: Path) -> bytes:
    """Return the beginning of a regular file; a link is not followed, nobody is waited for."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(file, _MOST_BYTES) if stat.S_ISREG(os.fstat(file).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(file)


def _request(line: bytes) -> KillRequest | None:
    """Return a line's request; None for one that is blank."""
    try:
        request = msgspec.json.decode(line, type=KillRequest)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        request = KillRequest(why=line.decode("utf-8", "replace"))
    by, why, at = (_on_one_line(text) for text in (request.by, request.why, request.at))
    return KillRequest(by=by, why=why or NAMELESS.why, at=at) if by or why else None


def _on_one_line(text: str) -> str:
    """Return a stranger's text as journals and logs take it, cut where it is too long."""
    letters = (letter if letter.isprintable() else " " for letter in text)
    return " ".join("".join(letters).split())[:_LONGEST]
