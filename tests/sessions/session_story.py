"""A session of three days told by hand, with numbers that can be checked on paper."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from qtkit.core.verdict import fail, ok
from qtkit.model import events as ev
from qtkit.model.books import Book, PositionLine
from qtkit.testing import (
    HandMadeJournal,
    account_reconciled,
    at,
    event,
    last_price,
    order_filled,
    order_refused,
    order_requested,
    session_started,
    status_changed,
)

SYMBOL = "600036.SH"
WEDNESDAY, THURSDAY, FRIDAY = date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6)
CASH = Decimal(10_000)

Moments = list[tuple[datetime, ev.Event]]


def opening(**changes: object) -> ev.SessionStarted:
    known = {"settings": {"seed": 7, "step_minutes": 5}, "opening": Book(cash=CASH, currency="CNY")}
    return session_started(**{**known, **changes})


def seen(day: date, close: str) -> ev.PricesSeen:
    return ev.PricesSeen(
        trading_date=day, poll=1, bars=240, last=(last_price(SYMBOL, close, at("15:00", day)),)
    )


def refused(day: date, reason: str) -> ev.OrderRefused:
    rules = (
        fail(reason, fix="buy less").named("risk.cash"),
        fail("9 shares, the lot is 100", fix="round").named("risk.lot"),
    )
    return order_refused(9, *rules, price="10.40", because="why not", trading_date=day)


def closed(day: date, book: Book) -> ev.DayClosed:
    return ev.DayClosed(trading_date=day, early=False, book=book)


def reconciled(day: date, book: Book, *, good: bool) -> ev.AccountReconciled:
    verdict = ok("equal") if good else fail("cash differs by 1.00 CNY", fix="ask the broker")
    return account_reconciled(
        book, verdicts=(verdict.named("reconcile.cash"),), broker_positions={}, trading_date=day
    )


def skipped(day: date, task: str, reason: str) -> ev.TaskSkipped:
    return event(
        ev.TaskSkipped,
        trading_date=day,
        task_id=f"{task}-{reason}",
        task=task,
        due=at("10:00", day),
        skip_reason=reason,
    )


def given_up(day: date, task: str) -> ev.TaskFailed:
    return event(
        ev.TaskFailed, trading_date=day, task_id=f"{task}-1", task=task, attempt=2, error="boom"
    )


def three_days() -> Moments:
    """Return a session of three days.

    Wednesday: buy 500 at 10.00 for 5.00: 10 000 - 5 000 - 5 = 4 995 left, cost 5 005.
    The close is 10.40: equity 4 995 + 5 200 = 10 195.
    Thursday: sell 200 at 10.50 for 5.00 and 1.05 tax: 4 995 + 2 100 - 6.05 = 7 088.95.
    Two fifths of the cost go, 2 002: realised 2 093.95 - 2 002 = 91.95; cost 3 003 stays.
    The close is 9.00: equity 7 088.95 + 2 700 = 9 788.95.
    Friday: nothing; the close is 9.50: equity 7 088.95 + 2 850 = 9 938.95.
    """
    session = HandMadeJournal()
    _wednesday(session)
    _thursday(session)
    at_night = with_shares(Book(cash=Decimal("7088.95"), currency="CNY"), 300, "3003.00")
    for wall, happened in (
        ("09:00", event(ev.DayStarted)),
        ("10:00", skipped(FRIDAY, "acquire_live_price", "missed")),
        ("10:01", skipped(FRIDAY, "acquire_live_price", "missed")),
        ("15:00", seen(FRIDAY, "9.50")),
        ("15:15", closed(FRIDAY, at_night)),
        ("15:31", ev.SessionEnded(reason="stop", closing=at_night)),
    ):
        session.add(at(wall, FRIDAY), happened)
    return session.moments


def _wednesday(session: HandMadeJournal) -> None:
    night = Book(cash=Decimal("4995.00"), currency="CNY")
    start = (
        opening(),
        event(ev.BrokerConnected),
        status_changed("stopped", "sleeping", "start"),
        event(ev.DayStarted, last_closes={SYMBOL: "9.90"}),
    )
    session.add("09:00", *start)
    session.add("10:00", requested("q1", 500, "first buy"))
    session.add("10:01", filled("q1", 500, "10.00", WEDNESDAY, commission="5.00", tax="0.00"))
    session.add("11:00", refused(WEDNESDAY, 'cash 1.00 < "needed" x=2'))
    session.add("15:00", seen(WEDNESDAY, "10.40"), skipped(WEDNESDAY, "run_strategy", "paused"))
    ends = (
        reconciled(WEDNESDAY, night, good=True),
        closed(WEDNESDAY, with_shares(night, 500, "5005.00")),
    )
    session.add("15:15", *ends)


def _thursday(session: HandMadeJournal) -> None:
    night = Book(cash=Decimal("7088.95"), currency="CNY")
    rejected = ev.OrderRejected(order_id="q3", reason_code="halted", reason="no trade")
    sold = filled("q2", -200, "10.50", THURSDAY, commission="5.00", tax="1.05")
    for wall, *happened in (
        ("09:00", event(ev.DayStarted)),
        ("10:00", requested("q2", -200, "up")),
        ("10:01", sold),
        ("11:00", requested("q3", -100, "crossed 10.60"), rejected),
        ("15:00", seen(THURSDAY, "9.00")),
        ("15:15", reconciled(THURSDAY, night, good=False)),
        ("15:15", closed(THURSDAY, with_shares(night, 300, "3003.00"))),
        ("15:30", given_up(THURSDAY, "refill")),
    ):
        session.add(at(wall, THURSDAY), *happened)


def requested(order_id: str, quantity: int, because: str) -> ev.OrderRequested:
    return order_requested(order_id, quantity, because=because, tag="line 10")


def filled(
    order_id: str, quantity: int, price: str, day: date, *, commission: str, tax: str
) -> ev.OrderFilled:
    return order_filled(
        order_id,
        quantity,
        price,
        fill_id=f"f-{order_id}",
        commission=commission,
        tax=tax,
        executed_at=at("10:00", day),
        settles=THURSDAY if quantity > 0 else day,
        trading_date=day,
    )


def with_shares(book: Book, shares: int, cost: str) -> Book:
    line = PositionLine(symbol=SYMBOL, quantity=Decimal(shares), cost=Decimal(cost))
    return Book(cash=book.cash, positions=(line,), currency=book.currency)
