"""A day from its first line to its last: starts, lunch, closing, the next morning, holidays."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from qtkit.model import events as ev
from qtkit.runtime.accounts import CarryOver
from qtkit.testing import DAY, at, intent, local
from qtkit.trading.brokers.sim.faults import CashOff, Disconnect
from tests.trading.engine.engine_bench import BANK, NEXT, STEEL, command, day_of


def test_a_day_begins_as_the_checklist_tells() -> None:
    bench = day_of().run("09:40")
    first = [type(e.event).__name__ for e in bench.entries[:6]]
    assert first == [
        "SessionStarted", "BrokerConnected", "StatusChanged", "DayStarted", "ScheduleBuilt",
        "GateJudged",
    ]  # fmt: skip
    assert bench.statuses()[:2] == [
        ("09:00:00", "sleeping", "start"),
        ("09:30:00", "running", "open_market"),
    ]
    built = bench.of(ev.ScheduleBuilt)[0]
    assert (len(built.tasks), local(built.caught_up_to)) == (295, "09:00:00")


def test_the_status_follows_the_exchange() -> None:
    bench = day_of(settings={"price_poll_minutes": 30}).run()
    assert bench.statuses() == [
        ("09:00:00", "sleeping", "start"),
        ("09:30:00", "running", "open_market"),
        ("11:30:00", "sleeping", "close_market"),
        ("13:00:00", "running", "open_market"),
        ("15:00:00", "sleeping", "close_market"),
        ("15:31:00", "stopped", "stop"),
    ]


def test_every_row_of_a_whole_day_comes_to_an_end() -> None:
    bench = day_of().run()
    done = {e.task_id for e in bench.of(ev.TaskFinished)}
    assert done == {t.task_id for t in bench.of(ev.ScheduleBuilt)[0].tasks}
    assert not bench.of(ev.TaskSkipped)
    assert bench.entries[-1].event.reason == "end_of_data"


def test_the_loop_pulses_once_a_minute() -> None:
    bench = day_of().run("09:05:30")
    assert bench.when(ev.LoopPulsed) == [f"09:0{n}:00" for n in range(1, 6)]
    assert {p.largest_gap_seconds for p in bench.of(ev.LoopPulsed)} == {Decimal("0.000")}


# --- late starts ---------------------------------------------------------------------------------


def test_a_start_in_mid_morning_runs_from_there() -> None:
    bench = day_of(start=at("10:07:30")).run("10:21")
    assert bench.statuses()[:2] == [
        ("10:07:30", "sleeping", "start"),
        ("10:07:30", "running", "open_market"),
    ]
    assert bench.told("pre_open") == ["queued 10:07:30", "started 10:07:30", "finished 10:07:30"]
    missed = bench.skipped("run_strategy")
    assert list(missed) == [
        "09:35:00",
        "09:40:00",
        "09:45:00",
        "09:50:00",
        "09:55:00",
        "10:00:00",
        "10:05:00",
    ]
    assert set(missed.values()) == {"missed"}
    assert bench.when(ev.DecisionTaken) == ["10:10:00", "10:15:00", "10:20:00"]
    assert bench.of(ev.PricesSeen)[0].bars == 2 * 38  # the first poll brings what was before it


def test_a_start_at_lunch_sleeps_until_one() -> None:
    bench = day_of(start=at("12:00")).run("13:05:30")
    assert bench.statuses()[:2] == [
        ("12:00:00", "sleeping", "start"),
        ("13:00:00", "running", "open_market"),
    ]
    assert bench.skipped("close_market") == {"11:30:00": "missed"}
    assert bench.when(ev.DecisionTaken) == ["13:05:00"]


def test_a_start_after_the_close_closes_the_books_and_nothing_else() -> None:
    bench = day_of(start=at("15:20")).run("15:25")
    assert bench.when(ev.DayClosed) == ["15:20:00"]
    assert not bench.of(ev.PricesSeen)
    assert [c.task for c in bench.of(ev.TaskCancelled)] == ["refill"]


def test_books_that_were_closed_before_a_crash_are_not_closed_again() -> None:
    first = day_of().run("15:20")
    again = first.again("15:22", keep=first.line(ev.StopRequested) - 1).run("15:25")
    assert len(again.of(ev.DayClosed)) == 1


# --- closed days and the morning after ----------------------------------------------------------


def test_a_closed_day_has_no_market_task_and_no_status_but_sleeping() -> None:
    holiday = date(2026, 2, 17)
    bench = day_of(start=at("09:00", holiday), days=(date(2026, 2, 24),)).run(at("16:00", holiday))
    assert bench.of(ev.DayStarted)[0].open is False
    assert bench.of(ev.ScheduleBuilt)[0].tasks == ()
    assert [s[1] for s in bench.statuses()] == ["sleeping", "stopped"]
    assert not bench.of(ev.DayClosed)


def test_a_session_lives_on_into_the_next_day() -> None:
    script = {"03-04 09:35": [intent(BANK, 1000)], "03-05 09:35": [intent(BANK, -1000)]}
    bench = day_of(script=script).run(at("09:40", NEXT))
    assert [d.trading_date for d in bench.of(ev.DayStarted)] == [DAY, NEXT]
    assert [d.trading_date for d in bench.of(ev.DayClosed)] == [DAY, NEXT]
    fills = [(f.trading_date, f.quantity) for f in bench.of(ev.OrderFilled)]
    assert fills == [(DAY, Decimal(1000)), (NEXT, Decimal(-1000))]
    assert bench.of(ev.DayStarted)[1].last_closes[BANK] == Decimal("10.0")


def test_what_was_bought_today_cannot_be_sold_today() -> None:
    script = {"09:35": [intent(BANK, 1000)], "09:40": [intent(BANK, -1000)]}
    bench = day_of(script=script, days=(DAY,)).run("09:45")
    (refused,) = bench.of(ev.OrderRefused)
    assert [v.rule for v in refused.verdicts] == ["risk.sellable"]
    (fill,) = bench.of(ev.OrderFilled)
    assert fill.settles == NEXT


def test_what_was_bought_on_a_friday_can_be_sold_after_the_weekend_and_a_holiday() -> None:
    """2026-02-13 is the last day before the New Year holiday; trading goes on on the 24th."""
    last, first = date(2026, 2, 13), date(2026, 2, 24)
    bench = day_of(
        script={"02-13 09:35": [intent(BANK, 1000)]}, start=at("09:00", last), days=(last, first)
    ).run(at("09:40", last))
    assert [f.settles for f in bench.of(ev.OrderFilled)] == [first]


def test_rows_that_a_day_leaves_behind_are_missed() -> None:
    """The machine slept from the afternoon into the next morning."""
    bench = day_of(days=(DAY, NEXT))
    bench.engine.start()
    while bench.clock.now() < at("14:00"):
        bench.clock.set(bench.engine.turn() or at("14:00"))
    bench.clock.set(at("09:10", NEXT))
    bench.engine.turn()
    assert bench.skipped("post_close") == {"15:15:00": "missed"}
    assert bench.skipped("close_market") == {"15:00:00": "missed"}
    (closed,) = bench.of(ev.DayClosed)
    assert (closed.trading_date, closed.early) == (DAY, False)
    pulse = bench.of(ev.LoopPulsed)[-1]
    assert pulse.largest_gap_seconds > 60_000


# --- closing -------------------------------------------------------------------------------------


def test_post_close_cancels_what_is_open_then_reconciles_then_closes() -> None:
    bench = day_of(script={"14:55": [intent(BANK, 100, "9.50")]}).run()
    ended = bench.of(ev.OrderCancelled)[0]
    assert (ended.quantity, ended.reason) == (Decimal(100), "expired")
    order = [bench.line(k) for k in (ev.OrderCancelled, ev.AccountReconciled, ev.DayClosed)]
    assert order == sorted(order)
    (reconciled,) = bench.of(ev.AccountReconciled)
    assert all(v.allows for v in reconciled.verdicts)
    assert bench.of(ev.DayClosed)[0].book.open_orders == ()


def test_a_book_that_differs_is_told_in_the_reconciliation() -> None:
    off = CashOff(start=at("15:00"), amount=Decimal("0.02"))
    bench = day_of(broker_faults=[off]).run()
    bad = [v.rule for v in bench.of(ev.AccountReconciled)[0].verdicts if not v.allows]
    assert bad == ["reconcile.cash"]
    said = dict(bench.said)["account_reconciled"]
    assert said == {"is_ok": False, "failures": "reconcile.cash"}


def test_a_broker_that_is_away_at_the_closing_leaves_an_unjudged_reconciliation() -> None:
    away = Disconnect(start=at("15:10"), until=at("15:20"))
    bench = day_of(broker_faults=[away]).run()
    (reconciled,) = bench.of(ev.AccountReconciled)
    assert [(v.rule, str(v.status)) for v in reconciled.verdicts] == [
        ("reconcile.account", "error")
    ]
    assert len(bench.of(ev.DayClosed)) == 1


def test_the_opening_book_is_what_the_heritage_says() -> None:
    heritage = CarryOver(
        opening=day_of(shares={BANK: 300}).engine._opening.opening,
        strategy_state={BANK: "300"},
        next_order=41,
        killed=True,
    )
    bench = day_of(
        shares={BANK: 300},
        heritage=heritage,
        script={"09:35": [intent(STEEL, 100)]},
        commands=[command("09:31", "sell", symbol=BANK, quantity="100")],
    ).run("09:40")
    assert [o.order_id for o in bench.of(ev.OrderRequested)] == ["q000041"]
    assert bench.skipped() == {"09:35:00": "kill_switch"}
    assert bench.of(ev.StrategySaved)[-1].state == {BANK: "300"}
    assert bench.of(ev.SessionEnded)[0].closing.positions[0].quantity == Decimal(200)


@pytest.mark.parametrize("day", [date(2026, 3, 6), date(2026, 3, 9)])
def test_new_york_runs_by_its_own_clock(day: date) -> None:
    """Before and after the clocks change on 2026-03-08: 14:30 and 13:30 UTC."""
    bench = day_of(
        exchange="XNYS", zone="America/New_York", prices={"SPY": 500.0}, days=(day,),
        start=at("20:00", day),
    ).run(at("22:40", day))  # fmt: skip
    opened = [s[0] for s in bench.statuses() if s[2] == "open_market"]
    assert opened == ["22:30:00" if day.day == 6 else "21:30:00"]
