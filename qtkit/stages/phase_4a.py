"""Phase 4-A: the way fills come back."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from qtkit.core.verdict import Verdict, fail, ok, pending, warn
from qtkit.evidence import Capability, Evidence
from qtkit.model import events as ev
from qtkit.stages.check import check
from qtkit.stages.phrases import compare_command, counted, not_yet, shown, so_far, story_command
from qtkit.stages.scenarios import (
    CANCEL_RACE,
    EARLY_FILLS,
    EARLY_FILLS_REORDERED,
    EARLY_FILLS_REPEATED,
    REFERENCE,
    TIMEOUTS,
)
from qtkit.stages.stage import Stage

__all__ = ["phase_4a"]


_TRADE = "wait for the first fill"
_P99 = 0.99


@check("4-A.1", "Fills come through poll_fills", needs={Capability.FILLS, Capability.TOLD_FILLS})
def fills_come_through_the_poll(evidence: Evidence) -> Verdict:
    """Every booked fill came through `poll_fills` and carries the broker's own ids."""
    fills = evidence.of(ev.OrderFilled)
    if not fills:
        return not_yet(evidence, "there is no booked fill", fix=_TRADE)
    wrong = [(f.seq, s) for f in fills for s in _wrong_origin(evidence, f.event)]
    if wrong:
        return fail(
            f"{len(wrong)} faults in {counted(len(fills), 'fill')}: {shown(s for _, s in wrong)}",
            fix="look at the broker's adapter: ids come from the broker, news through the poll",
            lines=sorted({line for line, _ in wrong}),
        )
    brokers = {a.event.broker_name for a in evidence.of(ev.OrderAccepted)}
    return ok(
        f"all {counted(len(fills), 'fill')} came through poll_fills{so_far(evidence)} with the ids "
        f"of {', '.join(sorted(brokers)) or 'the broker'}"
    )


def _wrong_origin(evidence: Evidence, fill: ev.OrderFilled) -> Iterator[str]:
    name = fill.fill_id or "a fill without id"
    if fill.channel not in evidence.engine.fill_channels:
        yield f"{name} came through {fill.channel!r}"
    if not fill.fill_id or not fill.broker_order_id or not fill.venue:
        yield f"{name} lacks the broker's order id, its own id or the venue"
    account = evidence.tally.orders.get(fill.order_id)
    known = account.broker_order_id if account else ""
    if known and fill.broker_order_id and known != fill.broker_order_id:
        yield f"{name} is of broker order {fill.broker_order_id}, accepted was {known}"
    delivered, report = evidence.facts.delivered_fills, evidence.told.get(fill.fill_id)
    if report is None or (delivered is not None and fill.fill_id not in delivered):
        yield f"{name} was never told by the broker"
    elif (report.symbol, report.quantity, report.price) != (fill.symbol, fill.quantity, fill.price):
        yield (
            f"{name} was told as {report.quantity} {report.symbol} at {report.price} and booked as "
            f"{fill.quantity} {fill.symbol} at {fill.price}"
        )


@check("4-A.2", "Each order has an outcome", needs={Capability.ORDERS})
def every_order_has_an_outcome(evidence: Evidence) -> Verdict:
    """Each requested order has an outcome: none is in doubt."""
    asked = evidence.orders.requested
    if not asked:
        return not_yet(evidence, "there is no order", fix="wait for the first order")
    now = evidence.session.orders  # an order may end on a later day than it was requested on
    left = sorted(asked.keys() & now.open.keys() - now.kept - now.working)
    doubtful = [o for o in sorted(asked.keys() & now.doubtful.keys()) if _too_long(evidence, o)]
    if doubtful or (left and not evidence.session.running):
        named = doubtful or left
        told = [f"{o} ({now.open[o].status})" for o in named]
        return fail(
            f"{len(named)} of {counted(len(asked), 'order')} have no outcome: {shown(told)}",
            fix=f"ask the broker for each: {story_command(evidence, named[0])}, then "
            "runbooks/order-in-doubt.md",
            lines=[asked[o] for o in named],
        )
    if left:
        return pending(
            f"{len(left)} of {counted(len(asked), 'order')} are still open: {shown(left)}",
            fix="wait for them, or cancel them",
        )
    kept = len(asked.keys() & now.kept)
    also = f", {kept} kept open as the policy says" if kept else ""
    return ok(f"all {counted(len(asked), 'order')} have an outcome{so_far(evidence)}{also}")


