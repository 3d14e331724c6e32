"""What should not have happened inside the engine."""

from __future__ import annotations

from typing import ClassVar

from qtkit.model.events.base import Event, Topic

__all__ = ["InternalErrorRaised", "TroubleEvent", "TroubleMet"]


class TroubleEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.TROUBLE


class InternalErrorRaised(TroubleEvent, frozen=True, kw_only=True, gc=False):
    """Something in the engine raised that should not have."""

    where: str
    error: str


class TroubleMet(TroubleEvent, frozen=True, kw_only=True, gc=False):
    """Something failed that is tried again, was made good, or ended the engine."""

    # broker_unavailable, doubt_unsettled, news_unconfirmed, file_rebuilt, corporate_action or
    # session_failed
    what: str
    subject: str = ""  # the broker, the order or the file that it is about
    error: str = ""
