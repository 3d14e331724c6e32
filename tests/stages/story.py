"""A day's journal by hand, and the ways to plant one mistake in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from qtkit.core.paths import SessionFolder
from qtkit.model import events as ev
from qtkit.model.books import OpenOrder
from qtkit.model.events import Entry, Event, PlannedTask
from qtkit.testing import HandMadeJournal
from tests.stages.parts import (
    BY_ID,
    DAY,
    ROWS,
    SHANGHAI,
    A,
    B,
    accepted,
    at,
    begun,
    book,
    day_started,
    decision,
    diagnosed,
    fill,
    finished,
    price,
    reconciled,
    request,
    saved,
    schedule,
    session_started,
    status,
    task_id,
    told,
)


class Story(HandMadeJournal):
    """A day's journal by hand, with the files that a session writes beside it."""

    def task(self, planned: PlannedTask, *inside: Event, until: str | None = None) -> Story:
        """Append a task that runs well, with what happens in it."""
        end = at(until) if until else planned.due
        self.add(planned.due, *begun(planned)).add(end, *inside, finished(planned))
        return self

    def folder(self, path: Path) -> SessionFolder:
        """Write the story down as a finished session's folder."""
        folder = SessionFolder(path)
        self.write(folder.journal).close()
        folder.sys_log.write_text("".join(f"{line}\n" for line in self.log()))
        folder.status.write_text(json.dumps(STATUS_FILE))
        folder.break_point.write_text(json.dumps(self.break_point()))
        folder.trade_log.write_text("".join(f"{line}\n" for line in self.trades()))
        folder.risk_log.write_text("".join(f"{line}\n" for line in self.refusals()))
        folder.reconcile.mkdir()
        for entry in self.entries():
            if isinstance(entry.event, ev.AccountReconciled):
                text = json.dumps(reconciliation(entry))
                (folder.reconcile / f"{entry.seq}.json").write_text(text)
        return folder

    def trades(self) -> Iterator[str]:
        """Yield what trade.log says about the story."""
        yield "datetime,order_id,fill_id,symbol,quantity"
        for when, event in self.moments:
            if isinstance(event, ev.OrderFilled):
                what = (event.order_id, event.fill_id, event.symbol, str(event.quantity))
                yield ",".join((when.isoformat(), *what))

    def refusals(self) -> Iterator[str]:
        """Yield what risk.log says about the story."""
        for when, event in self.moments:
            if isinstance(event, ev.OrderRefused):
                side = "buy" if event.quantity > 0 else "sell"
                first = event.verdicts[0]
                yield (
                    f"{when.astimezone(SHANGHAI).isoformat(timespec='microseconds')} | s | "
                    f"<RISK REJECTED> rule_id={first.rule} reason={json.dumps(first.summary)} "
                    f"symbol={event.symbol} side={side} quantity={abs(event.quantity)} "
                    f"price={event.price or 'none'} source={event.by or event.origin}"
                )

    def log(self) -> Iterator[str]:
        """Yield what sys.log says about the story."""
        for when, event in self.moments:
            said = _SAID.get(type(event))
            if said is not None:
                local = when.astimezone(SHANGHAI).isoformat(timespec="microseconds")
                yield f"{local} | INFO | s | {said(event)}"

    def break_point(self) -> dict[str, Any]:
        """Return the break point that belongs to the end of the story."""
        end = self.moments[self.find(ev.SessionEnded)][1]
        saved = self.moments[self.find(ev.StrategySaved, -1)][1]
        assert isinstance(end, ev.SessionEnded)
        assert isinstance(saved, ev.StrategySaved)
        requested = sum(isinstance(e, ev.OrderRequested) for _, e in self.moments)
        return {
            "format": 1,
            "session": "s",
            "seq": len(self.moments) - 2,
            "strategy_state": saved.state,
            "book": msgspec.to_builtins(end.closing),
            "open_orders": [o.order_id for o in end.closing.open_orders],
            "killed": False,
            "next_order": 1 + requested,
        }


