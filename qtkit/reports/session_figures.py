"""metrics.json and report.json: what a session came to, in numbers; all money is exact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date
from decimal import Decimal

import msgspec

from qtkit.ledger.performance import max_drawdown, turnover
from qtkit.model.events import JsonObject
from qtkit.projections.bookings import DayEnd, equity_of
from qtkit.projections.gate import Reconciliation
from qtkit.projections.session_view import SessionView

__all__ = ["drawdown_of", "metrics_json", "report_json", "skip_rows"]

_ZERO = Decimal(0)


def metrics_json(view: SessionView) -> JsonObject:
    """Return the session's numbers, all from the ledger.

    Returns
    -------
    dict
        Money is text in the account's currency. ``realised`` is the result of sales by average
        cost, all fees included; ``unrealised`` what the positions are worth above their cost.
        Prices are the newest closes that the session knew; what needs an unknown one is null.
        ``max_drawdown`` and ``turnover`` are fractions, see `qtkit.ledger.performance`; the
        first needs several days and counts from the opening equity.
    """
    closing, flows = view.closing, view.flows
    equity = equity_of(closing, view.prices.closes)
    cost = sum((line.cost for line in closing.positions), _ZERO)
    return {
        "currency": closing.currency,
        "opening_cash": str(view.opening.opening.cash),
        "closing_cash": str(closing.cash),
        "positions": _positions(view),
        "opening_equity": _text(_opening_equity(view)),
        "closing_equity": _text(equity),
        "realised": str(sum((b.realised for b in view.books.bookings), _ZERO)),
        "unrealised": _text(None if equity is None else equity - closing.cash - cost),
        "commission": str(flows.commission),
        "tax": str(flows.tax),
        "fees": str(flows.fees),
        "bought": str(flows.bought),
        "sold": str(flows.sold),
        "turnover": _turnover(view),
        "max_drawdown": drawdown_of(view),
        **_counts(view),
    }


def _counts(view: SessionView) -> JsonObject:
    counted = view.counts
    return {
        "decisions": counted["decision_taken"],
        "orders": counted["order_requested"],
        "fills": counted["order_filled"],
        "refusals": counted["order_refused"],
        "rejections": counted["order_rejected"],
        "cancelled_orders": counted["order_cancelled"],
        "lost_orders": counted["order_lost"],
        "repeated_fills": counted["fill_repeated"],
        "unmatched_fills": counted["fill_unmatched"],
        "dead_letters": len(view.tasks.dead_letters),
        "internal_errors": counted["internal_error_raised"],
        "resumed": counted["session_resumed"],
        "trading_days": len(view.books.open_days),
    }


def _positions(view: SessionView) -> JsonObject:
    found: JsonObject = {}
    for line in view.closing.positions:
        price = view.prices.closes.get(line.symbol)
        found[line.symbol] = {
            "quantity": str(line.quantity),
            "cost": str(line.cost),
            "price": _text(price),
            "value": _text(None if price is None else price * line.quantity),
        }
    return found


def _opening_equity(view: SessionView) -> Decimal | None:
    return equity_of(view.opening.opening, view.prices.opening)


def daily_equity(view: SessionView) -> list[Decimal]:
    """Return the equity at each date's last closing of the books, where it is known."""
    last: dict[date | None, Decimal | None] = {end.day: end.equity for end in view.books.days}
    return [equity for equity in last.values() if equity is not None]


def drawdown_of(view: SessionView) -> float | None:
    """Return the deepest fall of daily equity; None for a single day or an equity below 0."""
    series, opening = daily_equity(view), _opening_equity(view)
    several = len(series) > 1
    values = ([] if opening is None else [opening]) + series
    if not several or min(values) <= 0:
        return None
    return max_drawdown([float(value) for value in values])


def _turnover(view: SessionView) -> float | None:
    values = [float(value) for value in daily_equity(view)]
    if not values or sum(values) <= 0:
        return None
    return turnover(float(view.flows.bought), float(view.flows.sold), values)


def report_json(view: SessionView, metadata: JsonObject, rebuilt_from: JsonObject) -> JsonObject:
    """Return the canonical result."""
    end = view.end
    return {
        "format": 1,
        "type": "session_report",
        "rebuilt_from": rebuilt_from,
        "metadata": metadata,
        "strategy": view.opening.strategy,
        "account": view.opening.account,
        "started_at": view.first.at.isoformat(),
        "finished_at": view.last.at.isoformat() if end else None,
        "reason": end.reason if end else None,
        "open_days": [str(day) for day in view.books.open_days],
        "closed_days": [str(day) for day in view.books.closed_days],
        "metrics": metrics_json(view),
        "days": [_day(end) for end in view.books.days],
        "reconciliation": [_reconciliation(r) for r in view.judgements.reconciliations],
        "skips": skip_rows(view),
        "dead_letters": [
            {"seq": e.seq, "at": e.at.isoformat(), "task": e.event.task, "error": e.event.error}
            for e in view.tasks.dead_letters
        ],
    }


def _day(end: DayEnd) -> JsonObject:
    return {
        "trading_date": str(end.day),
        "at": end.at.isoformat(),
        "early": end.early,
        "book": msgspec.to_builtins(end.book),
        "equity": _text(end.equity),
    }


def _reconciliation(found: Reconciliation) -> JsonObject:
    return {
        "seq": found.entry.seq,
        "at": found.entry.at.astimezone(UTC).isoformat(),
        "trading_date": str(found.entry.event.trading_date),
        "is_ok": found.is_ok,
        "failures": list(found.failures),
    }


def skip_rows(view: SessionView) -> Sequence[JsonObject]:
    """Return how often each task was skipped, and why."""
    return [
        {"task": task, "skip_reason": reason, "count": count}
        for (task, reason), count in sorted(view.tasks.skips.items())
    ]


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
