"""Orders out and news in: every answer a broker can give, and every one it can fail to give."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from qtkit.core.errors import BrokerTimeout, InvariantBroken
from qtkit.model import events as ev
from qtkit.testing import SHANGHAI, ScriptedStrategy, at, intent
from qtkit.trading.brokers.protocol import (
    AccountReport,
    Ack,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    Order,
)
from qtkit.trading.brokers.sim import faults as broken
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.strategy.protocol import Fill, View
from tests.trading.engine.engine_bench import BANK, STEEL, Bench, command, day_of

BUY = {"09:35": [intent(BANK, 1000)]}
FEE, ZERO = Decimal(5), Decimal(0)


class Behind:
    """A broker behind which another one stands: what is not changed is passed on."""

    def __init__(self, broker: SimBroker) -> None:
        self.broker = broker
        self.name = broker.name

    def connect(self) -> None:
        """Pass on."""
        self.broker.connect()

    def submit(self, order: Order) -> Ack:
        """Pass on."""
        return self.broker.submit(order)

    def cancel(self, order_id: str) -> Ack:
        """Pass on."""
        return self.broker.cancel(order_id)

    def poll_fills(self) -> Sequence[BrokerEvent]:
        """Pass on."""
        return self.broker.poll_fills()

    def find(self, order_id: str) -> BrokerOrder | None:
        """Pass on."""
        return self.broker.find(order_id)

    def account(self) -> AccountReport:
        """Pass on."""
        return self.broker.account()

    def confirm(self) -> None:
        """Pass on."""
        self.broker.confirm()

    def close(self) -> None:
        """Pass on."""
        self.broker.close()


def orders_story(bench: Bench, order_id: str = "q000001") -> list[str]:
    """Return what happened to an order, with local times."""
    told = [e for e in bench.entries if getattr(e.event, "order_id", "") == order_id]
    return [f"{type(e.event).__name__} {(e.at + timedelta(hours=8)):%H:%M:%S}" for e in told]


# --- out -----------------------------------------------------------------------------------------


def test_an_order_is_requested_accepted_and_filled_on_the_next_bar() -> None:
    bench = day_of(script=BUY).run("09:40")
    assert orders_story(bench) == [
        "OrderRequested 09:35:00",
        "OrderAccepted 09:35:00",
        "OrderFilled 09:36:00",
    ]
    asked = bench.of(ev.OrderRequested)[0]
    assert asked.reserved_cash == Decimal("11005.00")  # 1000 at the upper band, and the minimum fee
    assert asked.quote is not None
    assert asked.quote.last == Decimal("10.0")
    assert (asked.step, asked.origin, asked.tag, asked.venue) == (0, "strategy", "script", "XSHG")


def test_the_orders_of_a_step_are_all_written_before_the_first_one_leaves() -> None:
    bench = day_of(script={"09:35": [intent(BANK, 100), intent(STEEL, 100), intent(BANK, 50)]}).run(
        "09:37"
    )
    kinds = [
        type(e.event).__name__ for e in bench.entries if type(e.event).__name__.startswith("Order")
    ]
    assert kinds[:5] == [
        "OrderRequested", "OrderRequested", "OrderRefused", "OrderAccepted", "OrderAccepted",
    ]  # fmt: skip


def test_everything_is_on_disk_when_an_order_leaves() -> None:
    unsynced: list[int] = []

    class Door(Behind):
        def submit(self, order: Order) -> Ack:
            unsynced.append(bench.journal.seq - synced[-1])
            return super().submit(order)

    bench = day_of(script=BUY, wrap_broker=Door)
    synced = [0]
    bench.journal.sync = lambda: synced.append(bench.journal.seq)  # type: ignore[method-assign]
    bench.run("09:37")
    assert unsynced == [0]


def test_a_limit_price_is_put_on_the_tick_never_worse_than_asked() -> None:
    bench = day_of(script={"09:35": [intent(BANK, 100, "9.987")]}).run("09:37")
    assert bench.of(ev.OrderRequested)[0].limit_price == Decimal("9.98")


def test_order_ids_count_on_and_are_never_used_twice() -> None:
    script = {"09:35": [intent(BANK, 100)], "09:40": [intent(BANK, 100), intent(STEEL, 100)]}
    bench = day_of(script=script).run("09:45")
    assert [o.order_id for o in bench.of(ev.OrderRequested)] == ["q000001", "q000002", "q000003"]


def test_a_refused_intent_makes_no_order_and_names_its_rules() -> None:
    script = {"09:35": [intent("000001.SZ", 100), intent(BANK, 150)]}
    bench = day_of(script=script).run("09:37")
    rules = [{v.rule for v in r.verdicts} for r in bench.of(ev.OrderRefused)]
    assert "risk.allowed_symbols" in rules[0]
    assert rules[1] == {"risk.lot_and_tick"}
    assert not bench.of(ev.OrderRequested)
    assert [f["rule_id"] for verb, f in bench.said if verb == "order_refused"] == [
        "risk.allowed_symbols",
        "risk.lot_and_tick",
    ]


def test_an_order_for_a_symbol_that_nobody_knows_is_refused() -> None:
    bench = day_of(commands=[command("09:36", "buy", symbol="NOBODY", quantity="100")]).run("09:37")
    rules = {v.rule for v in bench.of(ev.OrderRefused)[0].verdicts}
    assert {"risk.instrument", "risk.allowed_symbols"} <= rules


def test_before_any_trading_date_nothing_can_be_ordered() -> None:
    """The first turn has not entered a day yet when it takes its commands."""
    bench = day_of(commands=[command("09:00", "buy", symbol=BANK, quantity="100")]).run("09:01")
    (refused,) = bench.of(ev.OrderRefused)
    assert refused.trading_date is None


# --- answers -------------------------------------------------------------------------------------


def test_a_rejection_gives_what_was_reserved_back() -> None:
    bench = day_of(script=BUY, broker_faults=[broken.Reject(order=1, code="c7", reason="no")]).run(
        "09:40"
    )
    (rejected,) = bench.of(ev.OrderRejected)
    assert (rejected.reason_code, rejected.reason) == ("c7", "no")
    assert bench.engine.context.state.ledger.reserved_cash == 0


def test_an_acceptance_may_come_later_as_news() -> None:
    late = broken.Later(order=1, after=timedelta(seconds=40))
    bench = day_of(script=BUY, broker_faults=[late]).run("09:40")
    assert orders_story(bench)[:2] == ["OrderRequested 09:35:00", "OrderAccepted 09:35:40"]


def test_an_accepted_order_may_still_be_rejected_by_the_counter() -> None:
    late = broken.Reject(order=1, after=timedelta(seconds=20))
    bench = day_of(script=BUY, broker_faults=[late]).run("09:40")
    assert orders_story(bench) == [
        "OrderRequested 09:35:00", "OrderAccepted 09:35:00", "OrderRejected 09:35:20",
    ]  # fmt: skip


def test_an_order_in_doubt_that_arrived_is_found_and_never_sent_again() -> None:
    sent: list[str] = []

    class Counting(Behind):
        def submit(self, order: Order) -> Ack:
            sent.append(order.order_id)
            return super().submit(order)

        def next_event_at(self) -> None:
            return self.broker.next_event_at()  # type: ignore[return-value]

    bench = day_of(
        script=BUY, broker_faults=[broken.Timeout(order=1, arrived=True)], wrap_broker=Counting
    ).run("09:40")
    assert sent == ["q000001"]
    assert orders_story(bench) == [
        "OrderRequested 09:35:00", "OrderDoubted 09:35:00",
        "OrderAccepted 09:35:00", "OrderFilled 09:36:00",
    ]  # fmt: skip


def test_an_order_in_doubt_that_never_arrived_keeps_its_reservation_until_the_grace_is_over() -> (
    None
):
    bench = day_of(script=BUY, broker_faults=[broken.Timeout(order=1, arrived=False)])
    bench.engine.start()
    seen: list[tuple[str, Decimal]] = []
    while bench.clock.now() < at("09:37"):
        bench.clock.set(bench.engine.turn() or at("09:37"))
        reserved = bench.engine.context.state.ledger.reserved_cash
        seen.append((f"{bench.clock.now() + timedelta(hours=8):%H:%M:%S}", reserved))
    assert orders_story(bench) == [
        "OrderRequested 09:35:00", "OrderDoubted 09:35:00", "OrderLost 09:36:00",
    ]  # fmt: skip
    assert bench.of(ev.OrderLost)[0].reason == "unknown_at_broker"
    assert dict(seen)["09:35:55"] == Decimal("11005.00")
    assert seen[-1][1] == 0


def test_the_grace_is_a_setting_and_the_broker_is_asked_again_and_again() -> None:
    asked: list[str] = []

    class Asked(Behind):
        def find(self, order_id: str) -> BrokerOrder | None:
            asked.append(f"{bench.clock.now() + timedelta(hours=8):%H:%M:%S}")
            return super().find(order_id)

        def next_event_at(self) -> None:
            return self.broker.next_event_at()  # type: ignore[return-value]

    bench = day_of(
        script=BUY,
        broker_faults=[broken.Timeout(order=1, arrived=False)],
        settings={"doubt_grace_seconds": 12, "retry_seconds": 4},
        wrap_broker=Asked,
    )
    bench.run("09:36")
    assert asked == ["09:35:00", "09:35:04", "09:35:08", "09:35:12"]
    assert orders_story(bench)[-1] == "OrderLost 09:35:12"


class Forgetful(Behind):
    """A broker that does not find an order, and has it in its account report all the same."""

    def submit(self, order: Order) -> Ack:
        """Take the order and do not answer."""
        super().submit(order)
        raise BrokerTimeout("no answer")

    def find(self, order_id: str) -> BrokerOrder | None:
        """Find nothing."""
        return None


def test_an_order_that_stands_in_the_account_report_is_not_given_up() -> None:
    script = {"09:35": [intent(BANK, 100, "9.50")]}
    bench = day_of(script=script, wrap_broker=Forgetful).run("09:45")
    assert not bench.of(ev.OrderLost)


def test_a_broker_that_is_asked_and_does_not_answer_leaves_the_doubt() -> None:
    class Deaf(Forgetful):
        def find(self, order_id: str) -> BrokerOrder | None:
            raise BrokerTimeout("no answer either")

    script = {"09:35": [intent(BANK, 100, "9.50")]}
    bench = day_of(script=script, wrap_broker=Deaf).run("09:38")
    assert orders_story(bench)[:2] == ["OrderRequested 09:35:00", "OrderDoubted 09:35:00"]
    assert not bench.of(ev.OrderLost)
    assert "doubt_unsettled" in {verb for verb, _ in bench.said}


@pytest.mark.parametrize(
    "error", [KeyError("a library's own"), InvariantBroken("odd"), ValueError("v")]
)
def test_whatever_a_broker_raises_puts_its_order_in_doubt_and_the_others_leave(
    error: Exception,
) -> None:
    class Raising(Behind):
        def submit(self, order: Order) -> Ack:
            if order.order_id == "q000001":
                raise error
            return super().submit(order)

    script = {"09:35": [intent(BANK, 100), intent(STEEL, 100)]}
    bench = day_of(script=script, wrap_broker=Raising).run("09:40")
    assert orders_story(bench) == [
        "OrderRequested 09:35:00", "OrderDoubted 09:35:00", "OrderLost 09:36:00",
    ]  # fmt: skip
    assert [f.symbol for f in bench.of(ev.OrderFilled)] == [STEEL]
    assert [e.where for e in bench.of(ev.InternalErrorRaised)] == ["submit"]


def test_a_settled_doubt_may_turn_out_to_be_a_rejection() -> None:
    both = [broken.Reject(order=1), broken.Timeout(order=1, arrived=True)]
    bench = day_of(script=BUY, broker_faults=both).run("09:40")
    assert orders_story(bench) == [
        "OrderRequested 09:35:00", "OrderDoubted 09:35:00", "OrderRejected 09:35:00",
    ]  # fmt: skip


# --- the connection ------------------------------------------------------------------------------


def test_a_broker_that_goes_away_keeps_steps_out_until_it_is_back() -> None:
    away = broken.Disconnect(start=at("09:39"), until=at("09:43"))
    bench = day_of(broker_faults=[away]).run("09:46")
    assert bench.when(ev.BrokerDisconnected) == ["09:39:00"]
    assert bench.when(ev.BrokerConnected) == ["09:00:00", "09:43:00"]
    assert bench.skipped() == {"09:40:00": "broker_disconnected"}
    assert bench.when(ev.DecisionTaken) == ["09:35:00", "09:45:00"]


def test_an_order_that_could_not_be_sent_is_lost_and_its_cash_is_free() -> None:
    class Gone(Behind):
        def submit(self, order: Order) -> Ack:
            self.broker._connected = False
            return super().submit(order)

    bench = day_of(script={"09:35": [intent(BANK, 100), intent(STEEL, 100)]}, wrap_broker=Gone).run(
        "09:38"
    )
    assert [o.reason.partition(":")[0] for o in bench.of(ev.OrderLost)] == ["not sent", "not sent"]
    assert len(bench.of(ev.BrokerDisconnected)) == 1
    assert bench.of(ev.BrokerConnected)
    assert bench.engine.context.state.ledger.reserved_cash == 0


def test_a_session_may_start_while_the_broker_is_away() -> None:
    away = broken.Disconnect(start=at("08:00"), until=at("09:31:02"))
    bench = day_of(broker_faults=[away], script=BUY).run("09:40")
    assert bench.when(ev.BrokerConnected) == ["09:31:05"]
    assert len(bench.of(ev.OrderFilled)) == 1


def test_what_happened_while_the_broker_was_away_is_told_when_it_is_back() -> None:
    away = broken.Disconnect(start=at("09:35:30"), until=at("09:38:02"))
    bench = day_of(script=BUY, broker_faults=[away]).run("09:40")
    assert orders_story(bench)[-1] == "OrderFilled 09:38:05"


def test_a_broker_that_cannot_tell_when_news_come_is_polled() -> None:
    bench = day_of(script=BUY, wrap_broker=Behind, settings={"broker_poll_seconds": 20}).run(
        "09:37"
    )
    assert orders_story(bench)[-1] == "OrderFilled 09:36:00"
    assert bench.engine.context.broker.must_be_polled


# --- news ----------------------------------------------------------------------------------------


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
