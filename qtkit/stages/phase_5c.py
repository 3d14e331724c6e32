"""Phase 5-C (stage 11): order mapping, logs and their rotation, diagnosis, reconciliation."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from qtkit.core.errors import DataError
from qtkit.core.verdict import Verdict, fail, ok, pending
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.evidence.trade_log import LoggedRefusal, logged_refusals
from qtkit.model import events as ev
from qtkit.stages.check import check
from qtkit.stages.phase_5_scenarios import PENDING_MISMATCHES, RISK_REFUSALS
from qtkit.stages.phrases import counted, not_yet, show_command, shown, so_far
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
    "5-C.1",
    "Orders map both ways",
    needs={Capability.ORDERS},
    applies_to=(REFERENCE.name, TWO_DAYS.name, _KEEPING.name, CUT_AT_ORDER.name, TIMEOUTS.name),
)
def accepted_orders_map_both_ways(evidence: Evidence) -> Verdict:
    """Each accepted order has `broker_order_id` and `broker_name`, and maps back."""
    accepted = evidence.of(ev.OrderAccepted)
    if not accepted:
        return not_yet(evidence, "there is no accepted order", fix="wait for the first order")
    theirs: defaultdict[str, set[str]] = defaultdict(set)
    ours: defaultdict[str, set[str]] = defaultdict(set)
    wrong = list[tuple[int, str]]()
    for line, order_id, broker_id, name in _mapped(evidence.session):
        judged = evidence.window.holds(line) if line else evidence.window.ends_the_session
        if not broker_id or not name:
            what = "broker_order_id" if not broker_id else "broker_name"
            wrong += [(line, f"{order_id} has no {what}")] * judged
            continue
        theirs[order_id].add(broker_id)
        ours[broker_id].add(order_id)
        if judged and len(theirs[order_id]) > 1:
            wrong.append((line, f"{order_id} is {' and '.join(sorted(theirs[order_id]))} there"))
        if judged and len(ours[broker_id]) > 1:
            wrong.append((line, f"{broker_id} is {' and '.join(sorted(ours[broker_id]))} here"))
    if wrong:
        return fail(
            f"{len(wrong)} faults in {counted(len(accepted), 'accepted order')}: "
            f"{shown(s for _, s in wrong)}",
            fix="ask the broker which order is which, then runbooks/order-in-doubt.md",
            lines=sorted({line for line, _ in wrong if line}),
        )
    names = sorted({a.event.broker_name for a in accepted})
    return ok(
        f"{counted(len(accepted), 'accepted order')}{so_far(evidence)} map to "
        f"{counted(len(ours), 'id')} of {', '.join(names)} and back"
    )


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
    "5-C.2",
    "Rejections say why",
    needs={Capability.ORDERS},
    applies_to=(REJECTIONS.name, TIMEOUTS.name),
)
def counter_rejections_say_why(evidence: Evidence) -> Verdict:
    """Each counter rejection has status `rejected`, no broker id, and a stored, listable reason."""
    requested = evidence.of(ev.OrderRequested)
    rejected = evidence.of(ev.OrderRejected)
    if not requested:
        return not_yet(evidence, "there is no order", fix="wait for the first order")
    accepted = {a.event.order_id for a in evidence.session.of(ev.OrderAccepted)}
    wrong = [f for r in rejected for f in _unexplained(evidence, r, accepted)]
    if wrong:
        return fail(
            f"{len(wrong)} faults in {counted(len(rejected), 'rejection')}: "
            f"{shown(s for _, s in wrong)}",
            fix="`orders --rejected`, and the broker's own words for each",
            lines=sorted({line for line, _ in wrong}),
        )
    codes = Counter(r.event.reason_code for r in rejected)
    told = ", ".join(f"{code} {number}" for code, number in sorted(codes.items())) or "none"
    return ok(
        f"{len(rejected)} of {counted(len(requested), 'order')} rejected{so_far(evidence)}, by "
        f"reason: {told}",
        lines=[r.seq for r in rejected][:20],
    )


def _unexplained(
    evidence: Evidence, rejected: Recorded[ev.OrderRejected], accepted: set[str]
) -> Iterator[tuple[int, str]]:
    event, line = rejected.event, rejected.seq
    account = evidence.tally.orders.get(event.order_id)
    if not event.reason_code.strip() or not event.reason.strip():
        yield line, f"{event.order_id} was rejected without a code or a reason"
    if account is None:
        return  # check 3.5.3 says so
    if account.status != "rejected":
        yield line, f"{event.order_id} was rejected, and is {account.status}"
    if account.broker_order_id and event.order_id not in accepted:
        yield (
            line,
            f"{event.order_id} was rejected, and has the broker id {account.broker_order_id}",
        )


@check(
    "5-C.3",
    "Risk refusals leave no order",
    needs={Capability.ORDERS, Capability.FILES},
    applies_to=(RISK_REFUSALS.name, CUT_AT_ORDER.name),
)
def risk_refusals_leave_no_order(evidence: Evidence) -> Verdict:
    """A refusal by risk makes no order, and `risk.log` has one line for each."""
    refused, requested = evidence.of(ev.OrderRefused), evidence.of(ev.OrderRequested)
    if evidence.folder is None or not (refused or requested):
        return not_yet(evidence, "there is no intent", fix="wait for the first decision")
    try:
        logged = logged_refusals(evidence.folder)
        removed = removed_on(evidence.folder)
    except DataError as problem:
        return fail(str(problem), fix="look at the folder: was a log edited?")
    wrong = [f for r in refused for f in _unfounded(r)] + list(_skipped_numbers(evidence))
    if not removed:
        wrong += _log_differences(evidence, logged)
    if wrong and evidence.running:
        return pending(f"risk.log is being written: {shown(s for _, s in wrong)}", fix=_AGAIN)
    if wrong:
        return fail(
            f"{len(wrong)} faults: {shown(s for _, s in wrong)}",
            fix=f"hold risk.log against {show_command(evidence, 'order_refused')}",
            lines=sorted({line for line, _ in wrong if line})[:50],
        )
    rules = Counter(r.event.verdicts[0].rule for r in refused)
    told = ", ".join(f"{rule} {number}" for rule, number in sorted(rules.items())) or "none"
    lines = f"removed by an operator on {removed}" if removed else f"{len(logged or ())} lines"
    return ok(
        f"{counted(len(refused), 'refusal')}{so_far(evidence)} beside "
        f"{counted(len(requested), 'order')}; risk.log: {lines}; by rule: {told}"
    )


def _unfounded(refused: Recorded[ev.OrderRefused]) -> Iterator[tuple[int, str]]:
    verdicts = refused.event.verdicts
    if not verdicts or not verdicts[0].rule or not verdicts[0].summary:
        yield refused.seq, f"{refused.event.symbol} was refused without a rule or a reason"
    elif any(v.allows for v in verdicts):
        yield refused.seq, f"{refused.event.symbol} was refused by a rule that allows it"


def _skipped_numbers(evidence: Evidence) -> Iterator[tuple[int, str]]:
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
            yield entry.seq, f"{entry.event.order_id} follows number {expected - 1}"
        expected = int(found[1]) + 1


def _log_differences(
    evidence: Evidence, logged: list[LoggedRefusal] | None
) -> Iterator[tuple[int, str]]:
    """Yield refusals that are not in the log, and lines that no refusal explains."""
    if logged is None:
        yield 0, "there is no risk.log"
        return
    left = Counter(line.key for line in logged)
    for one in evidence.session.of(ev.OrderRefused):
        key = _key_of(one)
        if left[key]:
            left[key] -= 1
        elif evidence.window.holds(one.seq):
            yield one.seq, f"line {one.seq} ({one.event.symbol}) is not in risk.log as it stands"
    lost = [d.until for d in evidence.downtimes]  # a power cut may take lines from the journal
    for line in logged:
        if left[line.key] and not any(line.at <= back for back in lost):
            left[line.key] -= 1
            if not evidence.window.holds_time(line.at):
                continue
            yield 0, f"risk.log has a line more: {line.symbol} {line.side} {line.quantity}"


def _key_of(refused: Recorded[ev.OrderRefused]) -> tuple[datetime, str, str, str, str, str]:
    event = refused.event
    return (
        refused.at,
        event.verdicts[0].rule if event.verdicts else "",
        event.symbol,
        "buy" if event.quantity > 0 else "sell",
        str(abs(event.quantity)),
        "none" if event.price is None else str(event.price),
    )


@check("5-C.4", "The four artifacts", needs={Capability.FILES})
def the_four_artifacts_are_there(evidence: Evidence) -> Verdict:
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
    missing = [name for name, path in artifacts.items() if not path.is_file()]
    if "risk_log" in missing and removed_on(folder):
        missing.remove("risk_log")  # an operator had it removed
    if "break_point" in missing and not ended:
        missing.remove("break_point")  # it is written at the stop
    locked = [n for n, path in artifacts.items() if path.exists() and not os.access(path, os.W_OK)]
    if missing or locked:
        told = [f"{', '.join(missing)} not there"] if missing else []
        told += [f"{', '.join(locked)} not writable"] if locked else []
        return fail("; ".join(told), fix="look at the folder: rights, a full disk, a removed file?")
    if not ended:
        return pending("3 of 4 are there; break_point comes with the stop", fix="stop the session")
    return ok(f"all 4 are there and can be written: {', '.join(artifacts)}")


_PLANTED = {
    "stray_order": "remote_pending_not_in_local",
    "hidden_order": "local_pending_missing_remote",
    "nameless_order": "local_pending_without_broker_order_id",
}


@check(
    "5-C.6",
    "Pending orders are diagnosed",
    needs={Capability.ORDERS, Capability.BOOKS, Capability.DIAGNOSIS},
)
def pending_orders_are_diagnosed(evidence: Evidence) -> Verdict:
    """The diagnosis fills every field, is clean on a healthy day, and finds what is planted."""
    diagnoses = evidence.of(ev.PendingDiagnosed)
    if not diagnoses:
        return not_yet(evidence, "there is no diagnosis", fix="`diagnose`, or wait for the close")
    pending_here, away = _pending_at(evidence), _while_away(evidence)
    wrong = [f for d in diagnoses for f in _contradictions(d, pending_here[d.seq])]
    planted = _planted(evidence)
    found = {name for name in _PLANTED.values() if any(getattr(d.event, name) for d in diagnoses)}
    wrong += [(0, f"{name} was planted and not found") for name in sorted(planted - found)]
    if not planted:
        wrong += [
            (d.seq, _finding(d.event)) for d in diagnoses if not d.event.is_ok and d.seq not in away
        ]
    if wrong:
        return fail(
            f"{len(wrong)} faults in {counted(len(diagnoses), 'diagnosis', 'diagnoses')}: "
            f"{shown(s for _, s in wrong)}",
            fix="compare `orders` with the broker's list, then runbooks/order-in-doubt.md",
            lines=sorted({line for line, _ in wrong if line}),
        )
    clean = sum(d.event.is_ok for d in diagnoses)
    if not clean and not planted:
        return pending("the broker was away at each diagnosis", fix="`diagnose` when it is back")
    told = f"; found as planted: {', '.join(sorted(found))}" if planted else ""
    return ok(
        f"{clean} of {counted(len(diagnoses), 'diagnosis', 'diagnoses')}{so_far(evidence)} clean, "
        f"at most {max(d.event.local_pending_count for d in diagnoses)} orders open{told}"
    )


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
) -> Iterator[tuple[int, str]]:
    event, line = diagnosis.event, diagnosis.seq
    findings = [name for name in (*_PLANTED.values(), "failures") if getattr(event, name)]
    if event.is_ok is bool(findings):
        yield line, f"is_ok is {event.is_ok}, findings: {', '.join(findings) or 'none'}"
    if event.local_pending_count != pending_here:
        yield line, f"{event.local_pending_count} orders counted, open are {pending_here}"
    if event.remote_pending_count < len(event.remote_pending_not_in_local):
        yield line, "more orders of the broker are unknown than it has"


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
