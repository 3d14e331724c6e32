"""Exceptions, named after what the reader does next.

* QtkitError
  * ConfigError        - correct the file, the option or the request; nothing was started (exit 2)
  * DataError          - mend or refill the data, or choose other dates (exit 3)
    * BeyondCalendar   - choose a date inside what the calendar knows, or extend it (exit 3)
    * FolderGone       - put the folder back where it was, then start again (exit 3)
    * StorageError     - make room on the disk, or mend rights, then start again (exit 3)
  * JournalCorrupt     - stop; follow runbooks/journal-corrupt.md (exit 3)
  * FolderLocked       - somebody else writes here; stop them or wait (exit 2)
  * StrategyError      - mend the strategy; the journal has the line (exit 4)
  * BrokerUnavailable  - wait; the engine retries
  * BrokerTimeout      - wait; the engine asks what became of it
    * BrokerError      - mend the broker's adapter; it counts as an answer that never came
  * SessionUnreachable - look at the session's status; start it again if its process is gone
  * InvariantBroken    - a bug in qtkit; report it with the session folder

An expected refusal is an event with a verdict, never an exception.

What others wrote stands in many of these sentences: `readable` keeps it short and printable.
"""

from __future__ import annotations

import re

__all__ = [
    "BeyondCalendar",
    "BrokerError",
    "BrokerTimeout",
    "BrokerUnavailable",
    "ConfigError",
    "DataError",
    "FolderGone",
    "FolderLocked",
    "InvariantBroken",
    "JournalCorrupt",
    "QtkitError",
    "SessionUnreachable",
    "StorageError",
    "StrategyError",
    "readable",
]

_LONG_WORD = re.compile(r"\S{301,}")
_KEPT = 100  # letters of a long word, at each end
_LONGEST_LINE, _LONGEST = 2_000, 16_000  # letters of one line, and of all that one error says


class QtkitError(Exception):
    """Base class of everything qtkit raises on purpose; `exit_code` is what the shell sees."""

    exit_code = 1

    def __str__(self) -> str:
        return readable(super().__str__())


class ConfigError(QtkitError):
    """A setting, an option or a request is wrong; nothing was started."""

    exit_code = 2


class FolderLocked(ConfigError):
    """Another process holds the lock of this journal or account."""


class DataError(QtkitError):
    """Data are missing, damaged or insufficient."""

    exit_code = 3


class BeyondCalendar(DataError):
    """A date lies outside what the exchange calendar knows."""


class FolderGone(DataError):
    """Files of a running engine were removed, renamed or replaced."""


class StorageError(DataError):
    """A file or folder cannot be written or read: no room, no right, a limit of the machine."""


class JournalCorrupt(DataError):
    """A journal line cannot be trusted, so nothing after it can be either."""


class StrategyError(QtkitError):
    """The strategy raised, or broke its contract."""

    exit_code = 4


class BrokerUnavailable(QtkitError):
    """The broker is not connected; nothing was sent."""


class BrokerTimeout(QtkitError):
    """The broker did not answer in time; whether the order arrived is unknown."""


class BrokerError(BrokerTimeout):
    """The broker's adapter answered what no broker may; whether anything happened is unknown."""


class SessionUnreachable(QtkitError):
    """No engine answers for this session; the sentence says whether anything was sent."""


class InvariantBroken(QtkitError):
    """What can never happen happened: a bug in qtkit."""


def readable(text: str) -> str:
    r"""Return a text that any terminal, log and journal can hold: printable, and not endless.

    Examples
    --------
    >>> readable("no symbol \x1b[31mX"), len(readable("x" * 5_000))
    ('no symbol \\x1b[31mX', 226)
    """
    printable = "".join(letter if _is_printable(letter) else _escaped(letter) for letter in text)
    short = _LONG_WORD.sub(_shortened, printable)
    return _cut("\n".join(_cut(line, _LONGEST_LINE) for line in short.split("\n")), _LONGEST)


def _cut(text: str, longest: int) -> str:
    """Return a text without what is beyond its longest length; how much that was is said."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… ({len(text) - longest:,} letters more)"


def _shortened(word: re.Match[str]) -> str:
    found = word.group()
    return f"{found[:_KEPT]}…({len(found) - 2 * _KEPT:,} letters left out)…{found[-_KEPT:]}"


def _is_printable(letter: str) -> bool:
    return letter.isprintable() or letter == "\n"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
