"""What goes wrong with engines in this field, rows 1 to 22: states, tasks, schedule."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import FolderLocked, InvariantBroken
from qtkit.core.paths import OutputRoot
from qtkit.market.feeds.recorded import Silence
from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.model.status import EngineStatus, check_move
from qtkit.runtime.accounts import create_account, restart_account
from qtkit.runtime.build import build
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import DAY, at, intent, local, scripted_spec
from qtkit.trading.brokers.sim.faults import Disconnect
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.recovery import catch_up
from qtkit.trading.engine.schedule import Timetable, day_schedule, schedule_digest
from qtkit.trading.engine.thread import EngineThread
from qtkit.trading.strategy.protocol import Prepared, View
from tests.trading.engine.engine_bench import BANK, command, day_of
from tests.trading.engine.test_snapshots import Counting

SHANGHAI = exchange_calendar("XSHG")


class Raising(Counting):
    """A strategy whose every decision raises."""

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        raise ZeroDivisionError("planted")


def test_no_status_but_those_of_the_table() -> None:
    """Row 1: a status that is none is refused, and so is a move that the table does not have."""
    with pytest.raises(ValueError, match="not a valid EngineStatus"):
        EngineStatus("x")
    with pytest.raises(InvariantBroken, match="x because of open_market"):
        check_move("sleeping", "open_market", "x")
    check_move("sleeping", "open_market", "running")


def test_a_task_by_hand_is_written_down() -> None:
    """Row 2: what an operator puts on the queue stands in journal and log, with its id."""
    bench = day_of(commands=(command("09:36", "run_task", task="acquire_live_price"),)).run("09:37")

    (task,) = [q for q in bench.of(ev.TaskQueued) if "hand" in q.task_id]
    assert task.task == "acquire_live_price"
    said = [f["task_id"] for verb, f in bench.said if verb == "task_queued"]
    assert task.task_id in said


def test_a_fill_that_the_broker_tells_is_booked() -> None:
    """Row 3: from `poll_fills` to the book, without a step in between."""
    bench = day_of(script={"09:35": [intent(BANK, 200)]}).run("09:38")

    (fill,) = bench.of(ev.OrderFilled)
    assert fill.channel == "poll_fills"
    assert bench.engine.context.state.ledger.position(BANK) == 200


def test_a_failing_task_is_told_and_the_loop_lives_on() -> None:
    """Row 4: a decision that raises is a failed task with its error; prices go on coming."""
    bench = day_of(wrap=lambda _, clock: Raising(clock)).run("09:38")

    assert all("planted" in f.error for f in bench.of(ev.TaskFailed))
    assert len(bench.of(ev.TaskFailed)) == 2
    assert bench.when(ev.PricesSeen)[-1] == "09:37:00"


def test_an_engine_starts_once_and_an_account_has_one(tmp_path: Path) -> None:
    """Row 5: a second engine on the account is refused, naming the holder; a thread starts once."""
    plan = SessionSpec(strategy=scripted_spec({}, [BANK]), day=DAY, start=at("09:00"))
    root = OutputRoot(tmp_path)
    create_account(
        root.account("paper", "demo"),
        cash=plan.strategy.opening_cash, currency="CNY", exchange="XSHG", at=at("08:00"),
    )  # fmt: skip
    first = build(replace(plan, account="demo"), root)
    try:
        with pytest.raises(FolderLocked, match="demo"):
            build(replace(plan, account="demo"), root)
    finally:
        first.close()

    thread = EngineThread(day_of(start=at("15:20")).engine, until=at("15:21"))
    thread.start()
    with pytest.raises(RuntimeError):
        thread.start()
    thread.join(10)


def test_a_stop_in_mid_session_closes_the_books_and_lets_the_threads_go() -> None:
    """Row 6: orders are cancelled, the book is held against the broker's, the thread is gone."""
    bench = day_of(
        script={"09:35": [intent(BANK, 200)]},
        settings={"latency_seconds": 600},
        commands=(command("09:37", "stop"),),
    )
    thread = EngineThread(bench.engine)
    thread.start()
    thread.join(30)

    assert [type(e.event).__name__ for e in bench.entries[-5:]] == [
        "PendingDiagnosed", "DayClosed", "StrategySaved", "StatusChanged", "SessionEnded",
    ]  # fmt: skip
    assert bench.of(ev.DayClosed)[0].early
    assert bench.of(ev.OrderCancelled)[0].order_id == "q000001"
    assert not [t for t in threading.enumerate() if t.name.startswith("qtkit-engine")]


