"""The gate in front of the strategy's steps."""

from __future__ import annotations

from typing import ClassVar

from qtkit.core.verdict import Verdict
from qtkit.model.events.base import Event, Topic

__all__ = ["GateEvent", "GateJudged"]


class GateEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.GATE


class GateJudged(GateEvent, frozen=True, kw_only=True, gc=False):
    """The gate was judged, by all its checks."""

    mode: str  # off, warn, block
    occasion: str  # start, restart, prices, day, reconnect, demand
    verdicts: tuple[Verdict, ...]
    open: bool  # whether no check failed
