"""What operators ask for: each verb, what it does, and why it is refused; and the kill switch."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from threading import Event, Thread

import pytest

from qtkit.model import events as ev
from qtkit.testing import at, intent
from qtkit.trading.engine.command_queue import Answer, Command, CommandQueue
from tests.golden.names import names_in
from tests.trading.engine.engine_bench import BANK, STEEL, Bench, command, day_of


def refusals(bench: Bench) -> list[tuple[str, str]]:
    """Return command and reason of each refused command."""
    return [(r.command, r.reason) for r in bench.of(ev.CommandRefused)]


def test_a_command_is_recorded_with_who_asked_for_it() -> None:
    bench = day_of(commands=[command("09:10", "note", text="all quiet")]).run("09:12")
    (received,) = bench.of(ev.CommandReceived)
    assert (received.command, received.arguments, received.by) == (
        "note",
        {"text": "all quiet"},
        "eve",
    )
    assert not refusals(bench)


def test_an_unknown_command_is_refused_with_those_that_there_are() -> None:
    bench = day_of(commands=[command("09:10", "fly")]).run("09:12")
    ((verb, reason),) = refusals(bench)
    assert verb == "fly"
    assert "'fly'; there are: pause, resume" in reason


# --- pause and resume -------------------------------------------------


@pytest.mark.parametrize(
    ("pause", "resume", "goes_to"),
    [
        ("09:10", "09:20", "sleeping"),
        ("09:40", "09:45", "running"),
        ("11:20", "12:00", "sleeping"),
        ("12:00", "13:10", "running"),
        ("14:50", "15:05", "sleeping"),
    ],
)
def test_a_pause_ends_where_the_calendar_says(pause: str, resume: str, goes_to: str) -> None:
    bench = day_of(
        start=at("09:00"), commands=[command(pause, "pause"), command(resume, "resume")]
    ).run("15:20")
    moves = [(when, after) for when, after, why in bench.statuses() if why in {"pause", "resume"}]
    assert moves == [(f"{pause}:00", "paused"), (f"{resume}:00", goes_to)]


def test_neither_open_nor_close_moves_a_paused_engine() -> None:
    bench = day_of(commands=[command("09:10", "pause")]).run("15:20")
    assert [s[1] for s in bench.statuses()] == ["sleeping", "paused", "stopped"]
    assert set(bench.skipped().values()) == {"paused"}
    assert len(bench.of(ev.DayClosed)) == 1


def test_what_is_paused_cannot_be_paused_and_what_runs_cannot_be_resumed() -> None:
    bench = day_of(
        commands=[command("09:10", "resume"), command("09:11", "pause"), command("09:12", "pause")]
    ).run("09:13")
    assert refusals(bench) == [
        ("resume", "the engine is sleeping: nothing to resume"),
        ("pause", "the engine is paused: nothing to pause"),
    ]


def test_a_paused_engine_still_takes_fills_and_orders_by_hand() -> None:
    bench = day_of(
        script={"09:35": [intent(BANK, 100)]},
        commands=[
            command("09:35:30", "pause"),
            command("09:37", "buy", symbol=STEEL, quantity="100"),
        ],
    ).run("09:39")
    assert [f.symbol for f in bench.of(ev.OrderFilled)] == [BANK, STEEL]


# --- orders by hand -------------------------------------------------


def test_orders_by_hand_name_who_asked() -> None:
    bench = day_of(
        shares={BANK: 300},
        commands=[
            command("09:36", "buy", symbol=STEEL, quantity="200", because="a hunch"),
            command("09:37", "sell", symbol=BANK, quantity=300, limit="9.90"),
        ],
    ).run("09:40")
    told = [
        (o.symbol, o.quantity, o.limit_price, o.by, o.because) for o in bench.of(ev.OrderRequested)
    ]
    assert told == [
        (STEEL, Decimal(200), None, "eve", "a hunch"),
        (BANK, Decimal(-300), Decimal("9.90"), "eve", "by hand"),
    ]
    assert len(bench.of(ev.OrderFilled)) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"symbol": BANK}, "quantity is missing"),
        ({"quantity": 100}, "symbol is missing"),
        ({"symbol": BANK, "quantity": "many"}, "quantity must be"),
        ({"symbol": BANK, "quantity": "NaN"}, "quantity must be"),
        ({"symbol": BANK, "quantity": float("nan")}, "quantity must be"),
        ({"symbol": BANK, "quantity": "-100"}, "quantity must be"),
        ({"symbol": BANK, "quantity": "100", "limit": "low"}, "limit must be"),
    ],
)
def test_an_order_by_hand_that_makes_no_sense_is_refused(
    arguments: dict[str, object], reason: str
) -> None:
    bench = day_of(commands=[command("09:36", "buy", **arguments)]).run("09:37")
    ((verb, found),) = refusals(bench)
    assert verb == "buy"
    assert found.startswith(reason)
    assert not bench.of(ev.OrderRequested)


def test_a_number_too_large_is_refused_and_the_engine_lives_on() -> None:
    bench = day_of(
        commands=[
            command("09:36", "buy", symbol=BANK, quantity="1E+40"),
            command("09:36", "buy", symbol=BANK, quantity="100", limit="1E+40"),
            command("09:37", "buy", symbol=BANK, quantity="100"),
        ]
    ).run("09:40")
    assert len(bench.of(ev.OrderRefused)) == 2
    assert len(bench.of(ev.OrderFilled)) == 1


def test_a_cancel_of_what_is_not_open_is_refused_with_what_is() -> None:
    bench = day_of(
        script={"09:35": [intent(BANK, 100, "9.50")]},
        commands=[
            command("09:34", "cancel", order_id="q1"),
            command("09:36", "cancel", order_id="q1"),
        ],
    ).run("09:37")
    assert [(verb, names_in(reason)) for verb, reason in refusals(bench)] == [
        ("cancel", ["'q1'"]),
        ("cancel", ["'q1'", "q000001"]),
    ]


# --- tasks -------------------------------------------------


def test_a_task_that_is_to_come_can_be_taken_off() -> None:
    row = "20260304-run_strategy-094000"
    bench = day_of(commands=[command("09:10", "cancel_task", task_id=row)]).run("09:46")
    assert bench.skipped() == {"09:40:00": "canceled"}
    assert bench.when(ev.DecisionTaken) == ["09:35:00", "09:45:00"]


def test_a_task_that_waits_can_be_taken_off() -> None:
    bench = day_of(
        work_seconds=lambda key: 20.0 if "093500" in key else 0.0,
        commands=[command("09:35:00.5", "cancel_task", task_id="20260304-run_strategy-093500")],
    ).run("09:36")
    assert bench.skipped() == {"09:35:00": "canceled"}
    assert bench.told("run_strategy")[:2] == ["queued 09:35:00", "skipped 09:35:00.500000"]


def test_a_task_that_is_over_cannot_be_taken_off() -> None:
    row = "20260304-pre_open-091500"
    bench = day_of(commands=[command("09:16", "cancel_task", task_id=row)]).run("09:17")
    ((verb, reason),) = refusals(bench)
    assert (verb, names_in(reason)) == ("cancel_task", [f"'{row}'", "`schedule`"])


def test_a_task_can_be_run_by_hand() -> None:
    bench = day_of(commands=[command("09:42:30", "run_task", task="run_strategy")]).run("09:46")
    assert bench.when(ev.DecisionTaken) == ["09:35:00", "09:40:00", "09:42:30", "09:45:00"]
    assert [d.step for d in bench.of(ev.DecisionTaken)] == [0, 1, 10_000, 2]


def test_a_task_by_hand_that_may_not_run_says_why() -> None:
    bench = day_of(
        commands=[
            command("09:10", "run_task", task="run_strategy"),
            command("09:11", "run_task", task="dance"),
        ]
    ).run("09:12")
    assert bench.skipped() == {"09:10:00": "status_not_allowed"}
    ((verb, reason),) = refusals(bench)
    assert verb == "run_task"
    assert "'dance'; there are: pre_open" in reason


def test_a_task_by_hand_that_is_at_work_when_the_stop_comes_is_accounted_for() -> None:
    bench = day_of(
        work_seconds=lambda key: 30.0 if "hand" in key else 0.0,
        commands=[command("09:42:30", "run_task", task="acquire_live_price")],
    ).run("09:42:40")
    by_hand = [c.task_id for c in bench.of(ev.TaskCancelled) if "hand" in c.task_id]
    assert len(by_hand) == 1


# --- the account -------------------------------------------------


def test_a_reconciliation_on_demand_is_recorded() -> None:
    bench = day_of(commands=[command("09:40", "reconcile")]).run("09:41")
    assert bench.when(ev.AccountReconciled)[0] == "09:40:00"


def test_an_adjustment_moves_the_book_and_says_why() -> None:
    bench = day_of(
        commands=[
            command("09:10", "adjust", symbol=BANK, quantity="30", cash="-12.50", why="bonus")
        ]
    ).run("09:12")
    (adjusted,) = bench.of(ev.PositionAdjusted)
    assert (adjusted.quantity, adjusted.cash, adjusted.by, adjusted.why) == (
        Decimal(30),
        Decimal("-12.50"),
        "eve",
        "bonus",
    )
    closing = bench.of(ev.SessionEnded)[0].closing
    assert (closing.cash, closing.positions[0].quantity) == (Decimal("999987.50"), Decimal(30))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"cash": "5"}, "needs a reason: why=TEXT"),
        ({"cash": "5", "why": "  "}, "needs a reason: why=TEXT"),
        (
            {"quantity": "5", "why": "w"},
            "an adjustment of 5 shares names their symbol: symbol=CODE",
        ),
        (
            {"cash": "Infinity", "why": "w"},
            "a number (account currency), was 'Infinity'",
        ),
    ],
)
def test_an_adjustment_that_makes_no_sense_never_reaches_the_book(
    arguments: dict[str, object], reason: str
) -> None:
    bench = day_of(commands=[command("09:10", "adjust", **arguments)]).run("09:12")
    ((verb, why),) = refusals(bench)
    assert (verb, reason in why) == ("adjust", True)
    assert not bench.of(ev.PositionAdjusted)


# --- the kill switch -------------------------------------------------


def test_a_killed_engine_decides_nothing_and_lets_only_what_lowers_risk_leave() -> None:
    bench = day_of(
        shares={BANK: 500},
        script={"09:40": [intent(STEEL, 100)]},
        commands=[
            command("09:36", "kill", why="smoke"),
            command("09:41", "buy", symbol=STEEL, quantity="100"),
            command("09:41", "sell", symbol=BANK, quantity="500"),
            command("09:44", "lift", why="only dust"),
        ],
    ).run("09:46")
    assert bench.skipped() == {"09:40:00": "kill_switch"}
    assert [r.symbol for r in bench.of(ev.OrderRefused)] == [STEEL]
    assert {v.rule for r in bench.of(ev.OrderRefused) for v in r.verdicts} == {"risk.kill_switch"}
    assert [f.quantity for f in bench.of(ev.OrderFilled)] == [-500]
    assert [(k.on, k.by, k.why) for k in bench.of(ev.KillSwitchSet)] == [
        (True, "eve", "smoke"), (False, "eve", "only dust"),
    ]  # fmt: skip
    assert bench.when(ev.DecisionTaken) == ["09:35:00", "09:45:00"]


def test_a_cancel_is_never_kept_in_by_a_kill_switch() -> None:
    bench = day_of(
        script={"09:35": [intent(BANK, 100, "9.50")]},
        commands=[command("09:36", "kill"), command("09:37", "cancel", order_id="q000001")],
    ).run("09:38")
    assert [c.reason for c in bench.of(ev.OrderCancelled)] == ["cancelled"]


def test_lifting_needs_a_reason() -> None:
    bench = day_of(commands=[command("09:10", "kill"), command("09:11", "lift")]).run("09:41")
    assert refusals(bench) == [("lift", "why is missing: a text")]
    assert bench.skipped() == {"09:35:00": "kill_switch", "09:40:00": "kill_switch"}


def test_a_kill_file_is_seen_and_recorded_once(tmp_path: Path) -> None:
    file = tmp_path / "KILL"
    file.touch()
    bench = day_of(kill_file=file, script={"09:35": [intent(BANK, 100)]}).run("09:41")
    (switched,) = bench.of(ev.KillSwitchSet)
    assert (switched.on, switched.by) == (True, "KILL file")
    assert set(bench.skipped().values()) == {"kill_switch"}


def test_an_order_that_meets_a_fresh_kill_file_at_the_door_is_rejected(tmp_path: Path) -> None:
    """The file appears after the judgement and before the order leaves."""
    file = tmp_path / "KILL"
    bench = day_of(kill_file=file, script={"09:35": [intent(BANK, 100), intent(STEEL, 100)]})
    send = bench.engine._orders._send

    def late(*args: object) -> None:
        file.touch()
        send(*args)  # type: ignore[arg-type]

    bench.engine._orders._send = late  # type: ignore[method-assign,assignment]
    bench.run("09:37")
    assert {(r.order_id, r.reason_code) for r in bench.of(ev.OrderRejected)} == {
        ("q000001", "kill_file"), ("q000002", "kill_file"),
    }  # fmt: skip


def test_a_lift_beside_a_kill_file_does_not_last(tmp_path: Path) -> None:
    file = tmp_path / "KILL"
    file.touch()
    bench = day_of(kill_file=file, commands=[command("09:10", "lift", why="try")]).run("09:12")
    assert [k.on for k in bench.of(ev.KillSwitchSet)] == [True, False, True]


# --- stop -------------------------------------------------


def test_a_stop_by_command_ends_the_session_once() -> None:
    bench = day_of(
        commands=[
            command("09:40", "stop", reason="lunch"),
            command("09:40", "stop", reason="again"),
        ]
    ).run("09:50")
    (asked,) = bench.of(ev.StopRequested)
    assert (asked.by, asked.reason) == ("eve", "lunch")
    assert bench.entries[-1].event.reason == "lunch"
    assert bench.when(ev.SessionEnded) == ["09:40:00"]


# --- the inbox -------------------------------------------------


def test_an_answer_tells_the_lines_that_a_command_became() -> None:
    answers: list[Answer] = []
    good = Command(verb="pause", by="eve", answer=answers.append)
    bad = Command(verb="fly", by="eve", answer=answers.append)
    bench = day_of(commands=[(at("09:10"), good), (at("09:10"), bad)]).run("09:11")
    first, second = answers
    assert not first.refused
    assert [type(e.event) for e in bench.entries[first.first_line - 1 : first.last_line]] == [
        ev.CommandReceived, ev.StatusChanged,
    ]  # fmt: skip
    assert "is no command 'fly'" in second.refused


def test_commands_come_out_by_time_then_in_the_order_in_which_they_were_put_in() -> None:
    signal = Event()
    inbox = CommandQueue(signal)
    inbox.put_at(at("09:20"), Command(verb="later"))
    inbox.put_at(at("09:10"), Command(verb="timed"))
    assert inbox.next_due() == at("09:10")
    assert not signal.is_set()
    inbox.put(Command(verb="now"))
    assert signal.is_set()
    assert [c.verb for c in inbox.take(at("09:10"))] == ["timed", "now"]
    assert inbox.take(at("09:10")) == []
    assert [c.verb for c in inbox.take(at("09:20"))] == ["later"]
    assert inbox.next_due() is None


def test_threads_may_fill_the_inbox_at_once_and_nothing_is_lost() -> None:
    inbox = CommandQueue(Event())

    def fill() -> None:
        for _ in range(500):
            inbox.put(Command(verb="x"))

    threads = [Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    taken = 0
    while any(thread.is_alive() for thread in threads):
        taken += len(inbox.take(at("09:00")))
    for thread in threads:
        thread.join()
    assert taken + len(inbox.take(at("09:00"))) == 2000