def test_a_stop_of_what_has_ended_does_nothing() -> None:
    """Row 7: a second stop writes no line."""
    bench = day_of().run("09:20")
    lines = bench.journal.seq

    bench.engine.request_stop("stop")

    assert bench.engine.turn() is None
    assert bench.journal.seq == lines


def test_a_break_point_is_left_and_an_account_can_begin_anew(tmp_path: Path) -> None:
    """Row 8: written at the stop; clearing an account twice is no error."""
    plan = SessionSpec(
        strategy=scripted_spec({}, [BANK]), day=DAY, start=at("09:00"), stop=at("09:20")
    )
    root = OutputRoot(tmp_path)
    account = root.account("paper", "demo")
    create_account(
        account, cash=plan.strategy.opening_cash, currency="CNY", exchange="XSHG", at=at("08:00")
    )
    run = build(replace(plan, account="demo"), root)
    assert not run.folder.break_point.exists()
    run.run()

    assert run.folder.break_point.exists()
    assert account.broker_book.exists()
    restart_account(account)
    restart_account(account)
    assert not account.broker_book.exists()
    assert run.folder.break_point.exists()  # a session's own files stay


def test_a_cancelled_task_does_not_run() -> None:
    """Row 9: it is skipped as canceled."""
    bench = day_of(
        commands=(command("09:34", "cancel_task", task_id="20260304-run_strategy-093500"),)
    ).run("09:36")

    assert bench.skipped() == {"09:35:00": "canceled"}
    assert not bench.of(ev.DecisionTaken)


def test_a_task_that_fails_is_tried_again_and_then_a_dead_letter() -> None:
    """Row 10: one retry for a step, then the dead letter."""
    bench = day_of(wrap=lambda _, clock: Raising(clock)).run("09:38")

    assert [(f.attempt, f.dead_letter) for f in bench.of(ev.TaskFailed)] == [
        (1, False), (2, True),
    ]  # fmt: skip


def test_what_fails_in_a_worker_is_a_dead_letter_after_its_retries() -> None:
    """Row 11: a poll is finished when its answer is back, so its failure counts."""
    silence = Silence(start=at("09:31"), end=at("09:32"), fails=True)
    bench = day_of(feed_faults=(silence,)).run("09:34")

    polls = [f for f in bench.of(ev.TaskFailed) if f.task == "acquire_live_price"]
    assert [(f.attempt, f.dead_letter) for f in polls] == [(1, False), (2, False), (3, True)]
    assert len(bench.of(ev.FeedFailed)) == 3


def test_a_step_that_comes_due_while_one_runs_is_skipped() -> None:
    """Row 12: a decision of 400 s makes the next step prev_running."""

    class Slow(Counting):
        def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
            self._clock.advance(400)
            return ()

    bench = day_of(wrap=lambda _, clock: Slow(clock)).run("09:44")

    assert bench.skipped() == {"09:40:00": "prev_running"}


def test_a_fill_is_booked_while_trading_is_paused() -> None:
    """Row 13: fills are no tasks, so no policy drops them."""
    bench = day_of(
        script={"09:35": [intent(BANK, 200)]},
        commands=(command("09:35:30", "pause"),),
        settings={"latency_seconds": 60},
    ).run("09:40")

    assert bench.when(ev.OrderFilled) == ["09:37:00"]
    assert bench.engine.context.state.ledger.position(BANK) == 200


def test_a_fill_that_is_told_at_lunch_is_booked_at_lunch() -> None:
    """Row 13, while sleeping: the broker was away when it executed, and is back at 11:40."""
    away = Disconnect(start=at("11:25:30"), until=at("11:40"))
    bench = day_of(script={"11:25": [intent(BANK, 200)]}, broker_faults=(away,)).run("11:45")

    assert bench.when(ev.OrderFilled) == ["11:40:00"]
    assert bench.statuses()[-2][1] == "sleeping"


def test_a_step_while_sleeping_is_refused_with_its_reason() -> None:
    """Row 14: before the open a step by hand is status_not_allowed."""
    bench = day_of(commands=(command("09:20", "run_task", task="run_strategy"),)).run("09:25")

    assert list(bench.skipped().values()) == ["status_not_allowed"]


