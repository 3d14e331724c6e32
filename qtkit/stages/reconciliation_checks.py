"""Checks 5-C.7 and 5-C.8: reconciliations on disk, and what a morning begins with."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from qtkit.core.errors import DataError
from qtkit.core.facts import Finding, budget, count, counts, finding
from qtkit.core.verdict import Status, skip
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.stages.check import Outcome, check, judged
from qtkit.stages.phrases import not_yet

__all__ = ["mornings_begin_with_the_evening_before", "reconciliations_are_on_disk"]

_CLOSE = "wait for the post-close"
_GOOD = frozenset({Status.PASS, Status.WARN, Status.SKIP})
_HALF_CENT = Decimal("0.005")


@check(
    "5-C.7", "Reconciliations are on disk", needs={Capability.BOOKS, Capability.FILES},
    facts=counts("reconciliations clean closings"),
    holds="{reconciliations:reconciliation}{so_far} on disk, {clean} clean, {closings:closing} "
    "among them",
    fails="{found:fault} in {reconciliations:reconciliation}: {findings}",
    finds={
        "unreadable": "{problem}",
        "no_file": "the reconciliation of line {line} has no file",
        "lacks": "the file of line {line} lacks a field: {problem}",
        "differs": "the file of line {line} differs in {fields}",
        "unreconciled": "{day} was closed without a reconciliation of its book",
    },
    fix="look at the folder: disk full, or rights missing? `reconcile` writes a new one",
)  # fmt: skip
def reconciliations_are_on_disk(evidence: Evidence) -> Outcome:
    """Each post-close reconciliation is on disk as JSON, with all its fields."""
    closings, reconciled = evidence.of(ev.DayClosed), evidence.of(ev.AccountReconciled)
    if not closings or not reconciled or evidence.folder is None:
        return not_yet(evidence, "there is no closed day", fix=_CLOSE)
    try:
        found = dict(_files(evidence))
    except DataError as problem:
        return judged([finding("unreadable", problem=problem)])
    wrong = [fault for r in reconciled for fault in _on_disk(r, found)]
    wrong += _closed_unreconciled(evidence)
    clean = sum(_is_clean(r.event) for r in reconciled)
    return judged(
        wrong, proof=reconciled, reconciliations=reconciled, clean=clean, closings=closings
    )


def _is_clean(event: ev.AccountReconciled) -> bool:
    return all(v.status in _GOOD for v in event.verdicts)


def _files(evidence: Evidence) -> Iterator[tuple[tuple[int, str], dict[str, Any]]]:
    """Yield each reconciliation's file by its journal line and time."""
    folder = evidence.folder
    if folder is None or not folder.reconcile.is_dir():
        return
    for path in sorted(folder.reconcile.glob("*.json")):
        told = evidence.json_file(path) or {}
        if {"seq", "at"} <= told.keys():
            yield (int(told["seq"]), str(told["at"])), told


def _on_disk(
    reconciled: Recorded[ev.AccountReconciled], files: Mapping[tuple[int, str], dict[str, Any]]
) -> Iterator[Finding]:
    """Yield how the file of a reconciliation differs from the journal's line."""
    line, event = reconciled.seq, reconciled.event
    file = files.get((line, reconciled.at.isoformat()))
    if file is None:
        yield finding("no_file", line, line=line)
        return
    try:
        differ = [name for name, (one, two) in _compared(event, file).items() if one != two]
    except (KeyError, TypeError, ArithmeticError) as problem:
        yield finding("lacks", line, line=line, problem=f"{type(problem).__name__} {problem}")
        return
    if differ:
        yield finding("differs", line, line=line, fields=differ)


def _compared(
    event: ev.AccountReconciled, told: dict[str, Any]
) -> dict[str, tuple[object, object]]:
    """Return (as the journal has it, as the file has it), field by field."""
    failed = sum(v.status not in _GOOD for v in event.verdicts)
    ours = {p.symbol: p.quantity for p in event.ours.positions}
    cash = told["cash"]
    theirs = event.broker_positions
    return {
        "is_ok": (_is_clean(event), told["is_ok"]),
        "failures": (failed, len(told["failures"])),
        "our cash": (event.ours.cash, Decimal(cash["ours"])),
        "the broker's cash": (event.broker_cash, Decimal(cash["broker"])),
        "the cash difference": (event.ours.cash - event.broker_cash, Decimal(cash["difference"])),
        "our positions": (_held(ours), _held(_side(told["positions"], "ours"))),
        "the broker's positions": (_held(theirs), _held(_side(told["positions"], "broker"))),
        "our open orders": (
            [o.order_id for o in event.ours.open_orders], told["open_orders"]["ours"]
        ),
        "the broker's open orders": (
            list(event.broker_open_orders), told["open_orders"]["broker"]
        ),
        "the tolerance": (event.cash_tolerance, Decimal(told["tolerance"])),
    }  # fmt: skip