def _too_long(evidence: Evidence, order_id: str) -> bool:
    """Whether an order has been in doubt for longer than it may be."""
    until = evidence.session.until
    if not evidence.session.running or until is None:
        return True
    asked = evidence.orders.requested[order_id]
    since = next(r.at for r in evidence.of(ev.OrderRequested) if r.seq == asked)
    waited = (until - since).total_seconds()
    return waited > evidence.number("max_wait_seconds") + evidence.number("doubt_grace_seconds")


@check("4-A.3", "No fill without an order", needs={Capability.FILLS})
def no_fill_without_an_order(evidence: Evidence) -> Verdict:
    """No fill without an order; a fill after a cancel is booked and reported as a race."""
    fills, unmatched = evidence.of(ev.OrderFilled), evidence.of(ev.FillUnmatched)
    wrong = [(u.seq, f"{u.event.fill_id} is unmatched: {u.event.reason}") for u in unmatched]
    wrong += list(_without_order(evidence))
    if wrong:
        return fail(
            f"{len(wrong)} found: {shown(s for _, s in wrong)}",
            fix="find out whose order it was, then runbooks/reconcile-break.md",
            lines=sorted({line for line, _ in wrong}),
        )
    if not fills:
        return not_yet(evidence, "there is no fill", fix=_TRADE)
    races = [f for f in fills if f.event.late]
    if races:
        named = [f"{f.event.fill_id} of {f.event.order_id} ({f.event.late})" for f in races]
        return warn(
            f"{len(races)} of {counted(len(fills), 'fill')} raced the end of their order and were "
            f"booked: {shown(named)}",
            fix="check that the position is wanted; "
            f"{story_command(evidence, races[0].event.order_id)}",
            lines=[f.seq for f in races],
        )
    return ok(f"each of {counted(len(fills), 'fill')} has its order{so_far(evidence)}, none raced")


