"""What an engine under inspection lives through, and what it tells beside its journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Literal

from qtkit.model.events import SessionStarted

__all__ = [
    "REFERENCE_DAY",
    "Command",
    "Fault",
    "PowerCut",
    "RotationSeen",
    "RunFacts",
    "Scenario",
]

REFERENCE_DAY = date(2026, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong on purpose, at the broker, at the feed, or around the session.

    Broker faults of one order name its number in the session; faults of a time name `start` and
    `end`, local times of the exchange. Kinds: ``reject``, ``timeout_arrived``, ``timeout_lost``,
    ``later``, ``repeat``, ``reorder``, ``fill_after_cancel``, ``cancel_refused``,
    ``unmatched_fill``, ``disconnect``, ``cash_off``, ``position_off``, ``clock_off``,
    ``stray_order`` (the broker lists an order that is not ours), ``hidden_order`` (it does not list
    one that is), ``nameless_order`` (it accepts one without an id of its own); for the feed
    ``silent``, ``raising``, ``slow``, ``slow_preparation``, ``no_data``, ``not_a_number``; around
    the session ``kill_file``, ``unwritable``, ``unreconciled`` (the account's session before this
    one) and ``grown_orders`` (since then).
    """

    kind: str
    order: int | None = None  # n-th order of the session, from 1
    start: time | None = None
    end: time | None = None
    symbol: str = ""
    amount: Decimal | None = None  # shares, seconds or account currency, by kind
    day: int = 0  # of its times: trading dates after the scenario's first


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An operator's command at a local time of one of the scenario's days."""

    at: time
    verb: str
    arguments: tuple[tuple[str, str], ...] = ()
    day: int = 0  # trading dates after the scenario's first


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCut:
    """The process is lost right after the n-th event of a kind was written, and comes back."""

    after: str  # kind of the event as it stands in the journal
    nth: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One life of an engine: which days, what happens, what goes wrong.

    Times are local times of the exchange; None means the whole day.
    """

    name: str
    sentence: str
    day: date = REFERENCE_DAY
    days: int = 1
    start_at: time | None = None
    stop_at: time | None = None
    stop_reason: Literal["stop", "SIGINT", "SIGTERM"] = "stop"
    stop_twice: bool = False
    restart: bool = False  # start once more on the same account; `RunFacts.successor` tells how
    commands: tuple[Command, ...] = ()
    settings: tuple[tuple[str, str | int | float], ...] = ()  # what differs from the defaults
    broker_faults: tuple[Fault, ...] = ()
    feed_faults: tuple[Fault, ...] = ()
    site_faults: tuple[Fault, ...] = ()  # around the session: its folder, its account, its past
    strategy: str = "reference"  # "slow:<seconds>", "slow_prepare:<seconds>", "failing", ...
    seed: int = 7
    power_cuts: tuple[PowerCut, ...] = ()
    rotates: int | None = None  # afterwards, risk logs are removed that are so many days old
    replays: str = ""  # name of a scenario whose recorded inputs are fed in again
    inputs: Path | None = None  # the session folder that holds them, once it is known


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationSeen:
    """What the removal of expired logs did, among logs whose age is known."""

    days: int
    expired: tuple[str, ...]  # what should go: older, and of sessions that have ended
    listed: tuple[str, ...]  # what was shown before anything went
    removed_by_preview: tuple[str, ...]  # what was gone when it had only been shown
    removed: tuple[str, ...]  # what was gone in the end
    left: tuple[str, ...]  # what is still there


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a journal cannot know; None where nobody looked."""

    threads_alive: tuple[str, ...] | None = None  # of the toolkit, after the stop
    open_files: tuple[str, ...] | None = None  # of the session's folder, after the stop
    stop_seconds: float | None = None  # wall time from the request until everything was let go
    second_stop_lines: int | None = None  # journal lines that a second stop wrote
    successor: SessionStarted | None = None  # how the next session on the account began
    delivered_fills: tuple[str, ...] | None = None  # every fill id that the broker told
    rotation: RotationSeen | None = None  # what became of old logs
