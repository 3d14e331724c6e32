"""Every check that judges a lone session fails on a journal with one mistake planted in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from qtkit.core.verdict import Status, fail
from qtkit.model import events as ev
from qtkit.model.orders import OrderStatus
from qtkit.model.quotes import Quote
from tests.stages.parts import (
    BY_ID,
    CHECKS,
    ROWS,
    A,
    B,
    accepted,
    at,
    begun,
    book,
    dated,
    decision,
    failed,
    fill,
    finished,
    is_found,
    open_order,
    price,
    row,
    schedule,
    skipped,
    status,
    task_id,
)
from tests.stages.story import CASH_AT_NIGHT, Story, healthy_day

POLL, STEP = "acquire_live_price", "run_strategy"
NIGHT = book(CASH_AT_NIGHT, 5800, 5000)
Plant = Callable[[Story], object]


def step(due: str) -> dict[str, Any]:
    return {"task_id": task_id(STEP, due)}


def command(verb: str) -> ev.CommandReceived:
    return ev.CommandReceived(command=verb, arguments={}, by="me")


def skip_step(story: Story, due: str, reason: str, detail: str = "for a good reason") -> Story:
    """Let a step be skipped when it comes due."""
    planned = BY_ID[task_id(STEP, due)]
    place = story.find(ev.TaskQueued, **step(due))
    story.moments = [
        (w, e) for w, e in story.moments if getattr(e, "task_id", "") != planned.task_id
    ]
    return story.insert(place, skipped(planned, reason, detail), when=due)


def closing(story: Story, **changes: object) -> Story:
    """Change the book that the session ends with."""
    return story.edit(ev.SessionEnded, {"closing": replace(NIGHT, **changes)})


PHASE_0: list[tuple[str, str, Plant]] = [
    ("0.1", "missing", lambda s: s.drop(ev.ScheduleBuilt)),
    ("0.1", "turned", lambda s: s.moments.insert(2, s.moments.pop(4))),
    ("0.1", "other_beginning",
     lambda s: s.insert(0, ev.BrokerConnected(broker_name="sim"))),
    ("0.2", "no_row",
     lambda s: s.edit(ev.StatusChanged, {"because": "pause"}, because="open_market")),
    ("0.2", "other_status sleeping",
     lambda s: s.edit(ev.StatusChanged, {"before": "paused", "because": "resume"},
                      because="open_market")),
    ("0.3", "outside_trading", lambda s: s.shift(ev.StatusChanged, -60, because="open_market")),
    ("0.3", "after_the_segment", lambda s: s.shift(ev.StatusChanged, 61, because="close_market")),
    ("0.3", "asleep", lambda s: s.shift(ev.StatusChanged, 61, because="open_market")),
    ("0.3", "decided sleeping", lambda s: s.drop(ev.StatusChanged, because="open_market")),
    ("0.3", "wrong_resume running", lambda s: s.insert(
        s.find(ev.TaskQueued, due=at("14:00")), status("running", "paused", "pause"),
        status("paused", "sleeping", "resume"), when="13:30")),
    ("0.3", "no_effect",
     lambda s: s.insert(s.find(ev.TaskQueued, due=at("14:00")), command("pause"), when="13:30")),
    ("0.3", "other_pause close_market",
     lambda s: s.edit(ev.StatusChanged, {"after": "paused"}, because="close_market")),
    ("0.4", "no_outcome", lambda s: s.drop(ev.TaskFinished, task="refill")),
    ("0.4", "waited 61.0", lambda s: s.shift(ev.TaskFinished, 61, task_id=task_id(POLL, "14:00"))),
    ("0.4", "waited 1801.0", lambda s: s.shift(ev.TablesRefilled, 1801)),
    ("0.4", "late_pulse 5.1",
     lambda s: s.edit(ev.LoopPulsed, {"largest_gap_seconds": Decimal("5.1")}, 100)),
    ("0.4", "silence 120.0", lambda s: s.drop(ev.LoopPulsed, 100)),
    ("0.4", "no_pulse", lambda s: setattr(
        s, "moments", [(w, e) for w, e in s.moments if not isinstance(e, ev.LoopPulsed)])),
    ("0.5", "second_session", lambda s: s.insert(9, s.moments[0][1])),
    ("0.5", "lost_lines 3",
     lambda s: s.insert(9, ev.SessionResumed(entries=3, torn_bytes=0, doubtful=()))),
    ("0.5", "sequence",
     lambda s: s.moments.__setitem__(9, (at("08:00"), s.moments[9][1]))),
]  # fmt: skip

PHASE_1: list[tuple[str, str, Plant]] = [
    ("1.1", "unasked", lambda s: s.drop(ev.StopRequested)),
    ("1.1", "other_reason stop", lambda s: s.edit(ev.StopRequested, {"reason": "stop"})),
    ("1.1", "last_status sleeping", lambda s: s.drop(ev.StatusChanged, because="stop")),
    ("1.1", "unknown_reason", lambda s: (s.edit(ev.StopRequested, {"reason": "bored"}),
                                     s.edit(ev.SessionEnded, {"reason": "bored"}))),
    ("1.1", "unknown_reason", lambda s: (
        s.edit(ev.StopRequested, {"by": "signal", "reason": "SIGKILL"}),
        s.edit(ev.SessionEnded, {"reason": "SIGKILL"}))),
    ("1.1", "no_reason", lambda s: (
        s.edit(ev.StopRequested, {"by": "me", "reason": " "}),
        s.edit(ev.SessionEnded, {"reason": " "}))),
    ("1.1", "unknown_reason", lambda s: (
        s.edit(ev.StopRequested, {"reason": "internal_error"}),
        s.edit(ev.SessionEnded, {"reason": "internal_error"}))),
    ("1.1", "crashed", lambda s: s.drop(ev.SessionEnded)),
    ("1.2", "crashed", lambda s: s.drop(ev.SessionEnded)),
    ("1.2", "slow 11.0", lambda s: s.shift(ev.SessionEnded, 11)),
    ("1.3", "more_lines", lambda s: s.add(
        "15:31", ev.BrokerConnected(broker_name="sim"))),
    ("1.3", "ended_twice", lambda s: s.moments.append(s.moments[-1])),
    ("1.3", "crashed", lambda s: s.drop(ev.SessionEnded)),
    ("1.4", "open q3 accepted", lambda s: s.drop(ev.OrderFilled, order_id="q3")),
    ("1.4", "open q3 requested", lambda s: (s.drop(ev.OrderFilled, order_id="q3"),
                                          s.drop(ev.OrderAccepted, order_id="q3"))),
    ("1.6", "unasked", lambda s: s.drop(ev.StopRequested)),
    ("1.6", "requests 2", lambda s: s.insert(
        s.find(ev.StopRequested), ev.StopRequested(by="me", reason="stop"))),
    ("1.6", "closed_again", lambda s: s.insert(
        s.find(ev.StatusChanged, because="stop"), ev.DayClosed(early=True, book=NIGHT))),
]  # fmt: skip

PHASE_2: list[tuple[str, str, Plant]] = [
    ("2.1", "no_outcome", lambda s: s.drop(ev.TaskFinished, task="pre_open")),
    ("2.1", "outcomes 2", lambda s: s.insert(
        s.find(ev.LoopPulsed, 60), skipped(BY_ID[task_id(STEP, "10:30")], "missed"))),
    ("2.1", "step_left_out started", lambda s: s.drop(ev.TaskStarted, task="pre_open")),
    ("2.1", "step_left_out queued", lambda s: s.drop(ev.TaskQueued, task="refill")),
    ("2.1", "wrong_order", lambda s: s.moments.insert(
        s.find(ev.TaskQueued, task="refill"),
        s.moments.pop(s.find(ev.TaskFinished, task="refill")))),
    ("2.1", "schedules 2", lambda s: s.insert(5, schedule())),
    ("2.1", "ids_twice",
     lambda s: s.edit(ev.ScheduleBuilt, {"tasks": (*ROWS, ROWS[0])})),
    ("2.1", "unplanned", lambda s: s.insert(
        s.find(ev.StopRequested), *begun(row("refill", "15:29")),
        finished(row("refill", "15:29")))),
    ("2.1", "other_task post_close", lambda s: s.edit(
        ev.TaskFinished, {"task": "post_close"}, task="refill")),
    ("2.1", "before_its_schedule", lambda s: s.moments.insert(
        s.find(ev.LoopPulsed, 60), s.moments.pop(4))),
    ("2.2", "unknown_reason", lambda s: skip_step(s, "14:00", "bad_luck")),
    ("2.2", "no_sentence", lambda s: skip_step(s, "14:00", "paused", "paused")),
    ("2.2", "other_row", lambda s: (skip_step(s, "14:00", "paused"), s.edit(
        ev.TaskSkipped, {"due": at("14:01")}))),
    ("2.2", "no_task", lambda s: (skip_step(s, "14:00", "paused"), s.edit(
        ev.TaskSkipped, {"task": ""}))),
    ("2.3", "overlap", lambda s: s.moments.insert(
        s.find(ev.TaskFinished, task_id=task_id(POLL, "15:00")) + 1,
        s.moments.pop(s.find(ev.TaskFinished, task_id=task_id(POLL, "14:00"))))),
    ("2.3", "hidden_overrun", lambda s: [
        s.shift(kind, 3600, task_id=task_id(STEP, "14:00")) for kind in (ev.TaskFinished,)
    ] + [s.shift(ev.TaskQueued, 120, **step("14:59"))]),
    ("2.3", "called_missed", lambda s: (
        skip_step(s, "14:59", "missed"), s.shift(ev.TaskFinished, 3600, **step("14:00")),
        s.shift(ev.TaskSkipped, 120))),
    ("2.4", "delayed 4.0", lambda s: (
        s.shift(ev.TaskFinished, 2, task_id=task_id(POLL, "14:00")),
        s.shift(ev.TaskStarted, 2, **step("14:00")))),
    ("2.4", "delayed", lambda s: (
        skip_step(s, "14:00", "missed"), s.shift(ev.TaskSkipped, 30),
        s.shift(ev.TaskFinished, 29, task_id=task_id(POLL, "14:00")))),
    ("2.5", "given_up 1 3", lambda s: s.moments.__setitem__(
        s.find(ev.TaskFinished, task=POLL), (at("10:30"), dated(
            failed(BY_ID[task_id(POLL, "10:30")], 1, dead=True))))),
    ("2.5", "no_dead_letter", lambda s: s.moments.__setitem__(
        s.find(ev.TaskFinished, task="refill"), (at("15:30"), dated(
            failed(BY_ID[task_id("refill", "15:30")], 1, dead=False))))),
    ("2.5", "never_retried", lambda s: s.moments.__setitem__(
        s.find(ev.TaskFinished, task=POLL), (at("10:30"), dated(
            failed(BY_ID[task_id(POLL, "10:30")], 1, dead=False))))),
    ("2.5", "attempt 2", lambda s: s.moments.__setitem__(
        s.find(ev.TaskFinished, task="refill"), (at("15:30"), dated(
            failed(BY_ID[task_id("refill", "15:30")], 2, dead=True))))),
    ("2.5", "no_error", lambda s: s.moments.__setitem__(
        s.find(ev.TaskFinished, task="refill"), (at("15:30"), dated(replace(
            failed(BY_ID[task_id("refill", "15:30")], 1, dead=True), error=""))))),
    ("2.5", "loop_died", lambda s: s.cut(s.find(ev.TaskFinished, task="pre_open")).add(
        "09:15", failed(BY_ID[task_id("pre_open", "09:15")], 1, dead=True))),
    ("2.6", "above run_strategy 1 4", lambda s: skip_step(s, "14:00", "paused")),
]  # fmt: skip

PHASE_3: list[tuple[str, str, Plant]] = [
    ("3.4", "late 11.0", lambda s: s.shift(ev.TaskStarted, 11, **step("14:00"))),
    ("3.4", "undecided", lambda s: s.drop(ev.DecisionTaken, **step("14:00"))),
    ("3.4", "twice", lambda s: s.insert(
        s.find(ev.TaskFinished, **step("14:00")), decision("14:00", ()))),
    ("3.4", "vanished", lambda s: setattr(s, "moments", [
        (w, e) for w, e in s.moments if getattr(e, "task_id", "") != task_id(STEP, "14:00")])),
    ("3.4", "not_missed 0.0", lambda s: skip_step(s, "14:00", "missed")),
    ("3.4", "unplanned", lambda s: s.edit(ev.ScheduleBuilt, {"tasks": ROWS[:9] + ROWS[10:]})),
    ("3.4", "early", lambda s: s.edit(
        ev.ScheduleBuilt, {"tasks": tuple(
            replace(r, due=r.due + timedelta(seconds=5)) if r.task == STEP else r for r in ROWS)})),
    ("3.4", "future_price", lambda s: s.edit(
        ev.DecisionTaken, {"prices": (price(A, "37.25", "14:01"),)}, **step("14:00"))),
    ("3.4", "other_day", lambda s: s.edit(ev.DecisionTaken, {"prices": (
        ev.LastPrice(symbol=A, end=at("15:00") - timedelta(days=1), close=Decimal(37)),)},
        **step("14:00"))),
    ("3.4", "other_row", lambda s: s.edit(
        ev.DecisionTaken, {"step": 7}, **step("14:00"))),
    ("3.5", "misjudged closed", lambda s: s.edit(ev.DayStarted, {"open": False})),
    ("3.5", "other_time", lambda s: s.edit(
        ev.DayStarted, {"trading_date": at("09:00").date() - timedelta(days=1)})),
    ("3.5", "row_missing 2026-03-04 run_strategy",
     lambda s: s.edit(ev.ScheduleBuilt, {"tasks": ROWS[:10] + ROWS[11:]})),
    ("3.5", "row_too_many", lambda s: s.edit(
        ev.ScheduleBuilt, {"tasks": (*ROWS, row(POLL, "12:00"))})),
    ("3.5", "rows_twice", lambda s: s.edit(
        ev.ScheduleBuilt, {"tasks": (*ROWS, row(POLL, "14:00"))})),
    ("3.5", "numbers", lambda s: s.edit(
        ev.ScheduleBuilt, {"tasks": tuple(
            replace(r, step=9) if r.step == 2 else r for r in ROWS)})),
    ("3.5", "not_once pre_open 0", lambda s: s.edit(ev.ScheduleBuilt, {"tasks": ROWS[1:]})),
    ("3.5", "before_the_close post_close", lambda s: s.edit(
        ev.ScheduleBuilt, {"tasks": tuple(
            replace(r, due=at("14:50")) if r.task == "post_close" else r for r in ROWS)})),
    ("3.5", "after_the_open", lambda s: s.edit(
        ev.ScheduleBuilt, {"tasks": tuple(
            replace(r, due=at("09:31")) if r.task == "pre_open" else r for r in ROWS)})),
    ("3.5", "no_date", lambda s: s.edit(ev.DayStarted, {"trading_date": None})),
    ("3.5", "schedule_without_date", lambda s: s.edit(
        ev.ScheduleBuilt, {"trading_date": None})),
    ("3.5", "never_began 2026-03-05", lambda s: s.moments.append(
        (at("09:00") + timedelta(days=2),
         ev.DayStarted(trading_date=at("09:00").date() + timedelta(days=2), open=True)))),
    ("3.5", "out_of_order 2026-03-04", lambda s: s.insert(9, ev.DayStarted(open=True))),
    ("3.5", "row_missing open_market", lambda s: s.edit(ev.ScheduleBuilt, {"tasks": ()})),
]  # fmt: skip

PHASE_35: list[tuple[str, str, Plant]] = [
    ("3.5.1", "cash 33.76", lambda s: closing(s, cash=Decimal(CASH_AT_NIGHT) + Decimal("33.76"))),
    ("3.5.1", "cash -0.01", lambda s: closing(s, cash=Decimal(CASH_AT_NIGHT) - Decimal("0.01"))),
    ("3.5.1", "cash -33.76", lambda s: s.edit(
        ev.OrderFilled, {"commission": Decimal(0)}, order_id="q1")),
    ("3.5.1", "no_closing_book", lambda s: setattr(s, "moments", [
        (w, e) for w, e in s.moments
        if not isinstance(e, ev.SessionEnded | ev.DayClosed | ev.AccountReconciled)])),
    ("3.5.2", "position 000651.SZ 5900 5800",
     lambda s: closing(s, positions=book("0", 5900, 5000).positions)),
    ("3.5.2", "position 600036.SH 0 5000", lambda s: closing(
        s, positions=book("0", 5800, 0).positions)),
    ("3.5.3", "overfilled 5800 5300", lambda s: s.insert(
        s.find(ev.StrategySaved), fill("q1", 9, A, 2800, "37.50", "9", "10:31"))),
    ("3.5.3", "not_listed q3 accepted", lambda s: s.drop(ev.OrderFilled, order_id="q3")),
    ("3.5.3", "never_requested", lambda s: s.drop(ev.OrderRequested, order_id="q3")),
    ("3.5.3", "id_again", lambda s: s.edit(
        ev.OrderRequested, {"order_id": "q1"}, order_id="q3")),
    ("3.5.3", "other_symbol", lambda s: s.edit(ev.OrderFilled, {"symbol": B}, order_id="q3")),
    ("3.5.3", "other_side", lambda s: s.edit(
        ev.OrderFilled, {"quantity": Decimal(-500)}, order_id="q3")),
    ("3.5.3", "filled_rejected", lambda s: s.insert(
        s.find(ev.OrderAccepted, order_id="q3") + 1,
        ev.OrderRejected(order_id="q3", reason_code="x", reason="no"))),
    ("3.5.3", "silent_race", lambda s: s.insert(
        s.find(ev.OrderAccepted, order_id="q3") + 1,
        ev.OrderCancelled(order_id="q3", quantity=Decimal(500), reason="cancelled"))),
    ("3.5.3", "cancelled_other 400 500", lambda s: s.moments.__setitem__(
        s.find(ev.OrderFilled, order_id="q3"), (at("13:01"), dated(
            ev.OrderCancelled(order_id="q3", quantity=Decimal(400), reason="expired"))))),
    ("3.5.3", "impossible accept", lambda s: (
        s.moments.__setitem__(s.find(ev.OrderFilled, order_id="q3"), (at("13:01"), dated(
            ev.OrderLost(order_id="q3", reason="?")))) ,
        s.insert(s.find(ev.StopRequested), accepted("q3")))),
    ("3.5.3", "impossible cancel", lambda s: s.insert(s.find(ev.StopRequested),
        ev.OrderCancelled(order_id="q3", quantity=Decimal(500), reason="expired"))),
    ("3.5.3", "listed_ended", lambda s: closing(
        s, open_orders=(open_order("q3", A, 500, "0"),))),
    ("3.5.3", "listed_shares", lambda s: (
        s.drop(ev.OrderFilled, fill_id="f-q1-2"),
        closing(s, open_orders=(open_order("q1", A, 5300, "0", filled=2000),)))),
    ("3.5.3", "listed_status part_filled", lambda s: (
        s.drop(ev.OrderFilled, fill_id="f-q1-2"),
        closing(s, open_orders=(replace(open_order("q1", A, 5300, "0", filled=3000),
                                        status=OrderStatus.ACCEPTED),)))),
    ("3.5.4", "twice", lambda s: s.edit(
        ev.OrderFilled, {"fill_id": "f-q1-1"}, fill_id="f-q1-2")),
    ("3.5.4", "twice", lambda s: s.edit(
        ev.SessionStarted, {"known_fills": ("f-q1-1",)})),
    ("3.5.4", "no_repeat", lambda s: s.insert(
        s.find(ev.StrategySaved), ev.FillRepeated(order_id="q1", fill_id="f-q1-7"))),
    ("3.5.4", "no_repeat f-q1-7", lambda s: s.insert(
        s.find(ev.StrategySaved),
        ev.FillRepeated(order_id="q1", fill_id="f-q1-1", count=2, last_fill_id="f-q1-7"))),
    ("3.5.5", "half cash",
     lambda s: closing(s, cash=Decimal(CASH_AT_NIGHT) + 1)),
    ("3.5.5", "price 0", lambda s: s.edit(
        ev.OrderFilled, {"price": Decimal(0)}, order_id="q3")),
    ("3.5.5", "costs", lambda s: s.edit(
        ev.OrderFilled, {"commission": Decimal(-1)}, order_id="q3")),
    ("3.5.5", "no_shares", lambda s: s.edit(
        ev.OrderFilled, {"quantity": Decimal(0)}, order_id="q3")),
    ("3.5.5", "no_ids", lambda s: s.edit(ev.OrderFilled, {"fill_id": ""}, order_id="q3")),
    ("3.5.6", "reserves_less 200000.00 199999", lambda s: s.edit(
        ev.OrderRequested, {"reserved_cash": Decimal(199999)}, order_id="q2")),
    ("3.5.6", "more_than_free", lambda s: s.edit(
        ev.OrderRequested, {"reserved_cash": Decimal(900000)}, order_id="q2")),
    ("3.5.6", "sells_more 9000 000651.SZ 5300", lambda s: s.edit(
        ev.OrderRequested, {"quantity": Decimal(-9000)}, order_id="q3")),
    ("3.5.6", "listed_ended", lambda s: closing(s, open_orders=(open_order("q3", A, 500, "9"),))),
    ("3.5.6", "reserves_other 9", lambda s: (
        s.drop(ev.OrderFilled, order_id="q3"),
        closing(s, open_orders=(open_order("q3", A, 500, "9"),)))),
    ("3.5.6", "reserves_negative -1", lambda s: (
        s.drop(ev.OrderFilled, order_id="q3"),
        closing(s, open_orders=(open_order("q3", A, 500, "-1"),)))),
    ("3.5.6", "below_zero -500", lambda s: s.edit(
        ev.OrderFilled, {"quantity": Decimal(-5800)}, order_id="q3")),
    ("3.5.7", "cash 582403.00", lambda s: s.edit(
        ev.AccountReconciled, {"broker_cash": Decimal("582403.00")})),
    ("3.5.7", "position 600036.SH 5000 0", lambda s: s.edit(
        ev.AccountReconciled, {"broker_positions": {A: Decimal(5800)}})),
    ("3.5.7", "orders", lambda s: s.edit(
        ev.AccountReconciled, {"broker_open_orders": ("q3",)})),
    ("3.5.7", "verdict reconcile.fills", lambda s: s.edit(
        ev.AccountReconciled, {"verdicts": (
            fail("one is unmatched", fix="look").named("reconcile.fills"),)})),
    ("3.5.7", "never", lambda s: s.drop(ev.AccountReconciled)),
    ("3.5.8", "settles 2026-03-06 1 2026-03-05", lambda s: s.edit(
        ev.OrderFilled, {"settles": at("09:00").date() + timedelta(days=2)}, order_id="q3")),
    ("3.5.8", "early", lambda s: s.edit(
        ev.OrderFilled, {"executed_at": at("13:02")}, order_id="q3")),
    ("3.5.8", "unsettled 500 000651.SZ 0", lambda s: s.edit(
        ev.OrderRequested, {"quantity": Decimal(-500)}, order_id="q3")),
    ("3.5.8", "lots none", lambda s: closing(s, positions=tuple(
        replace(p, unsettled=()) for p in NIGHT.positions))),
    ("3.5.8", "no_date", lambda s: s.moments.__setitem__(
        s.find(ev.OrderFilled, order_id="q3"), (at("13:01"), fill(
            "q3", 1, A, 500, "37.19", "5.58", "13:01")))),
    ("3.5.8", "no_rules f-q3-1", lambda s: s.edit(ev.OrderFilled, {"symbol": "??"}, order_id="q3")),
]  # fmt: skip

PHASE_4: list[tuple[str, str, Plant]] = [
    ("4-A.1", "channel callback", lambda s: s.edit(
        ev.OrderFilled, {"channel": "callback"}, order_id="q3")),
    ("4-A.1", "no_ids", lambda s: s.edit(
        ev.OrderFilled, {"broker_order_id": ""}, order_id="q3")),
    ("4-A.1", "other_order b-q3", lambda s: s.edit(
        ev.OrderFilled, {"broker_order_id": "b-q1"}, order_id="q3")),
    ("4-A.2", "no_outcome q3 accepted", lambda s: s.drop(ev.OrderFilled, order_id="q3")),
    ("4-A.2", "no_outcome q3 doubtful", lambda s: (
        s.drop(ev.OrderFilled, order_id="q3"),
        s.moments.__setitem__(s.find(ev.OrderAccepted, order_id="q3"), (at("11:30"), dated(
            ev.OrderDoubted(order_id="q3", reason="no answer")))))),
    ("4-A.3", "unmatched nobody's", lambda s: s.insert(
        s.find(ev.StrategySaved), ev.FillUnmatched(
            order_id="x", broker_order_id="b", fill_id="f-x", symbol=A, quantity=Decimal(100),
            price=Decimal(37), reason="nobody's"))),
    ("4-A.3", "never_requested", lambda s: s.drop(ev.OrderRequested, order_id="q3")),
    ("4-A.3", "race_told_wrongly", lambda s: s.insert(
        s.find(ev.OrderAccepted, order_id="q3") + 1,
        ev.OrderCancelled(order_id="q3", quantity=Decimal(500), reason="cancelled"))),
    ("4-A.3", "race_told_wrongly", lambda s: s.edit(
        ev.OrderFilled, {"late": "cancelled"}, order_id="q3")),
    ("4-A.4", "internal_error loop", lambda s: s.insert(
        s.find(ev.StopRequested), ev.InternalErrorRaised(where="loop", error="it broke"))),
    ("4-A.4", "task_failed", lambda s: s.insert(
        s.find(ev.StopRequested), failed(BY_ID[task_id("refill", "15:30")], 1, dead=False))),
    ("4-A.5", "slow 2.5", lambda s: s.edit(
        ev.OrderFilled, {"executed_at": at("13:01") - timedelta(seconds=2.5)}, order_id="q3")),
    ("4-A.5", "early", lambda s: s.edit(
        ev.OrderFilled, {"executed_at": at("13:02")}, order_id="q3")),
    ("4-B.1", "empty detail", lambda s: skip_step(s, "14:00", "paused", "")),
    ("4-B.1", "empty step", lambda s: (skip_step(s, "14:00", "paused"),
                                       s.edit(ev.TaskSkipped, {"step": None}))),
    ("4-B.1", "twice", lambda s: (skip_step(s, "14:00", "paused"), s.insert(
        s.find(ev.StopRequested), skipped(BY_ID[task_id(STEP, "14:00")], "paused")))),
    ("4-B.1", "no_column", lambda s: s.drop(ev.TaskFinished, task="refill")),
    ("4-B.1", "empty trading_date", lambda s: (skip_step(s, "14:00", "paused"),
        s.edit(ev.TaskSkipped, {"trading_date": None}))),
    ("4-B.2", "unknown bad_luck", lambda s: skip_step(s, "14:00", "bad_luck")),
    ("4-B.5", "above 1 4",
     lambda s: skip_step(s, "14:00", "paused")),
]  # fmt: skip

GRID: list[tuple[str, str, Plant]] = [
    ("G.1", "other_base 37.60 37.51", lambda s: [
        s.edit(ev.StrategySaved, {"state": {A: {"base": "37.60"}, B: {"base": None}}})]),
    ("G.1", "no_base", lambda s: [
        s.edit(ev.StrategySaved, {"state": {A: {"base": None}, B: {"base": "40.01"}}}, n)
        for n in range(4)]),
    ("G.1", "spacing", lambda s: s.edit(ev.SessionStarted, {"settings": {
        "strategy_parameters": {A: {"grid": "0.005", "batch": 500, "base": None}}}})),
    ("G.1", "batch", lambda s: s.edit(ev.SessionStarted, {"settings": {
        "strategy_parameters": {A: {"grid": "0.30", "batch": 550, "base": None}}}})),
    ("G.2", "other_first 5400 5300", lambda s: s.edit(
        ev.OrderRequested, {"quantity": Decimal(5400)}, order_id="q1")),
    ("G.2", "crowded 2 600036.SH 0", lambda s: s.edit(
        ev.OrderRequested, {"symbol": B}, order_id="q1")),
    ("G.2", "while_open", lambda s: s.drop(ev.OrderFilled, fill_id="f-q1-2")),
    ("G.2", "other_line 500 36.91 37.21", lambda s: s.edit(
        ev.OrderRequested, {"tag": "line 36.91"}, order_id="q3")),
    ("G.2", "crosses 37.21 37.40", lambda s: s.edit(
        ev.OrderRequested,
        {"quote": Quote(symbol=A, at=at("11:30"), last=Decimal("37.40"))}, order_id="q3")),
    ("G.2", "no_line whim", lambda s: s.edit(
        ev.OrderRequested, {"tag": "whim"}, order_id="q3")),
    ("G.2", "no_line", lambda s: s.edit(
        ev.OrderRequested, {"tag": "line ?"}, order_id="q3")),
    ("G.2", "first_again 37.51", lambda s: s.edit(
        ev.OrderRequested, {"tag": "initial", "quantity": Decimal(5300)}, order_id="q3")),
    ("G.2", "idle", lambda s: s.drop(ev.OrderRequested, order_id="q2")),
    ("G.2", "unknown", lambda s: s.edit(
        ev.OrderRequested, {"quote": None}, order_id="q3")),
    ("G.3", "unsound 000651.SZ 0", lambda s: s.edit(
        ev.DecisionTaken, {"prices": (price(A, "0", "14:00"), price(B, "40", "14:00"))},
        **step("14:00"))),
    ("G.3", "unsound 000651.SZ NaN", lambda s: s.edit(
        ev.DecisionTaken, {"prices": (price(A, "NaN", "14:00"), price(B, "40", "14:00"))},
        **step("14:00"))),
    ("G.3", "other_symbols none", lambda s: s.edit(
        ev.DecisionTaken, {"prices": (price(A, "37", "14:00"),)}, **step("14:00"))),
    ("G.3", "from_aside", lambda s: s.edit(
        ev.DecisionTaken, {"prices": (price(B, "40.1", "11:30"),), "aside": (A,)},
        **step("11:30"))),
    ("G.4", "foreign us_1min", lambda s: s.edit(
        ev.TablesRefilled, {"tables": ("stock_1min", "us_1min")})),
    ("G.4", "untold 1 0", lambda s: s.drop(ev.TablesRefilled)),
]  # fmt: skip

PLANTED = [*PHASE_0, *PHASE_1, *PHASE_2, *PHASE_3, *PHASE_35, *PHASE_4, *GRID]


@pytest.mark.parametrize(("check_id", "expected", "plant"), PLANTED)
def test_one_mistake_is_found(check_id: str, expected: str, plant: Plant) -> None:
    story = healthy_day()
    plant(story)

    verdict = CHECKS[check_id](story.evidence())

    assert verdict.status is Status.FAIL, verdict
    assert is_found(verdict, expected)
    assert verdict.fix
    assert all(0 < line <= len(story.moments) for line in verdict.lines)
