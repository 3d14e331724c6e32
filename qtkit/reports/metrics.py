"""metrics.json and report.json: what a session came to, in numbers; all money is exact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date
from decimal import Decimal

import msgspec

from qtkit.ledger.performance import max_drawdown, turnover
from qtkit.model.events import JsonObject
from qtkit.projections.session_view import DayEnd, Reconciliation, SessionView, equity_of

__all__ = ["drawdown_of", "metrics_json", "report_json", "skip_rows"]

_ZERO = Decimal(0)


def metrics_json(told: SessionView) -> JsonObject:
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
    closing = told.closing
    fills = [b.entry.event for b in told.fills]
    bought = sum((f.quantity * f.price for f in fills if f.quantity > 0), _ZERO)
    sold = sum((-f.quantity * f.price for f in fills if f.quantity < 0), _ZERO)
    commission = sum((f.commission for f in fills), _ZERO)
    tax = sum((f.tax for f in fills), _ZERO)
    equity = equity_of(closing, told.prices)
    cost = sum((line.cost for line in closing.positions), _ZERO)
    return {
        "currency": closing.currency,
        "opening_cash": str(told.opening.opening.cash),
        "closing_cash": str(closing.cash),
        "positions": _positions(told),
        "opening_equity": _text(_opening_equity(told)),
        "closing_equity": _text(equity),
        "realised": str(sum((b.realised for b in told.bookings), _ZERO)),
        "unrealised": _text(None if equity is None else equity - closing.cash - cost),
        "commission": str(commission),
        "tax": str(tax),
        "fees": str(commission + tax),
        "bought": str(bought),
        "sold": str(sold),
        "turnover": _turnover(told, bought, sold),
        "max_drawdown": drawdown_of(told),
        **_counts(told),
    }


def _counts(told: SessionView) -> JsonObject:
    counted = told.counts
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
        "dead_letters": len(told.dead_letters),
        "internal_errors": counted["internal_error_raised"],
        "resumed": counted["session_resumed"],
        "trading_days": len(told.open_days),
    }


def _positions(told: SessionView) -> JsonObject:
    found: JsonObject = {}
    for line in told.closing.positions:
        price = told.prices.get(line.symbol)
        found[line.symbol] = {
            "quantity": str(line.quantity),
            "cost": str(line.cost),
            "price": _text(price),
            "value": _text(None if price is None else price * line.quantity),
        }
    return found


def _opening_equity(told: SessionView) -> Decimal | None:
    return equity_of(told.opening.opening, told.opening_prices)


def daily_equity(told: SessionView) -> list[Decimal]:
    """Return the equity at each date's last closing of the books, where it is known."""
    last: dict[date | None, Decimal | None] = {end.day: end.equity for end in told.days}
    return [equity for equity in last.values() if equity is not None]


def drawdown_of(told: SessionView) -> float | None:
    """Return the deepest fall of daily equity; None for a single day or an equity below 0."""
    series, opening = daily_equity(told), _opening_equity(told)
    several = len(series) > 1
    values = ([] if opening is None else [opening]) + series
    if not several or min(values) <= 0:
        return None
    return max_drawdown([float(value) for value in values])


def _turnover(told: SessionView, bought: Decimal, sold: Decimal) -> float | None:
    values = [float(value) for value in daily_equity(told)]
    if not values or sum(values) <= 0:
        return None
    return turnover(float(bought), float(sold), values)


def report_json(told: SessionView, metadata: JsonObject, rebuilt_from: JsonObject) -> JsonObject:
    """Return the canonical result."""
    end = told.end
    return {
        "format": 1,
        "type": "session_report",
        "rebuilt_from": rebuilt_from,
        "metadata": metadata,
        "strategy": told.opening.strategy,
        "account": told.opening.account,
        "started_at": told.first.at.isoformat(),
        "finished_at": told.last.at.isoformat() if end else None,
        "reason": end.reason if end else None,
        "open_days": [str(day) for day in told.open_days],
        "closed_days": [str(day) for day in told.closed_days],
        "metrics": metrics_json(told),
        "days": [_day(end) for end in told.days],
        "reconciliation": [_reconciliation(r) for r in told.reconciliations],
        "skips": skip_rows(told),
        "dead_letters": [
            {"seq": e.seq, "at": e.at.isoformat(), "task": e.event.task, "error": e.event.error}
            for e in told.dead_letters
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


def skip_rows(told: SessionView) -> Sequence[JsonObject]:
    """Return how often each task was skipped, and why."""
    return [
        {"task": task, "skip_reason": reason, "count": count}
        for (task, reason), count in sorted(told.skips.items())
    ]


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
