"""Phase 1: standardised exit."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from qtkit.core.signals import STOP_REASONS
from qtkit.core.verdict import Verdict, fail, ok, pending, skip
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded, ends_on_a_line
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.stages.check import check
from qtkit.stages.phrases import (
    at_exchange,
    counted,
    not_on_this_day,
    show_command,
    shown,
    stop_command,
)
from qtkit.stages.scenarios import STOPS
from qtkit.stages.stage import Stage

__all__ = ["phase_1"]


_NOT_A_PERSON = {
    "signal": STOP_REASONS,
    "qtkit": STOP_REASONS | {"end_of_data", "stop"},  # a scenario's stop is told as what it plays
}
"""Who else than an operator asks for a stop, and the reasons that each has."""
_CRASHED = "start the session's account again: it resumes; then stop it in order"


def _unended(evidence: Evidence) -> Verdict | None:
    """Return the verdict on a session that has not come to its end, or not on the day judged."""
    elsewhere = not_on_this_day(evidence, ends=True)
    if elsewhere is not None:
        return elsewhere
    if evidence.ended is not None:
        return None
    if evidence.running or not evidence.whole.entries:
        fix = f"stop the session: {stop_command(evidence)}, or `stop` in the shell"
        return pending("the session has not been stopped yet", fix=fix)
    return fail(
        "the session neither runs nor ended: it crashed",
        fix=_CRASHED,
        lines=[evidence.whole.entries],
    )


@check("1.1", "Ended by a stop", needs={Capability.STATES})
def session_ended_by_a_stop(evidence: Evidence) -> Verdict:
    """The session ended by a stop and says so: terminal status, reason, finishing time."""
    open_end = _unended(evidence)
    end = evidence.ended
    if open_end or end is None:
        return open_end or pending("the session has not ended yet")
    wrong = [*_wrong_end(evidence, end), *_wrong_status_file(evidence)]
    if wrong:
        return fail(shown(wrong), fix="read the end of sys.log", lines=[end.seq])
    asked = evidence.of(ev.StopRequested)[0]
    return ok(
        f"stopped at {at_exchange(evidence, end.at)} by {asked.event.by}, reason "
        f"{end.event.reason}",
        lines=[asked.seq, end.seq],
    )


def _wrong_end(evidence: Evidence, end: Recorded[ev.SessionEnded]) -> Iterator[str]:
    reason, asked = end.event.reason, evidence.of(ev.StopRequested)
    if not asked:
        yield "the session ended and nobody had asked it to"
    elif asked[0].event.reason != reason:
        yield f"asked for was {asked[0].event.reason!r}, it ended with {reason!r}"
    elif not reason.strip():
        yield "it was asked to end without a reason"
    elif asked[0].event.by in _NOT_A_PERSON and not _ordered(evidence, asked[0]):
        known = _NOT_A_PERSON[asked[0].event.by]
        if reason not in known:
            yield f"the reason {reason!r} is none of {', '.join(sorted(known))}"
    scenario = evidence.scenario
    if scenario and scenario.stop_at and reason != scenario.stop_reason:
        yield f"it was ended by {scenario.stop_reason} and says {reason}"
    last = evidence.session.last(ev.StatusChanged)
    if last is None or (last.event.after, last.event.because) != ("stopped", "stop"):
        found = last.event.after if last else "never set"
        yield f"the last status is {found}, expected stopped"


def _ordered(evidence: Evidence, asked: Recorded[ev.StopRequested]) -> bool:
    """Whether an operator's command asked for the stop, who may have any name and any reason."""
    return any(
        c.event.command == "stop" and c.seq < asked.seq
        for c in evidence.session.of(ev.CommandReceived)
    )


def _wrong_status_file(evidence: Evidence) -> Iterator[str]:
    """Yield what session_status.json fails to say."""
    if evidence.folder is None:
        return
    status = evidence.json_file(evidence.folder.status)
    if status is None:
        yield "there is no session_status.json"
        return
    if status.get("terminal") is not True:
        yield f"session_status.json says terminal={status.get('terminal')}"
    if status.get("status") != "stopped":
        yield f"session_status.json says status={status.get('status')!r}, expected 'stopped'"
    if not status.get("status_reason"):
        yield "session_status.json gives no reason"
    began, finished = _time(status.get("started_at")), _time(status.get("finished_at"))
    if finished is None:
        yield "session_status.json has no finishing time"
    elif began is not None and finished < began:
        yield f"session_status.json finished {finished} before it started {began}"


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


