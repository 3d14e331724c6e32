"""Entry <-> one JSON line. The only module that knows the file format.

A line is ``{"seq":…,"at":…,"prev":…,"event":{"kind":…,…}}``; `prev` is the digest of the line
before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256
from typing import Union

import msgspec

from qtkit.core.text import error_text
from qtkit.model.events import (
    ALL_EVENTS,
    CommandReceived,
    Entry,
    LoopPulsed,
    Moment,
    SessionStarted,
    StrategySaved,
)

__all__ = ["START", "LineDecoder", "decode", "digest", "encode", "format_of"]

START = "0" * 16  # the link of the first line


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    seq: int
    at: Moment
    prev: str
    event: Union[ALL_EVENTS]  # type: ignore[valid-type]  # noqa: UP007 - built from a tuple


class _Head(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    seq: int
    at: Moment
    prev: str


class _OpeningEvent(msgspec.Struct, tag_field="kind", tag="session_started"):
    format: int


class _OpeningLine(msgspec.Struct):
    event: _OpeningEvent


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)
_head_decoder = msgspec.json.Decoder(_Head)
_opening_decoder = msgspec.json.Decoder(_OpeningLine)  # of any format
_BEGINS_EVENT = b',"event":'
_FREE_JSON = (SessionStarted, StrategySaved, CommandReceived)  # whose values no type describes
_DEEPEST = 200  # levels of free JSON: a reader may have less stack left than the writer had
_MOST = 1_000_000  # values in one event
_NO_JSON = (msgspec.MsgspecError, RecursionError)
_NO_LINE = (TypeError, ValueError, ArithmeticError, RecursionError, AttributeError)


def encode(entry: Entry, link: str) -> bytes:
    """Return the line of an entry, newline included: one that reads back as the same entry.

    Raises
    ------
    ValueError
        If the event carries a NaN, an infinity, or anything else that would not come back equal:
        it is refused before it becomes history.
    """
    event = entry.event
    trouble = _trouble_in(event) if isinstance(event, _FREE_JSON) else ""
    try:
        if not trouble:
            line = _encoder.encode(_Line(entry.seq, entry.at, link, event)) + b"\n"
            if decode(line) == (entry, link) and b'Infinity"' not in line:
                return line
            trouble = _trouble_in(event) or _changed(entry, line)
            if not trouble:  # a word that looks like an infinity is only a word
                return line
    except _NO_LINE as problem:
        trouble = _trouble_in(event) or error_text(problem)
    raise ValueError(f"{trouble} in {type(event).__name__}: nothing was written")


def _changed(entry: Entry, line: bytes) -> str:
    """Return the fields of an event that come back as something else."""
    back, event = decode(line)[0], entry.event
    if back == entry:
        return ""
    names = getattr(event, "__struct_fields__", ())
    odd = [n for n in names if getattr(event, n) != getattr(back.event, n, None)]
    return f"a value that reads back as another ({', '.join(odd) or 'its time'})"


def _trouble_in(event: object) -> str:
    """Return what keeps an event out of a journal at first sight; "" when nothing does."""
    level, count = [event], 0
    for _ in range(_DEEPEST):
        level = [part for value in level for part in _parts(value)]
        count += len(level)
        if not all(map(_is_finite, level)):
            return "not a number"
        if not level:
            return ""
        if count > _MOST:
            return f"more than {_MOST} values"
    return f"values nested deeper than {_DEEPEST} levels"


def _is_finite(value: object) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return not isinstance(value, float) or math.isfinite(value)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, msgspec.Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    return ()


def decode(line: bytes) -> tuple[Entry, str]:
    """Return the entry in a line, and the digest that it claims for the line before.

    Raises
    ------
    ValueError
        If the line is not an entry.
    """
    return LineDecoder().decode(line)


class LineDecoder:
    """Decoder of one journal's lines; a pulse in the words of the one before is the same object."""

    __slots__ = ("_pulse",)

    def __init__(self) -> None:
        self._pulse: tuple[bytes, LoopPulsed | None] = b"", None  # the end of its line, and it

    def decode(self, line: bytes) -> tuple[Entry, str]:
        """Return the entry in a line, as `decode`."""
        words, pulse = self._pulse
        if words and line.endswith(words):
            try:
                head = _head_decoder.decode(line[: -len(words)] + b"}")
                return Entry(seq=head.seq, at=head.at, event=pulse), head.prev
            except _NO_JSON:
                pass  # the whole line says what is wrong with it
        found = _whole(line)
        if type(found.event) is LoopPulsed:
            _, mark, event = line.partition(_BEGINS_EVENT)
            self._pulse = mark + event, found.event
        return Entry(seq=found.seq, at=found.at, event=found.event), found.prev


def _whole(line: bytes) -> _Line:
    """Return what a line holds, if each decimal number in it stands in quotes."""
    try:
        found = _decoder.decode(line)
    except _NO_JSON as error:
        raise ValueError(str(error)) from None
    # a line in the encoder's own words has every decimal in quotes
    if _encoder.encode(found) != line[:-1] and (name := _unquoted_in(line, found)):
        raise ValueError(f"{name} is a JSON number, expected a decimal number in quotes")
    return found


def _unquoted_in(line: bytes, found: _Line) -> str:
    """Return the field of a line whose decimal number stands without quotes; "" if none does."""
    raw, kept = msgspec.json.decode(line), msgspec.json.decode(_encoder.encode(found))
    return _unquoted(raw, kept, "")


def _unquoted(raw: object, kept: object, name: str) -> str:
    """Return where a number was read as the text of a decimal."""
    if isinstance(raw, float):
        return name if isinstance(kept, str) else ""
    if isinstance(raw, dict) and isinstance(kept, dict):
        parts = [(raw[key], kept[key], str(key)) for key in raw.keys() & kept.keys()]
    elif isinstance(raw, list) and isinstance(kept, list):
        parts = [(one, two, name) for one, two in zip(raw, kept, strict=False)]
    else:
        return ""
    return next(filter(None, (_unquoted(*part) for part in parts)), "")


def format_of(line: bytes) -> int | None:
    """Return the format that a line says its journal has; None where it says none."""
    try:
        return _opening_decoder.decode(line).event.format
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def digest(line: bytes) -> str:
    """Return the link that the next line carries: 16 hex digits of SHA-256."""
    return sha256(line.removesuffix(b"\n")).hexdigest()[:16]
