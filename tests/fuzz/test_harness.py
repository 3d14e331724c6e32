"""The harness itself: inputs can be made again, and each kind of wrong outcome is noticed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from qtkit.core.errors import DataError, StrategyError
from tests.fuzz.border import Border, command_line, demand_sentence, failures, judged, outcome_of
from tests.fuzz.mutations import ASSIGNMENTS, BYTES, CSV, JSON, Dice, Mutation, mutated

_TEXT = b'{"bars": [{"symbol": "AAPL", "end": "2026-03-04T09:31:00Z", "open": 10.5}], "n": 3}\n'


def _border(act: Callable[[], object]) -> Border:
    def judge(dice: Dice, folder: Path) -> None:
        outcome_of(act, names="bars.csv")

    return Border("made-up", judge)


def _refuse(sentence: str) -> Callable[[], object]:
    def act() -> object:
        raise DataError(sentence)

    return act


def _leave(code: int) -> Callable[[], object]:
    def act() -> object:
        raise SystemExit(code)

    return act


def _divide() -> object:
    return 1 / 0


def _hang() -> object:
    return sum(1 for _ in itertools.count())


@pytest.mark.parametrize("mutations", [BYTES, JSON, ASSIGNMENTS, CSV])
def test_the_same_words_make_the_same_input(mutations: tuple[Mutation, ...]) -> None:
    made = [mutated(_TEXT, Dice("here", 7, number), mutations) for number in range(300)]

    assert made == [mutated(_TEXT, Dice("here", 7, number), mutations) for number in range(300)]
    assert len(set(made)) > 150
    assert sum(text == _TEXT for text in made) < 30


def test_a_refusal_that_names_the_file_is_right(tmp_path: Path) -> None:
    assert judged(_border(_refuse("bars.csv line 3 is no bar")), 0, tmp_path) is None


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (_divide, "ZeroDivisionError"),
        (_leave(0), "SystemExit"),
        (_refuse("line 3 is no bar"), "AssertionError"),
        (_refuse(""), "AssertionError"),
    ],
    ids=["a traceback", "an end of the process", "no file named", "nothing said"],
)
def test_a_wrong_outcome_is_a_failure_with_its_number(
    act: Callable[[], object], kind: str, tmp_path: Path
) -> None:
    failure = judged(_border(act), 31, tmp_path)

    assert failure is not None
    assert failure.kind.startswith(kind)
    assert "python -m tests.fuzz made-up 31" in str(failure)


def test_a_hang_is_a_failure(tmp_path: Path) -> None:
    failure = judged(_border(_hang), 0, tmp_path, bound=0.1)

    assert failure is not None
    assert failure.kind.startswith("Hang")


def test_many_inputs_that_fail_alike_are_one_failure(tmp_path: Path) -> None:
    assert [one.index for one in failures(_border(_divide), range(5, 50), tmp_path)] == [5]


@pytest.mark.parametrize("text", ["", "x" * 3_000, "a\x00b", "a\x1b[31mb"])
def test_what_nobody_can_read_is_no_sentence(text: str) -> None:
    with pytest.raises(AssertionError):
        demand_sentence(text)


def test_a_command_runs_as_in_a_shell() -> None:
    printed = command_line("config", "explain", "no.such_key")

    assert printed.code == 2
    assert "no.such_key" in printed.err


def test_an_error_of_the_strategy_is_a_refusal() -> None:
    def act() -> object:
        raise StrategyError("decide raised ValueError")

    assert isinstance(outcome_of(act).refusal, StrategyError)
