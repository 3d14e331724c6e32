"""Phase 4-A: the way fills come back."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from qtkit.core.facts import Finding, budget, count, counts, finding, money, seconds, table, text
from qtkit.core.verdict import Status, pending
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.model import events as ev
from qtkit.stages.check import Outcome, check, judged, runs_judged
from qtkit.stages.phrases import compare_command, not_yet, story_command
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


@check(
    "4-A.1", "Fills come through poll_fills", needs={Capability.FILLS, Capability.TOLD_FILLS},
    facts=(count("fills"), text("brokers")),
    holds="all {fills:fill} came through poll_fills{so_far} with the ids of {brokers}",
    fails="{found:fault} in {fills:fill}: {findings}",
    finds={
        "channel": "{fill} came through {channel!r}",
        "no_ids": "{fill} lacks the broker's order id, its own id or the venue",
        "other_order": "{fill} is of broker order {broker_order}, accepted was {accepted}",
        "never_told": "{fill} was never told by the broker",
        "told_other": "{fill} was told as {told} and booked as {booked}",
    },
    fix="look at the broker's adapter: ids come from the broker, news through the poll",
)  # fmt: skip
def fills_come_through_the_poll(evidence: Evidence) -> Outcome:
    """Every booked fill came through `poll_fills` and carries the broker's own ids."""
    fills = evidence.of(ev.OrderFilled)
    if not fills:
        return not_yet(evidence, "there is no booked fill", fix=_TRADE)
    brokers = {a.event.broker_name for a in evidence.of(ev.OrderAccepted)} or "the broker"
    wrong = (fault for fill in fills for fault in _wrong_origin(evidence, fill))
    return judged(wrong, proof=fills, fills=fills, brokers=brokers)


def _wrong_origin(evidence: Evidence, booked: Recorded[ev.OrderFilled]) -> Iterator[Finding]:
    fill, line = booked.event, booked.seq
    name = fill.fill_id or "a fill without id"
    if fill.channel not in evidence.engine.fill_channels:
        yield finding("channel", line, fill=name, channel=fill.channel)
    if not fill.fill_id or not fill.broker_order_id or not fill.venue:
        yield finding("no_ids", line, fill=name)
    account = evidence.tally.orders.get(fill.order_id)
    known, theirs = account.broker_order_id if account else "", fill.broker_order_id
    if known and theirs and known != theirs:
        yield finding("other_order", line, fill=name, broker_order=theirs, accepted=known)
    delivered, report = evidence.facts.delivered_fills, evidence.told.get(fill.fill_id)
    if report is None or (delivered is not None and fill.fill_id not in delivered):
        yield finding("never_told", line, fill=name)
    elif (report.symbol, report.quantity, report.price) != (fill.symbol, fill.quantity, fill.price):
        report_text = f"{report.quantity} {report.symbol} at {report.price}"
        booked_text = f"{fill.quantity} {fill.symbol} at {fill.price}"
        yield finding("told_other", line, fill=name, told=report_text, booked=booked_text)


@check(
    "4-A.2", "Each order has an outcome", needs={Capability.ORDERS},
    facts=(*counts("orders left kept"), budget("max_wait_seconds"), budget("doubt_grace_seconds")),
    holds="all {orders:order} have an outcome{so_far}{kept:?, # kept open as the policy says}",
    waits="{left} of {orders:order} are still open",
    fails="{found} of {orders:order} have no outcome: {findings}",
    finds={"no_outcome": "{order} ({status})"},
)  # fmt: skip
def every_order_has_an_outcome(evidence: Evidence) -> Outcome:
    """Each requested order has an outcome: none is in doubt."""
    requested = evidence.orders.requested
    if not requested:
        return not_yet(evidence, "there is no order", fix="wait for the first order")
    now = evidence.session.orders  # an order may end on a later day than it was requested on
    left = sorted(requested.keys() & now.open.keys() - now.kept - now.working)
    doubtful = [o for o in sorted(requested.keys() & now.doubtful.keys()) if _too_long(evidence, o)]
    named = doubtful or ([] if evidence.session.running else left)
    ask = f"ask the broker for each: {story_command(evidence, named[0])}, then " if named else ""
    fix = f"{ask}runbooks/order-in-doubt.md" if named else "wait for them, or cancel them"
    return judged(
        [finding("no_outcome", requested[o], order=o, status=now.open[o].status) for o in named],
        status=Status.PENDING if left else Status.PASS, fix=fix if left or named else "",
        proof=list(requested.values()), orders=requested, left=left,
        kept=requested.keys() & now.kept,
    )  # fmt: skip


