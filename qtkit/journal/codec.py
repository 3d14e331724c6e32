"""Entry <-> one JSON line. The only module that knows the file format.

A line is ``{"seq":…,"at":…,"prev":…,"event":{"kind":…,…}}``; `prev` is the digest of the line
before.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Union

import msgspec

from qtkit.model.events import (
    ALL_EVENTS,
    CommandReceived,
    Entry,
    Event,
    SessionStarted,
    StrategySaved,
)

__all__ = ["START", "decode", "digest", "encode"]

START = "0" * 16  # the link of the first line


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    seq: int
    at: datetime
    prev: str
    event: Union[ALL_EVENTS]  # type: ignore[valid-type]  # noqa: UP007 - built from a tuple


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)
_FREE_JSON = (SessionStarted, StrategySaved, CommandReceived)  # where JSON would say null for a NaN
_LOOKS_ODD = (b'"NaN"', b'"sNaN"', b'"Infinity"', b'"-Infinity"')


def encode(entry: Entry, link: str) -> bytes:
    """Return the line of an entry, newline included.

    Raises
    ------
    ValueError
        If the event carries a NaN or an infinity: these are refused before they become history.
    """
    event = entry.event
    line = _encoder.encode(_Line(entry.seq, entry.at, link, event))
    suspicious = isinstance(event, _FREE_JSON) or any(odd in line for odd in _LOOKS_ODD)
    if suspicious and not all(map(_is_finite, _numbers_in(event))):
        raise ValueError(f"not a number in {type(event).__name__}: {event}")
    return line + b"\n"


def _is_finite(number: float | Decimal) -> bool:
    return number.is_finite() if isinstance(number, Decimal) else math.isfinite(number)


def _numbers_in(event: Event) -> Iterator[float | Decimal]:
    """Yield every number in an event, however deep; text that looks like one is none."""
    waiting = [msgspec.to_builtins(event, builtin_types=(Decimal,))]
    while waiting:
        value = waiting.pop()
        if isinstance(value, float | Decimal):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value


def decode(line: bytes) -> tuple[Entry, str]:
    """Return the entry in a line, and the digest that it claims for the line before.

    Raises
    ------
    ValueError
        If the line is not an entry.
    """
    try:
        found = _decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    return Entry(seq=found.seq, at=found.at, event=found.event), found.prev


def digest(line: bytes) -> str:
    """Return the link that the next line carries: 16 hex digits of SHA-256."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()[:16]
