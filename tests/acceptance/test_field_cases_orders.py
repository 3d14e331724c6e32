"""What goes wrong with engines in this field, rows 23 to 38: booking, sizing, the broker."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from decimal import Decimal
from threading import Event as Signal
from typing import Any

import msgspec
import pytest

from qtkit.core.errors import BrokerUnavailable
from qtkit.market.feeds.recorded import NotANumber
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.model.orders import OrderStatus
from qtkit.testing import at, intent
from qtkit.trading.brokers.permit_broker import PermitBroker
from qtkit.trading.brokers.protocol import BrokerEvent, BrokerFill, Order
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.faults import FaultScript, Reject
from qtkit.trading.brokers.sim.store import MemoryBook
from qtkit.trading.engine.workers import ThreadWorkers
from tests.golden.names import names_in
from tests.ledger.ledger_story import (
    THURSDAY,
    WEDNESDAY,
    accepted,
    filled,
    new_ledger,
    requested,
    started,
)
from tests.trading.brokers.sim_world import SHARE, bars_of, clock_at, market_of, order
from tests.trading.engine.engine_bench import BANK, STEEL, Bench, command, day_of


def retold(change: Any) -> Any:  # noqa: ANN401 - a function of what the broker tells
    """Return what lets a broker tell its news otherwise."""

    def wrap(broker: SimBroker) -> SimBroker:
        told = broker.poll_fills

        def poll() -> Sequence[BrokerEvent]:
            return tuple(change(list(told())))

        broker.poll_fills = poll  # type: ignore[method-assign]
        return broker

    return wrap


def in_parts(news: list[BrokerEvent]) -> list[BrokerEvent]:
    """Let every execution come in two parts, 300 at 20 and the rest at 21."""
    found: list[BrokerEvent] = []
    for item in news:
        if isinstance(item, BrokerFill):
            first = msgspec.structs.replace(
                item, fill_id=f"{item.fill_id}a", quantity=Decimal(300), price=Decimal(20)
            )
            rest = msgspec.structs.replace(
                item,
                fill_id=f"{item.fill_id}b",
                quantity=item.quantity - 300,
                price=Decimal(21),
                commission=Decimal(0),
            )
            found += [first, rest]
        else:
            found.append(item)
    return found


def parted(change: Any = None) -> Bench:  # noqa: ANN401 - a function of news
    """Buy 500 shares, told in two parts."""
    telling = (lambda news: change(in_parts(news))) if change else in_parts
    return day_of(
        script={"09:35": [intent(BANK, 500)]}, prices={BANK: 20.0}, wrap_broker=retold(telling)
    ).run("09:38")


def test_a_part_and_the_rest_make_the_whole() -> None:
    """Row 23: 500 = 300 at 20 and 200 at 21: 6000 + 4200 and a commission of 5 are paid."""
    bench = parted()
    ledger = bench.engine.context.state.ledger

    assert [f.quantity for f in bench.of(ev.OrderFilled)] == [300, 200]
    assert ledger.position(BANK) == 500
    assert ledger.cash == Decimal(1_000_000) - 6000 - 4200 - 5
    ended = ledger.ended["q000001"]
    assert (ended.status, ended.filled) == (OrderStatus.FILLED, Decimal(500))


def test_a_part_leaves_the_order_open() -> None:
    """Row 23, half way: after 300 of 500 the order is part-filled, 200 are still to come."""
    ledger = new_ledger()
    for event in (requested("o1", 500, reserve="10005"), accepted("o1")):
        ledger.apply(event)

    ledger.apply(filled("o1", "f1", 300, "20.00"))

    assert (ledger.orders["o1"].status, ledger.orders["o1"].filled) == (
        OrderStatus.PART_FILLED,
        Decimal(300),
    )
    assert ledger.reserved_cash == Decimal("4002.00")  # two fifths of what was reserved


def test_the_same_fill_twice_is_booked_once() -> None:
    """Row 24: the broker's own id makes it the same; the repeat is counted."""
    bench = parted(lambda news: news + [n for n in news if isinstance(n, BrokerFill)])

    assert bench.engine.context.state.ledger.cash == Decimal(1_000_000) - 6000 - 4200 - 5
    assert len(bench.of(ev.OrderFilled)) == 2
    assert len(bench.of(ev.FillRepeated)) == 2


