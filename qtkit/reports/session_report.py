"""A session in one screen: the same facts as text, as HTML, and as run_report.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from qtkit.core.render import (
    Table,
    html_report,
    mark,
    markdown_table,
    markdown_text,
    text_report,
)
from qtkit.model.events import JsonObject
from qtkit.projections.gate import Reconciliation
from qtkit.projections.orders import refused_by
from qtkit.projections.session_view import SessionView
from qtkit.reports.session_figures import drawdown_of, metrics_json

__all__ = ["reconciliation_sentence", "run_report", "summary_html", "summary_text"]

_HEX = 64  # digits of a digest
_SHOWN = 5  # refusals, dead letters


def summary_text(view: SessionView) -> str:
    """Return the summary for a terminal: nothing in it depends on place or wall time."""
    return text_report(_heading(view), *_tables(view), *_troubles(view))


def summary_html(view: SessionView) -> str:
    """Return the summary for JupyterLab."""
    return html_report(_heading(view), *_tables(view), *_troubles(view))


def run_report(view: SessionView, metadata: JsonObject) -> str:
    """Return `run_report.md`: the summary, the days and where it all came from."""
    heading = markdown_text(_heading(view))
    parts = [f"# {heading}", *(markdown_table(t) for t in (*_tables(view), *_more(view)))]
    if troubles := [f"* {markdown_text(line)}" for line in _troubles(view)]:
        parts.append("\n".join(["## What went wrong", "", *troubles]))
    parts.append(markdown_table(_identity(metadata)))
    parts.append("Rebuilt from `artifacts/journal.jsonl`; editing this page changes nothing.")
    return "\n\n".join(parts) + "\n"


def _heading(view: SessionView) -> str:
    end = view.end
    ending = end.reason if end else "not ended"
    return f"Session · {view.opening.strategy} · {_days(view)} · {ending}"


def _days(view: SessionView) -> str:
    days = view.books.open_days
    if not days:
        return "no trading day"
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}, {len(days)} trading days"


def _tables(view: SessionView) -> tuple[Table, ...]:
    facts = Table("", ("what", "found"), tuple(_facts(view)))
    held = view.closing.positions
    return (facts, _positions(view)) if held else (facts,)


def _facts(view: SessionView) -> Iterator[tuple[object, object]]:
    counted = view.counts
    numbers = metrics_json(view)
    currency = numbers["currency"]
    yield "account", view.opening.account
    if view.books.closed_days:
        yield "closed days", _dates_without_trading(view)
    yield "decisions", counted["decision_taken"]
    yield "orders", counted["order_requested"]
    yield "fills", counted["order_filled"]
    yield "refused by risk", counted["order_refused"]
    yield "rejected by broker", counted["order_rejected"]
    yield "skipped tasks", _skips(view)
    yield "opening cash", f"{_money(numbers['opening_cash'])} {currency}"
    yield "closing cash", f"{_money(numbers['closing_cash'])} {currency}"
    yield "fees", f"{_money(numbers['fees'])} {currency}"
    yield "realised", f"{_money(numbers['realised'])} {currency}"
    if numbers["closing_equity"] is not None:
        yield "equity at last closes", f"{_money(numbers['closing_equity'])} {currency}"
    if (fall := drawdown_of(view)) is not None:
        yield "deepest fall of equity", f"{fall:.2%}"
    yield "reconciliation", _agreement(view.judgements.reconciliations)


def _dates_without_trading(view: SessionView) -> str:
    days = view.books.closed_days
    which = str(days[0]) if len(days) == 1 else f"{len(days)}, from {days[0]} to {days[-1]}"
    return f"{which}: {view.opening.exchange} does not trade, nothing was scheduled"


def _skips(view: SessionView) -> str:
    reasons: dict[str, int] = {}
    for (_, reason), count in sorted(view.tasks.skips.items()):
        reasons[reason] = reasons.get(reason, 0) + count
    return ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items())) or "none"


def _agreement(found: Sequence[Reconciliation]) -> str:
    """Return the mark and sentence of all reconciliations."""
    status = "pass" if all(r.is_ok for r in found) else "fail"
    return f"{mark(status if found else 'pending')}: {reconciliation_sentence(found)}"


def reconciliation_sentence(found: Sequence[Reconciliation]) -> str:
    """Return how often our book agreed with the broker's."""
    good = sum(r.is_ok for r in found)
    return f"{good} of {len(found)} agree with the broker's book" if found else "none was made"


