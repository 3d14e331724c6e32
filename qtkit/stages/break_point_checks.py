"""Check 1.5: a session can go on from its break point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from qtkit.core.facts import Finding, count, finding, money, text
from qtkit.evidence import Capability, Evidence
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.stages.check import Outcome, check, judged
from qtkit.stages.session_end import NOT_ENDED, unended

__all__ = ["break_point", "the_break_point_restores"]


def break_point(evidence: Evidence) -> dict[str, Any] | None:
    """Return what the session left for the next one; None if there is no such file."""
    return evidence.json_file(evidence.folder.break_point) if evidence.folder else None


@check(
    "1.5", "The break point restores", needs={Capability.FILES, Capability.BOOKS},
    facts=(money("cash"), count("positions"), text("restart")),
    holds="state, cash {cash} and {positions:position} stand in the break point; {restart}",
    fails="{findings}",
    finds=NOT_ENDED
    | {
        "none": "there is no break_point.json; stop in order, do not kill",
        "state": "the strategy state in the break point is not the last one recorded",
        "differs": "{what} in the break point: {point}, at the end: {end}",
        "open_orders": "the break point lists the open orders {orders}",
        "killed": "the break point says killed={point}, the journal {journal}",
        "next_order": "the next order would be number {point}, {least} is the first free",
        "no_restart": "the restart left no session_started",
        "other_book": "{what} after the restart: {after}, before: {before}",
        "other_state": "the strategy's state after the restart differs",
        "numbers_repeat": "order numbers restart at {number} and would repeat",
        "other_switch": "after the restart killed={after}, before {before}",
        "no_predecessor": "the session after the restart names no predecessor",
    },
    fix="hold break_point.json against the journal's last lines; the journal is right"
)  # fmt: skip
def the_break_point_restores(evidence: Evidence) -> Outcome:
    """Strategy state and book after a restart from the break point equal those before it."""
    end, point = evidence.ended, break_point(evidence)
    if end is None or not evidence.window.ends_the_session:
        return unended(evidence)
    closing = end.event.closing
    if point is None:
        wrong = [finding("none")]
    else:
        wrong = [*_wrong_point(evidence, point, closing), *_wrong_successor(evidence, point)]
    successor = evidence.facts.successor
    return judged(
        wrong, proof=[end], lines=[end.seq], cash=closing.cash, positions=closing.positions,
        restart="a restart began with the same" if successor else "no restart was tried"
    )  # fmt: skip


def _state(evidence: Evidence) -> dict[str, Any]:
    """Return the strategy's last recorded state."""
    saved = evidence.session.last(ev.StrategySaved)
    if saved is not None:
        return saved.event.state
    return evidence.started.event.strategy_state if evidence.started else {}


def _holdings(book: Book) -> dict[str, object]:
    """Return what two books have to agree in."""
    return {
        "cash": book.cash,
        "positions": {p.symbol: (p.quantity, p.unsettled) for p in book.positions},
        "open orders": {o.order_id: (o.quantity, o.filled) for o in book.open_orders},
    }


def _wrong_point(evidence: Evidence, point: dict[str, Any], closing: Book) -> Iterator[Finding]:
    if point.get("strategy_state") != _state(evidence):
        yield finding("state")
    book = msgspec.convert(point.get("book"), Book, strict=False)
    kept, ours = _holdings(book), _holdings(closing)
    for what in ours:
        if kept[what] != ours[what]:
            yield finding("differs", what=what, point=kept[what], end=ours[what])
    listed = sorted(str(o) for o in point.get("open_orders", ()))
    if listed != sorted(o.order_id for o in closing.open_orders):
        yield finding("open_orders", orders=listed)
    # switch and order numbers may have moved before the day began
    killed = evidence.session.last(ev.KillSwitchSet)
    started = evidence.started
    on = killed.event.on if killed else bool(started and started.event.killed)
    if point.get("killed") is not on:
        yield finding("killed", point=point.get("killed"), journal=on)
    least = (started.event.next_order if started else 1) + len(evidence.session.orders.requested)
    if int(point.get("next_order", 0)) < least:
        yield finding("next_order", point=point.get("next_order"), least=least)


def _wrong_successor(evidence: Evidence, point: dict[str, Any]) -> Iterator[Finding]:
    """Yield what the next session on the account began with and should not have."""
    successor, end = evidence.facts.successor, evidence.ended
    if successor is None or end is None:
        if evidence.scenario and evidence.scenario.restart:
            yield finding("no_restart")
        return
    began, ours = _holdings(successor.opening), _holdings(end.event.closing)
    for what in ours:
        if began[what] != ours[what]:
            yield finding("other_book", what=what, after=began[what], before=ours[what])
    if successor.strategy_state != _state(evidence):
        yield finding("other_state")
    if successor.next_order < int(point.get("next_order", 0)):
        yield finding("numbers_repeat", number=successor.next_order)
    if successor.killed is not point.get("killed"):
        yield finding("other_switch", after=successor.killed, before=point.get("killed"))
    if not successor.predecessor:
        yield finding("no_predecessor")
