"""Phase 3.5: recording and payment agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from qtkit.core.facts import Finding, budget, count, counts, finding, money, shares, table
from qtkit.core.verdict import Status, Verdict, pending
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.audit_comparison import Reading
from qtkit.evidence.audit_findings import FILL_FINDINGS, ORDER_FINDINGS, RESERVATION_FINDINGS
from qtkit.evidence.audit_ledger import OrderAccount
from qtkit.evidence.evidence import Recorded
from qtkit.model import events as ev
from qtkit.stages.check import Outcome, check, judged
from qtkit.stages.phrases import not_yet
from qtkit.stages.scenarios import (
    CANCEL_RACE,
    CUT_AT_FILL,
    CUT_AT_ORDER,
    EARLY_FILLS_REORDERED,
    EARLY_FILLS_REPEATED,
    PARTIAL_FILLS,
    REFERENCE,
    REJECTIONS,
    TIMEOUTS,
    TWO_DAYS,
)
from qtkit.stages.settlement_checks import settlement_follows_the_rule
from qtkit.stages.stage import Stage

__all__ = ["phase_35"]


_TRADE = "trade once, then `reconcile`"
_BREAK = "see runbooks/reconcile-break.md: find the line from which on the two differ"

_NO_BOOK = {"no_closing_book": "the session is over and wrote no closing book"}


def _untraded(evidence: Evidence) -> Verdict | None:
    """Return the verdict on a session without a booked trade."""
    if evidence.tally.booked or evidence.tally.adjusted:
        return None
    return not_yet(evidence, "there is no booked trade", fix=_TRADE)


def _unread(evidence: Evidence) -> Outcome | None:
    """Return the verdict where no book was written down after the last trade."""
    readings, booked = evidence.tally.readings, evidence.tally.booked
    if readings and (readings[-1].booked == booked or not evidence.running):
        return None
    if evidence.running or not evidence.whole.entries:
        return pending("no book was written down after the last trade yet", fix="`reconcile`")
    return judged(
        [finding("no_closing_book", evidence.whole.entries)],
        fix="start the account again: it resumes; then stop it in order",
    )


def _read_verdict(evidence: Evidence) -> Outcome | None:
    return _untraded(evidence) or _unread(evidence)


@check(
    "3.5.1", "Cash adds up", needs={Capability.BOOKS, Capability.FILLS},
    facts=(
        money("opening"),
        money("bought"),
        money("sold"),
        money("costs"),
        money("cash"),
        *counts("adjustments books wrong_books"),
        budget("half_cent", "account currency", default=0.005)
    ),
    holds="{opening} - {bought} bought + {sold} sold - {costs} costs = {cash}{adjustments:? with # "
    "bookings without a trade}, in each of {books:recorded book}{so_far}",
    fails="{findings}, in {wrong_books} of {books} recorded books",
    finds=_NO_BOOK
    | {
        "cash": "{book} in line {line} shows {recorded:.2f}, opening plus flows make "
        "{expected:.2f}: {difference:+.2f} apart",
    },
    fix=_BREAK
)  # fmt: skip
def cash_adds_up(evidence: Evidence) -> Outcome:
    """Cash: opening plus the sum of all flows equals closing, to the cent."""
    objection = _read_verdict(evidence)
    if objection:
        return objection
    tally = evidence.tally
    wrong = [reading for reading in tally.readings if not reading.cash_agrees]
    return judged(
        map(_other_cash, wrong[:1]), proof=[reading.line for reading in tally.readings],
        lines=_around(tally.readings, wrong[0], evidence) if wrong else (),
        opening=tally.opening_cash, bought=tally.bought, sold=tally.sold, costs=tally.fees,
        cash=tally.cash, adjustments=tally.adjusted, books=tally.readings, wrong_books=wrong
    )  # fmt: skip


def _other_cash(reading: Reading) -> Finding:
    recorded, ours = reading.cash
    return finding(
        "cash", reading.line, book=reading.what, line=reading.line, recorded=recorded,
        expected=ours, difference=recorded - ours
    )  # fmt: skip


def _around(readings: Sequence[Reading], first: Reading, evidence: Evidence) -> list[int]:
    """Return the first bad book's line and those of the fills since the last good one."""
    good = max((r.line for r in readings if r.line < first.line), default=0)
    fills = [f.seq for f in evidence.of(ev.OrderFilled) if good < f.seq < first.line]
    return [*fills[:20], first.line]