def _positions(view: SessionView) -> Table:
    rows = tuple(
        (
            line.symbol,
            f"{line.quantity:,}",
            f"{sum((lot.quantity for lot in line.unsettled), Decimal(0)):,}",
            f"{line.cost:,.2f}",
            _price(view.prices.closes.get(line.symbol)),
        )
        for line in view.closing.positions
    )
    columns = ("symbol", view.unit, "unsettled", "cost", "last close")
    return Table("Positions", columns, rows, "lrrrr")


def _price(price: Decimal | None) -> str:
    """Return a price with all its digits, two decimals at least."""
    if price is None:
        return "unknown"
    return f"{price:,.2f}" if price == round(price, 2) else f"{price:,}"


def _more(view: SessionView) -> Iterator[Table]:
    """Yield the tables that only the page has."""
    if view.books.days:
        rows = tuple(
            (
                str(end.day),
                "early" if end.early else "regular",
                f"{end.book.cash:,.2f}",
                "unknown" if end.equity is None else f"{end.equity:,.2f}",
                len(end.book.open_orders),
            )
            for end in view.books.days
        )
        yield Table("Days", ("date", "closing", "cash", "equity", "open orders"), rows, "llrrr")
    if view.terms.changes:
        columns = ("line", "name", "before", "after", "by", "why")
        changes = tuple(
            (e.seq, c.name, _value(c.before), _value(c.after), c.by, c.why)
            for e in view.terms.changes
            for c in [e.event]
        )
        yield Table("Changed on a return", columns, changes)
    if view.tasks.skips:
        skips = tuple((*key, count) for key, count in sorted(view.tasks.skips.items()))
        yield Table("Skipped tasks", ("task", "skip reason", "times"), skips, "llr")
    if view.orders.refusals:
        refused = tuple(
            (f"{e.at:%Y-%m-%d %H:%M:%S}Z", rule, e.event.symbol, reason)
            for e in view.orders.refusals[:_SHOWN]
            for rule, reason in [refused_by(e.event)]
        )
        title = f"Refused by risk, the first {len(refused)} of {len(view.orders.refusals)}"
        yield Table(title, ("time", "rule", "symbol", "reason"), refused)


def _value(value: object) -> str:
    """Return a setting's value, or the beginning of a digest."""
    text = "none" if value is None else str(value)
    return text[:12] if len(text) == _HEX else text


def _troubles(view: SessionView) -> Iterator[str]:
    """Yield what somebody should look at."""
    if view.end is None:
        yield "The journal has no end: the session runs, or was cut short."
    for entry in view.tasks.dead_letters[:_SHOWN]:
        yield f"{entry.event.task} was given up (journal line {entry.seq}): {entry.event.error}"
    for found in view.judgements.reconciliations:
        for failure in found.failures:
            yield f"Reconciliation failed (journal line {found.entry.seq}): {failure}"
    for kind, what in (
        ("internal_error_raised", "internal errors"),
        ("fill_unmatched", "fills that fit no order"),
    ):
        if view.counts[kind]:
            yield f"{view.counts[kind]} {what}: see the journal's lines {kind}"


def _identity(metadata: JsonObject) -> Table:
    data = metadata.get("data_fingerprint") or {}
    commit = metadata.get("commit", "")
    commit += ", with changes" if metadata.get("dirty") else ""
    rows = (
        ("session", metadata.get("session_id", "unknown")),
        ("toolkit", metadata.get("toolkit_version", "unknown")),
        ("commit", commit or "none"),
        ("python", metadata.get("python_version", "unknown")),
        ("configuration", metadata.get("config_fingerprint", "unknown")),
        ("data", data.get("total", "unknown")),
        ("seed", metadata.get("seed", "unknown")),
    )
    return Table("Made with", ("what", "which"), rows)


def _money(amount: object) -> str:
    return f"{Decimal(str(amount)):,.2f}"
