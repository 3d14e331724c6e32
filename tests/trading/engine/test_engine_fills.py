"""News in: every fill a broker can tell, in every order, and cancels."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from qtkit.core.errors import BrokerTimeout
from qtkit.model import events as ev
from qtkit.testing import SHANGHAI, ScriptedStrategy, at, intent
from qtkit.trading.brokers.protocol import Ack, BrokerEvent, BrokerFill, Order
from qtkit.trading.brokers.sim import faults as broken
from qtkit.trading.strategy.protocol import Fill, View
from tests.trading.engine.broker_behind import BUY, Behind, orders_story
from tests.trading.engine.engine_bench import BANK, STEEL, command, day_of

FEE, ZERO = Decimal(5), Decimal(0)


def test_a_fill_that_is_told_again_is_booked_once_and_counted() -> None:
    bench = day_of(script=BUY, broker_faults=[broken.Repeat(order=1)]).run("09:40")
    assert len(bench.of(ev.OrderFilled)) == 1
    assert len(bench.of(ev.FillRepeated)) == 2
    assert bench.engine.context.state.ledger.position(BANK) == 1000


def test_partial_fills_add_up_and_reservations_shrink_with_them() -> None:
    bench = day_of(script=BUY, volume=4_000.0).run("09:40")  # 10 % of 4,000 shares a bar
    assert [f.quantity for f in bench.of(ev.OrderFilled)] == [400, 400, 200]
    assert [(f.commission, f.tax) for f in bench.of(ev.OrderFilled)] == [
        (FEE, ZERO),
        (ZERO, ZERO),
        (ZERO, ZERO),
    ]
    assert bench.engine.context.state.ledger.reserved_cash == 0


def test_fills_that_come_in_another_order_make_the_same_book() -> None:
    straight = day_of(script=BUY, volume=4_000.0).run("09:45")
    turned = day_of(script=BUY, volume=4_000.0, broker_faults=[broken.Reorder(order=1)]).run(
        "09:45"
    )
    assert [f.fill_id for f in turned.of(ev.OrderFilled)] == [
        f.fill_id for f in reversed(straight.of(ev.OrderFilled))
    ]
    assert turned.of(ev.SessionEnded)[0].closing == straight.of(ev.SessionEnded)[0].closing


def test_a_fill_that_races_its_cancel_is_booked_and_marked() -> None:
    bench = day_of(
        script={"09:35": [intent(BANK, 1000, "9.99")]},
        broker_faults=[broken.FillAfterCancel(order=1, quantity=Decimal(300))],
        commands=[command("09:35:30", "cancel", order_id="q000001")],
    ).run("09:40")
    assert orders_story(bench) == [
        "OrderRequested 09:35:00", "OrderAccepted 09:35:00", "CancelRequested 09:35:30",
        "OrderCancelled 09:35:30", "OrderFilled 09:36:00",
    ]  # fmt: skip
    (fill,) = bench.of(ev.OrderFilled)
    assert (fill.quantity, fill.late) == (Decimal(300), "cancelled")
    assert bench.engine.context.state.ledger.position(BANK) == 300


class Late(Behind):
    """A broker that has an order all the same, long after it said that it had not."""

    def submit(self, order: Order) -> Ack:
        """Keep the order at the door."""
        self.kept = order
        raise BrokerTimeout("no answer")

    def poll_fills(self) -> Sequence[BrokerEvent]:
        """Let the order in when it has been given up."""
        if hasattr(self, "kept") and self.broker._clock.now() >= at("09:38"):
            self.broker.submit(self.kept)
            del self.kept
        return super().poll_fills()


def test_a_fill_of_an_order_that_was_given_up_is_booked_and_marked() -> None:
    bench = day_of(script=BUY, wrap_broker=Late).run("09:41")
    assert orders_story(bench)[-2:] == ["OrderLost 09:36:00", "OrderFilled 09:39:00"]
    assert bench.of(ev.OrderFilled)[0].late == "lost"
    assert bench.engine.context.state.ledger.reserved_cash == 0


def test_a_fill_of_no_order_of_ours_is_recorded_not_booked_and_fails_the_reconciliation() -> None:
    ghost = broken.UnmatchedFill(
        at=at("09:44"), order_id="x1", symbol=BANK, quantity=Decimal(100), price=Decimal(10)
    )
    bench = day_of(
        broker_faults=[ghost],
        commands=[command("09:45", "reconcile"), command("09:46", "reconcile")],
    ).run("09:47")
    (unmatched,) = bench.of(ev.FillUnmatched)
    assert (unmatched.order_id, unmatched.quantity) == ("x1", Decimal(100))
    assert "no order 'x1'" in unmatched.reason
    assert not bench.of(ev.OrderFilled)
    first = {v.rule: str(v.status) for v in bench.of(ev.AccountReconciled)[0].verdicts}
    assert (first["reconcile.fills"], first["reconcile.positions"]) == ("fail", "fail")
    assert bench.engine.context.state.ledger.position(BANK) == 0


class Garbling(Behind):
    """A broker whose fills have something wrong with them."""

    change: dict[str, object]

    def poll_fills(self) -> Sequence[BrokerEvent]:
        """Change every fill."""
        return [
            msgspec.structs.replace(item, **self.change) if isinstance(item, BrokerFill) else item
            for item in super().poll_fills()
        ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"price": Decimal("NaN")}, "price NaN"),
        ({"price": Decimal(0)}, "a price of 0"),
        ({"price": Decimal(-10)}, "price -10"),
        ({"commission": Decimal(-1)}, "commission -1"),
        ({"tax": Decimal("Infinity")}, "tax Infinity"),
        ({"quantity": Decimal("NaN")}, "NaN shares"),
        ({"quantity": Decimal(5000)}, "5000"),
        ({"quantity": Decimal(-1000)}, "-1000"),
        ({"symbol": STEEL}, STEEL),
    ],
)
def test_a_fill_that_cannot_be_booked_is_recorded_and_never_dropped(
    change: dict[str, object], told: str
) -> None:
    kind = type("Odd", (Garbling,), {"change": change})
    bench = day_of(script=BUY, wrap_broker=kind).run("09:38")
    (unmatched,) = bench.of(ev.FillUnmatched)
    assert told in unmatched.reason
    assert not bench.of(ev.OrderFilled)
    assert bench.engine.context.state.ledger.cash == 1_000_000


def test_the_strategys_state_moves_with_fills_and_is_saved_after_them() -> None:
    bench = day_of(script=BUY, volume=4_000.0).run("09:40")
    assert [s.state for s in bench.of(ev.StrategySaved)][:3] == [
        {BANK: "400"}, {BANK: "800"}, {BANK: "1000"},
    ]  # fmt: skip


class Noting(ScriptedStrategy):
    """Notes each fill; one that is not its own makes it raise, if it is to."""

    def __init__(self, noted: list[Fill], *, raises: bool) -> None:
        super().__init__({}, SHANGHAI)
        self._noted, self._raises = noted, raises

    def on_fill(self, fill: Fill, view: View) -> None:
        self._noted.append(fill)
        self._filled[fill.symbol] = "moved"
        if self._raises:
            raise ValueError("what is this?")


@pytest.mark.parametrize("raises", [False, True])
def test_a_strategy_is_shown_an_operators_fill_and_books_hold_whatever_it_does(
    *, raises: bool
) -> None:
    noted = list[Fill]()
    bench = day_of(
        wrap=lambda _strategy, _clock: Noting(noted, raises=raises),
        commands=[command("09:36", "buy", symbol=BANK, quantity="100")],
    ).run("09:40")

    assert [(f.symbol, f.quantity, f.tag, f.own) for f in noted] == [
        (BANK, Decimal(100), "", False)
    ]
    assert [s.state for s in bench.of(ev.StrategySaved)][-1] == ({} if raises else {BANK: "moved"})
    assert [e.where for e in bench.of(ev.InternalErrorRaised)] == (["on_fill"] if raises else [])
    assert bench.engine.context.state.ledger.position(BANK) == 100


def test_an_operators_own_order_does_not_move_the_strategys_state() -> None:
    bench = day_of(commands=[command("09:36", "buy", symbol=BANK, quantity="100")]).run("09:40")
    assert len(bench.of(ev.OrderFilled)) == 1
    assert [s.state for s in bench.of(ev.StrategySaved)] == [{}, {}]


# --- cancels -------------------------------------------------------------------------------------


def test_a_cancel_is_requested_sent_and_ends_as_news() -> None:
    bench = day_of(
        script={"09:35": [intent(BANK, 100, "9.50")]},
        commands=[command("09:36", "cancel", order_id="q000001")],
    ).run("09:40")
    assert orders_story(bench)[2:] == ["CancelRequested 09:36:00", "OrderCancelled 09:36:00"]
    assert bench.of(ev.CancelRequested)[0].by == "eve"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (broken.CancelRefused(order=1, code="late", reason="too late"), "late: too late"),
        (broken.Timeout(order=1, arrived=False, call="cancel"), "no_answer: "),
    ],
)
def test_a_cancel_that_is_not_taken_is_told(fault: broken.Fault, told: str) -> None:
    bench = day_of(
        script={"09:35": [intent(BANK, 100, "9.50")]},
        broker_faults=[fault],
        commands=[command("09:36", "cancel", order_id="q000001")],
    ).run("09:37")
    assert bench.of(ev.CancelFailed)[0].reason.startswith(told)
