"""Phase 3.5: recording and payment agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from qtkit.core.verdict import Status, Verdict, fail, ok, pending, warn
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.audit_comparison import Reading
from qtkit.evidence.audit_ledger import Finding, OrderAccount
from qtkit.evidence.evidence import Recorded
from qtkit.market.trading_minutes import date_of_bar
from qtkit.model import events as ev
from qtkit.stages.check import check
from qtkit.stages.phrases import counted, not_yet, show_command, shown, so_far
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
from qtkit.stages.stage import Stage

__all__ = ["phase_35"]


_TRADE = "trade once, then `reconcile`"
_BREAK = "see runbooks/reconcile-break.md: find the line from which on the two differ"


def _untraded(evidence: Evidence) -> Verdict | None:
    """Return the verdict on a session without a booked trade."""
    if evidence.tally.booked or evidence.tally.adjusted:
        return None
    return not_yet(evidence, "there is no booked trade", fix=_TRADE)


def _unread(evidence: Evidence) -> Verdict | None:
    """Return the verdict where no book was written down after the last trade."""
    readings, booked = evidence.tally.readings, evidence.tally.booked
    if readings and (readings[-1].booked == booked or not evidence.running):
        return None
    if evidence.running or not evidence.whole.entries:
        return pending("no book was written down after the last trade yet", fix="`reconcile`")
    return fail(
        "the session is over and wrote no closing book",
        fix="start the account again: it resumes; then stop it in order",
        lines=[evidence.whole.entries],
    )


def _read_verdict(evidence: Evidence) -> Verdict | None:
    return _untraded(evidence) or _unread(evidence)


def _found(findings: Sequence[Finding], what: str, fix: str) -> Verdict:
    return fail(
        f"{counted(len(findings), what)}: {shown(f.sentence for f in findings)}",
        fix=fix,
        lines=sorted({f.line for f in findings}),
    )


def _journal_around(evidence: Evidence, findings: Sequence[Finding]) -> str:
    """Return how to read the journal around findings."""
    return f"read {show_command(evidence, lines=sorted({f.line for f in findings}))}"


@check("3.5.1", "Cash adds up", needs={Capability.BOOKS, Capability.FILLS})
def cash_adds_up(evidence: Evidence) -> Verdict:
    """Cash: opening plus the sum of all flows equals closing, to the cent."""
    objection = _read_verdict(evidence)
    if objection:
        return objection
    tally = evidence.tally
    wrong = [reading for reading in tally.readings if not reading.cash_agrees]
    if wrong:
        first = wrong[0]
        recorded, ours = first.cash
        return fail(
            f"{first.what} in line {first.line} shows {recorded:.2f}, opening plus flows make "
            f"{ours:.2f}: {recorded - ours:+.2f} apart, in {len(wrong)} of {len(tally.readings)} "
            "recorded books",
            fix=_BREAK,
            lines=_around(tally.readings, first, evidence),
        )
    return ok(
        f"{tally.opening_cash:.2f} - {tally.bought:.2f} bought + {tally.sold:.2f} sold - "
        f"{tally.fees:.2f} costs = {tally.cash:.2f}{_adjustments(evidence)}, in each of "
        f"{counted(len(tally.readings), 'recorded book')}{so_far(evidence)}",
        lines=[reading.line for reading in tally.readings][-5:],
    )


def _adjustments(evidence: Evidence) -> str:
    number = evidence.tally.adjusted
    return f" with {counted(number, 'adjustment')} by hand" if number else ""


def _around(readings: Sequence[Reading], first: Reading, evidence: Evidence) -> list[int]:
    """Return the first bad book's line and those of the fills since the last good one."""
    good = max((r.line for r in readings if r.line < first.line), default=0)
    fills = [f.seq for f in evidence.of(ev.OrderFilled) if good < f.seq < first.line]
    return [*fills[:20], first.line]