@check(
    "3.5.2", "Positions add up", needs={Capability.BOOKS, Capability.FILLS},
    facts=(*counts("fills books"), table("held", "shares")),
    holds="{fills:fill} make the recorded positions in each of {books:book}{so_far}: {held}",
    fails="{findings}",
    finds=_NO_BOOK
    | {"position": "{book} in line {line}: {symbol} {recorded} recorded, {expected} by its fills"},
    fix=_BREAK
)  # fmt: skip
def positions_add_up(evidence: Evidence) -> Outcome:
    """Positions: opening plus the sum of fills equals closing, for each symbol."""
    objection = _read_verdict(evidence)
    if objection:
        return objection
    tally = evidence.tally
    first = next((reading for reading in tally.readings if reading.positions), None)
    wrong = [
        finding("position", first.line, book=first.what, line=first.line, symbol=symbol,
                recorded=recorded, expected=ours)
        for symbol, (recorded, ours) in first.positions.items()
    ] if first else []  # fmt: skip
    return judged(
        wrong, proof=[reading.line for reading in tally.readings],
        lines=_around(tally.readings, first, evidence) if first else (), fills=tally.booked,
        books=tally.readings,
        held={symbol: shares for symbol, shares in sorted(tally.positions.items()) if shares}
    )  # fmt: skip


@check(
    "3.5.3", "Orders add up", needs={Capability.ORDERS, Capability.FILLS},
    facts=(
        count("orders"),
        *(shares(name) for name in ("requested", "filled", "cancelled", "refused", "open"))
    ),
    holds="{orders:order}, in shares{so_far}: {requested} requested, {filled} filled, {cancelled} "
    "cancelled, {refused} rejected or lost, {open} open",
    fails="{found:order fault}: {findings}",
    finds=ORDER_FINDINGS
    | {
        "unbalanced": "{order}: {quantity} requested, {filled} filled + {cancelled} cancelled + "
        "{refused} refused + {remaining} open",
    },
    fix="read {entries}"
)  # fmt: skip
def orders_add_up(evidence: Evidence) -> Outcome:
    """Orders: requested = filled + cancelled + rejected + open, for each order."""
    tally, requested = evidence.tally, evidence.orders.requested
    if not requested and not tally.order_findings:
        return not_yet(evidence, "there is no order", fix=_TRADE)
    wrong = list(tally.order_findings)
    wrong += [f for account in tally.orders.values() for f in _unbalanced(account)]
    wrong += [difference for reading in tally.readings for difference in reading.orders]
    accounts = [tally.orders[o] for o in requested]
    return judged(
        wrong, proof=list(requested.values()), orders=accounts,
        requested=_total(a.quantity for a in accounts), filled=_total(a.filled for a in accounts),
        cancelled=_total(a.cancelled for a in accounts),
        refused=_total(a.quantity for a in accounts if _refused(a)),
        open=_total(a.remaining for a in accounts)
    )  # fmt: skip


def _total(quantities: Iterable[Decimal]) -> Decimal:
    return sum(map(abs, quantities), Decimal(0))


def _refused(account: OrderAccount) -> bool:
    return account.status in {"rejected", "lost"}


def _unbalanced(account: OrderAccount) -> Iterator[Finding]:
    """Yield an order whose shares do not add up."""
    refused = account.quantity - account.filled if _refused(account) else Decimal(0)
    parts = account.filled + account.cancelled + refused + account.remaining
    if parts != account.quantity:
        yield finding(
            "unbalanced", account.lines[-1] if account.lines else account.line,
            order=account.order_id, quantity=account.quantity, filled=account.filled,
            cancelled=account.cancelled, refused=refused, remaining=account.remaining
        )  # fmt: skip


@check(
    "3.5.4", "No fill is booked twice", needs={Capability.FILLS, Capability.FILL_IDS},
    facts=counts("fills repeats"),
    holds="{fills:fill}, each booked once{so_far}; {repeats:repeat} recognised",
    fails="{found:fill}: {findings}",
    finds=FILL_FINDINGS | {"unrecorded": "each fill was told twice, and no repeat is recorded"},
    fix="a repeat must be recorded as fill_repeated; see runbooks/reconcile-break.md"
)  # fmt: skip
def no_fill_is_booked_twice(evidence: Evidence) -> Outcome:
    """No fill is booked twice; repeats are counted."""
    tally, fills = evidence.tally, evidence.of(ev.OrderFilled)
    wrong = list(tally.fill_findings)
    if not wrong and not tally.booked:
        return not_yet(evidence, "there is no booked fill", fix=_TRADE)
    if not wrong and _to_be_repeated(evidence) and not tally.repeated:
        wrong = [finding("unrecorded", fills[0].seq if fills else 0)]
    return judged(wrong, proof=fills, fills=tally.booked, repeats=tally.repeated)


