"""Phase 5-C (stage 11): order mapping, logs and their rotation, diagnosis, reconciliation."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

from qtkit.core.errors import DataError
from qtkit.core.facts import Finding, counts, finding, table, text
from qtkit.core.verdict import Status, pending
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.evidence.trade_log import LoggedRefusal, logged_refusals
from qtkit.model import events as ev
from qtkit.stages.check import Outcome, check, judged, looked_at
from qtkit.stages.phase_5_scenarios import PENDING_MISMATCHES, RISK_REFUSALS
from qtkit.stages.phrases import not_yet, show_command
from qtkit.stages.reconciliation_checks import (
    mornings_begin_with_the_evening_before,
    reconciliations_are_on_disk,
)
from qtkit.stages.retention_checks import logs_are_removed_by_operators_alone, removed_on
from qtkit.stages.scenarios import CUT_AT_ORDER, REFERENCE, REJECTIONS, STOPS, TIMEOUTS, TWO_DAYS
from qtkit.stages.stage import Stage

__all__ = ["phase_5c"]


_KEEPING = next(s for s in STOPS if s.name == "stop_keeping_orders")
_AGAIN = "judge again"
_NUMBER = re.compile(r"(\d+)$")


@check(
    "5-C.1", "Orders map both ways", needs={Capability.ORDERS},
    applies_to=(REFERENCE.name, TWO_DAYS.name, _KEEPING.name, CUT_AT_ORDER.name, TIMEOUTS.name),
    facts=(*counts("accepted ids"), text("brokers")),
    holds="{accepted:accepted order}{so_far} map to {ids:id} of {brokers} and back",
    fails="{found:fault} in {accepted:accepted order}: {findings}",
    finds={
        "no_id": "{order} has no {field}",
        "two_there": "{order} is {ids} there",
        "two_here": "{broker_order} is {orders} here",
    },
    fix="ask the broker which order is which, then runbooks/order-in-doubt.md",
)  # fmt: skip
def accepted_orders_map_both_ways(evidence: Evidence) -> Outcome:
    """Each accepted order has `broker_order_id` and `broker_name`, and maps back."""
    accepted = evidence.of(ev.OrderAccepted)
    if not accepted:
        return not_yet(evidence, "there is no accepted order", fix="wait for the first order")
    ours: defaultdict[str, set[str]] = defaultdict(set)
    wrong = list(_wrongly_mapped(evidence, ours))
    brokers = {a.event.broker_name for a in accepted}
    return judged(wrong, proof=accepted, accepted=accepted, ids=ours, brokers=brokers)


def _wrongly_mapped(evidence: Evidence, ours: defaultdict[str, set[str]]) -> Iterator[Finding]:
    """Yield ids that are missing or mean two things; fill in our ids by the broker's."""
    theirs: defaultdict[str, set[str]] = defaultdict(set)
    for line, order_id, broker_id, name in _mapped(evidence.session):
        judging = evidence.window.holds(line) if line else evidence.window.ends_the_session
        if not broker_id or not name:
            if judging:
                field = "broker_name" if broker_id else "broker_order_id"
                yield finding("no_id", line, order=order_id, field=field)
            continue
        theirs[order_id].add(broker_id)
        ours[broker_id].add(order_id)
        if judging and len(theirs[order_id]) > 1:
            yield finding("two_there", line, order=order_id, ids=set(theirs[order_id]))
        if judging and len(ours[broker_id]) > 1:
            yield finding("two_here", line, broker_order=broker_id, orders=set(ours[broker_id]))