def _too_long(evidence: Evidence, order_id: str) -> bool:
    """Whether an order has been in doubt for longer than it may be."""
    until = evidence.session.until
    if not evidence.session.running or until is None:
        return True
    asked = evidence.orders.requested[order_id]
    since = next(r.at for r in evidence.of(ev.OrderRequested) if r.seq == asked)
    waited = (until - since).total_seconds()
    return waited > evidence.number("max_wait_seconds") + evidence.number("doubt_grace_seconds")


@check(
    "4-A.3", "No fill without an order", needs={Capability.FILLS}, facts=counts("fills races"),
    holds="each of {fills:fill} has its order{so_far}, none raced",
    warns="{races} of {fills:fill} raced the end of their order and were booked",
    finds={
        "unmatched": "{fill} is unmatched: {reason}",
        "never_requested": "{fill} fills {order}, never requested",
        "race_told_wrongly": "{fill} of {order} is booked {how}",
    },
    fix="find out whose order it was, then runbooks/reconcile-break.md",
)  # fmt: skip
def no_fill_without_an_order(evidence: Evidence) -> Outcome:
    """No fill without an order; a fill after a cancel is booked and reported as a race."""
    fills, unmatched = evidence.of(ev.OrderFilled), evidence.of(ev.FillUnmatched)
    wrong = [
        finding("unmatched", u.seq, fill=u.event.fill_id, reason=u.event.reason) for u in unmatched
    ]
    wrong += _without_order(evidence)
    if not wrong and not fills:
        return not_yet(evidence, "there is no fill", fix=_TRADE)
    races = [f for f in fills if f.event.late]
    wanted = "check that the position is wanted; "
    return judged(
        wrong, status=Status.WARN if races else Status.PASS,
        fix=wanted + story_command(evidence, races[0].event.order_id)
        if races and not wrong
        else "",
        proof=races or fills, fills=fills, races=races,
    )  # fmt: skip


def _without_order(evidence: Evidence) -> Iterator[Finding]:
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
            names = {"fill": event.fill_id, "order": event.order_id}
            if event.order_id not in known:
                yield finding("never_requested", entry.seq, **names)
            elif (event.order_id in ended) is not bool(event.late):
                how = f"as late={event.late!r}" if event.late else "as if it had been open"
                yield finding("race_told_wrongly", entry.seq, **names, how=how)
        if isinstance(event, ev.OrderFilled) and event.late == "lost":
            ended.discard(event.order_id)


@check(
    "4-A.4", "The day is clean", needs={Capability.SCHEDULE, Capability.ERRORS},
    applies_to=(REFERENCE.name, EARLY_FILLS.name, EARLY_FILLS_REPEATED.name),
    facts=counts("finished log_lines"),
    holds="{finished:task} finished, no error, none failed; {log_lines:line} of sys.log looked at",
    finds={
        "internal_error": "{where}: {error}",
        "task_failed": "{task} failed: {error}",
        "trouble": "sys.log line {number}: {text}",
    },
    fix="read the traceback in sys.log",
)  # fmt: skip
def the_day_is_clean(evidence: Evidence) -> Outcome:
    """The day is clean: no internal error, no failed task, no traceback in the log."""
    log, finished = evidence.log, evidence.of(ev.TaskFinished)
    wrong = list(_troubles(evidence))
    if not wrong and (evidence.running or not finished):
        return not_yet(evidence, "there is no whole day", fix="judge again after the close")
    return judged(wrong, proof=finished, finished=finished, log_lines=log.lines if log else 0)


