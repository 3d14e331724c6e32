"""What the feed delivered."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

import msgspec

from qtkit.model.events.base import Event, Moment, Topic
from qtkit.model.instruments import InstrumentRules

__all__ = [
    "BarLeftOut",
    "BarsLeftOut",
    "BarsRefused",
    "FeedFailed",
    "InstrumentsListed",
    "LastPrice",
    "MarketEvent",
    "PricesSeen",
    "TablesRefilled",
]


class MarketEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.MARKET


class LastPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The newest finished bar of a symbol."""

    symbol: str
    end: Moment
    close: Decimal


class PricesSeen(MarketEvent, frozen=True, kw_only=True, gc=False):
    """The feed delivered finished bars."""

    poll: int  # number of the delivery in its session, from 1
    bars: int
    last: tuple[LastPrice, ...]
    refused: int = 0  # bars that make no sense, or with a price that is no positive number


class BarsRefused(MarketEvent, frozen=True, kw_only=True, gc=False):
    """Bars of the feed's answer make no sense; the others were taken in."""

    bars: int
    problem: str  # the first of them, with symbol and time where they have any


class BarLeftOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A bar that the source sent and nobody sees."""

    symbol: str
    end: datetime
    why: str  # contradicts, late, unaligned, unfinished
    delivered: Decimal | None  # close that was delivered and stays, account currency per share
    sent: Decimal | None  # close that the source sent, where it is a number


class BarsLeftOut(MarketEvent, frozen=True, kw_only=True, gc=False):
    """The source sent bars that contradict delivered ones, came too late, or cannot be bars.

    What was delivered first stays: decisions rest on it.
    """

    counts: dict[str, int]  # why -> bars
    samples: tuple[BarLeftOut, ...]  # the first of them


class InstrumentsListed(MarketEvent, frozen=True, kw_only=True, gc=False):
    """Somebody came to instruments whose rules no day's beginning has told."""

    instruments: tuple[InstrumentRules, ...]


class TablesRefilled(MarketEvent, frozen=True, kw_only=True, gc=False):
    """Local tables were brought up to date."""

    tables: tuple[str, ...]
    bars: int


class FeedFailed(MarketEvent, frozen=True, kw_only=True, gc=False):
    """The feed could not deliver."""

    error: str
