"""Tasks that operators run at a wrong time of the day, and how often a broker is tried."""

from __future__ import annotations

from datetime import date

import pytest

from qtkit.model import events as ev
from qtkit.testing import at
from qtkit.trading.brokers.sim.faults import Disconnect
from qtkit.trading.engine.command_queue import Command
from tests.trading.engine.engine_bench import command, day_of
from tests.trading.engine.test_engine_commands import refusals

# --- tasks by hand at the wrong time -------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "task", "word"),
    [
        ("12:00", "open_market", "13:00 to 15:00"),
        ("09:20", "open_market", "does not trade now"),
        ("15:10", "open_market", "does not trade now"),
        ("11:30", "open_market", "does not trade now"),
        ("10:00", "close_market", "pause"),
        ("13:00", "close_market", "pause"),
        ("14:59", "post_close", "15:00"),
        ("12:00", "post_close", "15:00"),
        ("09:30", "pre_open", "gate"),
        ("14:00", "pre_open", "gate"),
        ("10:00", "prepare_strategy", "run_strategy"),
    ],
)
def test_a_task_that_contradicts_the_calendar_is_refused(moment: str, task: str, word: str) -> None:
    plain = {"price_poll_minutes": 60, "step_minutes": 60}
    bench = day_of(commands=[command(moment, "run_task", task=task)], settings=plain).run()
    untouched = day_of(settings=plain).run()
    ((verb, reason),) = refusals(bench)

    assert (verb, word in reason, task in reason) == ("run_task", True, True)
    assert bench.statuses() == untouched.statuses()
    assert len(bench.of(ev.DayClosed)) == 1


@pytest.mark.parametrize(
    "task", ["pre_open", "open_market", "close_market", "post_close", "refill"]
)
def test_a_closed_day_has_no_market_to_open_or_close(task: str) -> None:
    holiday = date(2026, 3, 7)
    asked = (at("10:00", holiday), Command(verb="run_task", arguments={"task": task}, by="eve"))
    bench = day_of(start=at("09:00", holiday), commands=[asked]).run(at("10:01", holiday))

    ((_, reason),) = refusals(bench)
    assert "closed today" in reason
    assert [s[1] for s in bench.statuses()] == ["sleeping", "stopped"]


@pytest.mark.parametrize(
    ("moment", "task"),
    [("09:10", "pre_open"), ("11:30", "close_market"), ("10:00", "open_market"),
     ("15:20", "post_close"), ("12:00", "close_market")],
)  # fmt: skip
def test_a_task_that_fits_the_calendar_runs_by_hand(moment: str, task: str) -> None:
    plain = {"price_poll_minutes": 60, "step_minutes": 60}
    bench = day_of(commands=[command(moment, "run_task", task=task)], settings=plain).run()

    assert refusals(bench) == []
    assert [t for t in bench.of(ev.TaskFinished) if "hand" in t.task_id]


# --- how often a broker is tried -------------------------------------------------


@pytest.mark.parametrize(("seconds", "attempts"), [(5, 120), (60, 10), (120, 5)])
def test_a_broker_that_is_away_is_tried_as_often_as_the_setting_says(
    seconds: int, attempts: int
) -> None:
    """Ten minutes away; the try at 09:20 succeeds."""
    away = Disconnect(start=at("09:00"), until=at("09:20"))
    bench = day_of(
        start=at("09:10"), broker_faults=[away], settings={"retry_seconds": seconds}
    ).run("09:21")
    tries = [verb for verb, _ in bench.said if verb == "broker_unavailable"]

    assert len(tries) == attempts
    assert bench.when(ev.BrokerConnected) == ["09:20:00"]