@check("1.2", "Everything was let go", needs={Capability.STATES})
def everything_was_let_go(evidence: Evidence) -> Verdict:
    """No thread of the toolkit is alive within budget after the stop, and no file is left open."""
    open_end = _unended(evidence)
    end, asked = evidence.ended, evidence.of(ev.StopRequested)
    if open_end or end is None:
        return open_end or pending("the session has not ended yet")
    facts, budget = evidence.facts, evidence.number("stop_budget_seconds")
    took = facts.stop_seconds
    if took is None and asked:
        since = max([asked[0].at, *(down.until for down in evidence.downtimes)])
        took = (end.at - since).total_seconds()
    wrong = []
    if took is not None and took > budget:
        wrong.append(f"the stop took {took:.1f} s, allowed are {budget:.0f} s")
    if facts.threads_alive:
        wrong.append(f"threads still alive: {', '.join(facts.threads_alive)}")
    if facts.open_files:
        wrong.append(f"files still open: {', '.join(facts.open_files)}")
    if evidence.locked:
        wrong.append("the journal's lock is still held")
    if wrong:
        return fail(shown(wrong), fix="report it with the session folder", lines=[end.seq])
    if facts.threads_alive is None or facts.open_files is None:
        return skip(
            "a journal cannot show threads and open files: the process that stops has to count them"
        )
    return ok(
        f"no thread and no file is left open; the stop took less than the {budget:.0f} s allowed",
        lines=[end.seq],
    )


@check("1.3", "The last line", needs={Capability.JOURNAL})
def the_end_is_the_last_line(evidence: Evidence) -> Verdict:
    """The journal's last line is the end of the session; logs end on a complete line; lock free."""
    open_end = _unended(evidence)
    end, last = evidence.ended, evidence.whole.last
    if open_end or end is None or last is None:
        return open_end or pending("the session has not ended yet")
    wrong = []
    if end.seq != last.seq:
        wrong.append(f"{last.seq - end.seq} lines follow the end in line {end.seq}")
    if len(evidence.of(ev.SessionEnded)) > 1:
        wrong.append("the session ended more than once")
    if evidence.folder is not None:
        files = (evidence.folder.journal, *_logs(evidence.folder))
        torn = [f.name for f in files if f.exists() and not ends_on_a_line(f)]
        wrong += [f"{name} ends in half a line" for name in torn]
    if evidence.locked:
        wrong.append("the journal's lock is held although the session ended")
    if wrong:
        return fail(
            shown(wrong), fix="report it with the session folder", lines=[end.seq, last.seq]
        )
    return ok(f"line {end.seq}, the last, is the end; the lock is free", lines=[end.seq])


def _logs(folder: Any) -> tuple[Path, ...]:  # noqa: ANN401 - a SessionFolder
    return folder.sys_log, folder.trade_log, folder.risk_log


@check("1.4", "No order left unknown", needs={Capability.ORDERS})
def no_order_is_left_unknown(evidence: Evidence) -> Verdict:
    """At the end open orders were cancelled at the broker, or stand in the break point."""
    open_end = _unended(evidence)
    end = evidence.ended
    if open_end or end is None:
        return open_end or pending("the session has not ended yet")
    orders = evidence.orders
    policy = str(evidence.setting("on_stop"))
    left = set(orders.open) - (orders.kept if policy == "keep" else set())
    wrong = [f"{o} is {orders.open[o].status}" for o in sorted(left)]
    wrong += [f"{o} is in doubt" for o in sorted(orders.doubtful.keys() - left)]
    wrong += [f"the break point keeps {o}, which has ended" for o in sorted(_stale(evidence))]
    wrong += list(_only_at_the_broker(evidence))
    if wrong:
        lines = [line for o in left for line in orders.open[o].lines[-1:]]
        return fail(
            f"with the policy {policy!r}: {shown(wrong)}",
            fix="ask the broker for each, then runbooks/order-in-doubt.md",
            lines=sorted({*lines, end.seq}),
        )
    cancelled = len(evidence.of(ev.CancelRequested))
    return ok(
        f"none of {counted(len(orders.requested), 'order')} is left unknown: {cancelled} cancels "
        f"asked for, {len(orders.kept)} kept in the break point (policy {policy})",
        lines=[c.seq for c in evidence.of(ev.OrderCancelled)][-5:],
    )


