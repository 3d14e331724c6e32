"""What people ask of the engine: commands and the kill switch."""

from __future__ import annotations

from typing import ClassVar

from qtkit.model.events.base import Event, JsonObject, Topic

__all__ = ["CommandReceived", "CommandRefused", "KillSwitchSet", "OperatorEvent"]


class OperatorEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.OPERATOR


class KillSwitchSet(OperatorEvent, frozen=True, kw_only=True, gc=False):
    """Trading was stopped, or allowed again, by a named person or rule."""

    on: bool
    by: str
    why: str
    asked_at: str = ""  # when the KILL file says that it was asked for, ISO; "" elsewhere


class CommandReceived(OperatorEvent, frozen=True, kw_only=True, gc=False):
    """An operator's command reached the engine."""

    command: str
    arguments: JsonObject
    by: str


class CommandRefused(OperatorEvent, frozen=True, kw_only=True, gc=False):
    """A command could not be carried out, and why."""

    command: str
    reason: str
    by: str
