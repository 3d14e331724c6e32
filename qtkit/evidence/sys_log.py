"""What sys.log tells, line by line, in the form in which it is held against the journal."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TextIO

from qtkit.core.paths import log_parts
from qtkit.evidence.journal_lines import JournalLines
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.model.events.base import kind_of

__all__ = ["LogStory", "Told", "journal_lives", "read_log", "text_of", "value_in", "values_in"]

Told = tuple[int, str]
"""A line number, and what the line tells."""

_STORY: dict[type[ev.Event], tuple[str, ...]] = {
    ev.ScheduleBuilt: ("digest",),
    ev.StatusChanged: ("before", "after", "because"),
    ev.TaskQueued: ("task_id",),
    ev.TaskFinished: ("task_id",),
    ev.TaskSkipped: ("task_id", "skip_reason"),
    ev.TaskFailed: ("task_id", "dead_letter"),
    ev.TaskCancelled: ("task_id",),
    ev.SettingsChanged: ("name", "by"),
}
_VERBS = {event: kind_of(event.__name__) for event in _STORY}
_KEYS = {_VERBS[event]: keys for event, keys in _STORY.items()}
_FIELD = re.compile(r'(?<![^\s"=])([^\s"=]+)=("[^"\\]*(?:\\.[^"\\]*)*"|"[^\n]*|\S*)')
_DECODER = json.JSONDecoder()
_TRACE = "Traceback (most recent call last)"
_SKIP = " skip_reason="
_BEGINS_A_DAY = frozenset({"day_started", "schedule_built"})  # a power cut may take the first away
_FIELDS = 4  # time, level, session, message


@dataclass(slots=True)
class LogStory:
    """The whole log.

    Attributes
    ----------
    lives
        What it tells, split where the session came back after a crash.
    skips
        Skip reasons by life, with their lines.
    troubles
        Lines that begin a traceback or name an internal error.
    """

    lives: list[list[Told]] = field(default_factory=lambda: [[]])
    skips: list[list[Told]] = field(default_factory=lambda: [[]])
    troubles: list[Told] = field(default_factory=list)
    returns: list[str] = field(default_factory=list)  # journal lines found at each return
    lines: int = 0
    day: str = ""  # the date that the log says has begun; "" before the first


def read_log(path: Path, day: date | None = None) -> LogStory:
    """Read a log once, from its first line to its last; with `day`, what was said on that date.

    A date lasts until the log says that the next one began, which may be after midnight. A log
    that was turned over is read as one: its parts in their order, its lines numbered through.
    """
    story = LogStory()
    wanted, belongs = f"{day:%Y-%m-%d}" if day else "", True
    with ExitStack() as stack:
        files = _opened(path, stack)
        for story.lines, line in enumerate(chain.from_iterable(files), 1):
            parts = line.split(" | ", _FIELDS - 1)
            # what is indented belongs to a traceback, whatever it says
            if len(parts) == _FIELDS and not line[0].isspace():
                belongs = _take(story, parts[0], parts[3].rstrip("\n"), wanted)
            elif belongs and line.lstrip().startswith(_TRACE):
                story.troubles.append((story.lines, line.strip()))
    return story


def _opened(path: Path, stack: ExitStack) -> list[TextIO]:
    """Return the log's parts, opened; a log that is turned over meanwhile is listed again."""
    while True:
        listed = log_parts(path)
        try:
            files = [stack.enter_context(open_text(part)) for part in listed]
        except FileNotFoundError:
            continue
        if log_parts(path) == listed:
            return files


def open_text(path: Path) -> TextIO:
    """Open a log for reading; what is no UTF-8 is shown as such."""
    return path.open(encoding="utf-8", errors="replace")


def _take(story: LogStory, at: str, message: str, wanted: str) -> bool:
    """Take in one line: its verb, and what identifies the thing it tells.

    Returns
    -------
    bool
        Whether it belongs to the date that is wanted; a line of its beginning is of the new one.
    """
    verb, _, rest = message.partition(" ")
    if verb in _BEGINS_A_DAY:
        story.day = value_in(rest, "day") or story.day
    belongs = not wanted or (story.day or at).startswith(wanted)
    if belongs and _SKIP in message and (reason := value_in(message, "skip_reason")):
        story.skips[-1].append((story.lines, reason))
    if verb == "session_resumed":
        _come_back(story, value_in(rest, "entries"))
    elif belongs and verb in _KEYS:
        text = " ".join((verb, *[value_in(rest, key) for key in _KEYS[verb]]))
        story.lives[-1].append((story.lines, text))
    elif belongs and verb == "internal_error":
        story.troubles.append((story.lines, f"{verb} {rest}"))
    return belongs


def _come_back(story: LogStory, entries: str) -> None:
    """Begin another life; a return that a crash cut off before its own line is told once."""
    if story.returns[-1:] == [entries] and not story.lives[-1]:
        return
    story.returns.append(entries)
    story.lives.append([])
    story.skips.append([])


def value_in(text: str, key: str) -> str:
    """Return the value of ``key=`` in a log line; "" if there is none.

    Examples
    --------
    >>> value_in('task=refill detail="late by 3 s"', "detail")
    'late by 3 s'
    """
    if '"' in text:
        return values_in(text).get(key, "")
    _, _, after = f" {text}".partition(f" {key}=")
    return after.partition(" ")[0].rstrip("\n")


def values_in(text: str) -> dict[str, str]:
    """Return the fields of a log line; what stands in quotes is none, whatever it looks like.

    Examples
    --------
    >>> values_in('side=buy reason="price=0 is no price" price=5.0')
    {'side': 'buy', 'reason': 'price=0 is no price', 'price': '5.0'}
    """
    values: dict[str, str] = {}
    for name, value in _FIELD.findall(text):
        if name not in values:
            values[name] = _quoted(value) if value.startswith('"') else value
    return values


def _quoted(text: str) -> str:
    try:
        return str(_DECODER.raw_decode(text)[0])
    except ValueError:
        return text.rstrip("\n")


def journal_lives(journal: JournalLines) -> list[list[Entry]]:
    """Return the entries that sys.log tells too, split where the session came back."""
    lives: list[list[Entry]] = [[]]
    for entry in journal.merged(*_STORY, ev.SessionResumed):
        if isinstance(entry.event, ev.SessionResumed):
            lives.append([])
        else:
            lives[-1].append(entry)
    return lives


def text_of(event: ev.Event) -> str:
    """Return what sys.log tells of an event, as `LogStory` has it."""
    kind = type(event)
    return " ".join((_VERBS[kind], *[str(getattr(event, key)) for key in _STORY[kind]]))