def test_fills_in_another_order_make_the_same_book() -> None:
    """Row 25: (300 at 20, 200 at 21) told backwards."""
    one, two = parted(), parted(lambda news: news[::-1])

    assert [f.quantity for f in two.of(ev.OrderFilled)] == [200, 300]
    assert one.engine.context.state.ledger.book() == two.engine.context.state.ledger.book()


class DiskFullError(OSError):
    """Planted."""


def test_a_fill_that_cannot_be_written_moves_nothing() -> None:
    """Row 26: one event moves cash, position and order; where it is not written, none moves."""
    bench = day_of(script={"09:35": [intent(BANK, 500)]})
    write = bench.journal.append

    def append(event: ev.Event) -> Entry:
        if isinstance(event, ev.OrderFilled):
            raise DiskFullError("no space left")
        return write(event)

    bench.journal.append = append  # type: ignore[method-assign]
    with pytest.raises(DiskFullError):
        bench.run("09:40")

    ledger = bench.engine.context.state.ledger
    assert (ledger.cash, ledger.position(BANK)) == (Decimal(1_000_000), Decimal(0))
    assert ledger.orders["q000001"].filled == 0
    assert not ledger.knows_fill("sim-000001-1")


def test_costs_follow_the_shares() -> None:
    """Row 27: 1000 at 10 with a fee of 5 cost 10005; 400 sold take 4002 along; flat costs nothing.

    The field's formula divides (old cost + paid + fee) by the new quantity; ours keeps the sum.
    """
    ledger = new_ledger()
    buy, sell = requested("o1", 1000, reserve="11005"), requested("o2", -400)
    for event in (buy, accepted("o1"), filled("o1", "f1", 1000, "10.00", fees=("5.00", "0"))):
        ledger.apply(event)
    assert ledger.positions["600036.SH"].cost == Decimal("10005.00")

    ledger.apply(started(THURSDAY))
    ledger.apply(sell)
    ledger.apply(filled("o2", "f2", -400, "11.00", fees=("5.00", "2.20"), day=THURSDAY))
    assert ledger.positions["600036.SH"].cost == Decimal("6003.00")

    ledger.apply(requested("o3", -600))
    ledger.apply(filled("o3", "f3", -600, "11.00", day=THURSDAY))
    assert "600036.SH" not in ledger.positions
    assert WEDNESDAY < THURSDAY


@pytest.mark.parametrize(("cash", "leaves"), [("1005.00", True), ("1004.99", False)])
def test_fees_count_when_an_order_is_sized(cash: str, *, leaves: bool) -> None:
    """Row 28: 100 shares at 10 with a fee of at least 5 need 1005.00, to the cent."""
    bench = day_of(cash=Decimal(cash), script={"09:35": [intent(BANK, 100, limit="10.00")]}).run(
        "09:36"
    )

    assert bool(bench.of(ev.OrderRequested)) is leaves
    assert [r.verdicts[0].rule for r in bench.of(ev.OrderRefused)] == (
        [] if leaves else ["risk.cash"]
    )


def test_a_price_that_is_no_number_keeps_one_symbol_out_and_no_other() -> None:
    """Row 29: no bar without a finite, positive price is seen by anybody."""
    broken = tuple(NotANumber(symbol=BANK, end=at(f"09:{m}")) for m in range(31, 36))
    bench = day_of(
        script={"09:35": [intent(BANK, 200), intent(STEEL, 200)]}, feed_faults=broken
    ).run("09:38")

    (decision,) = bench.of(ev.DecisionTaken)
    assert decision.aside == (BANK,)
    assert [o.symbol for o in bench.of(ev.OrderRequested)] == [STEEL]
    assert [r.symbol for r in bench.of(ev.OrderRefused)] == [BANK]


def test_orders_leave_in_the_order_in_which_the_strategy_asks() -> None:
    """Row 30: ours decides otherwise: nothing is sorted; a strategy that wants sells first says so.

    A buy may use no cash that a sell has not yet brought: what is reserved must be free.
    """
    bench = day_of(
        script={"09:35": [intent(BANK, 100), intent(STEEL, -200), intent(BANK, 300)]},
        shares={STEEL: 500},
    ).run("09:36")

    assert [o.quantity for o in bench.of(ev.OrderRequested)] == [100, -200, 300]


