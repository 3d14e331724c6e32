"""Coming back after a crash, cut by hand at chosen lines. Every line is cut in tests/crash."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from qtkit.core.errors import JournalCorrupt, StrategyError
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.testing import DAY, at, intent
from qtkit.trading.brokers.sim import faults as broken
from qtkit.trading.strategy.protocol import Fill, View
from tests.trading.engine.broker_behind import orders_story
from tests.trading.engine.engine_bench import BANK, NEXT, STEEL, command, day_of, on_the_bench
from tests.trading.engine.test_engine_tasks import Wrapped

BUY = {"09:35": [intent(BANK, 1000)], "09:45": [intent(STEEL, 100)]}
STOP = ev.StopRequested(trading_date=DAY, by="eve", reason="fire")


def test_a_return_is_recorded_with_what_was_found() -> None:
    first = day_of(script={"09:35": [intent(BANK, 1000, "9.50")]}).live("09:40")
    keep = first.line(ev.OrderAccepted)
    again = first.again("09:38", keep=keep).run("09:39")
    (resumed,) = again.of(ev.SessionResumed)
    assert (resumed.entries, resumed.torn_bytes, resumed.doubtful) == (keep, 0, ("q000001",))
    assert [type(e.event).__name__ for e in again.entries[keep : keep + 2]] == [
        "SessionResumed", "BrokerConnected",
    ]  # fmt: skip
    assert [verb for verb, _ in again.said].count("session_resumed") == 1


def test_steps_that_came_due_before_the_crash_are_restart_and_while_down_missed() -> None:
    first = day_of().live("09:50")
    started = next(
        e.seq for e in first.entries
        if isinstance(e.event, ev.TaskStarted) and e.event.task_id.endswith("run_strategy-094000")
    )  # fmt: skip
    again = first.again("09:46", keep=started).run("09:51")
    assert again.skipped() == {"09:40:00": "restart", "09:45:00": "missed"}
    assert again.when(ev.DecisionTaken) == ["09:35:00", "09:50:00"]


def test_a_decided_step_is_finished_and_never_decided_again() -> None:
    first = day_of(script=BUY).live("09:40")
    again = first.again("09:35", keep=first.line(ev.DecisionTaken)).run("09:41")
    assert again.when(ev.DecisionTaken) == ["09:35:00", "09:40:00"]
    assert "finished 09:35:00" in again.told("run_strategy")
    assert not again.skipped()


def test_an_order_that_was_written_and_not_sent_is_given_up() -> None:
    """Its broker is one that has never heard of it."""
    first = day_of(script=BUY).live("09:35:10")
    lonely = first.again("09:35:20", keep=first.line(ev.OrderRequested))
    fresh = day_of(script=BUY).book
    again = on_the_bench(lonely.setup, journal=lonely.entries, book=fresh).run("09:44")
    assert orders_story(again) == ["OrderRequested 09:35:00", "OrderLost 09:35:20"]
    assert again.of(ev.OrderLost)[0].reason == "restart"


def test_an_order_that_was_sent_and_not_answered_is_found() -> None:
    first = day_of(script=BUY).live("09:35:10")
    again = first.again("09:35:20", keep=first.line(ev.OrderRequested)).run("09:40")
    assert orders_story(again) == [
        "OrderRequested 09:35:00", "OrderAccepted 09:35:20", "OrderFilled 09:36:00",
    ]  # fmt: skip


def test_an_order_whose_broker_is_away_on_the_return_is_in_doubt_until_it_is_back() -> None:
    away = broken.Disconnect(start=at("09:35:10"), until=at("09:37"))
    first = day_of(script=BUY, broker_faults=[away]).live("09:35:05")
    again = first.again("09:35:20", keep=first.line(ev.OrderRequested)).run("09:40")
    assert orders_story(again)[:3] == [
        "OrderRequested 09:35:00", "OrderDoubted 09:35:20", "OrderAccepted 09:37:00",
    ]  # fmt: skip
    assert len(again.of(ev.OrderFilled)) == 1


def test_fills_that_were_not_handed_to_the_strategy_are_handed_over_once() -> None:
    first = day_of(script=BUY).live("09:36:05")
    again = first.again("09:36:10", keep=first.line(ev.OrderFilled)).run("09:40")
    assert [s.state for s in again.of(ev.StrategySaved)] == [{BANK: "1000"}, {BANK: "1000"}]
    assert len(again.of(ev.FillRepeated)) == 1  # a new connection tells everything again


def test_the_strategy_comes_back_in_its_last_saved_state() -> None:
    first = day_of(script=BUY, volume=4_000.0).live("09:37:20")
    keep = first.line(ev.StrategySaved, 1)  # 800 of 1,000 shares
    again = first.again("09:37:30", keep=keep).run("09:41")
    assert again.of(ev.StrategySaved)[-1].state == {BANK: "1000"}


def test_a_return_in_the_same_segment_stays_running() -> None:
    first = day_of().live("09:40")
    again = first.again("09:37:30", keep=first.line(ev.DecisionTaken)).run("09:41")
    assert [s[2] for s in again.statuses()] == ["start", "open_market", "stop"]


def test_a_return_at_lunch_goes_to_sleep() -> None:
    first = day_of().live("09:40")
    again = first.again("12:00", keep=first.line(ev.DecisionTaken)).run("13:06")
    assert again.statuses()[2:4] == [
        ("12:00:00", "sleeping", "recover"),
        ("13:00:00", "running", "open_market"),
    ]
    assert again.skipped("close_market") == {"11:30:00": "missed"}


def test_a_paused_engine_comes_back_paused() -> None:
    first = day_of(commands=[command("09:36", "pause")]).live("09:38")
    again = first.again("09:39", commands=()).run("09:41")
    assert again.statuses()[-1][1] == "stopped"
    assert again.skipped()["09:40:00"] == "paused"


def test_a_return_on_another_day_closes_the_old_one_first() -> None:
    first = day_of(script=BUY).live("10:00")
    again = first.again(at("09:00", NEXT)).run(at("09:10", NEXT))
    days = [(type(e.event).__name__, e.event.trading_date) for e in again.entries
            if isinstance(e.event, ev.DayStarted | ev.DayClosed)]  # fmt: skip
    assert days == [("DayStarted", DAY), ("DayClosed", DAY), ("DayStarted", NEXT)]
    assert again.skipped("post_close") == {"15:15:00": "missed"}
    assert again.of(ev.DayClosed)[0].book.positions[0].quantity == Decimal(1000)


def test_a_crash_before_the_schedule_builds_it_on_the_return() -> None:
    first = day_of().live("09:40")
    again = first.again("09:50", keep=first.line(ev.DayStarted)).run("09:56")
    (built,) = again.of(ev.ScheduleBuilt)
    assert built.caught_up_to == at("09:50")
    assert set(again.skipped().values()) == {"missed"}


def test_a_crash_before_the_first_status_starts_the_machine_again() -> None:
    first = day_of().live("09:40")
    again = first.again("09:05", keep=1).run("09:36")
    assert [s[2] for s in again.statuses()] == ["start", "open_market", "stop"]


def test_a_crash_in_the_middle_of_a_stop_goes_on_stopping() -> None:
    first = day_of(script={"09:35": [intent(BANK, 100, "9.50")]}).live("09:37")
    before = [*first.entries, Entry(seq=len(first.entries) + 1, at=at("09:37"), event=STOP)]
    again = on_the_bench(first.again("09:38").setup, journal=before, book=first.book).run("09:39")
    assert [e.reason for e in again.of(ev.SessionEnded)] == ["fire"]
    assert len(again.of(ev.TaskCancelled)) == 295 - 10  # pre_open, open, seven polls, a step
    assert again.of(ev.SessionEnded)[0].closing.open_orders == ()


def test_a_command_that_was_received_and_not_carried_out_is_refused_on_the_return() -> None:
    first = day_of(commands=[command("09:36", "pause")]).live("09:38")
    again = first.again("09:37", keep=first.line(ev.CommandReceived), commands=()).run("09:41")
    (refused,) = again.of(ev.CommandRefused)
    assert (refused.command, refused.by) == ("pause", "eve")
    assert refused.reason.startswith("the power went")
    assert again.when(ev.DecisionTaken)[-1] == "09:40:00"


def test_a_note_needs_nothing_to_be_carried_out() -> None:
    first = day_of(commands=[command("09:36", "note")]).live("09:38")
    again = first.again("09:37", keep=first.line(ev.CommandReceived), commands=()).run("09:38")
    assert not again.of(ev.CommandRefused)


def test_a_crash_forgets_no_failed_attempt() -> None:
    """The refill failed once before the crash: one try is left of its two."""

    def refill(day: object) -> ev.TablesRefilled:
        raise LookupError("the source is away")

    first = day_of(refill=refill, start=at("15:20")).live("15:31")
    again = first.again("15:30", keep=first.line(ev.TaskFailed)).run("15:31")
    assert [(f.attempt, f.dead_letter) for f in again.of(ev.TaskFailed)] == [(1, False), (2, True)]


def test_a_task_by_hand_that_the_power_took_is_skipped_as_restart() -> None:
    first = day_of(
        work_seconds=lambda key: 30.0 if "hand" in key else 0.0,
        commands=[command("09:42:30", "run_task", task="acquire_live_price")],
    ).live("09:42:40")
    again = first.again("09:42:50", commands=()).run("09:44")
    assert again.skipped("acquire_live_price") == {"09:42:30": "restart"}


def test_the_kill_switch_outlives_a_crash() -> None:
    first = day_of(commands=[command("09:31", "kill", why="x")]).live("09:33")
    again = first.again("09:32", keep=first.line(ev.KillSwitchSet), commands=()).run("09:36")
    assert again.skipped() == {"09:35:00": "kill_switch"}


def test_a_journal_whose_session_has_ended_is_not_resumed() -> None:
    first = day_of().run("09:05")
    with pytest.raises(JournalCorrupt, match="session has ended"):
        first.again("09:06").engine.start()


def test_a_journal_that_does_not_begin_with_a_session_is_refused() -> None:
    first = day_of().live("09:05")
    stray = first.again("09:06", keep=0)
    stray.journal.append(first.entries[1].event)
    with pytest.raises(JournalCorrupt, match=r"starts on line 1 and nowhere else"):
        stray.engine.start()


def test_a_second_beginning_is_refused() -> None:
    first = day_of().live("09:05")
    twice = first.again("09:06", keep=3)
    twice.journal.append(first.entries[0].event)
    with pytest.raises(JournalCorrupt, match=r"line 4: a session starts"):
        twice.engine.start()


class Clumsy(Wrapped):
    """A strategy that cannot take its fills."""

    def on_fill(self, fill: Fill, view: View) -> None:
        """Stumble."""
        raise RuntimeError("clumsy")


def test_a_strategy_that_raises_on_a_fill_ends_the_engine_and_the_fill_is_handed_over_again() -> (
    None
):
    bench = day_of(script=BUY, wrap=lambda inner, _: Clumsy(inner, lambda _view: None))
    with pytest.raises(StrategyError, match="on_fill raised RuntimeError: clumsy"):
        bench.run("09:40")
    assert [e.where for e in bench.of(ev.InternalErrorRaised)] == ["on_fill"]
    assert len(bench.of(ev.OrderFilled)) == 1
    mended = bench.again("09:37", wrap=lambda inner, _: inner).run("09:38")
    assert mended.of(ev.StrategySaved)[0].state == {BANK: "1000"}


def test_the_clock_of_a_return_is_never_before_the_last_line() -> None:
    """A machine whose clock was put back comes back later, not earlier."""
    first = day_of().live("09:40")
    again = first.again("09:37", keep=first.line(ev.DecisionTaken)).run("09:41")
    times = [e.at for e in again.entries]
    assert times == sorted(times)
    assert times[-1] - times[0] == timedelta(minutes=41)


def test_a_return_tells_the_fills_that_are_booked_in_one_line() -> None:
    """Five parts of 200 shares were booked; each of three returns costs one line for all five."""
    life = day_of(script=BUY, volume=2_000.0).live("09:41:05")
    lines = [f.fill_id for f in life.of(ev.OrderFilled)]
    assert len(lines) == 5
    for moment in ("09:41:10", "09:41:15", "09:41:20"):
        life = life.again(moment).live(moment)

    told = [(r.count, r.fill_id, r.last_fill_id) for r in life.of(ev.FillRepeated)]

    assert told == [(5, lines[0], lines[-1])] * 3
    assert len(life.of(ev.OrderFilled)) == 5
    assert life.engine.context.state.ledger.position(BANK) == 1000


def test_a_fill_that_fits_no_order_is_recorded_once_however_often_one_returns() -> None:
    ghost = broken.UnmatchedFill(
        at=at("09:36"),
        order_id="x000001",
        symbol=BANK,
        quantity=Decimal(100),
        price=Decimal(10),
        booked=False,
    )
    life = day_of(broker_faults=[ghost]).live("09:37")
    for moment in ("09:38", "09:39"):
        life = life.again(moment).live(moment)

    assert len(life.of(ev.FillUnmatched)) == 1
