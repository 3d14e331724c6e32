"""What a desk knows of a session: the engine's state, and what people ask about beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import DataError
from qtkit.ledger.ledger import Ledger
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.model.events import Entry
from qtkit.projections.engine_state import EngineState

__all__ = ["CashFlows", "OrderLine", "Picture", "TaskLine"]

_ZERO = Decimal(0)


@dataclass(slots=True, kw_only=True)
class TaskLine:
    """One task and where it stands."""

    task_id: str
    task: str
    due: datetime
    step: int | None
    standing: str = "scheduled"  # queued, running, finished, skipped, failed, cancelled
    attempt: int = 0
    at: datetime | None = None  # of its newest news
    reason: str = ""  # skip reason
    detail: str = ""
    lines: list[int] = field(default_factory=list)  # of the journal

    @property
    def is_open(self) -> bool:
        """Whether it has no outcome yet."""
        return self.standing in {"scheduled", "queued", "running"}


@dataclass(slots=True, kw_only=True)
class OrderLine:
    """What the journal tells about an order beside the ledger."""

    asked: Entry | None = None  # None: carried over from an earlier session
    rejected: ev.OrderRejected | None = None
    doubts: int = 0
    lines: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class CashFlows:
    """Where cash came from and went, account currency, each >= 0 but `adjusted`."""

    opening: Decimal = _ZERO
    sold: Decimal = _ZERO
    bought: Decimal = _ZERO
    fees: Decimal = _ZERO
    adjusted: Decimal = _ZERO

    @property
    def closing(self) -> Decimal:
        """What must be there."""
        return self.opening + self.sold - self.bought - self.fees + self.adjusted


def _empty_state() -> EngineState:
    return EngineState(ledger=Ledger.opened(Book(cash=_ZERO)))


@dataclass(slots=True)
class Picture:
    """A session's journal as far as it was read; `update` reads on.

    Attributes
    ----------
    since
        When the engine came to its status.
    prices
        Symbol -> newest finished bar; `last_closes` those of the trading date before.
    gate, reconciliation, diagnosis, kill
        The newest entry of each kind.
    """

    state: EngineState = field(default_factory=_empty_state)
    first: Entry | None = None
    last: Entry | None = None
    since: datetime | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    tasks: dict[str, TaskLine] = field(default_factory=dict)
    today: list[str] = field(default_factory=list)  # task ids of the date
    orders: dict[str, OrderLine] = field(default_factory=dict)
    fills: list[Entry] = field(default_factory=list)
    unmatched: list[Entry] = field(default_factory=list)
    refusals: list[Entry] = field(default_factory=list)
    decisions: list[Entry] = field(default_factory=list)  # of the date
    prices: dict[str, ev.LastPrice] = field(default_factory=dict)
    last_closes: dict[str, Decimal] = field(default_factory=dict)
    flows: CashFlows = field(default_factory=CashFlows)
    gate: Entry | None = None
    reconciliation: Entry | None = None
    diagnosis: Entry | None = None
    kill: Entry | None = None

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Picture:
        """Return the picture of a journal.

        Raises
        ------
        DataError
            If it has no line, or does not begin with the start of a session.
        """
        picture = cls()
        picture.update(entries)
        if picture.first is None:
            raise DataError("the journal has no line: the session has not started")
        return picture

    @property
    def opening(self) -> ev.SessionStarted:
        """The session's start."""
        if self.first is None or not isinstance(self.first.event, ev.SessionStarted):
            raise DataError("line 1 of the journal is not the start of a session")
        return self.first.event

    @property
    def now(self) -> datetime:
        """When the newest line was written, in the exchange's zone."""
        if self.last is None:
            raise DataError("the journal has no line: the session has not started")
        return self.local(self.last.at)

    def local(self, at: datetime) -> datetime:
        """Return a time in the exchange's zone."""
        return at.astimezone(self.zone)

    def update(self, entries: Iterable[Entry]) -> None:
        """Take the entries into account that were not seen before."""
        seen = 0 if self.last is None else self.last.seq
        for entry in entries:
            if entry.seq > seen:
                self._take(entry)

    def _take(self, entry: Entry) -> None:
        if self.first is None:
            self.first = entry
            self.zone = exchange_calendar(self.opening.exchange).zone
        self.last, event = entry, entry.event
        self.state.apply(entry)
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, entry, event)
        if (order := self._order_of(event)) is not None:
            order.lines.append(entry.seq)
        if (line := self.tasks.get(getattr(event, "task_id", ""))) is not None:
            line.lines.append(entry.seq)
            line.at = entry.at

    def _order_of(self, event: ev.Event) -> OrderLine | None:
        order_id = getattr(event, "order_id", "")
        known = order_id in self.orders or self.state.ledger.order(order_id) is not None
        return self.orders.setdefault(order_id, OrderLine()) if known else None

    def task(self, event: Any, due: datetime | None = None) -> TaskLine:  # noqa: ANN401
        """Return the line of the task that an event is about; one by hand is new."""
        if event.task_id not in self.tasks:
            at = due or (self.last.at if self.last else event.due)
            self._add_task(event.task_id, event.task, at, getattr(event, "step", None))
        return self.tasks[event.task_id]

    def _add_task(self, task_id: str, task: str, due: datetime, step: int | None) -> None:
        self.tasks[task_id] = TaskLine(task_id=task_id, task=task, due=due, step=step)
        self.today.append(task_id)

    def planned(self, row: ev.PlannedTask) -> None:
        """Put a row of a schedule down."""
        self._add_task(row.task_id, row.task, row.due, row.step)


