"""Signs of life in a journal, and what only an outside clock can see beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from qtkit.core.errors import StrategyError
from qtkit.model import events as ev
from qtkit.model.events import Entry, Topic
from qtkit.projections.base import Handler, TopicFold

__all__ = ["Health", "LifeSigns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeSigns:
    """What a reader sees from outside: an engine that hangs cannot write that it hangs.

    Attributes
    ----------
    now
        The session's clock, UTC: its last heartbeat or journal line, whichever is newer.
    alive
        Whether somebody writes the journal.
    silent
        Whether its process has not told of its engine for too long.
    pid
        Of that process, as it told last; None where there is none of its own.
    kill_file
        Whether the account's kill file is there, whatever the engine knows of it.
    """

    now: datetime
    alive: bool
    silent: bool = False
    pid: int | None = None
    kill_file: bool = False


class Health(TopicFold):
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

    def __init__(self) -> None:
        self.bars: Entry | None = None
        self.feed_trouble: Entry | None = None
        self.pulse: Entry | None = None
        self.widest_gap = Decimal(0)
        self.broker: Entry | None = None
        self.errors = list[Entry]()
        self.bars_left_out = 0

    @property
    def strategy_raised(self) -> bool:
        """Whether the strategy raised where no task could be given up."""
        name = StrategyError.__name__
        return any(entry.event.error.startswith(name) for entry in self.errors)

    def _prices_seen(self, entry: Entry, event: ev.PricesSeen) -> None:
        self.feed_trouble = None
        self.bars = entry if event.bars else self.bars

    def _left_out(self, _: Entry, event: ev.BarsLeftOut) -> None:
        self.bars_left_out += sum(event.counts.values())

    def _feed_failed(self, entry: Entry, _: ev.FeedFailed) -> None:
        self.feed_trouble = entry

    def _pulsed(self, entry: Entry, event: ev.LoopPulsed) -> None:
        self.pulse = entry
        self.widest_gap = max(self.widest_gap, event.largest_gap_seconds)

    def _broker(self, entry: Entry, _: ev.BrokerConnected | ev.BrokerDisconnected) -> None:
        self.broker = entry

    def _raised(self, entry: Entry, _: ev.InternalErrorRaised) -> None:
        self.errors.append(entry)

    covers = frozenset({Topic.HEALTH, Topic.MARKET, Topic.BROKER, Topic.TROUBLE})
    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {
        ev.PricesSeen: _prices_seen,
        ev.BarsLeftOut: _left_out,
        ev.FeedFailed: _feed_failed,
        ev.LoopPulsed: _pulsed,
        ev.BrokerConnected: _broker,
        ev.BrokerDisconnected: _broker,
        ev.InternalErrorRaised: _raised,
    }
    ignores = frozenset(
        {
            ev.BarsRefused,
            ev.ClockStepped,
            ev.PendingDiagnosed,
            ev.InstrumentsListed,
            ev.TablesRefilled,
            ev.TroubleMet,
        }
    )
