"""What must hold after a recovery: the broker's own book is the measure, not our ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from qtkit.core.paths import SessionFolder
from qtkit.evidence import Evidence
from qtkit.journal import read_journal
from qtkit.market.feeds.recorder import recorded_bars
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.runtime.run import Run
from qtkit.stages.catalogue import all_stages
from tests.crash.books import TheirBook, TheirOrder, their_book

STAGES = all_stages()
JOURNALS = "paper_sessions/*/artifacts/journal.jsonl"
_STEPS_LOST = 2
GOOD = {"pass", "warn", "skip"}
Known = dict[str, tuple[str, str]]
"""Check id -> status and sentence."""
_ENDS: dict[str, tuple[type[ev.Event], ...]] = {
    "filled": (),
    "rejected": (ev.OrderRejected,),
    "cancelled": (ev.OrderCancelled,),
    "expired": (ev.OrderCancelled,),
}


def verdicts_of(folder: SessionFolder) -> Known:
    """Return status and sentence of every check of the stages 0, 3.5 and 4-A, by id."""
    return verdicts_on(Evidence.of_folder(folder))


def verdicts_on(evidence: Evidence) -> Known:
    """Return them for evidence that was gathered already."""
    found = (c(evidence) for stage in STAGES for c in stage.checks)
    return {v.rule: (str(v.status), v.summary) for v in found}


def mistakes_after(
    run: Run,
    root: Path,
    sent: Counter[str],
    known: Known,
) -> Iterator[str]:
    """Yield everything that is wrong after a recovery.

    Parameters
    ----------
    run
        The life that ended in order.
    root
        Where the account and all its sessions are.
    sent
        How often each order id came to the broker's door, in all lives.
    known
        What the checks say about the same day without a cut: no more may be wrong than there.
    """
    theirs = their_book(run.account.broker_book)
    evidence = Evidence.of_folder(run.folder)
    earlier = sorted(set(root.glob(JOURNALS)) - {run.folder.journal})
    entries = [e for journal in earlier for e in read_journal(journal)]
    entries += evidence.merged()
    yield from (f"order {order} was sent {n} times" for order, n in sent.items() if n > 1)
    yield from _books(entries, theirs)
    yield from _orders(entries, theirs)
    yield from _fills(entries, theirs)
    yield from _skips(evidence)
    yield from _inputs(run)
    for rule, (status, summary) in verdicts_on(evidence).items():
        idle = status == "pending" and summary.endswith("nothing to judge")  # no order came of it
        if status not in GOOD and not idle and known[rule][0] in GOOD:
            yield f"check {rule} {status}: {summary}"


def _skips(evidence: Evidence) -> Iterator[str]:
    """Yield it if a cut cost more than the step before it and the one in the dark."""
    steps = [e.event for e in evidence.of(ev.TaskSkipped) if e.event.task == "run_strategy"]
    if not evidence.of(ev.SessionResumed):
        return  # a new session after the end of the old one
    if both := evidence.decided & {s.task_id for s in steps}:
        yield f"decided and skipped: {sorted(both)}"
    lost = [s for s in steps if s.skip_reason in {"missed", "restart"}]
    if len(lost) > _STEPS_LOST:
        yield f"{len(lost)} steps were lost: {[s.task_id for s in lost]}"


def _inputs(run: Run) -> Iterator[str]:
    """Yield it if the recorded inputs have a gap, or a bar twice."""
    for symbol, bars in recorded_bars(run.folder).items():
        known = run.market.prices.bars[symbol].end[: len(bars)]
        if bars.end.tolist() != known.tolist():
            yield f"the recorded bars of {symbol} are not those that the feed delivered"


def _books(entries: list[Entry], theirs: TheirBook) -> Iterator[str]:
    last = entries[-1].event
    if not isinstance(last, ev.SessionEnded):
        yield f"the journal ends with {type(last).__name__}"
        return
    if last.closing.cash != theirs.cash:
        yield f"cash is {last.closing.cash} here, {theirs.cash} there"
    positions = {line.symbol: line.quantity for line in last.closing.positions}
    if positions != theirs.positions:
        yield f"positions are {positions} here, {theirs.positions} there"
    if last.closing.open_orders:
        yield f"open at the end: {last.closing.open_orders}"


def _orders(entries: list[Entry], theirs: TheirBook) -> Iterator[str]:
    asked: dict[str, ev.OrderRequested] = {}
    for entry in entries:
        if isinstance(entry.event, ev.OrderRequested):
            if entry.event.order_id in asked:
                yield f"order id {entry.event.order_id} was given twice"
            asked[entry.event.order_id] = entry.event
    for order_id, order in theirs.orders.items():
        mine = asked.get(order_id)
        if mine is None:
            yield f"the broker has {order_id}, which our journal does not know"
        elif (mine.symbol, mine.quantity) != (order.symbol, order.quantity):
            yield f"{order_id} is {mine.quantity} {mine.symbol} here, {order} there"
        else:
            yield from _fate(order_id, order, entries)
    for order_id in asked.keys() - theirs.orders.keys():
        if not _has(entries, order_id, (ev.OrderLost,)):
            yield f"{order_id} never reached the broker and is not lost"


def _fate(order_id: str, order: TheirOrder, entries: list[Entry]) -> Iterator[str]:
    fills = [e.event for e in entries if isinstance(e.event, ev.OrderFilled)]
    filled = sum((f.quantity for f in fills if f.order_id == order_id), Decimal(0))
    if filled != order.filled:
        yield f"{order_id} has {filled} shares filled here, {order.filled} there"
    kinds = _ENDS[order.status]
    if kinds and not _has(entries, order_id, kinds):
        yield f"{order_id} is {order.status} there, and our journal does not say so"


def _has(entries: list[Entry], order_id: str, kinds: tuple[type[ev.Event], ...]) -> bool:
    told = (e.event for e in entries if isinstance(e.event, kinds))
    return any(getattr(event, "order_id", None) == order_id for event in told)


def _fills(entries: list[Entry], theirs: TheirBook) -> Iterator[str]:
    booked = [e.event for e in entries if isinstance(e.event, ev.OrderFilled)]
    twice = [fill for fill, n in Counter(f.fill_id for f in booked).items() if n > 1]
    if twice:
        yield f"booked twice: {twice}"
    if missing := theirs.fills.keys() - {f.fill_id for f in booked}:
        yield f"not booked: {sorted(missing)}"
    for fill in booked:
        told = theirs.fills.get(fill.fill_id)
        fees = fill.commission + fill.tax
        if told is None or (fill.order_id, fill.quantity, fill.price, fees) != (
            told.order_id,
            told.quantity,
            told.price,
            told.fees,
        ):
            yield f"fill {fill.fill_id} is {fill} here, {told} there"
