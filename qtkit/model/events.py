"""Everything that can happen, one frozen class per fact, named in the past tense.

Times are UTC-aware, money and quantities are `Decimal`, `quantity` is signed (+ buys, - sells).
Every event carries the `trading_date` of the exchange it belongs to.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from qtkit.core.verdict import Verdict
from qtkit.model.books import Book
from qtkit.model.money import CENT
from qtkit.model.orders import OrderType

__all__ = [
    "AccountReconciled",
    "BarLeftOut",
    "BarsLeftOut",
    "BarsRefused",
    "BrokerConnected",
    "BrokerDisconnected",
    "CancelFailed",
    "CancelRequested",
    "ClockStepped",
    "CommandReceived",
    "CommandRefused",
    "DayClosed",
    "DayStarted",
    "DecisionTaken",
    "Entry",
    "Event",
    "FeedFailed",
    "FillRepeated",
    "FillUnmatched",
    "GateJudged",
    "InternalErrorRaised",
    "JsonObject",
    "KillSwitchSet",
    "LastPrice",
    "LoopPulsed",
    "Moment",
    "OrderAccepted",
    "OrderCancelled",
    "OrderDoubted",
    "OrderFilled",
    "OrderLost",
    "OrderRefused",
    "OrderRejected",
    "OrderRequested",
    "PendingDiagnosed",
    "PlannedTask",
    "PositionAdjusted",
    "PricesSeen",
    "ScheduleBuilt",
    "SessionEnded",
    "SessionResumed",
    "SessionStarted",
    "SnapshotTaken",
    "StatusChanged",
    "StopRequested",
    "StrategySaved",
    "TablesRefilled",
    "TaskCancelled",
    "TaskFailed",
    "TaskFinished",
    "TaskQueued",
    "TaskSkipped",
    "TaskStarted",
]

JsonObject = dict[str, Any]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # a time without its zone is none
FORMAT = 1  # of the journal; a reader refuses what is newer


def _kind(name: str) -> str:
    """Return a class name as it stands in the journal: SessionStarted -> session_started."""
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag=_kind,
    gc=False,
):
    """Base of all events. Values without cycles, so the collector need not look at them."""

    trading_date: date | None = None  # None only outside any session of the exchange


# --- the session -----------------------------------------------------------------------------


class SessionStarted(Event, frozen=True, kw_only=True, gc=False):
    """One life of the engine on one account began; this alone lets the journal be folded."""

    format: int
    mode: str  # backtest, shadow, paper, live
    account: str
    strategy: str
    symbols: tuple[str, ...]
    exchange: str
    settings: JsonObject  # every setting that matters to trading
    settings_digest: str  # sha256 of the settings, hex
    seed: int
    opening: Book
    killed: bool  # whether the kill switch was on
    next_order: int  # first free order number of the account
    strategy_state: JsonObject
    inherited: JsonObject = {}  # of the account's last session: reconciliation, sizes, turnover
    known_fills: tuple[str, ...]  # fill ids of this trading date that earlier sessions booked
    predecessor: str  # last link of the account's previous journal; "" for the first


class SessionResumed(Event, frozen=True, kw_only=True, gc=False):
    """The engine came back after a crash, in the same journal."""

    entries: int  # entries found
    torn_bytes: int  # bytes of a half-written last line that were cut off
    doubtful: tuple[str, ...]  # order ids whose fate had to be asked for


class StopRequested(Event, frozen=True, kw_only=True, gc=False):
    """Somebody asked for an orderly stop."""

    by: str
    reason: str


class SessionEnded(Event, frozen=True, kw_only=True, gc=False):
    """The orderly end: always the last line."""

    reason: str
    closing: Book


class StatusChanged(Event, frozen=True, kw_only=True, gc=False):
    """The engine moved to another status."""

    before: str
    after: str
    because: str


class LoopPulsed(Event, frozen=True, kw_only=True, gc=False):
    """Once a minute: how late the loop came to its work at worst since the last pulse."""

    largest_gap_seconds: Decimal


class ClockStepped(Event, frozen=True, kw_only=True, gc=False):
    """The machine's clock was set, or the machine slept; a step back is not followed."""

    seconds: Decimal  # beside the time that passed; below 0: back
    apart: Decimal  # seconds that it is ahead of the session's time from here; below 0: behind


class InternalErrorRaised(Event, frozen=True, kw_only=True, gc=False):
    """Something in the engine raised that should not have."""

    where: str
    error: str


# --- the day's schedule and its tasks ----------------------------------------------------------


class PlannedTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One row of a day's schedule."""

    task_id: str  # e.g. "20260304-run_strategy-0935"
    task: str
    due: Moment
    step: int | None = None  # number of the strategy step in its day, from 0


class DayStarted(Event, frozen=True, kw_only=True, gc=False):
    """The session entered a date; what settles on it is available from here."""

    open: bool  # whether the exchange trades on it
    last_closes: dict[str, Decimal] = {}  # symbol -> close of the trading date before it