def _to_be_repeated(evidence: Evidence) -> bool:
    faults = evidence.scenario.broker_faults if evidence.scenario else ()
    return any(fault.kind == "repeat" for fault in faults)


@check(
    "3.5.5", "Nothing is half booked", needs={Capability.BOOKS, Capability.FILLS},
    facts=counts("fills books"),
    holds="{fills:fill} moved cash, position and order together in each of {books:recorded book}"
    "{so_far}",
    fails="{findings}",
    finds=_NO_BOOK
    | {
        "half": "{book} in line {line}: {wrong} disagree with the fills, {right} agrees",
        "no_ids": "line {line} has no fill id, order id or symbol",
        "no_shares": "fill {fill} is of no shares",
        "price": "fill {fill} has the price {price}",
        "costs": "fill {fill} has negative costs",
    },
    fix="look at the broker's adapter, or " + _BREAK
)  # fmt: skip
def nothing_is_half_booked(evidence: Evidence) -> Outcome:
    """Nothing is half booked: one fill is one event that moves cash, position and order."""
    fills, readings = evidence.of(ev.OrderFilled), evidence.tally.readings
    incomplete = [fault for fill in fills for fault in _gaps(fill)]
    if incomplete:
        return judged(incomplete)
    objection = _read_verdict(evidence)
    if objection:
        return objection
    first = next((reading for reading in readings if not all(reading.agrees)), None)
    return judged(
        [_half(first)] if first else (), proof=fills,
        lines=_around(readings, first, evidence) if first else (), fills=evidence.tally.booked,
        books=readings
    )  # fmt: skip


def _half(reading: Reading) -> Finding:
    """Return what of a book moved with its fills, and what did not."""
    rows = list(zip(("cash", "positions", "orders"), reading.agrees, strict=True))
    wrong = [name for name, fine in rows if not fine]
    right = [name for name, fine in rows if fine] or ["nothing"]
    line = reading.line
    return finding("half", line, book=reading.what, line=line, wrong=wrong, right=right)


def _gaps(fill: Recorded[ev.OrderFilled]) -> Iterator[Finding]:
    """Yield what a fill lacks to be booked whole."""
    event, line, name = fill.event, fill.seq, fill.event.fill_id
    if not name or not event.order_id or not event.symbol:
        yield finding("no_ids", line, line=line)
    if not event.quantity:
        yield finding("no_shares", line, fill=name)
    if event.price <= 0:
        yield finding("price", line, fill=name, price=event.price)
    if event.commission < 0 or event.tax < 0:
        yield finding("costs", line, fill=name)


@check(
    "3.5.6", "Reservations", needs={Capability.ORDERS, Capability.BOOKS, Capability.RESERVATIONS},
    facts=(*counts("orders open_orders"), money("reserved")),
    holds="{orders:order} never asked for more than was free{so_far}; {reserved} are reserved with "
    "{open_orders} open at the end",
    fails="{found:reservation}: {findings}",
    finds=RESERVATION_FINDINGS,
    fix="read {entries}"
)  # fmt: skip
def reservations_hold(evidence: Evidence) -> Outcome:
    """Reserved cash and available quantity are never negative, and end at zero."""
    tally, requested = evidence.tally, evidence.orders.requested
    if not requested:
        return not_yet(evidence, "there is no order", fix=_TRADE)
    wrong = list(tally.reservation_findings)
    wrong += [difference for reading in tally.readings for difference in reading.reservations]
    wrong += [f for reading in tally.readings for f in reading.orders if f.kind == "listed_ended"]
    return judged(
        wrong, proof=list(requested.values()), orders=requested, reserved=tally.reserved,
        open_orders=evidence.orders.open
    )  # fmt: skip


