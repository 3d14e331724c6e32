"""Each scripted fault, told apart from the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from qtkit.core.errors import BrokerTimeout, BrokerUnavailable, ConfigError
from qtkit.testing import at
from qtkit.trading.brokers.protocol import BrokerAccept, BrokerEvent, BrokerFill, BrokerOrderEnd
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.faults import (
    CancelRefused,
    CashOff,
    Disconnect,
    Fault,
    FaultScript,
    FillAfterCancel,
    Later,
    PositionOff,
    Reject,
    Reorder,
    Repeat,
    Timeout,
    UnmatchedFill,
)
from qtkit.trading.brokers.sim.store import MemoryBook
from tests.trading.brokers.sim_world import OTHER, SHARE, D, bars_of, clock_at, market_of, order

#                 an order may take 1 000 of each
ROWS = [(f"09:3{i}", 10.00 + i / 100, 10.50, 9.50, 10.00, 10_000.0) for i in range(1, 10)]


class Desk:
    """A broker with faults, and its clock."""

    def __init__(self, *faults: Fault) -> None:
        self.clock = clock_at("09:30")
        self.book = MemoryBook()
        self.faults = FaultScript(faults=faults)
        self.broker = self.connected(new=True)

    def connected(self, *, new: bool = False) -> SimBroker:
        broker = SimBroker(
            book=self.book,
            market=market_of({SHARE: bars_of(ROWS)}),
            clock=self.clock,
            faults=self.faults,
        )
        if new:
            broker.open_account(D(100_000), {SHARE: D(5_000)})
        broker.connect()
        return broker

    def poll(self, local: str) -> list[BrokerEvent]:
        self.clock.set(at(local))
        return list(self.broker.poll_fills())

    def status(self, number: int) -> str:
        found = self.broker.find(f"A-{number:06d}")
        return "unknown" if found is None else found.status


def fill_ids(news: list[BrokerEvent]) -> Iterator[str]:
    return (event.fill_id for event in news if isinstance(event, BrokerFill))


def test_a_disconnected_broker_answers_nothing_and_goes_on_trading() -> None:
    desk = Desk(Disconnect(start=at("09:31"), until=at("09:35")))
    desk.broker.submit(order(1, 100))
    desk.clock.set(at("09:31"))

    for call in (desk.broker.poll_fills, desk.broker.account, desk.broker.connect):
        with pytest.raises(BrokerUnavailable, match="down until"):
            call()
    with pytest.raises(BrokerUnavailable):
        desk.broker.submit(order(2, 100))
    with pytest.raises(BrokerUnavailable):
        desk.broker.cancel("A-000001")
    with pytest.raises(BrokerUnavailable):
        desk.broker.find("A-000001")
    assert desk.broker.next_event_at() == at("09:35")

    (fill,) = desk.poll("09:35")
    assert isinstance(fill, BrokerFill)
    assert fill.executed_at == at("09:31")
    assert desk.status(2) == "unknown"


def test_a_disconnection_for_good_has_no_next_event() -> None:
    desk = Desk(Disconnect(start=at("09:31")))
    desk.broker.submit(order(1, 100))
    desk.clock.set(at("09:31"))
    assert desk.broker.next_event_at() is None


def test_the_numbered_order_is_refused_and_no_other() -> None:
    desk = Desk(Reject(order=2, code="margin", reason="no margin account"))
    assert desk.broker.submit(order(1, 100)).answer == "accepted"
    ack = desk.broker.submit(order(2, 100))
    assert (ack.answer, ack.reason_code, ack.reason) == ("refused", "margin", "no margin account")
    assert desk.status(2) == "rejected"


def test_a_late_rejection_comes_as_news_and_frees_the_cash() -> None:
    desk = Desk(Reject(order="A-000001", code="margin", after=timedelta(seconds=30)))
    assert desk.broker.submit(order(1, 9_000)).answer == "accepted"
    assert desk.broker.submit(order(2, 1_000)).reason_code == "cash"

    (end,) = desk.poll("09:31")

    assert isinstance(end, BrokerOrderEnd)
    assert (end.how, end.reason_code, end.broker_order_id) == ("rejected", "margin", "")
    assert end.at == at("09:30:30")
    assert desk.broker.submit(order(3, 1_000)).answer == "accepted"
    assert desk.broker.submit(order(1, 9_000)).answer == "accepted"  # the first answer


@pytest.mark.parametrize(("arrived", "status"), [(True, "accepted"), (False, "unknown")])
def test_a_time_out_leaves_open_whether_the_order_arrived(*, arrived: bool, status: str) -> None:
    desk = Desk(Timeout(order=1, arrived=arrived))
    with pytest.raises(BrokerTimeout, match="A-000001; whether it arrived"):
        desk.broker.submit(order(1, 100))
    assert desk.status(1) == status
    assert desk.broker.submit(order(1, 100)).answer == "accepted"
    assert len(desk.poll("09:31")) == 1


@pytest.mark.parametrize(("arrived", "status"), [(True, "cancelled"), (False, "accepted")])
def test_a_cancel_can_time_out_as_well(*, arrived: bool, status: str) -> None:
    desk = Desk(Timeout(order=1, call="cancel", arrived=arrived))
    desk.broker.submit(order(1, 100, "9.10"))
    with pytest.raises(BrokerTimeout, match="cancel"):
        desk.broker.cancel("A-000001")
    assert desk.status(1) == status
    assert desk.broker.cancel("A-000001").answer == "accepted"


def test_a_late_acceptance_comes_as_news_and_may_come_after_the_fill() -> None:
    desk = Desk(
        Later(order=1, after=timedelta(seconds=20)), Later(order=2, after=timedelta(hours=1))
    )
    assert desk.broker.submit(order(1, 100)).answer == "later"
    assert desk.broker.submit(order(2, 100)).answer == "later"

    news = desk.poll("10:40")

    assert [(type(e).__name__, e.order_id) for e in news] == [
        ("BrokerAccept", "A-000001"),
        ("BrokerFill", "A-000001"),
        ("BrokerFill", "A-000002"),
        ("BrokerAccept", "A-000002"),
    ]
    assert news[0] == BrokerAccept(
        order_id="A-000001", broker_order_id="sim-000001", at=at("09:30:20")
    )
    assert desk.broker.submit(order(1, 100)).answer == "later"


def test_an_acceptance_that_was_not_told_yet_comes_before_the_end() -> None:
    desk = Desk(Later(order=1, after=timedelta(hours=1)))
    desk.broker.submit(order(1, 100, "9.10"))
    desk.broker.cancel("A-000001")
    assert [type(e).__name__ for e in desk.poll("15:00")] == ["BrokerAccept", "BrokerOrderEnd"]


def test_a_repeated_fill_comes_three_times_with_one_id() -> None:
    desk = Desk(Repeat(order=1))
    desk.broker.submit(order(1, 100))
    desk.broker.submit(order(2, 100))
    assert list(fill_ids(desk.poll("09:31"))) == ["sim-000001-1", "sim-000002-1", "sim-000001-1"]
    assert desk.broker.next_event_at() == at("09:31")
    assert list(fill_ids(desk.poll("09:31"))) == ["sim-000001-1"]
    assert desk.poll("09:32") == []
    assert desk.broker.account().cash == D("97988.00")  # 100 000 - 2*(100*10.01 + 5.00)


def test_reordered_fills_come_last_one_first_when_the_order_has_ended() -> None:
    desk = Desk(Reorder(order=1))
    desk.broker.submit(order(1, 2_500))
    assert desk.poll("09:31") == []
    assert desk.broker.next_event_at() == at("09:32")
    assert desk.poll("09:32") == []
    assert list(fill_ids(desk.poll("09:33"))) == ["sim-000001-3", "sim-000001-2", "sim-000001-1"]
    assert desk.poll("09:34") == []


def test_reordered_fills_are_held_back_for_a_while_only() -> None:
    desk = Desk(Reorder(order=1, hold=timedelta(seconds=90)))
    desk.broker.submit(order(1, 5_000))
    assert desk.poll("09:31") == []
    assert desk.poll("09:32") == []
    assert desk.broker.next_event_at() == at("09:32:30")
    assert list(fill_ids(desk.poll("09:32:30"))) == ["sim-000001-2", "sim-000001-1"]


@pytest.mark.parametrize(
    ("quantity", "filled", "status"), [(None, 5_000, "filled"), (300, 1_300, "cancelled")]
)
def test_a_fill_comes_after_the_cancel_was_acknowledged_and_told(
    quantity: int | None, filled: int, status: str
) -> None:
    desk = Desk(FillAfterCancel(order=1, quantity=None if quantity is None else D(quantity)))
    desk.broker.submit(order(1, 5_000))
    desk.poll("09:31")

    assert desk.broker.cancel("A-000001").answer == "accepted"
    (end,) = desk.poll("09:31:30")
    assert isinstance(end, BrokerOrderEnd)
    assert desk.status(1) == "cancelled"
    assert desk.broker.account().open_orders == ()

    (fill,) = desk.poll("15:00")
    assert isinstance(fill, BrokerFill)
    assert (fill.quantity, fill.price, fill.executed_at) == (
        D(filled - 1_000),
        D("10.02"),
        at("09:32"),
    )
    assert desk.status(1) == status
    assert desk.broker.account().positions == {SHARE: D(5_000 + filled)}


def test_a_straggler_of_a_limit_order_gets_its_limit() -> None:
    desk = Desk(FillAfterCancel(order=1))
    desk.broker.submit(order(1, 100, "9.10"))
    desk.broker.cancel("A-000001")
    fill = desk.poll("09:31")[1]
    assert isinstance(fill, BrokerFill)
    assert fill.price == D("9.10")


def test_a_straggler_that_never_meets_a_bar_is_dropped_at_the_close() -> None:
    desk = Desk(FillAfterCancel(order=1))
    desk.clock.set(at("10:00"))
    desk.broker.submit(order(1, 9_000))
    desk.broker.cancel("A-000001")
    assert desk.broker.submit(order(2, 1_000)).reason_code == "cash"  # still set aside
    assert len(desk.poll("15:00")) == 1
    assert desk.broker.next_event_at() is None
    assert desk.status(1) == "cancelled"


def test_a_cancel_can_be_refused() -> None:
    desk = Desk(CancelRefused(order=1))
    desk.broker.submit(order(1, 100, "9.10"))
    ack = desk.broker.cancel("A-000001")
    assert (ack.answer, ack.reason_code) == ("refused", "too_late")
    assert desk.status(1) == "accepted"


def test_a_report_can_disagree_and_be_cured() -> None:
    desk = Desk(
        CashOff(amount=D("-0.02"), start=at("10:00"), until=at("12:00")),
        PositionOff(symbol=SHARE, quantity=D(-5_000), start=at("11:00"), until=at("12:00")),
        PositionOff(symbol=OTHER, quantity=D(7), start=at("11:00"), until=at("12:00")),
    )
    seen: list[tuple[Decimal, dict[str, Decimal]]] = []
    for local in ("09:59", "10:00", "11:00", "12:00"):
        desk.clock.set(at(local))
        report = desk.broker.account()
        seen.append((report.cash, dict(report.positions)))
    assert seen == [
        (D(100_000), {SHARE: D(5_000)}),
        (D("99999.98"), {SHARE: D(5_000)}),
        (D("99999.98"), {OTHER: D(7)}),
        (D(100_000), {SHARE: D(5_000)}),
    ]


@pytest.mark.parametrize(("booked", "shares"), [(True, 5_100), (False, 5_000)])
def test_a_fill_without_an_order_comes_at_its_time_and_once(*, booked: bool, shares: int) -> None:
    ghost = UnmatchedFill(
        at=at("10:00"),
        order_id="A-000001",
        symbol=SHARE,
        quantity=D(100),
        price=D("10.00"),
        booked=booked,
    )
    desk = Desk(Reject(order=1), ghost)
    desk.broker.submit(order(1, 100))
    assert desk.poll("09:59") == []
    assert desk.broker.next_event_at() == at("10:00")

    (fill,) = desk.poll("10:00")

    assert (fill.order_id, list(fill_ids([fill]))) == (
        "A-000001",
        [f"sim-unmatched-A-000001-{int(at('10:00').timestamp()) * 10**9}"],
    )
    assert desk.broker.account().positions == {SHARE: D(shares)}
    again = desk.connected()
    assert list(again.poll_fills()) == [fill]
    assert again.account().positions == {SHARE: D(shares)}
    assert desk.status(1) == "rejected"


def test_a_script_can_be_written_as_plain_rows() -> None:
    script = FaultScript.of(
        [
            {
                "type": "disconnect",
                "start": "2026-03-04T02:00:00Z",
                "until": "2026-03-04T02:05:00Z",
            },
            {"type": "fill_after_cancel", "order": 2, "quantity": "100"},
        ]
    )
    assert script.faults == (
        Disconnect(start=at("10:00"), until=at("10:05")),
        FillAfterCancel(order=2, quantity=D(100)),
    )


def test_all_mistakes_of_a_script_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"fault 1: .*repeet.*; fault 2: .*order"):
        FaultScript.of([{"type": "repeet", "order": 1}, {"type": "repeat"}])


def test_an_id_without_a_number_triggers_nothing_but_itself() -> None:
    script = FaultScript(faults=(Repeat(order=1),))
    assert script.on(Repeat, "first") is None
    assert FaultScript(faults=(Repeat(order="first"),)).on(Repeat, "first") is not None
