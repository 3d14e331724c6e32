"""Journal lines as sentences."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from qtkit.core.verdict import Status, Verdict
from qtkit.desk.table_view import number_text
from qtkit.model import events as ev
from qtkit.model.orders import TimeInForce, owner

__all__ = ["sentence"]


def sentence(event: ev.Event) -> str:
    """Return what an event says; one without a sentence of its own shows its plain fields.

    Examples
    --------
    >>> sentence(ev.OrderLost(order_id="q1", reason="restart"))
    'order q1 never reached the broker: restart'
    >>> sentence(ev.StrategySaved(state={"line": 3}))
    'strategy saved'
    """
    own = _SENTENCES.get(type(event))
    return own(event) if own is not None else _generic(event)


def _generic(event: ev.Event) -> str:
    found = msgspec.structs.asdict(event)
    simple = {k: v for k, v in found.items() if isinstance(v, str | int | Decimal) and v != ""}
    tag = type(event).__struct_config__.tag
    return " ".join([str(tag).replace("_", " "), *(f"{k}={v}" for k, v in simple.items())])


def _trade(quantity: Decimal, symbol: str) -> str:
    side = "buy" if quantity > 0 else "sell"
    return f"{side} {number_text(abs(quantity))} {symbol}"


def _terms(event: ev.OrderRequested) -> str:
    """Return how an order may execute, and how long it works."""
    limit, stop = event.limit_price, event.stop_price
    terms = "at market" if limit is None else f"at {number_text(limit, 2)} or better"
    trigger = "" if stop is None else f" once {number_text(stop, 2)} was traded"
    until = "" if event.expires is None else f" {event.expires.isoformat()}"
    force = "" if event.time_in_force is TimeInForce.DAY else f" ({event.time_in_force}{until})"
    return f"{terms}{trigger}{force}"


def _requested(event: ev.OrderRequested) -> str:
    return (
        f"order {event.order_id}: {_trade(event.quantity, event.symbol)} {_terms(event)}, "
        f"{number_text(event.reserved_cash, 2)} reserved ({event.because}, "
        f"by {owner(event.origin, event.by)})"
    )


def _refused(event: ev.OrderRefused) -> str:
    why = "; ".join(f"{v.rule}: {v.summary}" for v in event.verdicts)
    return f"refused to {_trade(event.quantity, event.symbol)}: {why}"


def _accepted(event: ev.OrderAccepted) -> str:
    return f"order {event.order_id} accepted by {event.broker_name} as {event.broker_order_id}"


def _rejected(event: ev.OrderRejected) -> str:
    return f"order {event.order_id} rejected: {event.reason_code} {event.reason}".rstrip()


def _filled(event: ev.OrderFilled) -> str:
    side = "bought" if event.quantity > 0 else "sold"
    fees = number_text(event.commission + event.tax, 2)
    late = f", late: {event.late}" if event.late else ""
    return (
        f"order {event.order_id} {side} {number_text(abs(event.quantity))} {event.symbol} "
        f"at {number_text(event.price, 2)}, fees {fees}{late}"
    )


def _repeated(event: ev.FillRepeated) -> str:
    if event.count == 1:
        return f"fill {event.fill_id} came again; nothing was booked"
    return (
        f"{event.count} fills came again, {event.fill_id} to {event.last_fill_id}; "
        "nothing was booked"
    )


def _unmatched(event: ev.FillUnmatched) -> str:
    what = f"{number_text(event.quantity)} {event.symbol} at {number_text(event.price, 2)}"
    return f"fill {event.fill_id} of {what} is not booked: {event.reason}"


def _cancelled(event: ev.OrderCancelled) -> str:
    left = number_text(abs(event.quantity))
    return f"order {event.order_id} ended with {left} shares not executed: {event.reason}"


def _status(event: ev.StatusChanged) -> str:
    return f"status {event.before} → {event.after} because of {event.because}"


def _kill(event: ev.KillSwitchSet) -> str:
    why = f": {event.why}" if event.why else ""
    return f"kill switch {'on' if event.on else 'off'}, by {event.by}{why}"


def _skipped(event: ev.TaskSkipped) -> str:
    return f"{event.task} skipped as {event.skip_reason}: {event.detail}"


def _failed(event: ev.TaskFailed) -> str:
    fate = "given up" if event.dead_letter else "tried again"
    return f"{event.task} failed at attempt {event.attempt}, {fate}: {event.error}"


def _started(event: ev.TaskStarted) -> str:
    return f"{event.task} began, attempt {event.attempt}"


def _judged(verdicts: tuple[Verdict, ...]) -> str:
    wrong = [f"{v.rule}: {v.summary}" for v in verdicts if v.status in {Status.FAIL, Status.ERROR}]
    return "; ".join(wrong) or f"all {len(verdicts)} checks hold"


def _gate(event: ev.GateJudged) -> str:
    stands = "open" if event.open else "shut"
    return f"gate {stands} (mode {event.mode}, {event.occasion}): {_judged(event.verdicts)}"


def _diagnosed(event: ev.PendingDiagnosed) -> str:
    counts = f"{event.local_pending_count} open with us, {event.remote_pending_count} there"
    return f"open orders {'agree' if event.is_ok else 'do not agree'} with the broker: {counts}"


def _refilled(event: ev.TablesRefilled) -> str:
    return f"{', '.join(event.tables)} brought up to date by {event.bars:,} bars"


def _command(event: ev.CommandReceived) -> str:
    arguments = "".join(f" {name}={value}" for name, value in event.arguments.items())
    return f"{event.by} asked: {event.command}{arguments}"


def _left_out(event: ev.BarsLeftOut) -> str:
    counts = ", ".join(f"{why} {count}" for why, count in event.counts.items())
    first = event.samples[0] if event.samples else None
    if first is None:
        return f"bars left out: {counts}"
    forms = f"{first.delivered} was delivered and {first.sent} came"
    return f"bars left out: {counts}; first {first.symbol} {first.end:%H:%M} UTC, {forms}"


_SENTENCES: dict[type, Callable[[Any], str]] = {
    ev.OrderRequested: _requested,
    ev.OrderRefused: _refused,
    ev.OrderAccepted: _accepted,
    ev.OrderRejected: _rejected,
    ev.OrderDoubted: lambda e: f"order {e.order_id} is in doubt: {e.reason}",
    ev.OrderLost: lambda e: f"order {e.order_id} never reached the broker: {e.reason}",
    ev.OrderFilled: _filled,
    ev.FillRepeated: _repeated,
    ev.FillUnmatched: _unmatched,
    ev.OrderCancelled: _cancelled,
    ev.CancelRequested: lambda e: f"{e.by} asked the broker to cancel order {e.order_id}",
    ev.CancelFailed: lambda e: f"the broker did not cancel order {e.order_id}: {e.reason}",
    ev.StatusChanged: _status,
    ev.KillSwitchSet: _kill,
    ev.TaskQueued: lambda e: f"{e.task} came due",
    ev.TaskStarted: _started,
    ev.TaskFinished: lambda e: f"{e.task} finished",
    ev.TaskSkipped: _skipped,
    ev.TaskFailed: _failed,
    ev.TaskCancelled: lambda e: f"{e.task} taken off by {e.by}",
    ev.GateJudged: _gate,
    ev.PendingDiagnosed: _diagnosed,
    ev.AccountReconciled: lambda e: f"reconciled with the broker: {_judged(e.verdicts)}",
    ev.TablesRefilled: _refilled,
    ev.CommandReceived: _command,
    ev.CommandRefused: lambda e: f"{e.command} refused: {e.reason}",
    ev.SettingsChanged: lambda e: (
        f"{e.name} changed from {e.before} to {e.after} on the return, accepted by {e.by}: {e.why}"
    ),
    ev.StopRequested: lambda e: f"stop asked for by {e.by}: {e.reason}",
    ev.SessionEnded: lambda e: f"the session ended: {e.reason}",
    ev.DecisionTaken: lambda e: f"step {e.step} decided: {e.intents} orders wanted",
    ev.PricesSeen: lambda e: f"{e.bars:,} new bars",
    ev.BarsRefused: lambda e: f"{e.bars:,} bars were refused: {e.problem}",
    ev.BarsLeftOut: _left_out,
    ev.ClockStepped: lambda e: (
        f"the machine's clock moved by {e.seconds} s; {-e.apart} s behind the session's time"
    ),
    ev.SnapshotTaken: lambda e: f"step {e.step} prepared, digest {e.digest[:12]}",
    ev.TroubleMet: lambda e: " ".join(filter(None, (e.what.replace("_", " "), e.subject, e.error))),
    ev.FeedFailed: lambda e: f"the feed failed: {e.error}",
}
