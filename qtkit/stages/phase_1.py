"""Phase 1: standardised exit."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from qtkit.core.facts import Finding, budget, count, counts, finding, seconds, text
from qtkit.core.verdict import skip
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded, ends_on_a_line
from qtkit.model import events as ev
from qtkit.model.engine import StatusRole
from qtkit.stages.break_point_checks import break_point, the_break_point_restores
from qtkit.stages.check import Outcome, check, judged, looked_at
from qtkit.stages.return_checks import it_lives_under_what_its_journal_says
from qtkit.stages.scenarios import STOPS
from qtkit.stages.session_end import NOT_ENDED, unended
from qtkit.stages.stage import Stage

__all__ = ["phase_1"]


@check(
    "1.1", "Ended by a stop", needs={Capability.STATES},
    facts=(text("at"), text("by"), text("reason")),
    holds="stopped at {at} by {by}, reason {reason}",
    fails="{findings}",
    finds=NOT_ENDED
    | {
        "unasked": "the session ended and nobody had asked it to",
        "other_reason": "asked for was {asked!r}, it ended with {reason!r}",
        "no_reason": "it was asked to end without a reason",
        "unknown_reason": "the reason {reason!r} is none of {known}",
        "other_scenario": "it was ended by {scenario} and says {reason}",
        "last_status": "the last status is {status}, expected stopped",
        "no_status_file": "there is no session_status.json",
        "status_file": "session_status.json says {field}={value!r}",
        "finished_early": "session_status.json finished {finished} before it started {began}",
    },
    fix="read the end of sys.log"
)  # fmt: skip
def session_ended_by_a_stop(evidence: Evidence) -> Outcome:
    """The session ended by a stop and says so: terminal status, reason, finishing time."""
    end = evidence.ended
    if end is None or not evidence.window.ends_the_session:
        return unended(evidence)
    wrong = [*_wrong_end(evidence, end), *_wrong_status_file(evidence)]
    asked = evidence.of(ev.StopRequested)
    return judged(
        wrong, proof=[*asked[:1], end], lines=[end.seq], at=end.at,
        by=asked[0].event.by if asked else "", reason=end.event.reason
    )  # fmt: skip


def _wrong_end(evidence: Evidence, end: Recorded[ev.SessionEnded]) -> Iterator[Finding]:
    reason, requests = end.event.reason, evidence.of(ev.StopRequested)
    asked = requests[0].event if requests else None
    if asked is None:
        yield finding("unasked")
    elif asked.reason != reason:
        yield finding("other_reason", asked=asked.reason, reason=reason)
    elif not reason.strip():
        yield finding("no_reason")
    elif asked.by in evidence.engine.end_reasons and not _ordered(evidence, requests[0]):
        known = evidence.engine.end_reasons[asked.by]
        if reason not in known:
            yield finding("unknown_reason", reason=reason, known=known)
    scenario = evidence.scenario
    if scenario and scenario.stop_at and reason != scenario.stop_reason:
        yield finding("other_scenario", scenario=scenario.stop_reason, reason=reason)
    last = evidence.session.last(ev.StatusChanged)
    if last is None or not evidence.engine.in_role(last.event.after, StatusRole.ENDS):
        yield finding("last_status", status=last.event.after if last else "never set")


def _ordered(evidence: Evidence, asked: Recorded[ev.StopRequested]) -> bool:
    """Whether an operator's command asked for the stop, who may have any name and any reason."""
    return any(
        c.event.command == "stop" and c.seq < asked.seq
        for c in evidence.session.of(ev.CommandReceived)
    )


def _wrong_status_file(evidence: Evidence) -> Iterator[Finding]:
    """Yield what session_status.json fails to say."""
    if evidence.folder is None:
        return
    status = evidence.json_file(evidence.folder.status)
    if status is None:
        yield finding("no_status_file")
        return
    began, finished = _time(status.get("started_at")), _time(status.get("finished_at"))
    fine = {
        "terminal": status.get("terminal") is True,
        "status": status.get("status") == "stopped",
        "status_reason": bool(status.get("status_reason")),
        "finished_at": finished is not None,
    }
    for name in (name for name, good in fine.items() if not good):
        yield finding("status_file", field=name, value=status.get(name))
    if began is not None and finished is not None and finished < began:
        yield finding("finished_early", finished=finished, began=began)


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