def reconciliation(entry: Entry) -> dict[str, Any]:
    """Return the file of a reconciliation, written apart from the engine."""
    event: ev.AccountReconciled = entry.event
    bad = [v for v in event.verdicts if v.status in {"fail", "error"}]
    ours = {line.symbol: line.quantity for line in event.ours.positions}
    theirs = event.broker_positions
    return {
        "format": 1,
        "seq": entry.seq,
        "at": entry.at.isoformat(),
        "is_ok": not bad,
        "failures": [v.rule for v in bad],
        "cash": {
            "ours": str(event.ours.cash),
            "broker": str(event.broker_cash),
            "difference": str(event.ours.cash - event.broker_cash),
        },
        "positions": {
            symbol: {"ours": str(ours.get(symbol, 0)), "broker": str(theirs.get(symbol, 0))}
            for symbol in {*ours, *theirs}
        },
        "open_orders": {
            "ours": [o.order_id for o in event.ours.open_orders],
            "broker": list(event.broker_open_orders),
        },
        "tolerance": "0.01",
    }


STATUS_FILE = {
    "session_id": "s",
    "mode": "paper",
    "status": "stopped",
    "terminal": True,
    "status_reason": "end_of_data",
    "started_at": "2026-03-04T01:00:00+00:00",
    "finished_at": "2026-03-04T07:31:00+00:00",
}

_SAID: dict[type[Event], Callable[[Any], str]] = {
    ev.ScheduleBuilt: lambda e: (
        f"schedule_built day={e.trading_date} tasks={len(e.tasks)} digest={e.digest}"
    ),
    ev.StatusChanged: lambda e: (
        f"status_changed before={e.before} after={e.after} because={e.because}"
    ),
    ev.TaskQueued: lambda e: f"task_queued task={e.task} task_id={e.task_id}",
    ev.TaskFinished: lambda e: f"task_finished task={e.task} task_id={e.task_id}",
    ev.TaskSkipped: lambda e: (
        f"task_skipped task={e.task} task_id={e.task_id} skip_reason={e.skip_reason} "
        f"detail={json.dumps(e.detail)}"
    ),
    ev.TaskFailed: lambda e: (
        f"task_failed task={e.task} task_id={e.task_id} dead_letter={e.dead_letter}"
    ),
    ev.TaskCancelled: lambda e: f"task_cancelled task={e.task} task_id={e.task_id} by={e.by}",
    ev.SessionResumed: lambda e: f"session_resumed entries={e.entries}",
    ev.SessionStarted: lambda _: "session_started account=demo",
}


CASH_AT_NIGHT = "582403.75"
"""1 000 000 - 3000*37.51 - 33.76 - 2300*37.52 - 25.89 - 5000*40.01 - 60.02 - 500*37.19 - 5.58."""


def startup(
    since: str = "09:00",
    *,
    settings: Mapping[str, Any] | None = None,
    rows: tuple[PlannedTask, ...] = ROWS,
) -> Story:
    """Return the story of a start."""
    return Story().add(
        since,
        session_started(settings),
        ev.BrokerConnected(broker_name="sim"),
        status("stopped", "sleeping", "start"),
        day_started(),
        schedule(rows, since),
    )


