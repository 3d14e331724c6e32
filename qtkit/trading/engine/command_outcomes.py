"""Whether anything came of a command, read from the events that it became."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qtkit.model import events as ev

__all__ = ["why_nothing_came"]


def _refused(event: ev.OrderRefused) -> str:
    return "; ".join(f"{v.rule}: {v.summary}" for v in event.verdicts)


def _rejected(event: ev.OrderRejected) -> str:
    return f"the broker rejected order {event.order_id}: {event.reason or event.reason_code}"


_ORDER: Mapping[type[ev.Event], Callable[[Any], str]] = {
    ev.OrderRefused: _refused,
    ev.OrderRejected: _rejected,
    ev.OrderLost: lambda event: f"order {event.order_id}: {event.reason}",
}
_TASK: Mapping[type[ev.Event], Callable[[Any], str]] = {
    ev.TaskSkipped: lambda event: f"{event.skip_reason}: {event.detail}",
    ev.TaskFailed: lambda event: f"{event.task} failed: {event.error}",
}
_REASONS: Mapping[str, Mapping[type[ev.Event], Callable[[Any], str]]] = {
    "buy": _ORDER,
    "sell": _ORDER,
    "cancel": {ev.CancelFailed: lambda event: str(event.reason)},
    "run_task": _TASK,
    "refill": _TASK,
}


def why_nothing_came(verb: str, came: Sequence[ev.Event]) -> str:
    """Return why a command had no effect; "" when it had one, or when that is still to come.

    Parameters
    ----------
    verb
        The command.
    came
        What was recorded while it was carried out.
    """
    reasons = _REASONS.get(verb, {})
    told = [reasons[type(event)](event) for event in came if type(event) in reasons]
    return "; ".join(told)