@check("3.5.2", "Positions add up", needs={Capability.BOOKS, Capability.FILLS})
def positions_add_up(evidence: Evidence) -> Verdict:
    """Positions: opening plus the sum of fills equals closing, for each symbol."""
    objection = _read_verdict(evidence)
    if objection:
        return objection
    tally = evidence.tally
    wrong = [reading for reading in tally.readings if reading.positions]
    if wrong:
        first = wrong[0]
        differences = [
            f"{symbol} {recorded} recorded, {ours} by its fills"
            for symbol, (recorded, ours) in first.positions.items()
        ]
        return fail(
            f"{first.what} in line {first.line}: {shown(differences)}",
            fix=_BREAK,
            lines=_around(tally.readings, first, evidence),
        )
    held = {symbol: shares for symbol, shares in sorted(tally.positions.items()) if shares}
    told = ", ".join(f"{symbol} {shares}" for symbol, shares in held.items()) or "flat"
    return ok(
        f"{counted(tally.booked, 'fill')} make the recorded positions in each of "
        f"{counted(len(tally.readings), 'book')}{so_far(evidence)}: {told}"
    )


@check("3.5.3", "Orders add up", needs={Capability.ORDERS, Capability.FILLS})
def orders_add_up(evidence: Evidence) -> Verdict:
    """Orders: requested = filled + cancelled + rejected + open, for each order."""
    tally = evidence.tally
    if not evidence.orders.requested and not tally.order_findings:
        return not_yet(evidence, "there is no order", fix=_TRADE)
    wrong = list(tally.order_findings)
    wrong += [f for account in tally.orders.values() for f in _unbalanced(account)]
    wrong += [
        Finding(reading.line, f"{reading.what}: {difference}")
        for reading in tally.readings
        for difference in reading.orders
    ]
    if wrong:
        return _found(wrong, "order fault", _journal_around(evidence, wrong))
    accounts = [tally.orders[o] for o in evidence.orders.requested]
    shares = {
        "requested": sum(abs(a.quantity) for a in accounts),
        "filled": sum(abs(a.filled) for a in accounts),
        "cancelled": sum(abs(a.cancelled) for a in accounts),
        "rejected or lost": sum(abs(a.quantity) for a in accounts if _refused(a)),
        "open": sum(abs(a.remaining) for a in accounts),
    }
    told = ", ".join(f"{number} {what}" for what, number in shares.items())
    return ok(f"{counted(len(accounts), 'order')}, in shares{so_far(evidence)}: {told}")


def _refused(account: OrderAccount) -> bool:
    return account.status in {"rejected", "lost"}


def _unbalanced(account: OrderAccount) -> Iterator[Finding]:
    """Yield an order whose shares do not add up."""
    refused = account.quantity - account.filled if _refused(account) else Decimal(0)
    parts = account.filled + account.cancelled + refused + account.remaining
    if parts != account.quantity:
        yield Finding(
            account.lines[-1] if account.lines else account.line,
            f"{account.order_id}: {account.quantity} requested, {account.filled} filled + "
            f"{account.cancelled} cancelled + {refused} refused + {account.remaining} open",
        )


@check("3.5.4", "No fill is booked twice", needs={Capability.FILLS, Capability.FILL_IDS})
def no_fill_is_booked_twice(evidence: Evidence) -> Verdict:
    """No fill is booked twice; repeats are counted."""
    tally = evidence.tally
    if tally.fill_findings:
        return _found(tally.fill_findings, "fill", "see runbooks/reconcile-break.md")
    if not tally.booked:
        return not_yet(evidence, "there is no booked fill", fix=_TRADE)
    if _to_be_repeated(evidence) and not tally.repeated:
        return fail(
            "each fill was told twice, and no repeat is recorded",
            fix="a repeat must be recorded as fill_repeated",
            lines=[f.seq for f in evidence.of(ev.OrderFilled)][:10],
        )
    return ok(
        f"{counted(tally.booked, 'fill')}, each booked once{so_far(evidence)}; "
        f"{counted(tally.repeated, 'repeat')} recognised"
    )


def _to_be_repeated(evidence: Evidence) -> bool:
    faults = evidence.scenario.broker_faults if evidence.scenario else ()
    return any(fault.kind == "repeat" for fault in faults)