def _troubles(evidence: Evidence) -> Iterator[Finding]:
    for e in evidence.of(ev.InternalErrorRaised):
        yield finding("internal_error", e.seq, where=e.event.where, error=e.event.error)
    for f in evidence.of(ev.TaskFailed):
        yield finding("task_failed", f.seq, task=f.event.task_id, error=f.event.error)
    for number, line in evidence.log.troubles if evidence.log else ():
        yield finding("trouble", number=number, text=line)


@check(
    "4-A.5", "Booking is prompt", needs={Capability.FILLS, Capability.BOOKING_TIMES},
    applies_to=(REFERENCE.name, EARLY_FILLS.name),
    facts=(
        count("fills"),
        seconds("p99", digits=3, tolerance=1.0),
        seconds("slowest", digits=3, tolerance=1.0),
        budget("booking_budget_seconds"),
        budget("percentile", "", default=_P99),
    ),
    holds="p99 of {fills:fill} is {p99} from execution to booking (allowed "
    "{booking_budget_seconds}), the slowest {slowest}{so_far}",
    fails="p99 of {fills:fill} is {p99} from execution to booking, allowed are "
    "{booking_budget_seconds}; {findings}",
    finds={
        "early": "{fill} was booked before being executed",
        "slow": "{fill} took {took:.1f} s",
    },
    fix="look at the loop's pulse, at how often the broker is polled, and at both clocks",
)  # fmt: skip
def booking_is_prompt(evidence: Evidence) -> Outcome:
    """From execution to booking takes at most the budget at p99, on the session's clock."""
    fills = evidence.of(ev.OrderFilled)
    if not fills:
        return not_yet(evidence, "there is no booked fill", fix=_TRADE)
    allowed = evidence.number("booking_budget_seconds")
    rows = sorted((_delay(evidence, f.at, f.event), f.seq, f.event.fill_id) for f in fills)
    p99 = rows[math.ceil(_P99 * len(rows)) - 1][0]
    wrong = [finding("early", line, fill=name) for delay, line, name in rows if delay < 0]
    if not wrong and p99 > allowed:
        wrong = [
            finding("slow", line, fill=name, took=delay)
            for delay, line, name in reversed(rows)
            if delay > allowed
        ]
    return judged(wrong, proof=fills, fills=fills, p99=p99, slowest=rows[-1][0])


def _delay(evidence: Evidence, booked: datetime, fill: ev.OrderFilled) -> float:
    """Return seconds from execution to booking; a downtime in between does not count."""
    since = fill.executed_at
    for down in evidence.downtimes:
        if down.holds(since) and down.until <= booked:
            since = down.until
    return (booked - since).total_seconds()


@check(
    "4-A.6", "Repeats change nothing", needs={Capability.FILLS}, scenarios=True,
    facts=(table("repeats"), money("cash")),
    holds="the same book as without repeats, cash {cash}; repeats: {repeats}",
    fails="{findings}",
    finds={
        "other_book": "{run} ends with {cash:.2f} and {held}, {base} with {expected:.2f} and "
        "{expected_held}"
    },
)  # fmt: skip
def repeats_and_order_change_nothing(evidence: Evidence) -> Outcome:
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
    for name, run in others.items():
        if (book := _book(run)) != expected:
            return judged(
                [finding(
                    "other_book", run=name, cash=book[0], held=book[1], base=EARLY_FILLS.name,
                    expected=expected[0], expected_held=expected[1]
                )],
                fix=f"read {compare_command(base, run)}",
                lines=[f.seq for f in run.of(ev.OrderFilled)], run=name
            )  # fmt: skip
    if EARLY_FILLS_REPEATED.name in others and not others[EARLY_FILLS_REPEATED.name].tally.repeated:
        return pending("fills were to be repeated, and none was", fix="look at the fault script")
    if EARLY_FILLS_REORDERED.name in others and _sequence(base) == _sequence(
        others[EARLY_FILLS_REORDERED.name]
    ):
        return pending("fills were to be reordered, and none was", fix="look at the fault script")
    repeats = {name: run.tally.repeated for name, run in others.items()}
    return judged(proof=runs_judged(evidence), repeats=repeats, cash=expected[0])


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