class ScheduleBuilt(Event, frozen=True, kw_only=True, gc=False):
    """The day's schedule stands; `caught_up` says when the engine came to it."""

    digest: str  # sha256 of the whole day's rows, hex, the same however late the start
    tasks: tuple[PlannedTask, ...]
    caught_up_to: Moment


class TaskQueued(Event, frozen=True, kw_only=True, gc=False):
    """A task came due and waits for its turn."""

    task_id: str
    task: str
    due: Moment
    step: int | None = None


class TaskStarted(Event, frozen=True, kw_only=True, gc=False):
    """A task began."""

    task_id: str
    task: str
    attempt: int  # 1 for the first


class TaskFinished(Event, frozen=True, kw_only=True, gc=False):
    """A task is done, its worker included."""

    task_id: str
    task: str
    started: Moment


class TaskSkipped(Event, frozen=True, kw_only=True, gc=False):
    """A scheduled task did not run, and why."""

    task_id: str
    task: str
    due: Moment
    skip_reason: str
    detail: str
    step: int | None = None


class TaskFailed(Event, frozen=True, kw_only=True, gc=False):
    """A task raised; it is tried again, or is a dead letter."""

    task_id: str
    task: str
    attempt: int
    error: str
    dead_letter: bool


class TaskCancelled(Event, frozen=True, kw_only=True, gc=False):
    """Somebody took a task off the schedule, or the session ended before it was due."""

    task_id: str
    task: str
    by: str


class DayClosed(Event, frozen=True, kw_only=True, gc=False):
    """The books of a date were closed."""

    early: bool  # a stop in mid-session: the day's own closing is still due
    book: Book


# --- the market ------------------------------------------------------------------------------


class LastPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The newest finished bar of a symbol."""

    symbol: str
    end: Moment
    close: Decimal


class PricesSeen(Event, frozen=True, kw_only=True, gc=False):
    """The feed delivered finished bars."""

    bars: int
    last: tuple[LastPrice, ...]
    refused: int = 0  # bars that make no sense, or with a price that is no positive number


class BarsRefused(Event, frozen=True, kw_only=True, gc=False):
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


class BarsLeftOut(Event, frozen=True, kw_only=True, gc=False):
    """The source sent bars that contradict delivered ones, came too late, or cannot be bars.

    What was delivered first stays: decisions rest on it.
    """

    counts: dict[str, int]  # why -> bars
    samples: tuple[BarLeftOut, ...]  # the first of them


class TablesRefilled(Event, frozen=True, kw_only=True, gc=False):
    """Local tables were brought up to date."""

    tables: tuple[str, ...]
    bars: int


class FeedFailed(Event, frozen=True, kw_only=True, gc=False):
    """The feed could not deliver."""

    error: str


class DecisionTaken(Event, frozen=True, kw_only=True, gc=False):
    """A strategy step was decided."""

    task_id: str
    step: int
    due: Moment
    prices: tuple[LastPrice, ...]  # what the decision saw
    aside: tuple[str, ...]  # symbols without a price of today: they stood aside
    intents: int
    state_digest: str  # of the strategy's state: deciding must not change it
    snapshot: str = ""  # digest of the snapshot it was decided from; "" when prepared on the spot
    gate_warned: bool = False  # whether a blocking gate would have kept the step out


class SnapshotTaken(Event, frozen=True, kw_only=True, gc=False):
    """A strategy step was prepared ahead."""

    task_id: str  # of the preparation
    step: int
    due: Moment  # of the step it belongs to
    taken_at: Moment  # when the preparation began: its age counts from here
    digest: str  # sha256 of what was prepared, hex


class GateJudged(Event, frozen=True, kw_only=True, gc=False):
    """The gate was judged, by all its checks."""

    mode: str  # off, warn, block
    occasion: str  # start, restart, prices, day, reconnect, demand
    verdicts: tuple[Verdict, ...]
    open: bool  # whether no check failed


class PendingDiagnosed(Event, frozen=True, kw_only=True, gc=False):
    """Open orders were held against the broker's own list."""

    local_pending_count: int
    remote_pending_count: int
    local_pending_without_broker_order_id: tuple[str, ...]
    local_pending_missing_remote: tuple[str, ...]
    remote_pending_not_in_local: tuple[str, ...]
    failures: tuple[str, ...]  # what could not be read, and why
    is_ok: bool


class StrategySaved(Event, frozen=True, kw_only=True, gc=False):
    """The strategy's own state after it moved."""

    state: JsonObject


# --- orders ------------------------------------------------------------------------------------


class OrderRequested(Event, frozen=True, kw_only=True, gc=False):
    """The engine decided to send an order; written before the broker is called."""

    order_id: str
    symbol: str
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None
    reserved_cash: Decimal  # account currency, 0 for sells
    because: str
    source: str  # "strategy" or the operator's name
    tag: str
    quote: LastPrice | None  # what the market showed when it was requested
    venue: str
    step: int | None = None