@check("3.5.5", "Nothing is half booked", needs={Capability.BOOKS, Capability.FILLS})
def nothing_is_half_booked(evidence: Evidence) -> Verdict:
    """Nothing is half booked: one fill is one event that moves cash, position and order."""
    incomplete = [Finding(f.seq, s) for f in evidence.of(ev.OrderFilled) for s in _gaps(f)]
    if incomplete:
        return _found(incomplete, "incomplete fill", "look at the broker's adapter")
    objection = _read_verdict(evidence)
    if objection:
        return objection
    readings = evidence.tally.readings
    half = [reading for reading in readings if not all(reading.agrees)]
    if half:
        first = half[0]
        names = ("cash", "positions", "orders")
        moved = [n for n, fine in zip(names, first.agrees, strict=True) if fine]
        stuck = [n for n, fine in zip(names, first.agrees, strict=True) if not fine]
        return fail(
            f"{first.what} in line {first.line}: {', '.join(stuck)} disagree with the fills, "
            f"{', '.join(moved) or 'nothing'} agrees",
            fix=_BREAK,
            lines=_around(readings, first, evidence),
        )
    return ok(
        f"{counted(evidence.tally.booked, 'fill')} moved cash, position and order together in "
        f"each of {counted(len(readings), 'recorded book')}{so_far(evidence)}"
    )


def _gaps(fill: Recorded[ev.OrderFilled]) -> Iterator[str]:
    """Yield what a fill lacks to be booked whole."""
    event = fill.event
    if not event.fill_id or not event.order_id or not event.symbol:
        yield f"line {fill.seq} has no fill id, order id or symbol"
    if not event.quantity:
        yield f"fill {event.fill_id} is of 0 shares"
    if event.price <= 0:
        yield f"fill {event.fill_id} has the price {event.price}"
    if event.commission < 0 or event.tax < 0:
        yield f"fill {event.fill_id} has negative costs"


@check(
    "3.5.6", "Reservations", needs={Capability.ORDERS, Capability.BOOKS, Capability.RESERVATIONS}
)
def reservations_hold(evidence: Evidence) -> Verdict:
    """Reserved cash and available quantity are never negative, and end at zero."""
    tally = evidence.tally
    if not evidence.orders.requested:
        return not_yet(evidence, "there is no order", fix=_TRADE)
    wrong = list(tally.reservation_findings)
    wrong += [Finding(r.line, f"{r.what}: {s}") for r in tally.readings for s in r.reservations]
    wrong += [
        Finding(r.line, f"{r.what}: {s}")
        for r in tally.readings
        for s in r.orders
        if s.endswith("has ended")
    ]
    if wrong:
        return _found(wrong, "reservation", _journal_around(evidence, wrong))
    number = len(evidence.orders.requested)
    return ok(
        f"{counted(number, 'order')} never asked for more than was free{so_far(evidence)}; "
        f"{tally.reserved:.2f} are reserved with {len(evidence.orders.open)} open at the end"
    )


@check("3.5.7", "Our book is the broker's", needs={Capability.BOOKS, Capability.BROKER_BOOK})
def our_book_is_the_brokers(evidence: Evidence) -> Verdict:
    """Our book equals the broker's own book, symbol by symbol."""
    fills = evidence.of(ev.OrderFilled)
    held = evidence.of(ev.AccountReconciled) or _first_after(evidence, fills)
    last = evidence.session.last(ev.AccountReconciled)
    if not held or last is None or (fills and last.seq < fills[-1].seq):
        if evidence.running or not fills:
            return not_yet(evidence, "there is no reconciliation after a trade", fix=_TRADE)
        return fail(
            "the session ended and its last trade was never reconciled",
            fix="start the account again and `reconcile`",
            lines=[fills[-1].seq],
        )
    apart = [(r, list(_apart(r.event))) for r in held]
    newest_of = {r.event.trading_date: r.seq for r in held}
    wrong = [(r, what) for r, what in apart if what and r.seq == newest_of[r.event.trading_date]]
    if wrong:
        sentences = [f"line {r.seq}: {s}" for r, what in wrong for s in what]
        return fail(shown(sentences), fix=_BREAK, lines=[r.seq for r, _ in wrong])
    cured = [r.seq for r, what in apart if what]
    if cured:
        return warn(
            f"{counted(len(cured), 'reconciliation')} broke and a later one of the day agrees",
            fix="read why in artifacts/reconcile/",
            lines=cured,
        )
    newest = held[-1].event
    return ok(
        f"{counted(len(held), 'reconciliation')} agree{so_far(evidence)}; the last: cash "
        f"{newest.broker_cash:.2f}, {counted(len(newest.broker_positions), 'symbol')}, "
        f"{counted(len(newest.broker_open_orders), 'open order')}",
        lines=[r.seq for r in held][-5:],
    )


