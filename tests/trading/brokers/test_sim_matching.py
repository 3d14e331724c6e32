"""Prices and quantities that bars give to orders, by hand."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from qtkit.core.errors import BeyondCalendar, ConfigError
from qtkit.model.orders import OrderType
from qtkit.testing import DAY, at
from qtkit.trading.brokers.protocol import BrokerFill
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.contract_terms import Band, DatedTerms
from qtkit.trading.brokers.sim.settings import SimSettings, chance
from qtkit.trading.brokers.sim.store import MemoryBook
from tests.golden import texts
from tests.golden.names import names_in
from tests.trading.brokers.sim_world import (
    OTHER,
    SHARE,
    D,
    Row,
    bars_of,
    clock_at,
    market_of,
    order,
)


def fills_of(
    *rows: Row,
    quantity: int,
    limit: str | None = None,
    settings: SimSettings | None = None,
    reserve: str = "11.00",
    last_close: str | None = "10.00",
) -> list[tuple[int, Decimal, str]]:
    """Return (quantity, price, minute of execution) of one order sent at 09:30."""
    clock = clock_at("09:30")
    broker = SimBroker(
        book=MemoryBook(),
        market=market_of({SHARE: bars_of(rows)}, last_close),
        clock=clock,
        settings=settings,
    )
    broker.open_account(D(1_000_000), {SHARE: D(10_000)})
    broker.connect()
    assert broker.submit(order(1, quantity, limit, reserve=reserve)).answer == "accepted"
    clock.set(at("15:00"))
    return [
        (int(f.quantity), f.price, f"{f.executed_at + timedelta(hours=8):%H:%M}")
        for f in broker.poll_fills()
        if isinstance(f, BrokerFill)
    ]


CHANCE_BY_SHA256SUM = 0x5AD08C228AF41E2D / 2**64
TEN_BPS = SimSettings(slippage_bps=D(10))


@pytest.mark.parametrize(
    ("bar", "quantity", "price"),
    [
        (("09:31", 10.00, 10.50, 9.50, 10.0, 1e6), 100, "10.01"),  # 10.01 exactly
        (("09:31", 10.01, 10.50, 9.50, 10.0, 1e6), 100, "10.03"),  # 10.02001 up to the tick
        (("09:31", 10.01, 10.50, 9.50, 10.0, 1e6), -100, "9.99"),  # 9.99999 down to the tick
        (("09:31", 10.00, 10.00, 9.50, 10.0, 1e6), 100, "10.00"),  # the bar's high
        (("09:31", 10.00, 10.50, 10.00, 10.0, 1e6), -100, "10.00"),  # the bar's low
        (("09:31", 11.00, 11.05, 9.50, 10.0, 1e6), 100, "11.00"),  # the band's end
        (("09:31", 9.00, 9.50, 8.50, 9.0, 1e6), -100, "9.00"),  # the band's end
    ],
)
def test_slippage_moves_a_market_price_against_us_inside_bar_and_band(
    bar: Row, quantity: int, price: str
) -> None:
    assert fills_of(bar, quantity=quantity, settings=TEN_BPS) == [(quantity, D(price), "09:31")]


def test_slippage_does_not_touch_limit_orders() -> None:
    bar = ("09:31", 10.00, 10.50, 9.50, 10.0, 1e6)
    assert fills_of(bar, quantity=100, limit="10.20", settings=TEN_BPS) == [
        (100, D("10.00"), "09:31")
    ]


def test_without_a_band_a_buy_never_pays_more_than_its_cash_was_reserved_at() -> None:
    dear = ("09:31", 12.00, 12.50, 11.50, 12.0, 1e6)
    edge = ("09:32", 11.00, 12.50, 10.50, 11.0, 1e6)
    assert fills_of(dear, edge, quantity=100, last_close=None, settings=TEN_BPS) == [
        (100, D("11.00"), "09:32")
    ]


def test_without_a_band_a_limit_buy_is_held_to_its_reserve_too() -> None:
    bar = ("09:31", 12.00, 12.50, 10.50, 12.0, 1e6)
    assert fills_of(bar, quantity=100, limit="12.00", last_close=None) == [
        (100, D("11.00"), "09:31")
    ]


@pytest.mark.parametrize(("edge", "shut_out", "served"), [(11.0, 100, -100), (9.0, -100, 100)])
@pytest.mark.parametrize("limit", [None, "edge"])
def test_a_bar_locked_at_the_edge_of_the_band_serves_one_side_only(
    edge: float, shut_out: int, served: int, limit: str | None
) -> None:
    bar = ("09:31", edge, edge, edge, edge, 1e6)
    price = limit and f"{edge:.2f}"
    assert fills_of(bar, quantity=shut_out, limit=price) == []
    assert fills_of(bar, quantity=served, limit=price) == [(served, D(f"{edge:.2f}"), "09:31")]


@pytest.mark.parametrize("number", [math.nan, 0.0, -1.0])
@pytest.mark.parametrize("column", [1, 2, 3, 5])
def test_a_bar_without_a_price_or_volume_gives_nothing(number: float, column: int) -> None:
    prices = [10.0, 10.0, 10.0, 10.0, 1e6]
    prices[column - 1] = number
    o, h, lo, c, v = prices
    rows = [("09:31", o, h, lo, c, v), ("09:32", 10.0, 10.0, 10.0, 10.0, 1e6)]
    assert fills_of(*rows, quantity=100) == [(100, D("10.00"), "09:32")]


def test_an_odd_rest_is_taken_whole_when_the_share_covers_it() -> None:
    """A tenth of 1 200 is 120: one lot of 150; a tenth of 400 is 40 of the 50 left: no lot."""
    rows = [
        ("09:31", 10.0, 10.0, 10.0, 10.0, 1_200.0),
        ("09:32", 10.0, 10.0, 10.0, 10.0, 400.0),
        ("09:33", 10.0, 10.0, 10.0, 10.0, 500.0),
    ]
    assert [(q, t) for q, _, t in fills_of(*rows, quantity=-150)] == [
        (-100, "09:31"),
        (-50, "09:33"),
    ]


def test_participation_is_a_setting() -> None:
    bar = ("09:31", 10.0, 10.0, 10.0, 10.0, 1_000.0)
    everything = SimSettings(participation=D(1))
    assert fills_of(bar, quantity=1000, settings=everything) == [(1000, D("10.00"), "09:31")]


def test_latency_puts_off_the_first_bar_that_sees_the_order() -> None:
    rows = [(f"09:3{i}", 10.0 + i / 100, 10.5, 9.5, 10.0, 1e6) for i in range(1, 5)]
    late = SimSettings(latency=timedelta(minutes=1, seconds=1))
    on_time = SimSettings(latency=timedelta(minutes=1))
    assert fills_of(*rows, quantity=100, settings=on_time) == [(100, D("10.02"), "09:32")]
    assert fills_of(*rows, quantity=100, settings=late) == [(100, D("10.03"), "09:33")]


def test_chance_depends_on_seed_and_order_alone() -> None:
    """First eight bytes of sha256("7:A-000001") over 2**64, worked out with `sha256sum`."""
    assert chance(7, "A-000001") == CHANCE_BY_SHA256SUM
    jitter = SimSettings(seed=7, latency_jitter=timedelta(minutes=1))
    plain = SimSettings(seed=7)
    drawn = jitter.visible_from(at("09:30"), "A-000001") - plain.visible_from(
        at("09:30"), "A-000001"
    )
    assert drawn == pytest.approx(CHANCE_BY_SHA256SUM * 60e9, abs=1000)
    assert chance(8, "A-000001") != chance(7, "A-000001") != chance(7, "A-000002")


def test_all_mistakes_of_the_settings_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"slippage_bps .*; participation .*; latency"):
        SimSettings(slippage_bps=D(-1), participation=D(0), latency=timedelta(seconds=-1))


def test_orders_execute_by_time_and_then_by_arrival() -> None:
    rows = [("09:31", 10.0, 10.0, 10.0, 10.0, 1e6), ("09:32", 10.0, 10.0, 9.5, 10.0, 1e6)]
    clock = clock_at("09:30")
    bars = {SHARE: bars_of(rows), OTHER: bars_of(rows[:1], OTHER)}
    broker = SimBroker(book=MemoryBook(), market=market_of(bars), clock=clock)
    broker.open_account(D(1_000_000))
    broker.connect()
    broker.submit(order(1, 100, "9.80"))
    broker.submit(order(2, 100))
    broker.submit(order(3, 100, symbol=OTHER))
    clock.set(at("15:00"))
    assert [event.order_id for event in broker.poll_fills()] == ["A-000002", "A-000003", "A-000001"]


def test_a_symbol_without_bars_takes_orders_and_lets_them_expire() -> None:
    clock = clock_at("09:30")
    broker = SimBroker(book=MemoryBook(), market=market_of({}), clock=clock)
    broker.open_account(D(1_000_000))
    broker.connect()
    broker.submit(order(1, 100))
    assert broker.next_event_at() == at("15:00")
    clock.set(at("15:00"))
    (end,) = broker.poll_fills()
    assert (end.order_id, getattr(end, "how", "")) == ("A-000001", "expired")


def test_bars_that_arrive_while_an_order_is_open_are_seen() -> None:
    clock = clock_at("09:30")
    bars = {SHARE: bars_of([("09:31", 10.0, 10.0, 10.0, 10.0, 1_000.0)])}
    broker = SimBroker(book=MemoryBook(), market=market_of(bars), clock=clock)
    broker.open_account(D(1_000_000))
    broker.connect()
    broker.submit(order(1, 300))
    clock.set(at("09:32"))
    assert len(broker.poll_fills()) == 1
    bars[SHARE] = bars_of(
        [
            ("09:31", 10.0, 10.0, 10.0, 10.0, 1_000.0),
            ("09:32", 10.1, 10.1, 10.1, 10.1, 5_000.0),
        ]
    )
    (fill,) = broker.poll_fills()
    assert isinstance(fill, BrokerFill)
    assert (fill.quantity, fill.price) == (D(200), D("10.10"))


def test_the_next_event_is_the_next_bar_that_can_matter() -> None:
    rows = [
        ("09:31", 10.0, 10.0, 10.0, 10.0, 1e6),
        ("09:32", 10.0, 10.0, 9.5, 10.0, 1e6),
        ("09:33", 10.0, 10.0, 9.5, 10.0, 1e6),
    ]
    clock = clock_at("09:30")
    broker = SimBroker(book=MemoryBook(), market=market_of({SHARE: bars_of(rows)}), clock=clock)
    broker.open_account(D(1_000_000))
    assert broker.next_event_at() is None
    broker.connect()
    assert broker.next_event_at() is None
    broker.submit(order(1, 100, "9.60"))
    assert broker.next_event_at() == at("09:32")  # 09:31 does not reach the limit
    broker.submit(order(2, 100))
    assert broker.next_event_at() == at("09:31")
    clock.set(at("09:32"))
    assert len(broker.poll_fills()) == 2
    assert broker.next_event_at() is None
    assert broker.poll_fills() == ()

    again = SimBroker(book=broker._book, market=broker._market, clock=clock)
    again.connect()
    assert again.next_event_at() == at("09:32")  # news wait: now


def test_a_calendar_that_ends_is_no_unknown_symbol() -> None:
    def beyond(day: object, count: int) -> None:
        raise BeyondCalendar(f"nothing is known {count} days after {day}")

    market = market_of({})
    known = type(market)(
        bars={},
        instruments=market.instruments,
        close_before=market.close_before,
        settle_date=beyond,  # type: ignore[arg-type]
        trading_date=market.trading_date,
        market_close=market.market_close,
        first_end_from=market.first_end_from,
    )
    broker = SimBroker(book=MemoryBook(), market=known, clock=clock_at("09:30"))
    broker.open_account(D(1_000_000))
    broker.connect()
    with pytest.raises(BeyondCalendar, match=str(DAY)):
        broker.submit(order(1, 100))


def test_an_account_is_opened_once_and_before_connecting() -> None:
    broker = SimBroker(book=MemoryBook(), market=market_of({}), clock=clock_at("09:30"))
    assert not broker.has_account
    with pytest.raises(ConfigError, match="no account"):
        broker.connect()
    with pytest.raises(ConfigError, match=r"cash .* -1; 600000.SH .* -5"):
        broker.open_account(D(-1), {SHARE: D(-5)})
    broker.open_account(D(100))
    assert broker.has_account
    with pytest.raises(ConfigError, match="account, opened with 100"):
        broker.open_account(D(200))


def test_what_the_client_confirmed_is_not_told_again() -> None:
    clock = clock_at("09:30")
    bars = {SHARE: bars_of([(f"09:3{i}", 10.0, 10.0, 10.0, 10.0, 1_000.0) for i in (1, 2, 3)])}
    first = SimBroker(book=MemoryBook(), market=market_of(bars), clock=clock)
    first.open_account(D(1_000_000))
    first.connect()
    first.submit(order(1, 300))
    clock.set(at("09:31"))
    first.poll_fills()
    first.confirm()
    clock.set(at("09:33"))
    assert len(first.poll_fills()) == 2

    second = SimBroker(book=first._book, market=first._market, clock=clock)
    second.connect()
    assert [getattr(e, "fill_id", "") for e in second.poll_fills()] == [
        "sim-000001-2",
        "sim-000001-3",
    ]


@pytest.mark.parametrize(
    ("close", "low", "high"),
    [
        ("10.05", "9.05", "11.06"),  # 9.045 and 11.055: halves up
        ("10.04", "9.04", "11.04"),  # 9.036 and 11.044
    ],
)
def test_the_ends_of_the_band_are_rounded_half_up_to_the_tick(
    close: str, low: str, high: str
) -> None:
    terms = DatedTerms(market_of({}, close)).of(SHARE, DAY)
    assert terms.band == Band(D(low), D(high))


@pytest.mark.parametrize(
    ("limit", "reserve", "code"),
    [("NaN", "11.00", "bad_price"), ("-1", "11.00", "bad_price"), (None, "0", "bad_price")],
)
def test_a_price_that_is_none_is_refused(limit: str | None, reserve: str, code: str) -> None:
    broker = SimBroker(book=MemoryBook(), market=market_of({}), clock=clock_at("09:30"))
    broker.open_account(D(1_000_000))
    broker.connect()
    assert broker.submit(order(1, 100, limit, reserve=reserve)).reason_code == code


def test_a_limit_price_and_its_type_belong_together() -> None:
    broker = SimBroker(book=MemoryBook(), market=market_of({}), clock=clock_at("09:30"))
    broker.open_account(D(1_000_000))
    broker.connect()
    without = msgspec.structs.replace(order(1, 100), order_type=OrderType.LIMIT)
    beside = msgspec.structs.replace(order(2, 100), limit_price=D("10.00"))
    assert names_in(broker.submit(without).reason) == ["0"]
    assert names_in(broker.submit(beside).reason) == ["10.00"]


def test_everything_wrong_with_an_order_is_told_at_once() -> None:
    broker = SimBroker(book=MemoryBook(), market=market_of({}), clock=clock_at("09:30"))
    broker.open_account(D(1_000_000))
    broker.connect()
    ack = broker.submit(order(1, 150, "12.005"))
    assert ack.reason_code == "lot"
    assert ack.reason == texts.ORDER_OUTSIDE_CONTRACT