def _mapped(evidence: Evidence) -> Iterator[tuple[int, str, str, str]]:
    """Yield (line, our id, the broker's id, its name) wherever the two stand together."""
    kinds = (ev.OrderAccepted, ev.OrderFilled, ev.DayClosed, ev.SessionEnded)
    if evidence.started:
        for order in evidence.started.event.opening.open_orders:
            yield evidence.started.seq, order.order_id, order.broker_order_id, "-"
    for entry in evidence.merged(*kinds):
        event = entry.event
        if isinstance(event, ev.OrderAccepted):
            yield entry.seq, event.order_id, event.broker_order_id, event.broker_name
        elif isinstance(event, ev.OrderFilled):
            yield entry.seq, event.order_id, event.broker_order_id, event.venue or "-"
        else:
            book = event.book if isinstance(event, ev.DayClosed) else event.closing
            for order in book.open_orders:
                if order.status in {"accepted", "part_filled"}:
                    yield entry.seq, order.order_id, order.broker_order_id, "-"
    successor = evidence.facts.successor
    for order in successor.opening.open_orders if successor else ():
        yield 0, order.order_id, order.broker_order_id, "-"


@check(
    "5-C.2", "Rejections say why", needs={Capability.ORDERS},
    applies_to=(REJECTIONS.name, TIMEOUTS.name),
    facts=(*counts("orders rejected"), table("reasons", "rejections")),
    holds="{rejected} of {orders:order} rejected{so_far}, by reason: {reasons}",
    fails="{found:fault} in {rejected:rejection}: {findings}",
    finds={
        "no_reason": "{order} was rejected without a code or a reason",
        "other_status": "{order} was rejected, and is {status}",
        "broker_id": "{order} was rejected, and has the broker id {broker_order}",
    },
    fix="`orders --rejected`, and the broker's own words for each",
)  # fmt: skip
def counter_rejections_say_why(evidence: Evidence) -> Outcome:
    """Each counter rejection has status `rejected`, no broker id, and a stored, listable reason."""
    requested = evidence.of(ev.OrderRequested)
    rejected = evidence.of(ev.OrderRejected)
    if not requested:
        return not_yet(evidence, "there is no order", fix="wait for the first order")
    accepted = {a.event.order_id for a in evidence.session.of(ev.OrderAccepted)}
    wrong = [f for r in rejected for f in _unexplained(evidence, r, accepted)]
    reasons = Counter(r.event.reason_code for r in rejected)
    return judged(
        wrong, proof=rejected or looked_at(evidence, len(requested)), orders=requested,
        rejected=rejected, reasons=dict(sorted(reasons.items())),
    )  # fmt: skip


def _unexplained(
    evidence: Evidence, rejected: Recorded[ev.OrderRejected], accepted: set[str]
) -> Iterator[Finding]:
    event, line, name = rejected.event, rejected.seq, rejected.event.order_id
    account = evidence.tally.orders.get(name)
    if not event.reason_code.strip() or not event.reason.strip():
        yield finding("no_reason", line, order=name)
    if account is None:
        return  # check 3.5.3 says so
    if account.status != "rejected":
        yield finding("other_status", line, order=name, status=account.status)
    if account.broker_order_id and name not in accepted:
        yield finding("broker_id", line, order=name, broker_order=account.broker_order_id)


