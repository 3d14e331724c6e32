"""The power is cut after every step that the broker keeps, before its answer goes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from qtkit.core.clock import ManualClock
from qtkit.testing import at
from qtkit.trading.brokers.protocol import AccountReport, Broker, BrokerEvent, BrokerOrder
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.faults import (
    FaultScript,
    FillAfterCancel,
    Later,
    Reject,
    UnmatchedFill,
)
from qtkit.trading.brokers.sim.sqlite_store import SqliteBook
from qtkit.trading.brokers.sim.store import BookStore, MemoryBook
from tests.trading.brokers.sim_world import SHARE, D, bars_of, clock_at, market_of, order

ROWS = [(f"09:{m}", 10.0, 10.2, 9.8, 10.0, 10_000.0) for m in range(31, 45)]
FAULTS = FaultScript(
    faults=(
        FillAfterCancel(order=3, quantity=D(200)),
        Later(order=2, after=timedelta(minutes=3)),
        Reject(order=5, after=timedelta(seconds=30)),
        UnmatchedFill(
            at=at("09:40"), order_id="never", symbol=SHARE, quantity=D(100), price=D("10.00")
        ),
    )
)
ACTIONS: list[tuple[str, Callable[[Broker], object]]] = [
    ("09:30", lambda b: b.submit(order(1, 2_500))),
    ("09:30", lambda b: b.submit(order(2, 500, "9.85"))),
    ("09:31", lambda b: b.poll_fills()),
    ("09:32", lambda b: b.submit(order(3, 4_000, "9.90"))),
    ("09:34", lambda b: b.cancel("A-000003")),
    ("09:34", lambda b: b.submit(order(4, 1_000_000))),
    ("09:35", lambda b: b.submit(order(5, 100))),
    ("09:36", lambda b: b.submit(order(6, -300))),
    ("09:38", lambda b: b.poll_fills()),
    ("09:41", lambda b: b.submit(order(7, 100, "9.10"))),
    ("15:00", lambda b: b.poll_fills()),
]
Outcome = tuple[AccountReport, list[BrokerOrder | None], list[BrokerEvent]]


class PowerCut(BaseException):
    """The machine went dark."""


class Fuse:
    """Cuts the power after a number of steps."""

    def __init__(self, after: int | None) -> None:
        self.after = after
        self.steps = 0

    def __call__(self) -> None:
        self.steps += 1
        if self.steps == self.after:
            raise PowerCut


def day(new_book: Callable[[], BookStore], fuse: Fuse) -> Outcome:
    """Run the day; after a power cut a new process repeats the call that got no answer."""
    clock = clock_at("09:30")
    broker = connected(new_book(), clock)
    broker.open_account(D(100_000), {SHARE: D(300)})
    broker._book.on_commit = fuse
    broker.connect()
    for local, action in ACTIONS:
        clock.set(at(local))
        try:
            action(broker)
        except PowerCut:
            broker.close()
            broker = connected(new_book(), clock)
            broker._book.on_commit = fuse
            broker.connect()
            action(broker)
    broker.close()
    last = connected(new_book(), clock)
    last.connect()
    outcome = (
        last.account(),
        [last.find(f"A-{number:06d}") for number in range(1, 8)],
        list(last.poll_fills()),
    )
    last.close()
    return outcome


def connected(book: BookStore, clock: ManualClock) -> SimBroker:
    market = market_of({SHARE: bars_of(ROWS)})
    return SimBroker(book=book, market=market, clock=clock, faults=FAULTS)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_the_book_is_the_same_wherever_the_power_is_cut(tmp_path: Path, kind: str) -> None:
    def run(after: int | None) -> tuple[Outcome, int]:
        memory, file = MemoryBook(), tmp_path / f"{after}.sqlite"
        fuse = Fuse(after)
        outcome = day(lambda: memory if kind == "memory" else SqliteBook(file), fuse)
        return outcome, fuse.steps

    whole, steps = run(None)
    assert steps >= 9
    report, orders, news = whole
    assert [o.status for o in orders if o] == [
        "filled",
        "filled",
        "cancelled",
        "rejected",
        "rejected",
        "filled",
        "expired",
    ]
    assert report.positions == {SHARE: D(2_500 + 500 + 2_000 + 200 + 100)}
    assert len(news) == 13
    for after in range(1, steps + 1):
        assert run(after)[0] == whole, f"cut after step {after}"


def test_an_account_is_open_once_its_step_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "broker.sqlite"
    broker = connected(SqliteBook(file, on_commit=Fuse(1)), clock_at("09:30"))
    with pytest.raises(PowerCut):
        broker.open_account(D(100_000))
    broker.close()
    again = connected(SqliteBook(file), clock_at("09:30"))
    assert again.has_account
    again.close()