@check(
    "1.2", "Everything was let go", needs={Capability.STATES},
    facts=(
        seconds("stop_took", tolerance=5.0),
        *counts("threads files"),
        budget("stop_budget_seconds")
    ),
    holds="no thread and no file is left open; the stop took less than the {stop_budget_seconds} "
    "allowed",
    fails="{findings}",
    finds=NOT_ENDED
    | {
        "slow": "the stop took {took:.1f} s, allowed are {allowed:.0f} s",
        "threads": "threads still alive: {names}",
        "files": "files still open: {names}",
        "locked": "the journal's lock is still held",
    },
    fix="report it with the session folder"
)  # fmt: skip
def everything_was_let_go(evidence: Evidence) -> Outcome:
    """No thread of the toolkit is alive within budget after the stop, and no file is left open."""
    end = evidence.ended
    if end is None or not evidence.window.ends_the_session:
        return unended(evidence)
    facts, allowed = evidence.facts, evidence.number("stop_budget_seconds")
    took = _stop_seconds(evidence)
    wrong = []
    if took > allowed:
        wrong.append(finding("slow", took=took, allowed=allowed))
    if facts.threads_alive:
        wrong.append(finding("threads", names=facts.threads_alive))
    if facts.open_files:
        wrong.append(finding("files", names=facts.open_files))
    if evidence.locked:
        wrong.append(finding("locked"))
    if not wrong and (facts.threads_alive is None or facts.open_files is None):
        return skip(
            "a journal cannot show threads and open files: the process that stops has to count them"
        )
    return judged(
        wrong, proof=[end], lines=[end.seq], stop_took=took, threads=facts.threads_alive or (),
        files=facts.open_files or ()
    )  # fmt: skip


def _stop_seconds(evidence: Evidence) -> float:
    """Return how long the stop took: as its process measured it, else from request to end."""
    end, asked = evidence.ended, evidence.of(ev.StopRequested)
    if evidence.facts.stop_seconds is not None or end is None or not asked:
        return evidence.facts.stop_seconds or 0.0
    since = max([asked[0].at, *(down.until for down in evidence.downtimes)])
    return (end.at - since).total_seconds()


@check(
    "1.3", "The last line", needs={Capability.JOURNAL}, facts=(count("end_line"),),
    holds="line {end_line}, the last, is the end; the lock is free",
    fails="{findings}",
    finds=NOT_ENDED
    | {
        "more_lines": "{number} lines follow the end in line {line}",
        "ended_twice": "the session ended more than once",
        "half_a_line": "{file} ends in half a line",
        "locked": "the journal's lock is held although the session ended",
    },
    fix="report it with the session folder"
)  # fmt: skip
def the_end_is_the_last_line(evidence: Evidence) -> Outcome:
    """The journal's last line is the end of the session; logs end on a complete line; lock free."""
    end, last = evidence.ended, evidence.whole.last
    if end is None or last is None or not evidence.window.ends_the_session:
        return unended(evidence)
    wrong = []
    if end.seq != last.seq:
        wrong.append(finding("more_lines", last.seq, number=last.seq - end.seq, line=end.seq))
    if len(evidence.of(ev.SessionEnded)) > 1:
        wrong.append(finding("ended_twice"))
    if evidence.folder is not None:
        files = (evidence.folder.journal, *_logs(evidence.folder))
        torn = [file for file in files if file.exists() and not ends_on_a_line(file)]
        wrong += [finding("half_a_line", file=file.name) for file in torn]
    if evidence.locked:
        wrong.append(finding("locked"))
    return judged(wrong, proof=[end], lines=[end.seq, last.seq], end_line=end.seq)


def _logs(folder: Any) -> tuple[Path, ...]:  # noqa: ANN401 - a SessionFolder
    return folder.sys_log, folder.trade_log, folder.risk_log


@check(
    "1.4", "No order left unknown", needs={Capability.ORDERS},
    facts=(*counts("orders cancels kept"), text("policy", across_days=True)),
    holds="none of {orders:order} is left unknown: {cancels} cancels asked for, {kept} kept in the "
    "break point (policy {policy})",
    fails="with the policy {policy!r}: {findings}",
    finds=NOT_ENDED
    | {
        "open": "{order} is {status}",
        "doubtful": "{order} is in doubt",
        "kept_ended": "the break point keeps {order}, which has ended",
        "at_the_broker": "{order} is still open at the broker",
    },
    fix="ask the broker for each, then runbooks/order-in-doubt.md"
)  # fmt: skip
def no_order_is_left_unknown(evidence: Evidence) -> Outcome:
    """At the end open orders were cancelled at the broker, or stand in the break point."""
    end, orders = evidence.ended, evidence.orders
    if end is None or not evidence.window.ends_the_session:
        return unended(evidence)
    policy = str(evidence.setting("on_stop"))
    left = set(orders.open) - (orders.kept if policy == "keep" else set()) - orders.working
    wrong = [
        finding("open", max(orders.open[o].lines, default=0), order=o, status=orders.open[o].status)
        for o in sorted(left)
    ]
    wrong += [finding("doubtful", order=o) for o in sorted(orders.doubtful.keys() - left)]
    wrong += [finding("kept_ended", order=o) for o in sorted(_stale(evidence))]
    wrong += _only_at_the_broker(evidence)
    return judged(
        wrong, proof=list(orders.requested.values()) or looked_at(evidence, 0),
        lines=[*(f.line for f in wrong if f.line), end.seq], orders=orders.requested,
        cancels=evidence.of(ev.CancelRequested), kept=orders.kept, policy=policy
    )  # fmt: skip


