"""The table of the engine's verbs: who may ask for what, and what is wrong with an argument."""

from __future__ import annotations

from typing import Any

import pytest

from qtkit.core.errors import ConfigError
from qtkit.model import events as ev
from qtkit.testing import intent
from qtkit.trading.engine.commands import COMMANDS, checked_arguments
from tests.trading.engine.engine_bench import BANK, STEEL, command, day_of

ARGUMENTS: dict[str, dict[str, Any]] = {
    "lift": {"why": "all is well"},
    "buy": {"symbol": BANK, "quantity": "100"},
    "sell": {"symbol": BANK, "quantity": "100"},
    "cancel": {"order_id": "q000001"},
    "cancel_task": {"task_id": "20260304-run_strategy-094500"},
    "run_task": {"task": "run_strategy"},
    "adjust": {"cash": "1", "why": "interest"},
}
NEEDS_DEBUG = {"run_task"}
LOWERS_RISK = {"pause", "stop", "kill", "buy", "sell", "cancel", "cancel_task"}


def of_mode(reason: str) -> bool:
    """Whether a refusal speaks of the way in which the session runs."""
    return "--debug" in reason


def test_what_can_lower_risk_never_needs_debug() -> None:
    marked = {verb for verb, command in COMMANDS.items() if command.lowers_risk}

    assert marked == LOWERS_RISK
    assert {verb for verb, command in COMMANDS.items() if command.needs_debug} == NEEDS_DEBUG
    assert not marked & NEEDS_DEBUG


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize("verb", COMMANDS)
def test_the_engine_refuses_what_needs_debug_and_nothing_else(*, verb: str, debug: bool) -> None:
    asked = command("09:42:30", verb, **ARGUMENTS.get(verb, {}))
    bench = day_of(commands=[asked], settings={"debug": debug}).run("09:44")

    refused = [r.reason for r in bench.of(ev.CommandRefused)]
    assert [r.command for r in bench.of(ev.CommandReceived)] == [verb]
    assert any(map(of_mode, refused)) is (verb in NEEDS_DEBUG and not debug)
    by_hand = [t for t in bench.of(ev.TaskQueued) if "hand" in t.task_id]
    assert bool(by_hand) is (verb == "refill" or (verb == "run_task" and debug))


@pytest.mark.parametrize("status", ["running", "paused", "killed", "gate shut"])
def test_an_exit_a_cancel_a_kill_and_a_stop_are_carried_out_whatever_the_session_is(
    status: str,
) -> None:
    before = {"paused": [command("09:40", "pause")], "killed": [command("09:40", "kill")]}
    settings = {"debug": False, "startup_gate_mode": "block"}
    if status == "gate shut":
        settings["min_disk_megabytes"] = 10**12
    bench = day_of(
        shares={STEEL: 300},
        script={"09:35": [intent(BANK, 100, "1.00")]} if status != "gate shut" else {},
        settings=settings,
        commands=[
            *before.get(status, []),
            command("09:42", "sell", symbol=STEEL, quantity="300"),
            command("09:43", "cancel", order_id="q000001"),
            command("09:44", "kill", why="enough"),
            command("09:45", "stop", reason="enough"),
        ],
    ).run("09:50")

    refused = {r.command for r in bench.of(ev.CommandRefused)}
    assert refused <= ({"cancel"} if status == "gate shut" else set())
    assert [f.symbol for f in bench.of(ev.OrderFilled)] == [STEEL]
    assert bench.of(ev.KillSwitchSet)
    assert bench.of(ev.StopRequested)[0].reason == "enough"


@pytest.mark.parametrize(
    ("verb", "near"), [("stopp", "stop"), ("sel", "sell"), ("reconcil", "reconcile")]
)
def test_an_unknown_verb_is_answered_by_the_nearest(verb: str, near: str) -> None:
    with pytest.raises(ConfigError) as refused:
        checked_arguments(verb, {}, debug=False)

    assert repr(near) in str(refused.value)


def test_all_that_is_wrong_with_a_command_is_told_at_once() -> None:
    wrong = {"quantity": "many", "limit": -1, "becuase": "typing"}
    with pytest.raises(ConfigError) as refused:
        checked_arguments("buy", wrong, debug=False)

    parts = str(refused.value)
    assert [
        name for name in ("symbol", "quantity", "limit", "'because'") if name not in parts
    ] == []


def test_numbers_come_as_numbers_with_the_defaults_of_what_was_left_out() -> None:
    found = checked_arguments("sell", {"symbol": BANK, "quantity": 300}, debug=False)

    assert found == {"symbol": BANK, "quantity": 300, "because": "by hand"}
    assert checked_arguments("stop", {"reason": None}, debug=False) == {"reason": "stop"}
    assert checked_arguments("adjust", {"undo": "12", "why": "x"}, debug=False)["undo"] == 12