_Handler = Callable[[Picture, Entry, Any], None]


def _started(picture: Picture, entry: Entry, event: ev.SessionStarted) -> None:
    picture.flows.opening = event.opening.cash
    picture.since = entry.at
    for order in event.opening.open_orders:
        picture.orders[order.order_id] = OrderLine()


def _status_changed(picture: Picture, entry: Entry, _: ev.StatusChanged) -> None:
    picture.since = entry.at


def _day_started(picture: Picture, _: Entry, event: ev.DayStarted) -> None:
    picture.today, picture.decisions = [], []
    picture.last_closes.update(event.last_closes)


def _schedule_built(picture: Picture, _: Entry, event: ev.ScheduleBuilt) -> None:
    for row in event.tasks:
        picture.planned(row)


def _queued(picture: Picture, _: Entry, event: ev.TaskQueued) -> None:
    picture.task(event, event.due).standing = "queued"


def _task_started(picture: Picture, _: Entry, event: ev.TaskStarted) -> None:
    line = picture.task(event)
    line.standing, line.attempt = "running", event.attempt


def _finished(picture: Picture, _: Entry, event: ev.TaskFinished) -> None:
    picture.task(event).standing = "finished"


def _skipped(picture: Picture, _: Entry, event: ev.TaskSkipped) -> None:
    line = picture.task(event, event.due)
    line.standing, line.reason, line.detail = "skipped", event.skip_reason, event.detail


def _failed(picture: Picture, _: Entry, event: ev.TaskFailed) -> None:
    line = picture.task(event)
    line.detail = event.error
    line.standing = "failed" if event.dead_letter else "queued"


def _cancelled(picture: Picture, _: Entry, event: ev.TaskCancelled) -> None:
    line = picture.task(event)
    line.standing, line.detail = "cancelled", f"by {event.by}"


def _prices_seen(picture: Picture, _: Entry, event: ev.PricesSeen) -> None:
    picture.prices.update({price.symbol: price for price in event.last})


def _decided(picture: Picture, entry: Entry, _: ev.DecisionTaken) -> None:
    picture.decisions.append(entry)


def _requested(picture: Picture, entry: Entry, event: ev.OrderRequested) -> None:
    picture.orders[event.order_id] = OrderLine(asked=entry)


def _rejected(picture: Picture, _: Entry, event: ev.OrderRejected) -> None:
    picture.orders.setdefault(event.order_id, OrderLine()).rejected = event


def _doubted(picture: Picture, _: Entry, event: ev.OrderDoubted) -> None:
    picture.orders.setdefault(event.order_id, OrderLine()).doubts += 1


def _refused(picture: Picture, entry: Entry, _: ev.OrderRefused) -> None:
    picture.refusals.append(entry)


def _filled(picture: Picture, entry: Entry, event: ev.OrderFilled) -> None:
    picture.fills.append(entry)
    notional = event.quantity * event.price
    picture.flows.bought += max(notional, _ZERO)
    picture.flows.sold += max(-notional, _ZERO)
    picture.flows.fees += event.commission + event.tax


def _unmatched(picture: Picture, entry: Entry, _: ev.FillUnmatched) -> None:
    picture.unmatched.append(entry)


def _adjusted(picture: Picture, _: Entry, event: ev.PositionAdjusted) -> None:
    picture.flows.adjusted += event.cash


def _gate_judged(picture: Picture, entry: Entry, _: ev.GateJudged) -> None:
    picture.gate = entry


def _reconciled(picture: Picture, entry: Entry, _: ev.AccountReconciled) -> None:
    picture.reconciliation = entry


def _diagnosed(picture: Picture, entry: Entry, _: ev.PendingDiagnosed) -> None:
    picture.diagnosis = entry


def _kill_switch_set(picture: Picture, entry: Entry, _: ev.KillSwitchSet) -> None:
    picture.kill = entry


_HANDLERS: dict[type, _Handler] = {
    ev.SessionStarted: _started,
    ev.StatusChanged: _status_changed,
    ev.DayStarted: _day_started,
    ev.ScheduleBuilt: _schedule_built,
    ev.TaskQueued: _queued,
    ev.TaskStarted: _task_started,
    ev.TaskFinished: _finished,
    ev.TaskSkipped: _skipped,
    ev.TaskFailed: _failed,
    ev.TaskCancelled: _cancelled,
    ev.PricesSeen: _prices_seen,
    ev.DecisionTaken: _decided,
    ev.OrderRequested: _requested,
    ev.OrderRejected: _rejected,
    ev.OrderDoubted: _doubted,
    ev.OrderRefused: _refused,
    ev.OrderFilled: _filled,
    ev.FillUnmatched: _unmatched,
    ev.PositionAdjusted: _adjusted,
    ev.GateJudged: _gate_judged,
    ev.AccountReconciled: _reconciled,
    ev.PendingDiagnosed: _diagnosed,
    ev.KillSwitchSet: _kill_switch_set,
}
