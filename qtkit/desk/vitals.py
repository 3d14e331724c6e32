"""Signs of life in a journal: the feed, the loop's pulse, the broker, internal errors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from qtkit.model import events as ev
from qtkit.model.events import Entry

__all__ = ["Vitals"]


@dataclass(slots=True)
class Vitals:
    """The newest entry of each kind that tells of life, and what is counted.

    Attributes
    ----------
    bars
        The feed's last answer with bars in it.
    feed_trouble
        Its last failure, if no answer came after it.
    widest_gap
        Seconds, over the session.
    errors
        Internal errors, all of them.
    bars_left_out
        Bars that contradict delivered ones, came too late, or cannot be bars.
    """

    bars: Entry | None = None
    feed_trouble: Entry | None = None
    pulse: Entry | None = None
    widest_gap: Decimal = Decimal(0)
    broker: Entry | None = None
    errors: list[Entry] = field(default_factory=list)
    refused_bars: int = 0
    bars_left_out: int = 0

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Vitals:
        """Return the signs of life of a journal."""
        found = cls()
        for entry in entries:
            found.take(entry)
        return found

    def take(self, entry: Entry) -> None:
        """Take one entry into account."""
        event = entry.event
        if isinstance(event, ev.PricesSeen):
            self.feed_trouble = None
            self.refused_bars += event.refused
            self.bars = entry if event.bars else self.bars
        elif isinstance(event, ev.BarsLeftOut):
            self.bars_left_out += sum(event.counts.values())
        elif isinstance(event, ev.FeedFailed):
            self.feed_trouble = entry
        elif isinstance(event, ev.LoopPulsed):
            self.pulse = entry
            self.widest_gap = max(self.widest_gap, event.largest_gap_seconds)
        elif isinstance(event, ev.BrokerConnected | ev.BrokerDisconnected):
            self.broker = entry
        elif isinstance(event, ev.InternalErrorRaised):
            self.errors.append(entry)