def _stale(evidence: Evidence) -> set[str]:
    """Return the orders that the break point lists and that have ended."""
    point = _break_point(evidence) or {}
    return {str(o) for o in point.get("open_orders", ())} - evidence.orders.open.keys()


def _only_at_the_broker(evidence: Evidence) -> Iterator[str]:
    """Yield the orders that the broker still listed in the last reconciliation, and we do not."""
    last = evidence.session.last(ev.AccountReconciled)
    asked = evidence.first(ev.StopRequested)
    if last is None or asked is None or last.seq < asked.seq:
        return
    for order_id in last.event.broker_open_orders:
        if order_id not in evidence.orders.open:
            yield f"{order_id} is still open at the broker"


def _break_point(evidence: Evidence) -> dict[str, Any] | None:
    return evidence.json_file(evidence.folder.break_point) if evidence.folder else None


@check("1.5", "The break point restores", needs={Capability.FILES, Capability.BOOKS})
def the_break_point_restores(evidence: Evidence) -> Verdict:
    """Strategy state and book after a restart from the break point equal those before it."""
    open_end = _unended(evidence)
    end = evidence.ended
    if open_end or end is None:
        return open_end or pending("the session has not ended yet")
    point = _break_point(evidence)
    if point is None:
        return fail(
            "there is no break_point.json", fix="stop in order, do not kill", lines=[end.seq]
        )
    wrong = [*_wrong_point(evidence, point, end.event.closing), *_wrong_successor(evidence, point)]
    if wrong:
        return fail(
            shown(wrong),
            fix="hold break_point.json against the journal's last lines; the journal is right",
            lines=[end.seq],
        )
    successor = evidence.facts.successor
    told = "a restart began with the same" if successor else "no restart was tried"
    return ok(
        f"state, cash {end.event.closing.cash:.2f} and "
        f"{counted(len(end.event.closing.positions), 'position')} stand in the break point; {told}",
        lines=[end.seq],
    )


def _state(evidence: Evidence) -> dict[str, Any]:
    """Return the strategy's last recorded state."""
    saved = evidence.session.last(ev.StrategySaved)
    if saved is not None:
        return saved.event.state
    return evidence.started.event.strategy_state if evidence.started else {}


def _holdings(book: Book) -> dict[str, object]:
    """Return what two books have to agree in."""
    return {
        "cash": book.cash,
        "positions": {p.symbol: (p.quantity, p.unsettled) for p in book.positions},
        "open orders": {o.order_id: (o.quantity, o.filled) for o in book.open_orders},
    }


def _wrong_point(evidence: Evidence, point: dict[str, Any], closing: Book) -> Iterator[str]:
    if point.get("strategy_state") != _state(evidence):
        yield "the strategy state in the break point is not the last one recorded"
    book = msgspec.convert(point.get("book"), Book, strict=False)
    kept, ours = _holdings(book), _holdings(closing)
    for what in ours:
        if kept[what] != ours[what]:
            yield f"{what} in the break point: {kept[what]}, at the end: {ours[what]}"
    listed = sorted(str(o) for o in point.get("open_orders", ()))
    if listed != sorted(o.order_id for o in closing.open_orders):
        yield f"the break point lists the open orders {listed}"
    # switch and order numbers may have moved before the day began
    killed = evidence.session.last(ev.KillSwitchSet)
    started = evidence.started
    on = killed.event.on if killed else bool(started and started.event.killed)
    if point.get("killed") is not on:
        yield f"the break point says killed={point.get('killed')}, the journal {on}"
    least = (started.event.next_order if started else 1) + len(evidence.session.orders.requested)
    if int(point.get("next_order", 0)) < least:
        yield f"the next order would be number {point.get('next_order')}, {least} is the first free"


