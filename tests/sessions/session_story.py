"""A session of three days told by hand, with numbers that can be checked on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from qtkit.core.clock import ManualClock
from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import fail, ok
from qtkit.journal import FileJournal
from qtkit.model import events as ev
from qtkit.model.books import Book, PositionLine
from qtkit.model.orders import OrderOrigin, OrderType

SYMBOL = "600036.SH"
WEDNESDAY, THURSDAY, FRIDAY = date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6)
CASH = Decimal(10_000)

Story = Sequence[tuple[datetime, ev.Event]]


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Return a time of Shanghai as UTC."""
    return datetime(day.year, day.month, day.day, hour - 8, minute, tzinfo=UTC)


def opening(**changes: object) -> ev.SessionStarted:
    fields: dict[str, object] = {
        "format": 1,
        "mode": "paper",
        "account": "demo",
        "strategy": "by_hand",
        "symbols": (SYMBOL,),
        "exchange": "XSHG",
        "settings": {"seed": 7, "step_minutes": 5},
        "settings_digest": "00",
        "seed": 7,
        "opening": Book(cash=CASH),
        "killed": False,
        "next_order": 1,
        "strategy_state": {},
        "known_fills": (),
        "predecessor": "",
    }
    return ev.SessionStarted(**{**fields, **changes})  # type: ignore[arg-type]


def requested(order_id: str, quantity: int, day: date, because: str) -> ev.OrderRequested:
    return ev.OrderRequested(
        trading_date=day,
        order_id=order_id,
        symbol=SYMBOL,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET,
        limit_price=None,
        reserved_cash=Decimal(0),
        because=because,
        origin=OrderOrigin.STRATEGY,
        tag="line 10",
        quote=None,
        venue="XSHG",
    )


def filled(
    order_id: str, quantity: int, price: str, day: date, *, commission: str, tax: str
) -> ev.OrderFilled:
    return ev.OrderFilled(
        trading_date=day,
        order_id=order_id,
        broker_order_id=f"b-{order_id}",
        fill_id=f"f-{order_id}",
        symbol=SYMBOL,
        quantity=Decimal(quantity),
        price=Decimal(price),
        commission=Decimal(commission),
        tax=Decimal(tax),
        executed_at=at(day, 10),
        settles=THURSDAY if quantity > 0 else day,
        venue="XSHG",
        channel="poll_fills",
    )


def seen(day: date, close: str) -> ev.PricesSeen:
    price = ev.LastPrice(symbol=SYMBOL, end=at(day, 15), close=Decimal(close))
    return ev.PricesSeen(trading_date=day, poll=1, bars=240, last=(price,))


def refused(day: date, reason: str) -> ev.OrderRefused:
    verdicts = (
        fail(reason, fix="buy less").named("risk.cash"),
        fail("9 shares, the lot is 100", fix="round").named("risk.lot"),
    )
    return ev.OrderRefused(
        trading_date=day,
        symbol=SYMBOL,
        quantity=Decimal(9),
        price=Decimal("10.40"),
        because="why not",
        origin=OrderOrigin.STRATEGY,
        verdicts=verdicts,
    )


def closed(day: date, book: Book) -> ev.DayClosed:
    return ev.DayClosed(trading_date=day, early=False, book=book)


def reconciled(day: date, book: Book, *, good: bool) -> ev.AccountReconciled:
    verdict = ok("equal") if good else fail("cash differs by 1.00 CNY", fix="ask the broker")
    return ev.AccountReconciled(
        trading_date=day,
        verdicts=(verdict.named("reconcile.cash"),),
        ours=book,
        broker_cash=book.cash,
        broker_positions={},
        broker_open_orders=(),
    )


def skipped(day: date, task: str, reason: str) -> ev.TaskSkipped:
    return ev.TaskSkipped(
        trading_date=day,
        task_id=f"{task}-{reason}",
        task=task,
        due=at(day, 10),
        skip_reason=reason,
        detail="by hand",
    )


def given_up(day: date, task: str) -> ev.TaskFailed:
    return ev.TaskFailed(
        trading_date=day, task_id=f"{task}-1", task=task, attempt=2, error="boom", dead_letter=True
    )