@check(
    "5-C.3", "Risk refusals leave no order", needs={Capability.ORDERS, Capability.FILES},
    applies_to=(RISK_REFUSALS.name, CUT_AT_ORDER.name),
    facts=(*counts("refused orders log_lines"), text("removed"), table("rules", "refusals")),
    holds="{refused:refusal}{so_far} beside {orders:order}; risk.log: {log_lines} lines"
    "{removed:?, removed by an operator on #}; by rule: {rules}",
    waits="risk.log is being written: {findings}",
    finds={
        "unreadable": "{problem}",
        "no_rule": "{symbol} was refused without a rule or a reason",
        "allowed": "{symbol} was refused by a rule that allows it",
        "number_missing": "{order} follows number {before}",
        "no_log": "there is no risk.log",
        "not_logged": "line {line} ({symbol}) is not in risk.log as it stands",
        "more_logged": "risk.log has a line more: {symbol} {side} {quantity}",
    },
)  # fmt: skip
def risk_refusals_leave_no_order(evidence: Evidence) -> Outcome:
    """A refusal by risk makes no order, and `risk.log` has one line for each."""
    refused, requested = evidence.of(ev.OrderRefused), evidence.of(ev.OrderRequested)
    if evidence.folder is None or not (refused or requested):
        return not_yet(evidence, "there is no intent", fix="wait for the first decision")
    try:
        logged = logged_refusals(evidence.folder)
        removed = removed_on(evidence.folder)
    except DataError as problem:
        fix = "look at the folder: was a log edited?"
        return judged([finding("unreadable", problem=problem)], fix=fix)
    wrong = [f for r in refused for f in _unfounded(r)] + list(_skipped_numbers(evidence))
    if not removed:
        wrong += _log_differences(evidence, logged)
    rules = Counter(r.event.verdicts[0].rule for r in refused if r.event.verdicts)
    hold = f"hold risk.log against {show_command(evidence, 'order_refused')}"
    return judged(
        wrong, unfinished=evidence.running,
        fix=_AGAIN if wrong and evidence.running else hold if wrong else "",
        proof=refused or looked_at(evidence, len(requested)), refused=refused, orders=requested,
        log_lines=logged or (), removed=removed, rules=dict(sorted(rules.items())),
    )  # fmt: skip


def _unfounded(refused: Recorded[ev.OrderRefused]) -> Iterator[Finding]:
    verdicts, symbol = refused.event.verdicts, refused.event.symbol
    if not verdicts or not verdicts[0].rule or not verdicts[0].summary:
        yield finding("no_rule", refused.seq, symbol=symbol)
    elif any(v.allows for v in verdicts):
        yield finding("allowed", refused.seq, symbol=symbol)


def _skipped_numbers(evidence: Evidence) -> Iterator[Finding]:
    """Yield order numbers that are missing: a refusal must not use one up."""
    if not evidence.started or Capability.ORDER_NUMBERS not in evidence.capabilities:
        return
    expected = evidence.started.event.next_order
    for entry in evidence.session.of(ev.OrderRequested):
        found = _NUMBER.search(entry.event.order_id)
        if found is None:
            return
        if int(found[1]) < expected:
            return  # not numbered as ours are: check 3.5.3 looks for ids used twice
        if int(found[1]) > expected and evidence.window.holds(entry.seq):
            order, before = entry.event.order_id, expected - 1
            yield finding("number_missing", entry.seq, order=order, before=before)
        expected = int(found[1]) + 1


def _log_differences(evidence: Evidence, logged: list[LoggedRefusal] | None) -> Iterator[Finding]:
    """Yield refusals that are not in the log, and lines that no refusal explains."""
    if logged is None:
        yield finding("no_log")
        return
    left = Counter(logged)
    for one in evidence.session.of(ev.OrderRefused):
        key = _as_logged(one)
        if left[key]:
            left[key] -= 1
        elif evidence.window.holds(one.seq):
            yield finding("not_logged", one.seq, line=one.seq, symbol=one.event.symbol)
    lost = [d.until for d in evidence.downtimes]  # a power cut may take lines from the journal
    for line in logged:
        if left[line] and not any(line.at <= back for back in lost):
            left[line] -= 1
            if evidence.window.holds_time(line.at):
                order = {"symbol": line.symbol, "side": line.side, "quantity": line.quantity}
                yield finding("more_logged", **order)


def _as_logged(refused: Recorded[ev.OrderRefused]) -> LoggedRefusal:
    event = refused.event
    return LoggedRefusal(
        refused.at,
        event.verdicts[0].rule if event.verdicts else "",
        event.symbol,
        "buy" if event.quantity > 0 else "sell",
        str(abs(event.quantity)),
        "none" if event.price is None else str(event.price),
    )


