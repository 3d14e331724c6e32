"""A command of which nothing came is answered as refused, with the reason."""

from __future__ import annotations

import pytest

from qtkit.testing import at, intent
from qtkit.trading.brokers.sim.faults import CancelRefused, Reject
from qtkit.trading.engine.command_queue import Answer, Command
from tests.trading.engine.engine_bench import BANK, day_of


def answers_of(verb: str, when: str = "09:36", **parts: object) -> list[Answer]:
    """Return what a command was answered; its arguments, and the parts of a day."""
    answers: list[Answer] = []
    arguments = parts.pop("arguments", {})
    asked = Command(verb=verb, by="eve", arguments=arguments, answer=answers.append)  # type: ignore[arg-type]
    day_of(commands=[(at(when), asked)], **parts).run("09:42")
    return answers


@pytest.mark.parametrize(
    ("verb", "parts", "word"),
    [
        ("buy", {"arguments": {"symbol": BANK, "quantity": "100000000"}}, "risk."),
        ("buy", {"arguments": {"symbol": "NOBODY", "quantity": "100"}}, "risk."),
        ("sell", {"arguments": {"symbol": BANK, "quantity": "100"}}, "risk."),
        (
            "buy",
            {
                "arguments": {"symbol": BANK, "quantity": "100"},
                "broker_faults": [Reject(order=1, code="closed", reason="no more today")],
            },
            "no more today",
        ),
        (
            "cancel",
            {
                "arguments": {"order_id": "q000001"},
                "script": {"09:35": [intent(BANK, 100, "9.50")]},
                "broker_faults": [CancelRefused(order=1, code="late", reason="too late")],
            },
            "too late",
        ),
        ("run_task", {"arguments": {"task": "run_strategy"}, "when": "09:10"}, "not_allowed"),
        ("lift", {"arguments": {"why": "x"}}, "not on"),
        ("buy", {"arguments": {"symbol": BANK, "quantity": "100", "limt": "9.90"}}, "limt"),
        ("pause", {"arguments": {"until": "10:00"}}, "until"),
    ],
)
def test_a_command_without_effect_is_answered_as_refused(
    verb: str, parts: dict[str, object], word: str
) -> None:
    (answer,) = answers_of(verb, **parts)  # type: ignore[arg-type]
    assert word in answer.refused


@pytest.mark.parametrize(
    ("verb", "parts"),
    [
        ("buy", {"arguments": {"symbol": BANK, "quantity": "100"}}),
        (
            "cancel",
            {
                "arguments": {"order_id": "q000001"},
                "script": {"09:35": [intent(BANK, 100, "9.50")]},
            },
        ),
        ("cancel_task", {"arguments": {"task_id": "20260304-run_strategy-094000"}}),
        ("run_task", {"arguments": {"task": "run_strategy"}}),
        ("note", {"arguments": {"text": "anything goes"}}),
    ],
)
def test_a_command_that_has_its_effect_is_not(verb: str, parts: dict[str, object]) -> None:
    (answer,) = answers_of(verb, **parts)  # type: ignore[arg-type]
    assert answer.refused == ""


def test_a_lift_that_took_a_kill_file_away_counts_though_the_engine_never_saw_it() -> None:
    (answer,) = answers_of("lift", arguments={"why": "x", "file": True})
    assert answer.refused == ""
