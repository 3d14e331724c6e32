"""Single events by hand, of one Shanghai day with hourly bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from qtkit.core.verdict import Verdict, ok
from qtkit.model import events as ev
from qtkit.model.books import Book, OpenOrder, PositionLine, UnsettledLot
from qtkit.model.events import Event, PlannedTask
from qtkit.model.orders import OrderOrigin, OrderStatus, OrderType
from qtkit.model.quotes import Quote
from qtkit.stages import Check, all_stages

DAY = date(2026, 3, 4)
NEXT_DAY = date(2026, 3, 5)
SHANGHAI = ZoneInfo("Asia/Shanghai")
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


def at(text: str, day: date = DAY) -> datetime:
    """Return a local time of the day, ``"09:30"`` or ``"09:30:05"``, as UTC."""
    return datetime.combine(day, time.fromisoformat(text), SHANGHAI).astimezone(UTC)


def price(symbol: str, close: str, end: str) -> ev.LastPrice:
    return ev.LastPrice(symbol=symbol, end=at(end), close=Decimal(close))


def row(task: str, due: str, step: int | None = None, day: date = DAY) -> PlannedTask:
    name = f"{day:%Y%m%d}-{task}-{due.replace(':', '')}"
    return PlannedTask(task_id=name, task=task, due=at(due, day), step=step)


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
    """Return an event with its trading date."""
    if isinstance(event, ev.SessionStarted) or event.trading_date is not None:
        return event
    return msgspec.structs.replace(event, trading_date=DAY)


# --- parts ------------------------------------------------------------------------------------


def queued(planned: PlannedTask) -> ev.TaskQueued:
    return ev.TaskQueued(
        task_id=planned.task_id, task=planned.task, due=planned.due, step=planned.step
    )


def begun(planned: PlannedTask, attempt: int = 1) -> tuple[Event, ...]:
    started = ev.TaskStarted(task_id=planned.task_id, task=planned.task, attempt=attempt)
    return (queued(planned), started) if attempt == 1 else (started,)


def finished(planned: PlannedTask) -> ev.TaskFinished:
    return ev.TaskFinished(task_id=planned.task_id, task=planned.task, started=planned.due)


def skipped(planned: PlannedTask, reason: str, detail: str = "for a good reason") -> ev.TaskSkipped:
    return ev.TaskSkipped(
        task_id=planned.task_id,
        task=planned.task,
        due=planned.due,
        skip_reason=reason,
        detail=detail,
        step=planned.step,
    )


def failed(planned: PlannedTask, attempt: int, *, dead: bool) -> ev.TaskFailed:
    return ev.TaskFailed(
        task_id=planned.task_id,
        task=planned.task,
        attempt=attempt,
        error="ValueError: no",
        dead_letter=dead,
    )


def status(before: str, after: str, because: str) -> ev.StatusChanged:
    return ev.StatusChanged(before=before, after=after, because=because)


def decision(due: str, prices: Iterable[ev.LastPrice], aside: tuple[str, ...] = ()) -> Event:
    planned = BY_ID[task_id("run_strategy", due)]
    return ev.DecisionTaken(
        task_id=planned.task_id,
        step=planned.step or 0,
        due=planned.due,
        prices=tuple(prices),
        aside=aside,
        intents=0,
        state_digest="0" * 64,
    )


def request(
    order_id: str, quote: ev.LastPrice, quantity: int, reserved: str, tag: str, step: int
) -> ev.OrderRequested:
    return ev.OrderRequested(
        order_id=order_id,
        symbol=quote.symbol,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET,
        limit_price=None,
        reserved_cash=Decimal(reserved),
        because="by the rule",
        origin=OrderOrigin.STRATEGY,
        tag=tag,
        quote=Quote(symbol=quote.symbol, at=quote.end, last=quote.close),
        venue="XSHE",
        step=step,
    )


def accepted(order_id: str) -> ev.OrderAccepted:
    return ev.OrderAccepted(
        order_id=order_id,
        broker_order_id=f"b-{order_id}",
        broker_name="sim",
        accepted_at=at("10:30"),
    )


def fill(
    order_id: str, number: int, symbol: str, quantity: int, paid: str, fee: str, when: str
) -> ev.OrderFilled:
    return ev.OrderFilled(
        order_id=order_id,
        broker_order_id=f"b-{order_id}",
        fill_id=f"f-{order_id}-{number}",
        symbol=symbol,
        quantity=Decimal(quantity),
        price=Decimal(paid),
        commission=Decimal(fee),
        tax=Decimal(0),
        executed_at=at(when),
        settles=NEXT_DAY,
        venue="XSHE",
        channel="poll_fills",
    )


def saved(base_a: str | None, base_b: str | None) -> ev.StrategySaved:
    return ev.StrategySaved(
        state={
            A: {"base": base_a, "grid": "0.30", "batch": 500},
            B: {"base": base_b, "grid": "0.30", "batch": 600},
        }
    )


def book(cash: str, a: int, b: int, *orders: OpenOrder) -> Book:
    """Return a book in which everything was bought today."""
    lines = tuple(
        PositionLine(
            symbol=symbol,
            quantity=Decimal(shares),
            unsettled=(UnsettledLot(quantity=Decimal(shares), settles=NEXT_DAY),),
        )
        for symbol, shares in ((A, a), (B, b))
        if shares
    )
    return Book(cash=Decimal(cash), positions=lines, open_orders=orders)


def open_order(
    order_id: str, symbol: str, quantity: int, reserved: str, filled: int = 0
) -> OpenOrder:
    return OpenOrder(
        order_id=order_id,
        symbol=symbol,
        quantity=Decimal(quantity),
        filled=Decimal(filled),
        status=OrderStatus.PART_FILLED if filled else OrderStatus.ACCEPTED,
        order_type=OrderType.MARKET,
        limit_price=None,
        reserved_cash=Decimal(reserved),
        trading_date=DAY,
        broker_order_id=f"b-{order_id}",
    )


def reconciled(ours: Book, cash: str | None = None, **verdicts: Verdict) -> ev.AccountReconciled:
    return ev.AccountReconciled(
        verdicts=tuple(verdicts.values()) or (ok("cash agrees").named("reconcile.cash"),),
        ours=ours,
        broker_cash=ours.cash if cash is None else Decimal(cash),
        broker_positions={line.symbol: line.quantity for line in ours.positions},
        broker_open_orders=tuple(o.order_id for o in ours.open_orders),
    )


def diagnosed(local: int = 0, **changes: object) -> ev.PendingDiagnosed:
    """Return a clean diagnosis, or one with changes."""
    fields: dict[str, Any] = {
        "local_pending_count": local,
        "remote_pending_count": local,
        "local_pending_without_broker_order_id": (),
        "local_pending_missing_remote": (),
        "remote_pending_not_in_local": (),
        "failures": (),
        "is_ok": True,
    }
    return ev.PendingDiagnosed(**{**fields, **changes})


def session_started(settings: Mapping[str, Any] | None = None) -> ev.SessionStarted:
    return ev.SessionStarted(
        format=1,
        mode="paper",
        account="demo",
        strategy="live_grid_multi",
        symbols=(A, B),
        exchange="XSHG",
        settings={**SETTINGS, **(settings or {})},
        settings_digest="d" * 64,
        seed=7,
        opening=Book(cash=Decimal(1_000_000)),
        killed=False,
        next_order=1,
        strategy_state={},
        known_fills=(),
        predecessor="",
    )


def schedule(rows: tuple[PlannedTask, ...] = ROWS, since: str = "09:00") -> ev.ScheduleBuilt:
    return ev.ScheduleBuilt(digest="a" * 64, tasks=rows, caught_up_to=at(since))
