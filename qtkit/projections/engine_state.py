"""What the engine knows, folded from the journal. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from qtkit.core.verdict import Status
from qtkit.ledger.ledger import Ledger
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.model.corporate_actions import CorporateAction
from qtkit.model.engine import EngineDescription
from qtkit.model.instruments import InstrumentRules
from qtkit.model.orders import OrderOrigin
from qtkit.model.status import EngineStatus, check_move

__all__ = ["EngineState"]


@dataclass(slots=True)
class EngineState:
    """Mutable, owned by one thread, changed by `apply` only."""

    ledger: Ledger
    status: EngineStatus = EngineStatus.STOPPED
    today: date | None = None
    day_open: bool = False  # whether the exchange trades today
    killed: bool = False
    clock_apart: Decimal = Decimal(0)  # seconds that the machine's clock is behind, below 0
    kill_reasons: set[tuple[str, str]] = field(default_factory=set)  # by, why; while it is on
    connected: bool = False
    next_order: int = 1
    polls: int = 0  # deliveries of the feed so far
    engine: EngineDescription | None = None  # of whoever wrote the journal last
    instruments: dict[str, InstrumentRules] = field(default_factory=dict)  # as last told
    reported: set[tuple[str, str]] = field(default_factory=set)  # order id, fill id
    turnover: Decimal = Decimal(0)  # value of today's orders that left, account currency
    order_values: dict[str, Decimal] = field(default_factory=dict)  # of them, by order id
    turnover_before: dict[str, str] = field(default_factory=dict)  # date -> of an earlier session
    fills_unmatched: int = 0  # since the last reconciliation that was shown them
    unmatched: set[tuple[str, str]] = field(default_factory=set)  # order id, fill id
    strategy_state: dict[str, Any] = field(default_factory=dict)
    fills_since_saved: list[ev.OrderFilled] = field(default_factory=list)
    plan: dict[str, ev.PlannedTask] = field(default_factory=dict)  # today's rows without outcome
    queued: set[str] = field(default_factory=set)  # of `plan`: came due, no outcome yet
    failures: dict[str, int] = field(default_factory=dict)  # of `plan`: attempts that failed
    scheduled: set[date] = field(default_factory=set)  # dates that have their schedule
    closed: set[date] = field(default_factory=set)  # dates whose books were closed, not early
    snapshots: dict[int, ev.SnapshotTaken] = field(default_factory=dict)  # today's, by step
    gate_open: bool = True
    reconciled_ok: bool | None = None  # the account's last reconciliation; None: never
    sizes_before: dict[str, str] = field(default_factory=dict)  # usual orders, last session
    sizes_now: dict[str, str] = field(default_factory=dict)
    doubted_at: dict[str, datetime] = field(default_factory=dict)  # order id -> since when
    stop: ev.StopRequested | None = None
    ended: bool = False
    tags: dict[str, str] = field(default_factory=dict)  # strategy's order id -> its intent's tag
    predecessor: str = ""  # last link of the account's journal before this one
    actions: tuple[CorporateAction, ...] = ()  # that took effect with today
    last_day: date | None = None  # on which the account lived before this session
    adjustments: dict[int, ev.PositionAdjusted] = field(default_factory=dict)  # by journal line
    decided: set[str] = field(default_factory=set)  # of `plan`: steps whose decision is recorded

    covers: ClassVar[frozenset[ev.Topic]] = frozenset(ev.Topic)
    handlers: ClassVar[Mapping[type[ev.Event], _Handler]]
    ignores: ClassVar[frozenset[type[ev.Event]]]

    @classmethod
    def empty(cls) -> EngineState:
        """Return the state before the first line of a journal."""
        return cls(ledger=Ledger.opened(Book(cash=Decimal(0))))

    def apply(self, entry: ev.Entry) -> None:
        """Take one journal entry into account."""
        event = entry.event
        booking, handler = _ROUTES.get(type(event), _NOBODY)
        if booking is not None:
            booking(self.ledger, event)
        if handler is not None:
            handler(self, event, entry)


_STRATEGY = OrderOrigin.STRATEGY
_Handler = Callable[[EngineState, Any, ev.Entry], None]


def _session_started(state: EngineState, event: ev.SessionStarted, _: ev.Entry) -> None:
    state.ledger = Ledger.opened(event.opening, known_fills=event.known_fills)
    state.predecessor, state.engine = event.predecessor, event.engine
    state.killed, state.next_order = event.killed, event.next_order
    state.strategy_state = event.strategy_state
    state.reconciled_ok = event.inherited.get("reconciliation_ok")
    state.sizes_before = event.inherited.get("order_sizes", {})
    state.turnover_before = event.inherited.get("turnover", {})
    state.sizes_now = event.settings.get("order_sizes", {})
    state.tags = {
        o.order_id: o.tag for o in event.opening.open_orders if o.origin is OrderOrigin.STRATEGY
    }
    state.last_day = event.last_day


def _status_changed(state: EngineState, event: ev.StatusChanged, _: ev.Entry) -> None:
    check_move(event.before, event.because, event.after)
    state.status = EngineStatus(event.after)


def _clock_stepped(state: EngineState, event: ev.ClockStepped, _: ev.Entry) -> None:
    state.clock_apart = event.apart


def _session_resumed(state: EngineState, event: ev.SessionResumed, _: ev.Entry) -> None:
    state.engine = event.engine or state.engine
    state.clock_apart = Decimal(0)  # a new process has looked at the clock anew


def _day_started(state: EngineState, event: ev.DayStarted, _: ev.Entry) -> None:
    state.today, state.day_open = event.trading_date, event.open
    state.instruments |= {rules.symbol: rules for rules in event.instruments}
    state.actions = event.actions
    state.decided, state.failures = set(), {}
    state.snapshots = {}
    earlier = state.turnover_before.get(str(event.trading_date), "0")
    state.turnover, state.order_values = Decimal(earlier), {}


def _schedule_built(state: EngineState, event: ev.ScheduleBuilt, _: ev.Entry) -> None:
    # what a worker took over from the day before is still to have its outcome
    state.plan |= {task.task_id: task for task in event.tasks}
    if event.trading_date is not None:
        state.scheduled.add(event.trading_date)


def _task_queued(state: EngineState, event: ev.TaskQueued, _: ev.Entry) -> None:
    state.queued.add(event.task_id)
    if event.task_id not in state.plan:  # asked for by hand: it needs an outcome as well
        state.plan[event.task_id] = ev.PlannedTask(
            task_id=event.task_id, task=event.task, due=event.due, step=event.step
        )


def _task_settled(
    state: EngineState, event: ev.TaskFinished | ev.TaskSkipped | ev.TaskCancelled, _: ev.Entry
) -> None:
    state.plan.pop(event.task_id, None)
    state.queued.discard(event.task_id)


def _task_failed(state: EngineState, event: ev.TaskFailed, _: ev.Entry) -> None:
    state.failures[event.task_id] = event.attempt
    if event.dead_letter:
        state.plan.pop(event.task_id, None)
        state.queued.discard(event.task_id)


def _day_closed(state: EngineState, event: ev.DayClosed, _: ev.Entry) -> None:
    if event.trading_date is not None and not event.early:
        state.closed.add(event.trading_date)


def _order_requested(state: EngineState, event: ev.OrderRequested, _: ev.Entry) -> None:
    state.next_order += 1
    price = event.limit_price or (event.quote.last if event.quote else None)
    rules = state.instruments.get(event.symbol)
    size = abs(event.quantity) * (rules.multiplier if rules else 1)
    value = size * price if price else event.reserved_cash
    state.turnover, state.order_values[event.order_id] = state.turnover + value, value
    if event.origin is _STRATEGY:
        state.tags[event.order_id] = event.tag


def _order_doubted(state: EngineState, event: ev.OrderDoubted, entry: ev.Entry) -> None:
    state.doubted_at[event.order_id] = entry.at


def _order_known(state: EngineState, event: ev.OrderAccepted, _: ev.Entry) -> None:
    state.doubted_at.pop(event.order_id, None)


def _order_gone(state: EngineState, event: ev.OrderRejected | ev.OrderLost, _: ev.Entry) -> None:
    state.doubted_at.pop(event.order_id, None)
    state.turnover -= state.order_values.pop(event.order_id, Decimal(0))


def _order_filled(state: EngineState, event: ev.OrderFilled, _: ev.Entry) -> None:
    state.doubted_at.pop(event.order_id, None)
    state.fills_since_saved.append(event)


def _fill_unmatched(state: EngineState, event: ev.FillUnmatched, _: ev.Entry) -> None:
    state.fills_unmatched += 1
    state.unmatched.add((event.order_id, event.fill_id))


def _reconciled(state: EngineState, event: ev.AccountReconciled, _: ev.Entry) -> None:
    state.fills_unmatched = 0
    state.reconciled_ok = all(v.allows or v.status is Status.SKIP for v in event.verdicts)


def _snapshot_taken(state: EngineState, event: ev.SnapshotTaken, _: ev.Entry) -> None:
    state.snapshots[event.step] = event


def _gate_judged(state: EngineState, event: ev.GateJudged, _: ev.Entry) -> None:
    state.gate_open = event.open


def _strategy_saved(state: EngineState, event: ev.StrategySaved, _: ev.Entry) -> None:
    state.strategy_state = event.state
    state.fills_since_saved = []


def _kill_switch_set(state: EngineState, event: ev.KillSwitchSet, _: ev.Entry) -> None:
    state.killed = event.on
    if event.on:
        state.kill_reasons.add((event.by, event.why))
    else:
        state.kill_reasons.clear()


def _connected(state: EngineState, _event: ev.BrokerConnected, _: ev.Entry) -> None:
    state.connected = True


def _disconnected(state: EngineState, _event: ev.BrokerDisconnected, _: ev.Entry) -> None:
    state.connected = False


def _stop_requested(state: EngineState, event: ev.StopRequested, _: ev.Entry) -> None:
    state.stop = event


def _session_ended(state: EngineState, _event: ev.SessionEnded, _: ev.Entry) -> None:
    state.ended = True


def _instruments_listed(state: EngineState, event: ev.InstrumentsListed, _: ev.Entry) -> None:
    state.instruments |= {rules.symbol: rules for rules in event.instruments}


def _fills_reported(state: EngineState, event: ev.FillsReported, _: ev.Entry) -> None:
    for report in event.fills:
        state.reported.add((report.order_id, report.fill_id))


def _prices_seen(state: EngineState, event: ev.PricesSeen, _: ev.Entry) -> None:
    state.polls = event.poll


def _position_adjusted(state: EngineState, event: ev.PositionAdjusted, entry: ev.Entry) -> None:
    state.adjustments[entry.seq] = event


def _decided(state: EngineState, event: ev.DecisionTaken, _: ev.Entry) -> None:
    state.decided.add(event.task_id)


_HANDLERS: dict[type, _Handler] = {
    ev.SessionStarted: _session_started,
    ev.SessionResumed: _session_resumed,
    ev.StatusChanged: _status_changed,
    ev.ClockStepped: _clock_stepped,
    ev.DayStarted: _day_started,
    ev.ScheduleBuilt: _schedule_built,
    ev.TaskQueued: _task_queued,
    ev.TaskFinished: _task_settled,
    ev.TaskSkipped: _task_settled,
    ev.TaskCancelled: _task_settled,
    ev.TaskFailed: _task_failed,
    ev.DayClosed: _day_closed,
    ev.OrderRequested: _order_requested,
    ev.OrderDoubted: _order_doubted,
    ev.OrderAccepted: _order_known,
    ev.OrderRejected: _order_gone,
    ev.OrderLost: _order_gone,
    ev.OrderFilled: _order_filled,
    ev.FillUnmatched: _fill_unmatched,
    ev.AccountReconciled: _reconciled,
    ev.SnapshotTaken: _snapshot_taken,
    ev.GateJudged: _gate_judged,
    ev.StrategySaved: _strategy_saved,
    ev.KillSwitchSet: _kill_switch_set,
    ev.BrokerConnected: _connected,
    ev.BrokerDisconnected: _disconnected,
    ev.StopRequested: _stop_requested,
    ev.SessionEnded: _session_ended,
    ev.DecisionTaken: _decided,
    ev.PricesSeen: _prices_seen,
    ev.InstrumentsListed: _instruments_listed,
    ev.FillsReported: _fills_reported,
    ev.PositionAdjusted: _position_adjusted,
}

EngineState.handlers = _HANDLERS
_Booking = Callable[[Ledger, Any], None]
_NOBODY: tuple[_Booking | None, _Handler | None] = (None, None)
# who takes an event: the ledger, then the rest of the state
_ROUTES = {
    kind: (Ledger.handlers.get(kind), _HANDLERS.get(kind))
    for kind in (*Ledger.handlers, *_HANDLERS)
}
# what moves the book alone is taken by the ledger
EngineState.ignores = frozenset(
    {
        ev.BarsLeftOut,
        ev.BarsRefused,
        ev.CancelFailed,
        ev.CancelRequested,
        ev.CommandReceived,
        ev.CommandRefused,
        ev.FeedFailed,
        ev.FillRepeated,
        ev.InternalErrorRaised,
        ev.TroubleMet,
        ev.LoopPulsed,
        ev.OrderCancelled,
        ev.OrderRefused,
        ev.PendingDiagnosed,
        ev.SettingsChanged,
        ev.TablesRefilled,
        ev.TaskStarted,
    }
)