def _side(positions: dict[str, Any], side: str) -> dict[str, Decimal]:
    return {symbol: Decimal(both[side]) for symbol, both in positions.items()}


def _held(positions: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {symbol: shares for symbol, shares in positions.items() if shares}


def _closed_unreconciled(evidence: Evidence) -> Iterator[Finding]:
    """Yield closings that no reconciliation of the same book came right before."""
    last: Book | None = None
    for entry in evidence.session.merged(ev.AccountReconciled, ev.OrderFilled, ev.DayClosed):
        event = entry.event
        if isinstance(event, ev.AccountReconciled):
            last = event.ours
        elif isinstance(event, ev.OrderFilled):
            last = None
        elif evidence.window.holds(entry.seq) and (last is None or last.cash != event.book.cash):
            yield finding("unreconciled", entry.seq, day=event.trading_date)


@check(
    "5-C.8", "Mornings begin with the evening before", needs={Capability.BOOKS},
    facts=(count("mornings"), budget("half_cent", "account currency", default=float(_HALF_CENT))),
    holds="{mornings:opening book} equal to the closing book before",
    fails="{found:difference} over {mornings:night}: {findings}",
    finds={
        "cash": "{day}: cash {night} at night, {morning} in the morning",
        "shares": "{day}: {symbol} {night} shares at night, {morning} in the morning",
        "order": "{day}: open order {order} is not the same",
    },
    fix="compare both books, then runbooks/reconcile-break.md",
)  # fmt: skip
def mornings_begin_with_the_evening_before(evidence: Evidence) -> Outcome:
    """The next morning's opening book equals last night's closing book."""
    if evidence.started is None:
        return not_yet(evidence, "there is no session", fix="start one")
    nights = list(_nights(evidence))
    wrong = [f for line, day, closed, opened in nights
             for f in _differences(line, day, closed, opened)]  # fmt: skip
    lines = [line for line, *_ in nights]
    successor, end = evidence.facts.successor, evidence.ended
    if successor is not None and end is not None and evidence.window.ends_the_session:
        closing, line, name = end.event.closing, end.seq, "the next session"
        wrong += _differences(line, name, _plain(closing), _plain(successor.opening))
        wrong += _orders_differ(line, name, closing, successor.opening)
        lines.append(line)
    if not lines:
        return skip("one day alone has no next morning")
    return judged(wrong, proof=lines, mornings=lines)


_Plain = tuple[Decimal, dict[str, Decimal]]


def _plain(book: Book) -> _Plain:
    return book.cash, {p.symbol: p.quantity for p in book.positions if p.quantity}


_FLOWS = (ev.OrderFilled, ev.PositionAdjusted, ev.DayClosed)


def _nights(evidence: Evidence) -> Iterator[tuple[int, date | None, _Plain, _Plain]]:
    """Yield (line, date, last night's book, this morning's) for each night of the session.

    This morning's book is worked back from this evening's: what moved since is taken off it.
    """
    last: _Plain | None = None
    cash, shares = Decimal(0), defaultdict[str, Decimal](Decimal)  # since the last evening
    for entry in evidence.session.merged(*_FLOWS):
        event = entry.event
        if isinstance(event, ev.OrderFilled):
            cash -= event.value + event.commission + event.tax
            shares[event.symbol] += event.quantity
        elif isinstance(event, ev.PositionAdjusted):
            cash += event.cash
            shares[event.symbol] += event.quantity
        elif not event.early:
            evening = _plain(event.book)
            held = {s: evening[1].get(s, Decimal(0)) - moved for s, moved in shares.items()}
            morning = evening[0] - cash, _held({**evening[1], **held})
            if last is not None and evidence.day in {None, event.trading_date}:
                yield entry.seq, event.trading_date, last, morning
            last, cash = evening, Decimal(0)
            shares.clear()


def _differences(line: int, day: object, closed: _Plain, opened: _Plain) -> Iterator[Finding]:
    if abs(closed[0] - opened[0]) >= _HALF_CENT:
        yield finding("cash", line, day=day, night=closed[0], morning=opened[0])
    for symbol in sorted(closed[1].keys() | opened[1].keys()):
        one, two = closed[1].get(symbol, Decimal(0)), opened[1].get(symbol, Decimal(0))
        if one != two:
            yield finding("shares", line, day=day, symbol=symbol, night=one, morning=two)


def _orders_differ(line: int, day: object, closed: Book, opened: Book) -> Iterator[Finding]:
    one = {(o.order_id, o.broker_order_id, o.filled) for o in closed.open_orders}
    two = {(o.order_id, o.broker_order_id, o.filled) for o in opened.open_orders}
    for order_id, *_ in sorted(one ^ two):
        yield finding("order", line, day=day, order=order_id)
