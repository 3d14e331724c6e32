"""What holds for any orders, bars and rhythm of polling."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from qtkit.testing import at
from qtkit.trading.brokers.protocol import BrokerFill
from qtkit.trading.brokers.sim.account import audited
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.settings import SimSettings
from qtkit.trading.brokers.sim.store import MemoryBook
from tests.trading.brokers.sim_world import SHARE, D, bars_of, clock_at, market_of, order

MINUTES = 12
SETTINGS = SimSettings(
    slippage_bps=D(7),
    latency=timedelta(seconds=5),
    latency_jitter=timedelta(minutes=2),
    seed=3,
)
cents = st.integers(min_value=900, max_value=1100)
bar = st.tuples(cents, cents, cents, st.sampled_from([0, 900, 5_000, 20_000]))
wish = st.tuples(
    st.integers(min_value=0, max_value=MINUTES * 60),  # second
    st.sampled_from([-700, -100, -50, 100, 800, 3_000, 9_000]),  # shares
    st.none() | cents,  # limit
    st.none() | st.integers(min_value=1, max_value=400),  # cancelled so many seconds later
)


def bars_from(
    drawn: list[tuple[int, int, int, int]],
) -> list[tuple[str, float, float, float, float, float]]:
    rows = []
    for minute, (a, b, c, volume) in enumerate(drawn, start=31):
        low, middle, high = sorted((a, b, c))
        rows.append(
            (f"09:{minute}", middle / 100, high / 100, low / 100, middle / 100, float(volume))
        )
    return rows


def run(
    drawn: list[tuple[int, int, int, int]],
    wishes: list[tuple[int, int, int | None, int | None]],
    every: int | None,
) -> tuple[MemoryBook, list[object]]:
    """Run the orders, polling every so many seconds on top, or not before the end."""
    clock = clock_at("09:30")
    book = MemoryBook()
    market = market_of({SHARE: bars_of(bars_from(drawn))})
    broker = SimBroker(book=book, market=market, clock=clock, settings=SETTINGS)
    broker.open_account(D(60_000), {SHARE: D(950)})
    broker.connect()
    todo: list[tuple[int, int, int, int | None]] = []
    for number, (second, shares, limit, cancelled) in enumerate(wishes, start=1):
        todo.append((second, number, shares, limit))
        if cancelled is not None:
            todo.append((second + cancelled, number, 0, None))
    told: list[object] = []
    polls = [] if every is None else list(range(0, 1800, every))
    for second, number, shares, limit in sorted(
        [*todo, *((s, 0, 0, None) for s in polls)], key=lambda t: (t[0], t[1], t[2] == 0)
    ):
        clock.set(at("09:30") + timedelta(seconds=second))
        if number == 0:
            told += broker.poll_fills()
        elif shares == 0:
            broker.cancel(f"A-{number:06d}")
        else:
            broker.submit(order(number, shares, None if limit is None else f"{limit / 100:.2f}"))
        state = book.load()
        reserved = sum((row.reserved for row in state.orders), start=Decimal(0))
        assert state.cash >= reserved
        assert all(holding.quantity >= 0 for holding in state.holdings)
    clock.set(at("15:00"))
    told += broker.poll_fills()
    return book, told


@settings(max_examples=60, deadline=None)
@given(
    st.lists(bar, min_size=MINUTES, max_size=MINUTES),
    st.lists(wish, min_size=1, max_size=6),
    st.sampled_from([1, 13, 61, 200]),
)
def test_books_add_up_and_do_not_depend_on_polling(
    drawn: list[tuple[int, int, int, int]],
    wishes: list[tuple[int, int, int | None, int | None]],
    every: int,
) -> None:
    seldom, told = run(drawn, wishes, None)
    often, told_often = run(drawn, wishes, every)

    state = audited(seldom.load())
    assert state == often.load()
    assert told == told_often
    assert not any(row.is_open or row.reserved for row in state.orders)


@settings(max_examples=40, deadline=None)
@given(st.lists(bar, min_size=MINUTES, max_size=MINUTES), st.lists(wish, min_size=1, max_size=6))
def test_no_fill_is_worse_than_its_limit_or_outside_its_bar_or_beyond_a_tenth_of_it(
    drawn: list[tuple[int, int, int, int]],
    wishes: list[tuple[int, int, int | None, int | None]],
) -> None:
    book, told = run(drawn, wishes, None)
    rows = {at(row[0]): row for row in bars_from(drawn)}
    orders = {row.order.order_id: row for row in book.load().orders}
    for fill in told:
        if not isinstance(fill, BrokerFill):
            continue
        _, _, high, low, _, volume = rows[fill.executed_at]
        assert D(str(low)) <= fill.price <= D(str(high))
        assert abs(fill.quantity) <= D(str(volume)) / 10
        limit = orders[fill.order_id].order.limit_price
        if limit is not None:
            assert fill.price <= limit if fill.quantity > 0 else fill.price >= limit
    for row in orders.values():
        paid = [f for f in told if isinstance(f, BrokerFill) and f.order_id == row.order.order_id]
        notional = sum((abs(f.quantity) * f.price for f in paid), start=Decimal(0))
        charged = sum((f.commission for f in paid), start=Decimal(0))
        least = Decimal("5.00") if paid else Decimal(0)
        assert charged == max(least, (notional * 3 / 10_000).quantize(D("0.01"), "ROUND_HALF_UP"))
