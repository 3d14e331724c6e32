"""Orders out and news in: every answer a broker can give, and every one it can fail to give."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from qtkit.core.errors import BrokerTimeout, InvariantBroken
from qtkit.model import events as ev
from qtkit.testing import at, intent
from qtkit.trading.brokers.protocol import Ack, BrokerOrder, Order
from qtkit.trading.brokers.sim import faults as broken
from tests.trading.engine.broker_behind import BUY, Behind, orders_story
from tests.trading.engine.engine_bench import BANK, STEEL, command, day_of

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
