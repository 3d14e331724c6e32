"""How well the engine keeps time."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from qtkit.model.events.base import Event, Topic

__all__ = ["ClockStepped", "HealthEvent", "LoopPulsed"]


class HealthEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.HEALTH


class LoopPulsed(HealthEvent, frozen=True, kw_only=True, gc=False):
    """Once a minute: how late the loop came to its work at worst since the last pulse."""

    largest_gap_seconds: Decimal


class ClockStepped(HealthEvent, frozen=True, kw_only=True, gc=False):
    """The machine's clock was set, or the machine slept; a step back is not followed."""

    seconds: Decimal  # beside the time that passed; below 0: back
    apart: Decimal  # seconds that it is ahead of the session's time from here; below 0: behind