@pytest.mark.parametrize(
    ("name", "told"), [("fly", "'fly'"), ("", "missing"), (7, "'7'"), (None, "missing")]
)
def test_an_unknown_task_is_refused_with_the_known_ones(name: object, told: str) -> None:
    """Row 15: no exception reaches the operator, a sentence does."""
    asked = (at("09:20"), Command(verb="run_task", arguments={"task": name}, by="eve"))
    bench = day_of(commands=(asked,)).run("09:25")

    (refused,) = bench.of(ev.CommandRefused)
    assert told in refused.reason


def test_the_same_configuration_gives_the_same_schedule() -> None:
    """Row 16: rows and digest alike; another setting, another digest."""
    one, two = (day_schedule(DAY, SHANGHAI, Timetable()) for _ in range(2))

    assert one == two
    assert schedule_digest(one) == schedule_digest(two)
    assert schedule_digest(one) != schedule_digest(
        day_schedule(DAY, SHANGHAI, Timetable(step_minutes=10))
    )


@pytest.mark.parametrize(
    ("now", "coming"),
    [
        ("09:00:00", "09:15:00"),  # before everything: pre_open
        ("09:20:00", "09:30:00"),  # between
        ("15:16:00", "15:30:00"),  # the last one
    ],
)
def test_the_engine_knows_what_comes_next(now: str, coming: str) -> None:
    """Row 17: the next task is later than now; after the last one nothing is due that day."""
    bench = day_of(settings={"startup_gate_mode": "off"})
    bench.engine.start()
    while bench.clock.now() < at(now):
        wake = bench.engine.turn()
        assert wake is not None
        bench.clock.set(min(wake, at(now)))
    bench.engine.turn()

    due = bench.engine._tasks.next_due()
    assert due is not None
    assert local(due) == coming
    assert due > bench.clock.now()


def test_after_the_last_task_none_is_due() -> None:
    """Row 17, its end: nothing is left, and the loop still wakes for its pulse."""
    bench = day_of()
    bench.engine.start()
    wake: datetime | None = bench.engine.turn()
    while wake is not None and wake < at("15:31"):
        bench.clock.set(wake)
        wake = bench.engine.turn()

    assert bench.engine._tasks.next_due() is None
    assert wake is not None


def test_a_start_at_five_past_one_keeps_what_the_table_says() -> None:
    """Row 18: no step of the past, the preparation of the day and the open market are made up for.

    Ours does not replay close_market: it is the calendar that says what the status is.
    """
    rows = day_schedule(DAY, SHANGHAI, Timetable())
    kept = [
        row.task
        for row in catch_up(rows, at("13:05:30"), SHANGHAI.segments(DAY), closed_already=False)
        if row.fate == "keep"
    ]
    past = [f"{local(t.due)} {t.task}" for t in kept if t.due < at("13:05:30")]

    assert past == ["09:15:00 pre_open", "13:00:00 open_market"]
    assert {t.task for t in kept if t.due >= at("13:05:30")} == {
        "acquire_live_price", "run_strategy", "close_market", "post_close", "refill",
    }  # fmt: skip


def test_what_is_made_up_for_runs_in_the_order_of_its_times() -> None:
    """Row 19: after a start at 15:20 pre_open comes before post_close."""
    bench = day_of(start=at("15:20")).run("15:25")

    assert [f.task for f in bench.of(ev.TaskFinished)] == ["pre_open", "post_close"]
    assert bench.when(ev.TaskFinished) == ["15:20:00", "15:20:00"]


def test_a_row_is_a_value_with_names() -> None:
    """Row 20: a step's number is a field of its row, and no other task has one."""
    rows = day_schedule(DAY, SHANGHAI, Timetable())

    steps = [row.step for row in rows if row.task == "run_strategy"]
    assert steps == list(range(48))
    assert {row.step for row in rows if row.task != "run_strategy"} == {None}


def test_a_refill_goes_by_the_simulated_date() -> None:
    """Row 21: not by the machine's calendar. There are no monthly refills here."""
    bench = day_of().run("15:31")

    assert [r.trading_date for r in bench.of(ev.TablesRefilled)] == [DAY]


def test_a_day_without_trading_has_no_schedule() -> None:
    """Row 22: a Saturday, and the first of May."""
    for day in (date(2026, 3, 7), date(2026, 5, 1)):
        assert day_schedule(day, SHANGHAI, Timetable()) == ()