@check(
    "5-C.4", "The four artifacts", needs={Capability.FILES},
    facts=(*counts("there wanted"), text("names", across_days=True)),
    holds="all {there} are there and can be written: {names}",
    waits="{there} of {wanted} are there; break_point comes with the stop",
    fails="{findings}",
    finds={"missing": "{name} is not there", "locked": "{name} is not writable"},
    fix="look at the folder: rights, a full disk, a removed file?",
)  # fmt: skip
def the_four_artifacts_are_there(evidence: Evidence) -> Outcome:
    """`sys_log`, `trade_log`, `risk_log` and `break_point` are there and can be written."""
    if evidence.started is None or evidence.folder is None:
        return not_yet(evidence, "there is no session with a folder", fix="start one")
    folder, ended = evidence.folder, evidence.ended is not None
    artifacts = {
        "sys_log": folder.sys_log,
        "trade_log": folder.trade_log,
        "risk_log": folder.risk_log,
        "break_point": folder.break_point,
    }
    missing = {name for name, path in artifacts.items() if not path.is_file()}
    if not ended:
        missing.discard("break_point")  # it is written at the stop
    if removed_on(folder):
        missing.discard("risk_log")  # an operator had it removed
    locked = [n for n, path in artifacts.items() if path.exists() and not os.access(path, os.W_OK)]
    return judged(
        [
            *(finding("missing", name=n) for n in sorted(missing)),
            *(finding("locked", name=n) for n in locked),
        ],
        status=Status.PASS if ended else Status.PENDING,
        fix="" if ended or missing or locked else "stop the session",
        there=len(artifacts) - (not ended), wanted=artifacts, names=list(artifacts),
    )  # fmt: skip


_PLANTED = {
    "stray_order": "remote_pending_not_in_local",
    "hidden_order": "local_pending_missing_remote",
    "nameless_order": "local_pending_without_broker_order_id",
}


@check(
    "5-C.6", "Pending orders are diagnosed",
    needs={Capability.ORDERS, Capability.BOOKS, Capability.DIAGNOSIS},
    facts=(*counts("clean diagnoses most_open"), text("planted")),
    holds="{clean} of {diagnoses:diagnosis/diagnoses}{so_far} clean, at most {most_open} orders "
    "open{planted:?; found as planted: #}",
    fails="{found:fault} in {diagnoses:diagnosis/diagnoses}: {findings}",
    finds={
        "not_found": "{name} was planted and not found",
        "not_clean": "{finding}",
        "contradiction": "is_ok is {is_ok}, findings: {names}",
        "count": "{counted} orders counted, open are {open}",
        "more_unknown": "more orders of the broker are unknown than it has",
    },
    fix="compare `orders` with the broker's list, then runbooks/order-in-doubt.md",
)  # fmt: skip
def pending_orders_are_diagnosed(evidence: Evidence) -> Outcome:
    """The diagnosis fills every field, is clean on a healthy day, and finds what is planted."""
    diagnoses = evidence.of(ev.PendingDiagnosed)
    if not diagnoses:
        return not_yet(evidence, "there is no diagnosis", fix="`diagnose`, or wait for the close")
    pending_here, away = _pending_at(evidence), _while_away(evidence)
    wrong = [f for d in diagnoses for f in _contradictions(d, pending_here[d.seq])]
    planted = _planted(evidence)
    found = {name for name in _PLANTED.values() if any(getattr(d.event, name) for d in diagnoses)}
    wrong += [finding("not_found", name=name) for name in sorted(planted - found)]
    if not planted:
        wrong += [
            finding("not_clean", d.seq, finding=_finding(d.event))
            for d in diagnoses
            if not d.event.is_ok and d.seq not in away
        ]
    clean = sum(d.event.is_ok for d in diagnoses)
    if not wrong and not clean and not planted:
        return pending("the broker was away at each diagnosis", fix="`diagnose` when it is back")
    return judged(
        wrong, proof=diagnoses, clean=clean, diagnoses=diagnoses,
        most_open=max(d.event.local_pending_count for d in diagnoses),
        planted=sorted(found) if planted else "",
    )  # fmt: skip


