"""Commands that ask the engine for something; each becomes journal lines, and shows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from qtkit.core.advice import lift_command
from qtkit.core.errors import ConfigError
from qtkit.desk import views
from qtkit.desk.commands.queries import report_of
from qtkit.desk.report import Part, Report
from qtkit.desk.table_view import Column, TableView, facts
from qtkit.evidence.session import OperableSession
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.projections.session_view import SessionView
from qtkit.runtime.session_finder import account_of

__all__ = [
    "buy",
    "cancel",
    "cancel_task",
    "diagnose",
    "gate",
    "kill",
    "note",
    "pause",
    "reconcile",
    "refill",
    "resume",
    "run",
    "sell",
    "stop",
]

_OPERATOR = "operator"
_Found = TypeVar("_Found", bound=ev.Event)


def _asked(
    session: OperableSession,
    verb: str,
    by: str,
    **arguments: Any,  # noqa: ANN401
) -> tuple[SessionView, tuple[Entry, ...]]:
    """Ask for something; return the view afterwards and the lines it became."""
    reply = session.command(verb, by=by, **arguments)
    return session.view, reply.entries


def _told(name: str, view: SessionView, came: tuple[Entry, ...], *more: Part) -> Report:
    return report_of(name, view, *more, views.story(view, came))


# --- trading ---------------------------------------------------------------------------------


def buy(
    session: OperableSession,
    symbol: str,
    shares: Decimal | int,
    *,
    limit: Decimal | None = None,
    because: str = "by hand",
    by: str = _OPERATOR,
) -> Report:
    """Buy by hand; the same risk rules judge it, and a refusal is shown with its rule.

    Parameters
    ----------
    shares
        How many, > 0.
    limit
        Highest price, account currency per share; None: at market.

    Raises
    ------
    ConfigError
        If the request itself is wrong.
    """
    return _order(session, "buy", symbol, shares, limit, because, by)


def sell(
    session: OperableSession,
    symbol: str,
    shares: Decimal | int,
    *,
    limit: Decimal | None = None,
    because: str = "by hand",
    by: str = _OPERATOR,
) -> Report:
    """Sell by hand, `limit` being the lowest price; otherwise as `buy`."""
    return _order(session, "sell", symbol, shares, limit, because, by)


def _order(
    session: OperableSession,
    verb: str,
    symbol: str,
    shares: Decimal | int,
    limit: Decimal | None,
    because: str,
    by: str,
) -> Report:
    arguments: dict[str, Any] = {"symbol": symbol, "quantity": str(shares), "because": because}
    if limit is not None:
        arguments["limit"] = str(limit)
    view, came = _asked(session, verb, by, **arguments)
    return _told(verb, view, came)


def cancel(session: OperableSession, order_id: str, *, by: str = _OPERATOR) -> Report:
    """Ask the broker to cancel an open order; raises ConfigError if it is none."""
    return _told("cancel", *_asked(session, "cancel", by, order_id=order_id))


def kill(session: OperableSession, *, why: str = "", by: str = _OPERATOR) -> Report:
    """Set the kill switch: from now on only orders that reduce a position leave."""
    view, came = _asked(session, "kill", by, why=why)
    lifted = (
        "Only orders that reduce a position leave now, after a restart too. It is lifted by "
        f"{lift_command(account_of(session.folder))} and nothing else."
    )
    return _told("kill", view, came, lifted)


# --- the engine ------------------------------------------------------------------------------


def pause(session: OperableSession, *, by: str = _OPERATOR) -> Report:
    """Hold price polls and strategy steps back."""
    return _told("pause", *_asked(session, "pause", by))


def resume(session: OperableSession, *, by: str = _OPERATOR) -> Report:
    """End a pause; the engine goes where the calendar says."""
    return _told("resume", *_asked(session, "resume", by))


def stop(session: OperableSession, *, reason: str = "stop", by: str = _OPERATOR) -> Report:
    """Ask for an orderly stop: books closed, open orders as the policy says, break point written.

    The engine goes on to stop after it has answered.
    """
    return _told("stop", *_asked(session, "stop", by, reason=reason))


def cancel_task(session: OperableSession, task_id: str, *, by: str = _OPERATOR) -> Report:
    """Take a task off that has not started; raises ConfigError if there is none."""
    return _told("task", *_asked(session, "cancel_task", by, task_id=task_id))


def run(session: OperableSession, task: str, *, by: str = _OPERATOR) -> Report:
    """Let a task come due now; only in a session that was started for debugging.

    Parameters
    ----------
    task
        Any task's name, `diagnose_pending_orders` included.

    Raises
    ------
    ConfigError
        If the session was not started for debugging, or there is no such task.
    """
    return _by_hand("run", *_asked(session, "run_task", by, task=task))


def refill(session: OperableSession, *, by: str = _OPERATOR) -> Report:
    """Bring the session's local tables up to date now, and only those that it uses."""
    return _by_hand("refill", *_asked(session, "refill", by))