def _without_order(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield fills whose order was not written down before, and races told wrongly."""
    opening = evidence.started.event.opening.open_orders if evidence.started else ()
    known = {order.order_id for order in opening}
    ended: set[str] = set()
    kinds = (ev.OrderRequested, ev.OrderFilled, ev.OrderCancelled, ev.OrderLost, ev.OrderRejected)
    for entry in evidence.session.merged(*kinds):
        event = entry.event
        if isinstance(event, ev.OrderRequested):
            known.add(event.order_id)
        elif not isinstance(event, ev.OrderFilled):
            ended.add(event.order_id)
        elif evidence.day in {None, event.trading_date}:
            if event.order_id not in known:
                yield entry.seq, f"{event.fill_id} fills {event.order_id}, never requested"
            elif (event.order_id in ended) is not bool(event.late):
                told = f"as late={event.late!r}" if event.late else "as if it had been open"
                yield entry.seq, f"{event.fill_id} of {event.order_id} is booked {told}"
        if isinstance(event, ev.OrderFilled) and event.late == "lost":
            ended.discard(event.order_id)


@check(
    "4-A.4",
    "The day is clean",
    needs={Capability.SCHEDULE, Capability.ERRORS},
    applies_to=(REFERENCE.name, EARLY_FILLS.name, EARLY_FILLS_REPEATED.name),
)
def the_day_is_clean(evidence: Evidence) -> Verdict:
    """The day is clean: no internal error, no failed task, no traceback in the log."""
    wrong = [
        (e.seq, f"{e.event.where}: {e.event.error}") for e in evidence.of(ev.InternalErrorRaised)
    ]
    wrong += [
        (e.seq, f"{e.event.task_id} failed: {e.event.error}") for e in evidence.of(ev.TaskFailed)
    ]
    log = evidence.log
    troubles = log.troubles if log is not None else []
    if wrong or troubles:
        told = [s for _, s in wrong] + [f"sys.log line {n}: {s}" for n, s in troubles]
        return fail(
            f"{len(told)} found: {shown(told)}",
            fix="read the traceback in sys.log",
            lines=[line for line, _ in wrong],
        )
    if evidence.running or not evidence.of(ev.TaskFinished):
        return not_yet(evidence, "there is no whole day", fix="judge again after the close")
    seen = f"{log.lines} lines of sys.log" if log is not None else "no sys.log to look at"
    done = counted(len(evidence.of(ev.TaskFinished)), "task")
    return ok(f"{done} finished, no error, none failed; {seen}")


@check(
    "4-A.5",
    "Booking is prompt",
    needs={Capability.FILLS, Capability.BOOKING_TIMES},
    applies_to=(REFERENCE.name, EARLY_FILLS.name),
)
def booking_is_prompt(evidence: Evidence) -> Verdict:
    """From execution to booking takes at most the budget at p99, on the session's clock."""
    fills = evidence.of(ev.OrderFilled)
    if not fills:
        return not_yet(evidence, "there is no booked fill", fix=_TRADE)
    budget = evidence.number("booking_budget_seconds")
    delays = sorted((_delay(evidence, f.at, f.event), f.seq) for f in fills)
    early = [line for delay, line in delays if delay < 0]
    if early:
        return fail(
            f"{counted(len(early), 'fill')} booked before being executed",
            fix="compare the engine's clock with the broker's",
            lines=early[:20],
        )
    p99 = delays[math.ceil(_P99 * len(delays)) - 1][0]
    if p99 > budget:
        slow = [line for delay, line in delays if delay > budget]
        return fail(
            f"p99 of {counted(len(fills), 'fill')} is {p99:.1f} s from execution to booking, "
            f"allowed are {budget:.0f} s; {len(slow)} took longer",
            fix="look at the loop's pulse, and at how often the broker is polled",
            lines=sorted(slow)[:50],
        )
    return ok(
        f"p99 of {counted(len(fills), 'fill')} is {p99:.3f} s from execution to booking (allowed "
        f"{budget:.0f} s), the slowest {delays[-1][0]:.3f} s{so_far(evidence)}"
    )


def _delay(evidence: Evidence, booked: datetime, fill: ev.OrderFilled) -> float:
    """Return seconds from execution to booking; a downtime in between does not count."""
    since = fill.executed_at
    for down in evidence.downtimes:
        if down.holds(since) and down.until <= booked:
            since = down.until
    return (booked - since).total_seconds()


@check("4-A.6", "Repeats change nothing", needs={Capability.FILLS}, scenarios=True)
def repeats_and_order_change_nothing(evidence: Evidence) -> Verdict:
    """Repeated and reordered polls lead to the same book."""
    base = evidence.runs.get(EARLY_FILLS.name)
    others = {
        name: evidence.runs[name]
        for name in (EARLY_FILLS_REPEATED.name, EARLY_FILLS_REORDERED.name)
        if name in evidence.runs
    }
    if base is None or not others or not base.tally.booked:
        return pending("the same fills were not told in several ways", fix="run the scenarios")
    expected = _book(base)
    told = []
    for name, run in others.items():
        found = _book(run)
        if found != expected:
            return fail(
                f"{name} ends with {found}, {EARLY_FILLS.name} with {expected}",
                fix=f"read {compare_command(base, run)}",
                lines=[f.seq for f in run.of(ev.OrderFilled)][:20],
            )
        told.append(f"{name} ({run.tally.repeated} repeats)")
    if EARLY_FILLS_REPEATED.name in others and not others[EARLY_FILLS_REPEATED.name].tally.repeated:
        return pending("fills were to be repeated, and none was", fix="look at the fault script")
    if EARLY_FILLS_REORDERED.name in others and _sequence(base) == _sequence(
        others[EARLY_FILLS_REORDERED.name]
    ):
        return pending("fills were to be reordered, and none was", fix="look at the fault script")
    return ok(f"the same book as {EARLY_FILLS.name}: {', '.join(told)}")


def _book(run: Evidence) -> tuple[Decimal, dict[str, Decimal]]:
    """Return cash and positions as the session wrote them down at its end."""
    end = run.ended
    if end is None:
        return run.tally.cash, {s: q for s, q in run.tally.positions.items() if q}
    book = end.event.closing
    return book.cash, {p.symbol: p.quantity for p in book.positions if p.quantity}


def _sequence(run: Evidence) -> list[str]:
    return [f.event.fill_id for f in run.of(ev.OrderFilled)]


phase_4a = Stage(
    id="4-A",
    title="the way fills come back",
    verifies="Fills are consumed through `poll_fills` and nothing else; a simulated day is stable.",
    operate="Let the session trade for a day; look at its fills.",
    headless=(
        "The reference day; the first orders' fills told once, repeated, and in another order; "
        "time-outs; a cancel that races a fill."
    ),
    scenarios=(
        REFERENCE,
        EARLY_FILLS,
        EARLY_FILLS_REPEATED,
        EARLY_FILLS_REORDERED,
        TIMEOUTS,
        CANCEL_RACE,
    ),
    checks=(
        fills_come_through_the_poll,
        every_order_has_an_outcome,
        no_fill_without_an_order,
        the_day_is_clean,
        booking_is_prompt,
        repeats_and_order_change_nothing,
    ),
)
