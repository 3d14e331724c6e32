"""What is particular to one Shanghai day with hourly bars and two shares, A and B."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from qtkit.core.verdict import Status, Verdict, ok
from qtkit.model import events as ev
from qtkit.model.books import Book, OpenOrder
from qtkit.model.events import Event, PlannedTask
from qtkit.model.quotes import Quote
from qtkit.stages import Check, all_stages
from qtkit.testing import DAY, SHANGHAI, at, events
from qtkit.testing import order_accepted as accepted
from qtkit.testing import pending_diagnosed as diagnosed
from qtkit.testing import planned as row
from qtkit.testing import status_changed as status

__all__ = ["DAY", "SHANGHAI", "accepted", "at", "diagnosed", "row", "status"]

NEXT_DAY = date(2026, 3, 5)
A, B = "000651.SZ", "600036.SH"
CHECKS: Mapping[str, Check] = {c.id: c for stage in all_stages() for c in stage.checks}
SETTINGS: dict[str, Any] = {
    "startup_gate_mode": "off",
    "step_minutes": 60,
    "price_poll_minutes": 60,
    "close_offset_minutes": 1,
    "calendar_overlay": "",
    "retries": {"acquire_live_price": 2, "run_strategy": 1},
    "on_stop": "cancel",
    "table": "stock_1min",
    "strategy_parameters": {
        A: {"grid": "0.30", "batch": 500, "base": None},
        B: {"grid": "0.30", "batch": 600, "base": None},
    },
}
ROWS = (
    row("pre_open", "09:15"),
    row("open_market", "09:30"),
    row("acquire_live_price", "10:30"),
    row("run_strategy", "10:30", 0),
    row("acquire_live_price", "11:30"),
    row("run_strategy", "11:30", 1),
    row("close_market", "11:30"),
    row("open_market", "13:00"),
    row("acquire_live_price", "14:00"),
    row("run_strategy", "14:00", 2),
    row("run_strategy", "14:59", 3),
    row("acquire_live_price", "15:00"),
    row("close_market", "15:00"),
    row("post_close", "15:15"),
    row("refill", "15:30"),
)
BY_ID = {r.task_id: r for r in ROWS}


def task_id(task: str, due: str) -> str:
    return row(task, due).task_id


def dated(event: Event) -> Event:
    """Return an event of the day."""
    return msgspec.structs.replace(event, trading_date=DAY)


def price(symbol: str, close: str, end: str) -> ev.LastPrice:
    return events.last_price(symbol, close, at(end))


def queued(planned: PlannedTask) -> ev.TaskQueued:
    return events.task_event(ev.TaskQueued, planned)


def begun(planned: PlannedTask, attempt: int = 1) -> tuple[Event, ...]:
    started = events.task_event(ev.TaskStarted, planned, attempt=attempt)
    return (queued(planned), started) if attempt == 1 else (started,)


def finished(planned: PlannedTask) -> ev.TaskFinished:
    return events.task_event(ev.TaskFinished, planned)


def skipped(planned: PlannedTask, reason: str, detail: str = "for a good reason") -> ev.TaskSkipped:
    return events.task_event(ev.TaskSkipped, planned, skip_reason=reason, detail=detail)


def failed(planned: PlannedTask, attempt: int, *, dead: bool) -> ev.TaskFailed:
    return events.task_event(ev.TaskFailed, planned, attempt=attempt, dead_letter=dead)


def decision(due: str, prices: Iterable[ev.LastPrice], aside: tuple[str, ...] = ()) -> Event:
    return events.strategy_decided(BY_ID[task_id("run_strategy", due)], prices, aside=aside)


def request(
    order_id: str, quote: ev.LastPrice, quantity: int, reserved: str, tag: str, step: int
) -> ev.OrderRequested:
    return events.order_requested(
        order_id,
        quantity,
        symbol=quote.symbol,
        reserved_cash=reserved,
        tag=tag,
        quote=Quote(symbol=quote.symbol, at=quote.end, last=quote.close),
        step=step,
    )


def fill(
    order_id: str, number: int, symbol: str, quantity: int, paid: str, fee: str, when: str
) -> ev.OrderFilled:
    return events.order_filled(
        order_id,
        quantity,
        paid,
        number=number,
        symbol=symbol,
        commission=fee,
        executed_at=at(when),
    )


def told(*fills: ev.OrderFilled) -> tuple[Event, ...]:
    """Return fills behind the broker's own report of them."""
    return (events.fills_reported(*fills), *fills)


def day_started() -> ev.DayStarted:
    """Return the beginning of a day, with the rules of both shares."""
    return events.event(ev.DayStarted)


def saved(base_a: str | None, base_b: str | None) -> ev.StrategySaved:
    return ev.StrategySaved(
        state={
            A: {"base": base_a, "grid": "0.30", "batch": 500},
            B: {"base": base_b, "grid": "0.30", "batch": 600},
        }
    )


def book(cash: str, a: int, b: int, *orders: OpenOrder) -> Book:
    """Return a book in which everything was bought today."""
    shares = {symbol: held for symbol, held in ((A, a), (B, b)) if held}
    return events.book(cash, shares, *orders, settles=NEXT_DAY)


def open_order(
    order_id: str, symbol: str, quantity: int, reserved: str, filled: int = 0
) -> OpenOrder:
    return events.open_order(
        order_id, quantity, symbol=symbol, reserved_cash=reserved, filled=filled
    )


def reconciled(ours: Book, cash: str | None = None, **verdicts: Verdict) -> ev.AccountReconciled:
    return events.account_reconciled(
        ours,
        verdicts=tuple(verdicts.values()) or (ok("cash agrees").named("reconcile.cash"),),
        broker_cash=ours.cash if cash is None else cash,
    )


def session_started(settings: Mapping[str, Any] | None = None) -> ev.SessionStarted:
    return events.session_started(
        strategy="live_grid_multi", symbols=(A, B), settings={**SETTINGS, **(settings or {})}
    )


def schedule(rows: tuple[PlannedTask, ...] = ROWS, since: str = "09:00") -> ev.ScheduleBuilt:
    return events.event(ev.ScheduleBuilt, tasks=rows, caught_up_to=at(since))


def is_found(verdict: Verdict, expected: str) -> bool:
    """Whether a failed verdict has a finding of a kind, with these values: ``"waited 61.0"``."""
    kind, *values = expected.split()
    return verdict.status is Status.FAIL and any(
        row.kind == kind and set(values) <= set(map(str, row.facts.values()))
        for row in verdict.findings
    )
