"""A session begins, comes back, is asked to stop, and ends."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

import msgspec

from qtkit.model.books import Book
from qtkit.model.engine import AccountKind, EngineDescription
from qtkit.model.events.base import Event, JsonObject, Topic
from qtkit.model.series import SeriesTerms

__all__ = [
    "Digests",
    "SessionEnded",
    "SessionEvent",
    "SessionResumed",
    "SessionStarted",
    "SettingsChanged",
    "StopRequested",
]


class Digests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What a session lives under, each as sha256 in hex; "" where nobody can tell."""

    settings: str = ""  # every setting that matters to trading
    code: str = ""  # the strategy's file
    instruments: str = ""  # the trading rules of its symbols
    data: str = ""  # feed, calendar, bars known ahead, and the prices that it has seen so far


class SessionEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.SESSION


class SessionStarted(SessionEvent, frozen=True, kw_only=True, gc=False):
    """One life of the engine on one account began; this alone lets the journal be folded."""

    format: int
    engine: EngineDescription  # in the engine's own words
    mode: str  # backtest, shadow, paper, live
    account: str
    strategy: str
    symbols: tuple[str, ...]
    series: tuple[SeriesTerms, ...] = ()  # values that the strategy sees beside its bars
    exchange: str
    settings: JsonObject  # every setting that matters to trading
    data: dict[str, str] = msgspec.field(default_factory=dict)  # feed, its address, calendar, bars
    digests: Digests = Digests()
    seed: int
    bar_seconds: int  # length of the bars that it trades on
    account_kind: AccountKind
    opening: Book
    killed: bool  # whether the kill switch was on
    next_order: int  # first free order number of the account
    strategy_state: JsonObject
    # of the account's last session: reconciliation, sizes, turnover
    inherited: JsonObject = msgspec.field(default_factory=dict)
    known_fills: tuple[str, ...]  # fill ids of this trading date that earlier sessions booked
    predecessor: str  # last link of the account's previous journal; "" for the first
    last_day: date | None = None  # trading date on which the account lived last


class SessionResumed(SessionEvent, frozen=True, kw_only=True, gc=False):
    """The engine came back after a crash, in the same journal."""

    entries: int  # entries found
    torn_bytes: int  # bytes of a half-written last line that were cut off
    doubtful: tuple[str, ...]  # order ids whose fate had to be asked for
    engine: EngineDescription | None = None  # where another one than before came back
    digests: Digests = Digests()  # of what it goes on under


class SettingsChanged(SessionEvent, frozen=True, kw_only=True, gc=False):
    """An operator accepted that a session goes on under something else; it follows the return."""

    name: str  # dotted, of a setting; or code, instruments, calendar, feed.kind, feed.address
    before: Any
    after: Any
    by: str
    why: str


class StopRequested(SessionEvent, frozen=True, kw_only=True, gc=False):
    """Somebody asked for an orderly stop."""

    by: str
    reason: str


class SessionEnded(SessionEvent, frozen=True, kw_only=True, gc=False):
    """The orderly end: always the last line."""

    reason: str
    closing: Book
