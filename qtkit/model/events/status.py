"""The engine's own status."""

from __future__ import annotations

from typing import ClassVar

from qtkit.model.events.base import Event, Topic

__all__ = ["StatusChanged", "StatusEvent"]


class StatusEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.STATUS


class StatusChanged(StatusEvent, frozen=True, kw_only=True, gc=False):
    """The engine moved to another status."""

    before: str
    after: str
    because: str