def _while_away(evidence: Evidence) -> set[int]:
    """Return the lines of diagnoses at which the broker was known not to answer."""
    found, away = set[int](), True
    watched = (ev.BrokerConnected, ev.BrokerDisconnected, ev.SessionResumed, ev.PendingDiagnosed)
    for entry in evidence.session.merged(*watched):
        if isinstance(entry.event, ev.PendingDiagnosed):
            found |= {entry.seq} if away else set()
        else:
            away = not isinstance(entry.event, ev.BrokerConnected)
    return found


def _planted(evidence: Evidence) -> set[str]:
    life = evidence.scenario
    return {_PLANTED[f.kind] for f in life.broker_faults if f.kind in _PLANTED} if life else set()


def _contradictions(
    diagnosis: Recorded[ev.PendingDiagnosed], pending_here: int
) -> Iterator[Finding]:
    event, line = diagnosis.event, diagnosis.seq
    names = [name for name in (*_PLANTED.values(), "failures") if getattr(event, name)]
    if event.is_ok is bool(names):
        yield finding("contradiction", line, is_ok=event.is_ok, names=names or "none")
    if event.local_pending_count != pending_here:
        yield finding("count", line, counted=event.local_pending_count, open=pending_here)
    if event.remote_pending_count < len(event.remote_pending_not_in_local):
        yield finding("more_unknown", line)


def _finding(event: ev.PendingDiagnosed) -> str:
    found = {name: getattr(event, name) for name in (*_PLANTED.values(), "failures")}
    return "; ".join(f"{name} {', '.join(map(str, what))}" for name, what in found.items() if what)


_LIFE = (
    ev.SessionStarted, ev.OrderRequested, ev.OrderFilled, ev.OrderRejected, ev.OrderCancelled,
    ev.OrderLost, ev.PendingDiagnosed
)  # fmt: skip


def _pending_at(evidence: Evidence) -> dict[int, int]:
    """Return how many orders were open at each diagnosis, worked out from the events."""
    left: dict[str, Decimal] = {}  # order id -> shares still to come
    found: dict[int, int] = {}
    for entry in evidence.session.merged(*_LIFE):
        event = entry.event
        if isinstance(event, ev.SessionStarted):
            left = {o.order_id: o.quantity - o.filled for o in event.opening.open_orders}
        elif isinstance(event, ev.OrderRequested):
            left[event.order_id] = event.quantity
        elif isinstance(event, ev.PendingDiagnosed):
            found[entry.seq] = len(left)
        elif isinstance(event, ev.OrderFilled):
            rest = left.pop(event.order_id, None)
            if rest is not None and rest != event.quantity:
                left[event.order_id] = rest - event.quantity
        else:
            left.pop(event.order_id, None)
    return found


phase_5c = Stage(
    id="5-C",
    title="mapping, logs, diagnosis, reconciliation",
    verifies=(
        "Orders map to the broker's both ways, refusals and rejections are told apart and "
        "listable, logs are kept until an operator removes them, and the books close, agree and "
        "open again."
    ),
    operate=(
        "Trade a day; compare `orders`, `diagnose` and `reconcile` with the broker's own screens; "
        "`qtkit rotatelogs --days 30 --dry-run`; compare the next morning's opening book."
    ),
    headless=(
        "The reference day; a Friday and the Monday after it; a rejection by the counter, and "
        "time-outs; refusals by risk rules; a broker whose list of orders is wrong; a stop that "
        "keeps its orders; a power cut."
    ),
    scenarios=(
        REFERENCE,
        TWO_DAYS,
        REJECTIONS,
        RISK_REFUSALS,
        PENDING_MISMATCHES,
        TIMEOUTS,
        _KEEPING,
        CUT_AT_ORDER,
    ),
    checks=(
        accepted_orders_map_both_ways,
        counter_rejections_say_why,
        risk_refusals_leave_no_order,
        the_four_artifacts_are_there,
        logs_are_removed_by_operators_alone,
        pending_orders_are_diagnosed,
        reconciliations_are_on_disk,
        mornings_begin_with_the_evening_before,
    ),
)
