"""The newest prices that a session knows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from qtkit.model import events as ev
from qtkit.model.events import Entry, Topic
from qtkit.projections.base import Handler, TopicFold

__all__ = ["PriceHistory"]


class PriceHistory(TopicFold):
    """Closes by symbol, account currency per share.

    Attributes
    ----------
    bars
        The newest finished bar of each symbol.
    last_closes
        The close of the trading date before.
    opening
        The first of those closes that the session knew.
    closes
        The newest close known, of a bar or of the date before.
    """

    def __init__(self) -> None:
        self.bars = dict[str, ev.LastPrice]()
        self.last_closes = dict[str, Decimal]()
        self.opening = dict[str, Decimal]()
        self.closes = dict[str, Decimal]()

    def _day_started(self, _: Entry, event: ev.DayStarted) -> None:
        self.last_closes.update(event.last_closes)
        for symbol, close in event.last_closes.items():
            self.closes.setdefault(symbol, close)
            self.opening.setdefault(symbol, close)

    def _seen(self, _: Entry, event: ev.PricesSeen) -> None:
        for price in event.last:
            self.bars[price.symbol] = price
            self.closes[price.symbol] = price.close

    covers = frozenset({Topic.MARKET})
    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {
        ev.DayStarted: _day_started,
        ev.PricesSeen: _seen,
    }
    ignores = frozenset(
        {ev.BarsLeftOut, ev.BarsRefused, ev.FeedFailed, ev.InstrumentsListed, ev.TablesRefilled}
    )