def healthy_day(settings: Mapping[str, Any] | None = None) -> Story:
    """Return a day on which everything goes well."""
    seen = {
        "10:30": (price(A, "37.50", "10:30"), price(B, "40.00", "10:30")),
        "11:30": (price(A, "37.20", "11:30"), price(B, "40.10", "11:30")),
        "14:00": (price(A, "37.25", "14:00"), price(B, "40.05", "14:00")),
        "15:00": (price(A, "37.30", "15:00"), price(B, "40.00", "15:00")),
    }
    first, second = seen["10:30"]
    story = startup(settings=settings)
    story.task(BY_ID[task_id("pre_open", "09:15")])
    story.task(BY_ID[task_id("open_market", "09:30")], status("sleeping", "running", "open_market"))
    story.task(
        BY_ID[task_id("acquire_live_price", "10:30")],
        ev.PricesSeen(poll=1, bars=2, last=seen["10:30"]),
    )
    story.task(
        BY_ID[task_id("run_strategy", "10:30")],
        decision("10:30", seen["10:30"]),
        request("q1", first, 5300, "218691.00", "initial", 0),
        request("q2", second, 5000, "220066.00", "initial", 0),
        accepted("q1"),
        accepted("q2"),
    )
    story.add(
        "10:31", *told(fill("q1", 1, A, 3000, "37.51", "33.76", "10:31")), saved("37.51", None)
    )
    story.add(
        "10:32",
        *told(
            fill("q1", 2, A, 2300, "37.52", "25.89", "10:32"),
            fill("q2", 1, B, 5000, "40.01", "60.02", "10:32"),
        ),
        saved("37.51", "40.01"),
    )
    story.task(
        BY_ID[task_id("acquire_live_price", "11:30")],
        ev.PricesSeen(poll=1, bars=2, last=seen["11:30"]),
    )
    story.task(
        BY_ID[task_id("run_strategy", "11:30")],
        decision("11:30", seen["11:30"]),
        request("q3", seen["11:30"][0], 500, "20631.19", "line 37.21", 1),
        accepted("q3"),
    )
    story.task(
        BY_ID[task_id("close_market", "11:30")], status("running", "sleeping", "close_market")
    )
    story.task(BY_ID[task_id("open_market", "13:00")], status("sleeping", "running", "open_market"))
    story.add(
        "13:01", *told(fill("q3", 1, A, 500, "37.19", "5.58", "13:01")), saved("37.21", "40.01")
    )
    story.task(
        BY_ID[task_id("acquire_live_price", "14:00")],
        ev.PricesSeen(poll=1, bars=2, last=seen["14:00"]),
    )
    story.task(BY_ID[task_id("run_strategy", "14:00")], decision("14:00", seen["14:00"]))
    story.task(BY_ID[task_id("run_strategy", "14:59")], decision("14:59", seen["14:00"]))
    story.task(
        BY_ID[task_id("acquire_live_price", "15:00")],
        ev.PricesSeen(poll=1, bars=2, last=seen["15:00"]),
    )
    story.task(
        BY_ID[task_id("close_market", "15:00")], status("running", "sleeping", "close_market")
    )
    night = book(CASH_AT_NIGHT, 5800, 5000)
    story.task(
        BY_ID[task_id("post_close", "15:15")],
        reconciled(night),
        diagnosed(),
        ev.DayClosed(early=False, book=night),
    )
    story.task(
        BY_ID[task_id("refill", "15:30")], ev.TablesRefilled(tables=("stock_1min",), bars=480)
    )
    story.add(
        "15:31",
        ev.StopRequested(by="qtkit", reason="end_of_data"),
        saved("37.21", "40.01"),
        status("sleeping", "stopped", "stop"),
        ev.SessionEnded(reason="end_of_data", closing=night),
    )
    return with_pulses(story)


def with_pulses(story: Story, since: str = "09:01", until: str = "15:30") -> Story:
    """Add the loop's pulse of every minute."""
    moment, end = at(since), at(until)
    while moment <= end:
        pulse = ev.LoopPulsed(trading_date=DAY, largest_gap_seconds=Decimal("0.004"))
        story.moments.append((moment, pulse))
        moment += timedelta(minutes=1)
    story.moments.sort(key=lambda one: one[0])
    return story


def stopped_at_lunch(
    *, settings: Mapping[str, Any] | None = None, keep: tuple[OpenOrder, ...] = ()
) -> Story:
    """Return the story of a stop at 12:00, with one order still open before it."""
    day = healthy_day(settings)
    day.cut(day.find(ev.TaskQueued, task="open_market", due=at("13:00")))
    day.moments = [(w, e) for w, e in day.moments if w < at("12:00")]
    closing = book("601004.33", 5300, 5000, *keep)
    day.add("12:00", ev.StopRequested(by="operator", reason="stop"))
    day.add(
        "12:00",
        *(ev.TaskCancelled(task_id=r.task_id, task=r.task, by="stop") for r in ROWS[7:]),
    )
    if not keep:
        day.add(
            "12:00",
            ev.CancelRequested(order_id="q3", by="stop"),
            ev.OrderCancelled(order_id="q3", quantity=Decimal(500), reason="cancelled"),
        )
    return day.add(
        "12:00",
        reconciled(closing),
        diagnosed(len(keep)),
        ev.DayClosed(early=True, book=closing),
        saved("37.51", "40.01"),
        status("sleeping", "stopped", "stop"),
        ev.SessionEnded(reason="stop", closing=closing),
    )
