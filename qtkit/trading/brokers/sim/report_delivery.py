"""How news reach the client on one connection: each once, unless a fault says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from qtkit.trading.brokers.protocol import BrokerEvent, BrokerFill
from qtkit.trading.brokers.sim.faults import FaultScript, Reorder, Repeat
from qtkit.trading.brokers.sim.records import News

__all__ = ["Delivery"]


@dataclass(slots=True)
class _Held:
    """News of one order that wait to be told in another order."""

    until: datetime
    events: list[BrokerEvent] = field(default_factory=list)

    def reordered(self) -> list[BrokerEvent]:
        """Return the fills last one first, then the rest."""
        fills = [e for e in self.events if isinstance(e, BrokerFill)]
        return fills[::-1] + [e for e in self.events if not isinstance(e, BrokerFill)]


class Delivery:
    """One connection's place in the news.

    Parameters
    ----------
    faults
        What may repeat or reorder news.
    told
        Number of the last piece of news that is not told again.
    """

    def __init__(self, faults: FaultScript, told: int) -> None:
        self.told = told
        self._faults, self._is_scripted = faults, bool(faults)
        self._again: list[BrokerEvent] = []
        self._held: dict[str, _Held] = {}

    def waits(self, news: Sequence[News]) -> bool:
        """Whether there is something to tell at once."""
        return self.told < len(news) or bool(self._again)

    def next_at(self) -> datetime | None:
        """Return when held-back news are told at the latest."""
        return min((held.until for held in self._held.values()), default=None)

    def take(
        self, news: Sequence[News], now: datetime, is_open: Callable[[str], bool]
    ) -> Sequence[BrokerEvent]:
        """Return what is to be told now."""
        fresh = [item.event for item in news[self.told :]]
        self.told = len(news)
        if not self._is_scripted:
            return fresh
        out = list(self._shaped(fresh, now))
        out += self._released(now, is_open)
        again, self._again = self._again, []
        for event in out:
            if isinstance(event, BrokerFill) and self._faults.on(Repeat, event.order_id):
                self._again.append(event)
        return [*out, *self._again, *again]

    def _shaped(self, fresh: Iterable[BrokerEvent], now: datetime) -> Iterable[BrokerEvent]:
        """Yield what is not held back."""
        for event in fresh:
            fault = self._faults.on(Reorder, event.order_id)
            if fault is None:
                yield event
            else:
                held = self._held.setdefault(event.order_id, _Held(now + fault.hold))
                held.events.append(event)

    def _released(self, now: datetime, is_open: Callable[[str], bool]) -> list[BrokerEvent]:
        """Return what is held back no longer."""
        done = [o for o, held in self._held.items() if now >= held.until or not is_open(o)]
        return [event for order_id in done for event in self._held.pop(order_id).reordered()]