def _wrong_successor(evidence: Evidence, point: dict[str, Any]) -> Iterator[str]:
    """Yield what the next session on the account began with and should not have."""
    successor, end = evidence.facts.successor, evidence.ended
    if successor is None or end is None:
        if evidence.scenario and evidence.scenario.restart:
            yield "the restart left no session_started"
        return
    began, ours = _holdings(successor.opening), _holdings(end.event.closing)
    for what in ours:
        if began[what] != ours[what]:
            yield f"{what} after the restart: {began[what]}, before: {ours[what]}"
    if successor.strategy_state != _state(evidence):
        yield "the strategy's state after the restart differs"
    if successor.next_order < int(point.get("next_order", 0)):
        yield f"order numbers restart at {successor.next_order} and would repeat"
    if successor.killed is not point.get("killed"):
        yield f"after the restart killed={successor.killed}, before {point.get('killed')}"
    if not successor.predecessor:
        yield "the session after the restart names no predecessor"


@check("1.6", "The books are closed", needs={Capability.BOOKS, Capability.SCHEDULE})
def a_stop_closes_the_books(evidence: Evidence) -> Verdict:
    """A stop mid-session closes the books early, once; the day's own closing stays due."""
    open_end = _unended(evidence)
    end, asked = evidence.ended, evidence.of(ev.StopRequested)
    if open_end or end is None or not asked:
        return open_end or fail("the session ended without a request", fix="read sys.log's end")
    stop = asked[0]
    wrong = [*_second_stop(evidence), *_closing(evidence, stop)]
    if wrong:
        lines = [stop.seq, end.seq]
        return fail(shown(wrong), fix=f"read {show_command(evidence, lines=lines)}", lines=lines)
    early = _early(evidence, stop.seq)
    where = f"closed early in line {early[0].seq}" if early else "closed before, or not begun"
    return ok(
        f"stopped {at_exchange(evidence, stop.at)}: the day's books were {where}",
        lines=[stop.seq, *(e.seq for e in early), end.seq],
    )


def _early(evidence: Evidence, after: int) -> list[Recorded[ev.DayClosed]]:
    return [e for e in evidence.session.of(ev.DayClosed) if e.event.early and e.seq > after]


def _second_stop(evidence: Evidence) -> Iterator[str]:
    requests, wrote = len(evidence.of(ev.StopRequested)), evidence.facts.second_stop_lines
    if requests > 1:
        yield f"{requests} requests to stop were recorded, expected one"
    if wrote:
        yield f"a second stop wrote {wrote} lines"
    if evidence.scenario and evidence.scenario.stop_twice and wrote is None:
        yield "nobody counted what the second stop wrote"


def _closing(evidence: Evidence, stop: Recorded[ev.StopRequested]) -> Iterator[str]:
    """Yield what the stop failed to close, or closed without reason."""
    day = stop.event.trading_date
    segments = evidence.calendar.segments(day) if day else ()
    closed = [
        e
        for e in evidence.session.of(ev.DayClosed)
        if e.event.trading_date == day and not e.event.early and e.seq < stop.seq
    ]
    begun = bool(segments) and segments[0].start <= stop.at
    early = _early(evidence, stop.seq)
    if not begun or closed:
        if early:
            why = "the books were closed already" if closed else "trading had not begun"
            yield f"closed early in line {early[0].seq}, although {why}"
        return
    if len(early) != 1:
        yield f"the day was closed early {len(early)} times, expected once"
    if not any(r.seq > stop.seq for r in evidence.session.of(ev.AccountReconciled)):
        yield "the account was not reconciled at the stop"
    yield from _own_closing(evidence, day)


def _own_closing(evidence: Evidence, day: date | None) -> Iterator[str]:
    """Yield whether the day's own post-close counts as done although it did not run."""
    for story in evidence.tasks.values():
        row = story.outcome
        if story.task == "post_close" and row is not None and row.event.trading_date == day:
            done = isinstance(row.event, ev.TaskFinished)
            told = story.skipped is not None and story.skipped.skip_reason == "already_done"
            if done or told:
                yield f"{story.task_id} counts as done, and the stop came before it"


phase_1 = Stage(
    id="1",
    title="standardised exit",
    verifies="A normal stop releases everything, at any moment of the day.",
    operate="Stop from the shell; never kill the process. Then judge the finished session.",
    headless=(
        "Stopped before the open, in mid-session with an order open, at lunch and after the close; "
        "stopped twice; ended by Ctrl-C and by SIGTERM."
    ),
    scenarios=STOPS,
    checks=(
        session_ended_by_a_stop,
        everything_was_let_go,
        the_end_is_the_last_line,
        no_order_is_left_unknown,
        the_break_point_restores,
        a_stop_closes_the_books,
    ),
    of_the_end=True,
)