def simulated(*faults: Reject) -> tuple[SimBroker, Any]:
    """Return a connected broker at 09:31 with minutes at 10, and its clock."""
    minutes = [(f"09:{m}", 10.0, 10.0, 10.0, 10.0, 1_000_000.0) for m in range(31, 50)]
    clock = clock_at("09:31")
    broker = SimBroker(
        book=MemoryBook(),
        market=market_of({SHARE: bars_of(minutes)}),
        clock=clock,
        faults=FaultScript(faults=faults),
    )
    broker.open_account(Decimal(100_000))
    broker.connect()
    return broker, clock


def test_news_come_by_polling_and_an_empty_poll_is_empty() -> None:
    """Row 31: nothing before an order, a whole fill after it, nothing twice."""
    broker, clock = simulated()
    assert list(broker.poll_fills()) == []

    assert broker.submit(order(1, 200)).answer == "accepted"
    clock.advance(120)
    (fill,) = [n for n in broker.poll_fills() if isinstance(n, BrokerFill)]

    assert (fill.quantity, fill.venue) == (Decimal(200), "XSHG")
    assert fill.fill_id
    assert fill.broker_order_id
    assert list(broker.poll_fills()) == []


def test_parts_of_any_size_are_accepted_up_to_the_order() -> None:
    """Row 32: 30 and 70 of 100 are booked; one share more is not."""
    ledger = new_ledger()
    for event in (requested("o1", 100, reserve="1105"), accepted("o1")):
        ledger.apply(event)
    ledger.apply(filled("o1", "f1", 30, "10.00"))

    assert ledger.unbookable("o1", "600036.SH", Decimal(71))
    ledger.apply(filled("o1", "f2", 70, "10.00"))
    assert ledger.position("600036.SH") == 100


def test_nothing_can_be_sent_without_a_connection() -> None:
    """Row 33: an error that says so, and nothing has happened."""
    broker, _ = simulated()
    broker.close()

    with pytest.raises(BrokerUnavailable, match="not connected"):
        broker.submit(order(1, 200))


def test_workers_let_go_only_when_their_work_is_done() -> None:
    """Row 34: there are no threads per order; where there are threads, closing waits for them."""
    begun, let_go, done = Signal(), Signal(), list[str]()
    workers = ThreadWorkers(Signal())

    def work() -> None:
        begun.set()
        let_go.wait(10)
        done.append("yes")

    workers.submit("slow", work)
    assert begun.wait(10)
    closing = threading.Thread(target=workers.close)
    closing.start()
    assert closing.is_alive()
    let_go.set()
    closing.join(10)

    assert done == ["yes"]
    assert not closing.is_alive()


def test_orders_are_told_in_the_order_of_their_arrival() -> None:
    """Row 35: three orders, three fills in their order; a second poll has nothing."""
    broker, clock = simulated()
    for number in (1, 2, 3):
        broker.submit(order(number, 100 * number))
    clock.advance(120)

    told = [n.order_id for n in broker.poll_fills() if isinstance(n, BrokerFill)]
    assert told == ["A-000001", "A-000002", "A-000003"]
    assert list(broker.poll_fills()) == []


def test_rejections_come_by_script_and_never_by_chance() -> None:
    """Row 36: without a fault none of fifty orders is refused; with one, it is, with its reason."""
    quiet, _ = simulated()
    assert {quiet.submit(order(n, 100)).answer for n in range(1, 51)} == {"accepted"}

    broker, _ = simulated(Reject(order=1, code="suspended", reason="trading is halted"))
    ack = broker.submit(order(1, 200))
    assert (ack.answer, ack.reason_code, ack.reason) == (
        "refused", "suspended", "trading is halted",
    )  # fmt: skip


def test_a_cancel_of_an_unknown_order_is_refused() -> None:
    """Row 37: by the broker with a code, by the shell with the orders that are open."""
    broker, _ = simulated()
    assert broker.cancel("x").reason_code == "unknown_order"

    bench = day_of(commands=(command("09:36", "cancel", order_id="x"),)).run("09:37")
    (refused,) = bench.of(ev.CommandRefused)
    assert names_in(refused.reason) == ["'x'"]


def test_a_broker_is_whatever_keeps_the_protocol() -> None:
    """Row 38: nothing to register: the composition root hands one over, behind a second lock."""
    broker, _ = simulated()
    safe = PermitBroker(broker, None)

    assert safe.name == broker.name
    assert isinstance(order(1, 100), Order)
    with pytest.raises(TypeError):
        safe.submit(order(1, 100))  # type: ignore[call-arg]  # no permit, no order