def _first_after(
    evidence: Evidence, fills: Sequence[Recorded[ev.OrderFilled]]
) -> Sequence[Recorded[ev.AccountReconciled]]:
    """Return the reconciliation of a later day that a day's trades came to, if there is one."""
    later = evidence.session.of(ev.AccountReconciled) if fills else ()
    return [r for r in later if r.seq > fills[-1].seq][:1]


def _apart(event: ev.AccountReconciled) -> Iterator[str]:
    """Yield how the two books differ, and what the engine itself found."""
    ours = {p.symbol: p.quantity for p in event.ours.positions if p.quantity}
    theirs = {symbol: shares for symbol, shares in event.broker_positions.items() if shares}
    if abs(event.ours.cash - event.broker_cash) > event.cash_tolerance:
        yield f"cash {event.ours.cash:.2f}, at the broker {event.broker_cash:.2f}"
    for symbol in sorted(ours.keys() | theirs.keys()):
        if ours.get(symbol) != theirs.get(symbol):
            yield f"{symbol} {ours.get(symbol, 0)}, at the broker {theirs.get(symbol, 0)}"
    here, there = {o.order_id for o in event.ours.open_orders}, set(event.broker_open_orders)
    if here != there:
        yield f"open orders {sorted(here - there)} only here, {sorted(there - here)} only there"
    for verdict in event.verdicts:
        if not verdict.allows and verdict.status is not Status.SKIP:
            yield f"{verdict.rule}: {verdict.summary}"


@check("3.5.8", "Settlement", needs={Capability.FILLS, Capability.BOOKS, Capability.SETTLEMENT})
def settlement_follows_the_rule(evidence: Evidence) -> Verdict:
    """Settlement follows the instrument's rule by trading days, on the engine's clock."""
    fills = evidence.of(ev.OrderFilled)
    if not fills:
        return not_yet(evidence, "there is no booked trade", fix=_TRADE)
    wrong = [Finding(f.seq, s) for f in fills for s in _wrong_settlement(evidence, f)]
    wrong += evidence.tally.settlement_findings
    wrong += [
        Finding(reading.line, f"{reading.what}: {difference}")
        for reading in evidence.tally.readings
        for difference in reading.lots
    ]
    if wrong:
        return _found(wrong, "settlement fault", "hold it against the exchange's trading days")
    bought = sum(f.event.quantity > 0 for f in fills)
    lots = sum(bool(shares) for lots in evidence.tally.lots.values() for shares in lots.values())
    return ok(
        f"{counted(bought, 'purchase')} settle by their rule{so_far(evidence)}, "
        f"{counted(lots, 'lot')} not settled at the end; no sell took unsettled shares"
    )


def _wrong_settlement(evidence: Evidence, fill: Recorded[ev.OrderFilled]) -> Iterator[str]:
    """Yield what is wrong with when a fill happened and when it settles."""
    event = fill.event
    day = event.trading_date
    if day is None:
        yield f"fill {event.fill_id} has no trading date"
        return
    if event.executed_at > fill.at:
        yield f"fill {event.fill_id} was booked before it was executed"
    if event.quantity < 0:
        return
    traded = date_of_bar(evidence.calendar, event.executed_at)
    rules = evidence.rules_at(event.symbol, fill.seq)
    if rules is None:
        yield f"fill {event.fill_id}: the journal lists no rules of {event.symbol}"
        return
    days = rules.settle_days
    due = evidence.calendar.session_after(traded, days)
    if event.settles != due:
        yield (
            f"fill {event.fill_id} of {event.symbol} on {traded} settles {event.settles}, "
            f"T+{days} is {due}"
        )


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