@check(
    "3.5.7", "Our book is the broker's", needs={Capability.BOOKS, Capability.BROKER_BOOK},
    facts=(*counts("reconciliations broken symbols open_orders"), money("cash")),
    holds="{reconciliations:reconciliation} agree{so_far}; the last: cash {cash}, "
    "{symbols:symbol}, {open_orders:open order}",
    warns="{broken:reconciliation} broke and a later one of the day agrees",
    fails="{findings}",
    finds={
        "never": "the session ended and its last trade was never reconciled",
        "cash": "line {line}: cash {ours:.2f}, at the broker {theirs:.2f}",
        "position": "line {line}: {symbol} {ours}, at the broker {theirs}",
        "orders": "line {line}: open orders {here} only here, {there} only there",
        "verdict": "line {line}: {rule}: {sentence}",
    },
    fix=_BREAK,
)  # fmt: skip
def our_book_is_the_brokers(evidence: Evidence) -> Outcome:
    """Our book equals the broker's own book, symbol by symbol."""
    fills = evidence.of(ev.OrderFilled)
    held = evidence.of(ev.AccountReconciled) or _first_after(evidence, fills)
    last = evidence.session.last(ev.AccountReconciled)
    if not held or last is None or (fills and last.seq < fills[-1].seq):
        if evidence.running or not fills:
            return not_yet(evidence, "there is no reconciliation after a trade", fix=_TRADE)
        again = "start the account again and `reconcile`"
        return judged([finding("never", fills[-1].seq)], fix=again)
    apart = {r.seq: list(_apart(r)) for r in held}
    newest_of = {r.event.trading_date: r.seq for r in held}
    cured = [line for line, faults in apart.items() if faults]
    newest = held[-1].event
    wrong = [fault for line in newest_of.values() for fault in apart[line]]
    return judged(
        wrong, status=Status.WARN if cured else Status.PASS,
        fix="read why in artifacts/reconcile/" if cured and not wrong else "", proof=cured or held,
        reconciliations=held, broken=cured, symbols=newest.broker_positions,
        open_orders=newest.broker_open_orders, cash=newest.broker_cash
    )  # fmt: skip


def _first_after(
    evidence: Evidence, fills: Sequence[Recorded[ev.OrderFilled]]
) -> Sequence[Recorded[ev.AccountReconciled]]:
    """Return the reconciliation of a later day that a day's trades came to, if there is one."""
    later = evidence.session.of(ev.AccountReconciled) if fills else ()
    return [r for r in later if r.seq > fills[-1].seq][:1]


def _apart(reconciled: Recorded[ev.AccountReconciled]) -> Iterator[Finding]:
    """Yield how the two books differ, and what the engine itself found."""
    event, line = reconciled.event, reconciled.seq
    ours = {p.symbol: p.quantity for p in event.ours.positions if p.quantity}
    theirs = {symbol: shares for symbol, shares in event.broker_positions.items() if shares}
    if abs(event.ours.cash - event.broker_cash) > event.cash_tolerance:
        yield finding("cash", line, line=line, ours=event.ours.cash, theirs=event.broker_cash)
    for symbol in sorted(ours.keys() | theirs.keys()):
        one, two = ours.get(symbol, Decimal(0)), theirs.get(symbol, Decimal(0))
        if one != two:
            yield finding("position", line, line=line, symbol=symbol, ours=one, theirs=two)
    here, there = {o.order_id for o in event.ours.open_orders}, set(event.broker_open_orders)
    if here != there:
        only = {"here": here - there or "none", "there": there - here or "none"}
        yield finding("orders", line, line=line, **only)
    for verdict in event.verdicts:
        if not verdict.allows and verdict.status is not Status.SKIP:
            rule, sentence = verdict.rule, verdict.summary
            yield finding("verdict", line, line=line, rule=rule, sentence=sentence)


phase_35 = Stage(
    id="3.5",
    title="recording and payment agree",
    verifies="After a trade cash, positions and orders match, and nothing is deducted twice.",
    operate="After at least one simulated trade: `reconcile`.",
    headless=(
        "The reference day and two days in a row; partial fills; repeated and reordered fills; "
        "rejections; a cancel that races a fill; time-outs; the power cut at an order and at a "
        "fill."
    ),
    scenarios=(
        REFERENCE,
        TWO_DAYS,
        PARTIAL_FILLS,
        EARLY_FILLS_REPEATED,
        EARLY_FILLS_REORDERED,
        REJECTIONS,
        CANCEL_RACE,
        TIMEOUTS,
        CUT_AT_ORDER,
        CUT_AT_FILL,
    ),
    checks=(
        cash_adds_up,
        positions_add_up,
        orders_add_up,
        no_fill_is_booked_twice,
        nothing_is_half_booked,
        reservations_hold,
        our_book_is_the_brokers,
        settlement_follows_the_rule,
    ),
)