def three_days() -> Iterator[tuple[datetime, ev.Event]]:
    """Yield a session of three days.

    Wednesday: buy 500 at 10.00 for 5.00: 10 000 - 5 000 - 5 = 4 995 left, cost 5 005.
    The close is 10.40: equity 4 995 + 5 200 = 10 195.
    Thursday: sell 200 at 10.50 for 5.00 and 1.05 tax: 4 995 + 2 100 - 6.05 = 7 088.95.
    Two fifths of the cost go, 2 002: realised 2 093.95 - 2 002 = 91.95; cost 3 003 stays.
    The close is 9.00: equity 7 088.95 + 2 700 = 9 788.95.
    Friday: nothing; the close is 9.50: equity 7 088.95 + 2 850 = 9 938.95.
    """
    day_one, day_two = Book(cash=Decimal("4995.00")), Book(cash=Decimal("7088.95"))
    yield at(WEDNESDAY, 9), opening()
    yield at(WEDNESDAY, 9), ev.BrokerConnected(broker_name="sim")
    yield (
        at(WEDNESDAY, 9),
        ev.StatusChanged(before="stopped", after="sleeping", because="start"),
    )
    yield (
        at(WEDNESDAY, 9),
        ev.DayStarted(trading_date=WEDNESDAY, open=True, last_closes={SYMBOL: Decimal("9.90")}),
    )
    yield at(WEDNESDAY, 10), requested("q1", 500, WEDNESDAY, "first buy")
    yield (
        at(WEDNESDAY, 10, 1),
        filled("q1", 500, "10.00", WEDNESDAY, commission="5.00", tax="0.00"),
    )
    yield at(WEDNESDAY, 11), refused(WEDNESDAY, 'cash 1.00 < "needed" x=2')
    yield at(WEDNESDAY, 15), seen(WEDNESDAY, "10.40")
    yield at(WEDNESDAY, 15), skipped(WEDNESDAY, "run_strategy", "paused")
    yield at(WEDNESDAY, 15, 15), reconciled(WEDNESDAY, day_one, good=True)
    yield at(WEDNESDAY, 15, 15), closed(WEDNESDAY, with_shares(day_one, 500, "5005.00"))
    yield at(THURSDAY, 9), ev.DayStarted(trading_date=THURSDAY, open=True)
    yield at(THURSDAY, 10), requested("q2", -200, THURSDAY, "up")
    yield at(THURSDAY, 10, 1), filled("q2", -200, "10.50", THURSDAY, commission="5.00", tax="1.05")
    yield at(THURSDAY, 11), requested("q3", -100, THURSDAY, "crossed 10.60")
    yield (
        at(THURSDAY, 11),
        ev.OrderRejected(
            trading_date=THURSDAY, order_id="q3", reason_code="halted", reason="no trade"
        ),
    )
    yield at(THURSDAY, 15), seen(THURSDAY, "9.00")
    yield at(THURSDAY, 15, 15), reconciled(THURSDAY, day_two, good=False)
    yield at(THURSDAY, 15, 15), closed(THURSDAY, with_shares(day_two, 300, "3003.00"))
    yield at(THURSDAY, 15, 30), given_up(THURSDAY, "refill")
    yield at(FRIDAY, 9), ev.DayStarted(trading_date=FRIDAY, open=True)
    yield at(FRIDAY, 10), skipped(FRIDAY, "acquire_live_price", "missed")
    yield at(FRIDAY, 10, 1), skipped(FRIDAY, "acquire_live_price", "missed")
    yield at(FRIDAY, 15), seen(FRIDAY, "9.50")
    yield at(FRIDAY, 15, 15), closed(FRIDAY, with_shares(day_two, 300, "3003.00"))
    yield (
        at(FRIDAY, 15, 31),
        ev.SessionEnded(
            trading_date=FRIDAY, reason="stop", closing=with_shares(day_two, 300, "3003.00")
        ),
    )


def with_shares(book: Book, shares: int, cost: str) -> Book:
    line = PositionLine(symbol=SYMBOL, quantity=Decimal(shares), cost=Decimal(cost))
    return Book(cash=book.cash, positions=(line,))


def entries_of(story: Iterator[tuple[datetime, ev.Event]] | Story) -> list[ev.Entry]:
    return [ev.Entry(seq=n, at=when, event=event) for n, (when, event) in enumerate(story, 1)]


def write_story(
    folder: SessionFolder, story: Iterator[tuple[datetime, ev.Event]] | Story
) -> FileJournal:
    """Write a journal, and return it still open: whoever needs its end closes it."""
    folder.artifacts.mkdir(parents=True, exist_ok=True)
    clock = ManualClock(at(WEDNESDAY, 9))
    journal = FileJournal(folder.journal, clock)
    for when, event in story:
        clock.set(when)
        journal.append(event)
    return journal