class OrderRefused(Event, frozen=True, kw_only=True, gc=False):
    """A risk rule, or the contract itself, stopped an intent; no order exists."""

    symbol: str
    quantity: Decimal
    price: Decimal | None  # limit price, else the quote
    because: str
    source: str
    verdicts: tuple[Verdict, ...]  # those that refused
    step: int | None = None


class OrderAccepted(Event, frozen=True, kw_only=True, gc=False):
    """The broker has the order."""

    order_id: str
    broker_order_id: str
    broker_name: str
    accepted_at: Moment


class OrderRejected(Event, frozen=True, kw_only=True, gc=False):
    """The broker refused the order."""

    order_id: str
    reason_code: str
    reason: str


class OrderDoubted(Event, frozen=True, kw_only=True, gc=False):
    """The broker did not answer; whether it has the order is unknown."""

    order_id: str
    reason: str


class OrderFilled(Event, frozen=True, kw_only=True, gc=False):
    """The broker reported an execution: one event moves cash, position and order together."""

    order_id: str
    broker_order_id: str
    fill_id: str
    symbol: str
    quantity: Decimal
    price: Decimal  # account currency per share
    commission: Decimal  # account currency, >= 0 is a cost
    tax: Decimal  # account currency, >= 0 is a cost
    executed_at: Moment
    settles: date  # trading date from which bought shares can be sold
    venue: str
    source: str = "poll_fills"
    late: str = ""  # why it was not expected any more: "cancelled", "lost"


class FillRepeated(Event, frozen=True, kw_only=True, gc=False):
    """The broker reported a fill again, or several at once; nothing was booked."""

    order_id: str
    fill_id: str
    count: int = 1  # fills that were booked before and came again in one answer
    last_fill_id: str = ""  # the last of them, where there are several


class FillUnmatched(Event, frozen=True, kw_only=True, gc=False):
    """A fill that fits no order of ours; recorded, not booked, reconciliation fails."""

    order_id: str
    broker_order_id: str
    fill_id: str
    symbol: str
    quantity: Decimal
    price: Decimal
    reason: str


class CancelRequested(Event, frozen=True, kw_only=True, gc=False):
    """Somebody asked to cancel an order; written before the broker is called."""

    order_id: str
    by: str


class CancelFailed(Event, frozen=True, kw_only=True, gc=False):
    """The broker did not take the cancel."""

    order_id: str
    reason: str


class OrderCancelled(Event, frozen=True, kw_only=True, gc=False):
    """The rest of the order will not execute."""

    order_id: str
    quantity: Decimal  # shares, signed, that were not executed
    reason: str  # "cancelled", "expired", ...


class OrderLost(Event, frozen=True, kw_only=True, gc=False):
    """The order never reached the broker."""

    order_id: str
    reason: str  # "restart": unsent when the power went; "unknown_at_broker": doubted, asked for


# --- account -----------------------------------------------------------------------------------


class BrokerConnected(Event, frozen=True, kw_only=True, gc=False):
    """The broker answers."""

    broker_name: str


class BrokerDisconnected(Event, frozen=True, kw_only=True, gc=False):
    """The broker does not answer."""

    broker_name: str
    error: str


class AccountReconciled(Event, frozen=True, kw_only=True, gc=False):
    """Our book was held against the broker's own."""

    verdicts: tuple[Verdict, ...]
    ours: Book
    broker_cash: Decimal
    broker_positions: dict[str, Decimal]
    broker_open_orders: tuple[str, ...]
    cash_tolerance: Decimal = CENT  # largest difference in cash that counted as equal


class PositionAdjusted(Event, frozen=True, kw_only=True, gc=False):
    """An operator booked what no order explains: a corporate action, a deposit."""

    symbol: str  # "" for cash alone
    quantity: Decimal
    cash: Decimal
    by: str
    why: str
    adjustment_id: str = ""  # of the account; a broker that books it does so once
    undoes: int = 0  # journal line of the adjustment that this one takes back; 0 for none


class KillSwitchSet(Event, frozen=True, kw_only=True, gc=False):
    """Trading was stopped, or allowed again, by a named person or rule."""

    on: bool
    by: str
    why: str
    asked_at: str = ""  # when the KILL file says that it was asked for, ISO; "" elsewhere


# --- commands ----------------------------------------------------------------------------------


class CommandReceived(Event, frozen=True, kw_only=True, gc=False):
    """An operator's command reached the engine."""

    command: str
    arguments: JsonObject
    by: str


class CommandRefused(Event, frozen=True, kw_only=True, gc=False):
    """A command could not be carried out, and why."""

    command: str
    reason: str
    by: str


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event with its place in the journal."""

    seq: int  # 1, 2, 3, ... without holes: the only ordering authority
    at: Moment  # UTC, the session's clock
    event: Any  # one of ALL_EVENTS; the codec decodes it by its `kind`


ALL_EVENTS: tuple[type[Event], ...] = tuple(Event.__subclasses__())
BY_KIND: dict[str, type[Event]] = {_kind(c.__name__): c for c in ALL_EVENTS}