def _stale(evidence: Evidence) -> set[str]:
    """Return the orders that the break point lists and that have ended."""
    point = break_point(evidence) or {}
    return {str(o) for o in point.get("open_orders", ())} - evidence.orders.open.keys()


def _only_at_the_broker(evidence: Evidence) -> Iterator[Finding]:
    """Yield the orders that the broker still listed in the last reconciliation, and we do not."""
    last = evidence.session.last(ev.AccountReconciled)
    asked = evidence.first(ev.StopRequested)
    if last is None or asked is None or last.seq < asked.seq:
        return
    for order_id in last.event.broker_open_orders:
        if order_id not in evidence.orders.open:
            yield finding("at_the_broker", last.seq, order=order_id)


@check(
    "1.6", "The books are closed", needs={Capability.BOOKS, Capability.SCHEDULE},
    facts=(text("at"), text("closing")),
    holds="stopped {at}: the day's books were {closing}",
    fails="{findings}",
    finds=NOT_ENDED
    | {
        "unasked": "the session ended without a request",
        "requests": "{number} requests to stop were recorded, expected one",
        "second_stop": "a second stop wrote {lines} lines",
        "uncounted": "nobody counted what the second stop wrote",
        "closed_again": "closed early in line {line}, although the books were closed already",
        "closed_unopened": "closed early in line {line}, although trading had not begun",
        "early": "the day was closed early {number} times, expected once",
        "unreconciled": "the account was not reconciled at the stop",
        "counts_as_done": "{task} counts as done, and the stop came before it",
    },
    fix="read {entries}"
)  # fmt: skip
def a_stop_closes_the_books(evidence: Evidence) -> Outcome:
    """A stop mid-session closes the books early, once; the day's own closing stays due."""
    end, asked = evidence.ended, evidence.of(ev.StopRequested)
    if end is None or not evidence.window.ends_the_session:
        return unended(evidence)
    if not asked:
        return judged([finding("unasked")], lines=[end.seq])
    stop = asked[0]
    early = _early(evidence, stop.seq)
    return judged(
        [*_second_stop(evidence), *_closing(evidence, stop)], proof=[stop, *early, end],
        lines=[stop.seq, end.seq], at=stop.at,
        closing=f"closed early in line {early[0].seq}" if early else "closed before, or not begun"
    )  # fmt: skip


def _early(evidence: Evidence, after: int) -> list[Recorded[ev.DayClosed]]:
    return [e for e in evidence.session.of(ev.DayClosed) if e.event.early and e.seq > after]


def _second_stop(evidence: Evidence) -> Iterator[Finding]:
    requests, wrote = len(evidence.of(ev.StopRequested)), evidence.facts.second_stop_lines
    if requests > 1:
        yield finding("requests", number=requests)
    if wrote:
        yield finding("second_stop", lines=wrote)
    if evidence.scenario and evidence.scenario.stop_twice and wrote is None:
        yield finding("uncounted")


def _closing(evidence: Evidence, stop: Recorded[ev.StopRequested]) -> Iterator[Finding]:
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
            kind = "closed_again" if closed else "closed_unopened"
            yield finding(kind, early[0].seq, line=early[0].seq)
        return
    if len(early) != 1:
        yield finding("early", number=len(early))
    if not any(r.seq > stop.seq for r in evidence.session.of(ev.AccountReconciled)):
        yield finding("unreconciled")
    yield from _own_closing(evidence, day)


def _own_closing(evidence: Evidence, day: date | None) -> Iterator[Finding]:
    """Yield whether the day's own post-close counts as done although it did not run."""
    for story in evidence.tasks.values():
        row = story.outcome
        if story.task == "post_close" and row is not None and row.event.trading_date == day:
            skip_reason = story.skipped.skip_reason if story.skipped else ""
            if isinstance(row.event, ev.TaskFinished) or skip_reason == "already_done":
                yield finding("counts_as_done", row.seq, task=story.task_id)


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
        it_lives_under_what_its_journal_says,
    ),
    of_the_end=True,
)
