"""What sys.log tells, line by line, in the form in which it is held against the journal."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TextIO

from qtkit.core.paths import log_parts
from qtkit.evidence.journal_lines import JournalLines
from qtkit.model import events as ev

__all__ = ["LogStory", "Told", "journal_story", "read_log", "value_in"]

Told = tuple[int, str]
"""A line number, and what the line tells."""

_KEYS = {
    "schedule_built": ("digest",),
    "status_changed": ("before", "after", "because"),
    "task_queued": ("task_id",),
    "task_finished": ("task_id",),
    "task_skipped": ("task_id", "skip_reason"),
    "task_failed": ("task_id", "dead_letter"),
    "task_cancelled": ("task_id",),
    "settings_changed": ("name", "by"),
}
_STORY: dict[type[ev.Event], str] = {
    ev.ScheduleBuilt: "schedule_built",
    ev.StatusChanged: "status_changed",
    ev.TaskQueued: "task_queued",
    ev.TaskFinished: "task_finished",
    ev.TaskSkipped: "task_skipped",
    ev.TaskFailed: "task_failed",
    ev.TaskCancelled: "task_cancelled",
    ev.SessionResumed: "session_resumed",
    ev.SettingsChanged: "settings_changed",
}
_FIELD = re.compile(r'([^\s"=]+)=("(?:[^"\\]|\\.)*"|"[^\n]*|\S*)')
_TRACE = "Traceback (most recent call last)"
_SKIP = " skip_reason="
_BEGINS_A_DAY = ("day_started ", "schedule_built ")  # a power cut may take the first away
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
                belongs = _is_of(story, parts, wanted)
                _take(story, parts, belongs=belongs)
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


def _is_of(story: LogStory, parts: list[str], wanted: str) -> bool:
    """Whether a line belongs to a date; a line of its beginning is of the new one."""
    if parts[3].startswith(_BEGINS_A_DAY):
        story.day = value_in(parts[3], "day") or story.day
    return (story.day or parts[0]).startswith(wanted)


def _take(story: LogStory, parts: list[str], *, belongs: bool) -> None:
    """Take in one line: its verb, and what identifies the thing it tells."""
    if _SKIP in parts[3] and belongs:
        reason = value_in(parts[3], "skip_reason")
        story.skips[-1] += [(story.lines, reason)] if reason else []
    verb, _, rest = parts[3].rstrip("\n").partition(" ")
    if verb == "session_resumed":
        _come_back(story, value_in(rest, "entries"))
        return
    keys = _KEYS.get(verb)
    if keys is not None and belongs:
        story.lives[-1].append((story.lines, _told(verb, [value_in(rest, k) for k in keys])))
    elif verb == "internal_error" and belongs:
        story.troubles.append((story.lines, f"{verb} {rest}"))


def _come_back(story: LogStory, entries: str) -> None:
    """Begin another life; a return that a crash cut off before its own line is told once."""
    if story.returns[-1:] == [entries] and not story.lives[-1]:
        return
    story.returns.append(entries)
    story.lives.append([])
    story.skips.append([])


def _told(verb: str, values: Sequence[str]) -> str:
    return " ".join((verb, *values))


def value_in(text: str, key: str) -> str:
    """Return the value of ``key=`` in a log line; "" if there is none.

    Examples
    --------
    >>> value_in('task=refill detail="late by 3 s"', "detail")
    'late by 3 s'
    """
    if '"' in text:
        # what stands in quotes is no field, whatever it looks like
        found = next((m[2] for m in _FIELD.finditer(text) if m[1] == key), "")
        return _quoted(found) if found.startswith('"') else found
    mark = f"{key}="
    place = text.find(mark)
    while place > 0 and text[place - 1] != " ":
        place = text.find(mark, place + 1)
    if place < 0:
        return ""
    begin = place + len(mark)
    end = text.find(" ", begin)
    return text[begin:].rstrip("\n") if end < 0 else text[begin:end]


def _quoted(text: str) -> str:
    try:
        return str(json.JSONDecoder().raw_decode(text)[0])
    except ValueError:
        return text.rstrip("\n")


def journal_story(journal: JournalLines) -> list[list[Told]]:
    """Return what the journal tells, in the same form."""
    lives: list[list[Told]] = [[]]
    for entry in journal.merged(*_STORY):
        event = entry.event
        verb = _STORY[type(event)]
        if verb == "session_resumed":
            lives.append([])
            continue
        keys = _KEYS[verb]
        lives[-1].append((entry.seq, _told(verb, [str(getattr(event, key)) for key in keys])))
    return lives
