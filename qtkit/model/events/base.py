"""What every event has: its topic, its trading date, and its place in the journal."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from qtkit.model.moments import Moment

__all__ = ["FORMAT", "Entry", "Event", "JsonObject", "Moment", "Topic", "kind_of"]

JsonObject = dict[str, Any]
FORMAT = 2  # of the journal; a reader refuses any other


class Topic(StrEnum):
    """What an event is about; a projection covers topics."""

    SESSION = "session"
    STATUS = "status"
    HEALTH = "health"
    TROUBLE = "trouble"
    TASK = "task"
    MARKET = "market"
    DECISION = "decision"
    GATE = "gate"
    ORDER = "order"
    BROKER = "broker"
    BOOK = "book"
    OPERATOR = "operator"


def kind_of(name: str) -> str:
    """Return a class name as it stands in the journal.

    Examples
    --------
    >>> kind_of("SessionStarted")
    'session_started'
    """
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag=kind_of,
    gc=False,
):
    """Base of all events. Values without cycles, so the collector need not look at them."""

    topic: ClassVar[Topic]  # named by the base class of each topic's events
    trading_date: date | None = None  # None only outside any session of the exchange


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event with its place in the journal."""

    seq: int  # 1, 2, 3, ... without holes: the only ordering authority
    at: Moment  # UTC, the session's clock
    event: Any  # one of ALL_EVENTS; the codec decodes it by its `kind`
