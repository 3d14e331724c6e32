"""`sys.log`: one line for each thing that happened, made to be grepped; derived from the journal.

``2026-03-04T09:35:00.000000+08:00 | INFO | <session> | task_queued task=run_strategy task_id=…``

The table says which event becomes which line. An event that is not in it has none.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable, Mapping
from textwrap import indent
from typing import Any
from zoneinfo import ZoneInfo

from qtkit.core.render import visible
from qtkit.core.text import writable
from qtkit.core.verdict import Status
from qtkit.model import events as ev
from qtkit.model.orders import owner

__all__ = ["format_fields", "line_of", "sys_line", "trace_text"]

_PLAIN = re.compile(r"[^\s\"'=]+")
_MARGIN = "    "  # before each line of a traceback: none of them can be taken for a line of the log
Fields = dict[str, object]


def format_fields(fields: Fields) -> str:
    """Return ``key=value`` pairs; a value with spaces, quotes or ``=`` becomes a JSON string.

    Examples
    --------
    >>> format_fields({"task": "refill", "detail": "late by 3 s"})
    'task=refill detail="late by 3 s"'
    """
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items())


def _value(value: object) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text) and visible(text) == text:
        return text
    return json.dumps(text, ensure_ascii=visible(text) != text)


def _of(*names: str) -> Callable[[Any], Fields]:
    """Return what shows fields of an event under their own names."""
    return lambda event: {name: getattr(event, name) for name in names}


def _bars_left_out(event: ev.BarsLeftOut) -> Fields:
    first = event.samples[0]
    return {
        **event.counts,
        "symbol": first.symbol,
        "end": first.end.isoformat(),
        "why": first.why,
        "delivered": first.delivered,
        "sent": first.sent,
    }


def _order_requested(event: ev.OrderRequested) -> Fields:
    return {
        **_of("order_id", "symbol", "quantity")(event),
        "source": owner(event.origin, event.by),
        "because": event.because,
    }


def _order_refused(event: ev.OrderRefused) -> Fields:
    first = event.verdicts[0]
    return {
        **_of("symbol", "quantity")(event),
        "source": owner(event.origin, event.by),
        "rule_id": first.rule,
        "reason": first.summary,
    }


def _gate_judged(event: ev.GateJudged) -> Fields:
    shut = [v.rule for v in event.verdicts if v.status in {Status.FAIL, Status.ERROR}]
    return {**_of("mode", "occasion", "open")(event), "failures": ",".join(shut)}


def _account_reconciled(event: ev.AccountReconciled) -> Fields:
    bad = [v.rule for v in event.verdicts if not v.allows and v.status is not Status.SKIP]
    return {"is_ok": not bad, "failures": ",".join(bad)}


def _pending_diagnosed(event: ev.PendingDiagnosed) -> Fields:
    return {
        "is_ok": event.is_ok,
        "local": event.local_pending_count,
        "remote": event.remote_pending_count,
        "without_broker_id": ",".join(event.local_pending_without_broker_order_id),
        "missing_remote": ",".join(event.local_pending_missing_remote),
        "unknown_locally": ",".join(event.remote_pending_not_in_local),
    }


def _schedule_built(event: ev.ScheduleBuilt) -> Fields:
    return {"day": event.trading_date, "tasks": len(event.tasks), "digest": event.digest}


def _trouble_met(event: ev.TroubleMet) -> Fields:
    return {name: value for name, value in _of("subject", "error")(event).items() if value}


_TABLE: Mapping[type[ev.Event], Callable[[Any], Fields]] = {
    ev.SessionStarted: _of("account", "mode"),
    ev.SessionResumed: _of("entries"),
    ev.SettingsChanged: _of("name", "by", "why"),
    ev.StopRequested: _of("reason", "by"),
    ev.SessionEnded: _of("reason"),
    ev.DayStarted: lambda event: {"day": event.trading_date, "open": event.open},
    ev.DayClosed: lambda event: {"day": event.trading_date, "early": event.early},
    ev.StatusChanged: _of("before", "after", "because"),
    ev.ClockStepped: _of("seconds", "apart"),
    ev.InternalErrorRaised: _of("where", "error"),
    ev.TroubleMet: _trouble_met,
    ev.ScheduleBuilt: _schedule_built,
    ev.TaskQueued: _of("task", "task_id"),
    ev.TaskStarted: _of("task", "task_id", "attempt"),
    ev.TaskFinished: _of("task", "task_id"),
    ev.TaskSkipped: _of("task", "task_id", "skip_reason", "detail"),
    ev.TaskFailed: _of("task", "task_id", "attempt", "error", "dead_letter"),
    ev.TaskCancelled: _of("task", "task_id", "by"),
    ev.SnapshotTaken: lambda event: {
        **_of("step", "task_id")(event),
        "digest": event.digest[:12],
    },
    ev.FeedFailed: _of("error"),
    ev.BarsRefused: _of("bars", "problem"),
    ev.BarsLeftOut: _bars_left_out,
    ev.GateJudged: _gate_judged,
    ev.OrderRequested: _order_requested,
    ev.OrderRefused: _order_refused,
    ev.OrderAccepted: _of("order_id", "broker_order_id"),
    ev.OrderRejected: _of("order_id", "reason_code", "reason"),
    ev.OrderDoubted: _of("order_id", "reason"),
    ev.OrderLost: _of("order_id", "reason"),
    ev.OrderCancelled: _of("order_id", "reason"),
    ev.OrderFilled: _of("order_id", "fill_id", "symbol", "quantity", "price"),
    ev.FillUnmatched: _of("fill_id", "reason"),
    ev.CancelRequested: _of("order_id", "by"),
    ev.CancelFailed: _of("order_id", "reason"),
    ev.BrokerConnected: lambda event: {"broker": event.broker_name},
    ev.BrokerDisconnected: lambda event: {"broker": event.broker_name, "error": event.error},
    ev.PendingDiagnosed: _pending_diagnosed,
    ev.AccountReconciled: _account_reconciled,
    ev.PositionAdjusted: _of("symbol", "quantity", "cash", "by", "why"),
    ev.KillSwitchSet: _of("on", "by", "why"),
    ev.CommandReceived: _of("command", "by"),
    ev.CommandRefused: _of("command", "reason"),
}
_ERRORS = {"internal_error", "session_failed"}
_VERBS = {ev.InternalErrorRaised: "internal_error", ev.FeedFailed: "feed_unavailable"}


def line_of(event: ev.Event) -> tuple[str, Fields] | None:
    """Return verb and fields of the line that an event becomes; None if it has none."""
    fields = _TABLE.get(type(event))
    if fields is None:
        return None
    if isinstance(event, ev.TroubleMet):
        return event.what, fields(event)
    return _VERBS.get(type(event)) or str(type(event).__struct_config__.tag), fields(event)


def sys_line(entry: ev.Entry, session_id: str, zone: ZoneInfo) -> str:
    """Return the line of a journal's entry, with its end; "" if it has none."""
    found = line_of(entry.event)
    if found is None:
        return ""
    verb, fields = found
    level = "ERROR" if verb in _ERRORS else "INFO"
    at = entry.at.astimezone(zone).isoformat(timespec="microseconds")
    text = f"{at} | {level} | {session_id} | {verb} {format_fields(fields)}"
    return writable(text.rstrip()) + "\n"


def trace_text(error: BaseException) -> str:
    """Return a traceback as it stands behind the line that it belongs to."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    return writable(indent(visible(trace), _MARGIN)) + "\n"