def _by_hand(name: str, view: SessionView, came: tuple[Entry, ...]) -> Report:
    at_work = [e.event.task_id for e in came if isinstance(e.event, ev.TaskQueued)]
    lines = [view.tasks.stories[task_id] for task_id in at_work if task_id in view.tasks.stories]
    later = [f"still at work: `task {line.task_id}` shows it" for line in lines if line.is_open]
    return _told(name, view, came, *later)


def note(session: OperableSession, text: str, *, by: str = _OPERATOR) -> Report:
    """Write a sentence into the journal.

    Raises
    ------
    ConfigError
        If there is no text.
    """
    if not text.strip():
        raise ConfigError("a note needs a text: note TEXT")
    return _told("note", *_asked(session, "note", by, text=text.strip()))


# --- judgements ------------------------------------------------------------------------------


def gate(session: OperableSession, *, by: str = _OPERATOR) -> Report:
    """Judge the gate now, by all its checks."""
    view, came = _asked(session, "gate", by)
    event = _found(came, ev.GateJudged)
    stands = "open" if event.open else "shut"
    return report_of("gate", view, f"The gate is {stands}, mode {event.mode}.", event.verdicts)


def reconcile(session: OperableSession, *, by: str = _OPERATOR) -> Report:
    """Hold our book against the broker's now."""
    view, came = _asked(session, "reconcile", by)
    event = _found(came, ev.AccountReconciled)
    sides = TableView(
        name="sides",
        columns=(
            Column(name="whose book"),
            Column(name="cash", unit=event.ours.currency, places=2),
            Column(name="positions", right=True),
            Column(name="open orders", right=True),
        ),
        rows=(
            ("ours", event.ours.cash, len(event.ours.positions), len(event.ours.open_orders)),
            (
                "the broker's",
                event.broker_cash,
                len(event.broker_positions),
                len(event.broker_open_orders),
            ),
        ),
    )
    return report_of("reconcile", view, event.verdicts, sides)


def diagnose(session: OperableSession, *, by: str = _OPERATOR) -> Report:
    """Hold our open orders against the broker's list of them."""
    view, came = _asked(session, "diagnose", by)
    event = _found(came, ev.PendingDiagnosed)
    told = facts(
        "pending_orders",
        ("local_pending_count", event.local_pending_count),
        ("remote_pending_count", event.remote_pending_count),
        ("without_broker_order_id", _names(event.local_pending_without_broker_order_id)),
        ("missing_remotely", _names(event.local_pending_missing_remote)),
        ("unknown_locally", _names(event.remote_pending_not_in_local)),
        ("failures", _names(event.failures)),
        ("is_ok", event.is_ok),
    )
    return report_of("diagnose", view, told)


def _names(found: tuple[str, ...]) -> str:
    return ", ".join(found) or "none"


def _found(came: tuple[Entry, ...], kind: type[_Found]) -> _Found:
    """Return what a command was asked for."""
    for entry in came:
        if isinstance(entry.event, kind):
            return entry.event
    lines = f"{came[0].seq} to {came[-1].seq}" if came else "none"
    raise ConfigError(
        f"the engine answered without a {kind.__name__} (journal lines {lines}); "
        "is it another version of qtkit?"
    )
