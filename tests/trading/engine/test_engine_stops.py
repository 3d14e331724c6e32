"""An orderly stop at any moment: what is closed, what is cancelled, what is kept."""

from __future__ import annotations

from decimal import Decimal

import pytest

from qtkit.core.errors import BrokerUnavailable
from qtkit.model import events as ev
from qtkit.testing import DAY, at, intent
from qtkit.trading.brokers.sim import faults as broken
from qtkit.trading.strategy.protocol import JsonObject
from tests.trading.engine.broker_behind import Behind
from tests.trading.engine.engine_bench import BANK, Bench, command, day_of
from tests.trading.engine.test_engine_tasks import Wrapped

OPEN_ORDER = {"09:35": [intent(BANK, 1000, "9.50")]}


def last_kinds(bench: Bench, count: int) -> list[str]:
    """Return the kinds of the last journal lines."""
    return [type(e.event).__name__ for e in bench.entries[-count:]]


@pytest.mark.parametrize(
    ("until", "early", "cancelled"),
    [
        ("09:10", [], 295),
        ("09:29:59", [], 294),
        ("09:30", [True], 294),
        ("10:07", [True], 249 + 1),
        ("12:00", [True], 148),
        ("15:10", [True], 2),
        ("15:20", [False], 1),
        ("15:31", [False], 0),
    ],
)
def test_a_stop_accounts_for_every_row_and_closes_a_day_that_was_begun(
    until: str, early: list[bool], cancelled: int
) -> None:
    bench = day_of().run(until)
    assert [c.early for c in bench.of(ev.DayClosed)] == early
    assert len(bench.of(ev.TaskCancelled)) == cancelled
    assert last_kinds(bench, 3) == ["StrategySaved", "StatusChanged", "SessionEnded"]
    ended = [e.event.task_id for e in bench.entries if hasattr(e.event, "task_id")]
    scheduled = {t.task_id for t in bench.of(ev.ScheduleBuilt)[0].tasks}
    assert scheduled <= set(ended)


def test_the_order_of_a_stop_in_mid_session() -> None:
    bench = day_of(script=OPEN_ORDER).run("09:37", "stop")
    wanted = (
        ev.StopRequested, ev.TaskCancelled, ev.CancelRequested, ev.OrderCancelled,
        ev.AccountReconciled, ev.DayClosed, ev.SessionEnded,
    )  # fmt: skip
    lines = [bench.line(kind) for kind in wanted]
    assert lines == sorted(lines)
    assert bench.of(ev.CancelRequested)[0].by == "stop"
    assert bench.of(ev.SessionEnded)[0].closing.open_orders == ()


def test_the_policy_keep_leaves_orders_open_and_says_so() -> None:
    bench = day_of(script=OPEN_ORDER, settings={"on_stop": "keep"}).run("09:37", "stop")
    assert not bench.of(ev.CancelRequested)
    closing = bench.of(ev.SessionEnded)[0].closing
    assert [o.order_id for o in closing.open_orders] == ["q000001"]
    assert closing.open_orders[0].reserved_cash > 0
    assert bench.of(ev.DayClosed)[0].early


def test_an_early_closing_does_not_count_as_the_days() -> None:
    early, late = day_of().run("10:07"), day_of().run("15:20")
    assert early.engine.context.state.closed == set()
    assert late.engine.context.state.closed == {DAY}


def test_a_second_stop_writes_nothing() -> None:
    bench = day_of().run("09:40")
    lines = len(bench.entries)
    bench.engine.request_stop("again")
    assert bench.engine.turn() is None
    bench.engine._end_of_day.stop()
    assert len(bench.entries) == lines


def test_two_requests_at_once_are_one() -> None:
    bench = day_of()
    bench.engine.start()
    bench.engine.turn()
    bench.engine.request_stop("first", by="a")
    bench.engine.request_stop("second", by="b")
    bench.engine.turn()
    assert [(s.by, s.reason) for s in bench.of(ev.StopRequested)] == [("a", "first")]
    assert bench.of(ev.SessionEnded)[0].reason == "first"


def test_what_a_signal_handler_notes_is_a_stop_with_its_name() -> None:
    bench = day_of()
    bench.engine.start()
    bench.engine.turn()
    bench.engine.stop_wanted = "SIGTERM"
    assert bench.engine.turn() is None
    (asked,) = bench.of(ev.StopRequested)
    assert (asked.by, asked.reason) == ("signal", "SIGTERM")


def test_a_fill_that_comes_with_the_stop_is_booked() -> None:
    bench = day_of(script={"09:35": [intent(BANK, 100)]}).run("09:36", "stop")
    assert bench.of(ev.SessionEnded)[0].closing.positions[0].quantity == Decimal(100)


def test_a_stop_does_not_need_the_broker() -> None:
    away = broken.Disconnect(start=at("09:36"))
    bench = day_of(script=OPEN_ORDER, broker_faults=[away]).run("09:40", "stop")
    assert last_kinds(bench, 1) == ["SessionEnded"]
    assert bench.of(ev.CancelFailed)
    assert [str(v.status) for v in bench.of(ev.AccountReconciled)[0].verdicts] == ["error"]
    assert "news_unconfirmed" in {verb for verb, _ in bench.said}


def test_a_broker_that_confirms_forgets_what_was_told() -> None:
    bench = day_of(script={"09:35": [intent(BANK, 100)]}).run("09:40", "stop")
    assert bench.book.load().confirmed == len(bench.book.load().news) == 1


class Unconfirming(Behind):
    """A broker that is gone when it is asked to forget."""

    def confirm(self) -> None:
        """Be gone."""
        raise BrokerUnavailable("gone")


def test_a_broker_that_does_not_confirm_stops_nothing() -> None:
    bench = day_of(wrap_broker=Unconfirming).run("09:40")
    assert last_kinds(bench, 1) == ["SessionEnded"]


def test_a_strategy_that_raises_at_the_stop_loses_nothing_that_was_saved() -> None:
    class Ashamed(Wrapped):
        def state(self) -> JsonObject:
            if stopping:
                raise RuntimeError("no state any more")
            return super().state()

    stopping: list[bool] = []
    bench = day_of(
        script={"09:35": [intent(BANK, 100)]},
        wrap=lambda inner, _: Ashamed(inner, lambda _view: None),
    )
    bench.engine.start()
    while bench.clock.now() < at("09:38"):
        bench.clock.set(bench.engine.turn() or at("09:38"))
    stopping.append(True)
    bench.engine.request_stop("stop")
    bench.engine.turn()
    assert [s.state for s in bench.of(ev.StrategySaved)] == [{BANK: "100"}]
    assert bench.of(ev.InternalErrorRaised)[0].where == "stop"
    assert last_kinds(bench, 1) == ["SessionEnded"]


def test_a_stop_at_the_very_start_leaves_a_whole_journal() -> None:
    bench = day_of(commands=[command("09:00", "stop")]).run("09:10")
    assert [type(e.event).__name__ for e in bench.entries] == [
        "SessionStarted", "BrokerConnected", "StatusChanged", "CommandReceived", "StopRequested",
        "StrategySaved", "StatusChanged", "SessionEnded",
    ]  # fmt: skip
