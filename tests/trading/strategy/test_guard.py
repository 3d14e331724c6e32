"""A strategy at arm's length: whatever it raises or returns, one error names the method."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import repeat
from typing import Any

import numpy as np
import pytest

from qtkit.core.errors import ConfigError, StrategyError
from qtkit.model.intents import Intent
from qtkit.testing import scripted_spec
from qtkit.trading.strategy.guard import Guarded, made, problems_of
from qtkit.trading.strategy.protocol import StrategySpec
from qtkit.trading.strategy.spec_checks import demand_spec

SPEC = scripted_spec({}, ["600036.SH"])
BUY = Intent(symbol="600036.SH", quantity=Decimal(100), because="a test")
METHODS: dict[str, tuple[Any, ...]] = {
    "prepare": (None,),
    "decide": (None, None),
    "on_fill": (None, None),
    "state": (),
    "restore": ({},),
    "validate": (),
}


class Nameless:
    """An object that cannot be printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no name")


class Unspeakable(Exception):
    """An error that cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def strategy_with(**methods: Callable[..., object]) -> Any:  # noqa: ANN401 - of any shape
    """Return a strategy of which some methods do something else."""
    base = type(SPEC.make())
    kind = type("Odd", (base,), {n: lambda _self, *a, _m=m: _m(*a) for n, m in methods.items()})
    found: Any = object.__new__(kind)
    found.__dict__.update(SPEC.make().__dict__)
    return found


def raiser(error: BaseException) -> Callable[..., object]:
    def method(*_: object) -> object:
        raise error

    return method


def call(strategy: object, name: str) -> object:
    return getattr(Guarded(strategy), name)(*METHODS[name])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        SystemExit(0),
        KeyboardInterrupt(),
        GeneratorExit(),
        RecursionError(),
        Unspeakable(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
        RuntimeError("half \ud800"),
        type("Homemade", (BaseException,), {})(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_method_raises_is_the_strategys_error_and_names_the_method(
    name: str, error: BaseException
) -> None:
    with pytest.raises(StrategyError) as caught:
        call(strategy_with(**{name: raiser(error)}), name)

    text = str(caught.value)
    assert text.startswith(f"{name} raised {type(error).__name__}")
    assert text.encode()


@pytest.mark.parametrize("name", METHODS)
def test_a_ctrl_c_of_the_operator_stays_one(name: str) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            call(strategy_with(**{name: lambda *_: signal.raise_signal(signal.SIGINT)}), name)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_exit_in_the_constructor_is_the_strategys_error() -> None:
    with pytest.raises(StrategyError, match="make raised SystemExit"):
        made(replace(SPEC, make=raiser(SystemExit(0))))  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", [None, 7, object(), Nameless()])
def test_what_is_made_and_is_no_strategy_is_refused_with_what_it_lacks(odd: object) -> None:
    with pytest.raises(StrategyError, match="on_fill"):
        made(replace(SPEC, make=lambda: odd))  # type: ignore[arg-type,return-value]


# --- what it returns -----------------------------------------------------------------------------


def _cycle() -> dict[str, Any]:
    found: dict[str, Any] = {}
    found["again"] = found
    return found


def _doubling() -> list[Any]:
    found: list[Any] = []
    for _ in range(60):
        found = [found, found]
    return found


@pytest.mark.parametrize(
    "state",
    [
        ["a"], None, "text", 7, (("a", 1),), {1: "a"}, {"a": {None: 1}}, {"a": float("nan")},
        {"a": Decimal(1)}, {"a": {1, 2}}, {"a": b"x"}, {"a": 10**5_000}, {"a": 2**63},
        {"a": "\ud800"}, {"\ud800": 1}, {"a": np.int64(1)}, {"a": Nameless()}, _cycle(),
        {"a": _doubling()}, {"a": np.zeros(2)},
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_state_that_would_not_come_back_equal_is_refused(state: object) -> None:
    with pytest.raises(StrategyError, match=r"^state\(\)"):
        call(strategy_with(state=lambda: state), "state")


def test_a_state_is_taken_over_as_it_will_come_back() -> None:
    state = {"lines": ("1.5", 2), "base": np.float64(0.1), "deep": [{"on": True, "off": None}]}
    found = call(strategy_with(state=lambda: state), "state")
    assert found == {"lines": ["1.5", 2], "base": 0.1, "deep": [{"on": True, "off": None}]}
    assert type(found["base"]) is float


@pytest.mark.parametrize(
    "answer",
    [
        None, 7, "buy", [None], [("600036.SH", 100)], {"a": 1}, Nameless(), [Nameless()],
        repeat(BUY), BUY,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_list_of_intents_is_refused(answer: object) -> None:
    with pytest.raises(StrategyError, match=r"^decide"):
        call(strategy_with(decide=lambda *_: answer), "decide")


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 100}, {"quantity": 1.5}, {"quantity": Decimal("NaN")},
        {"quantity": Decimal("Infinity")}, {"limit_price": 10.0},
        {"limit_price": Decimal("sNaN")}, {"order_type": "market"}, {"symbol": None},
        {"symbol": "\ud800"}, {"because": None}, {"because": 5}, {"because": "\udfff"},
        {"tag": None}, {"tag": b"x"}, {"tag": Nameless()},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_an_intent_whose_fields_are_none_of_theirs_is_refused(change: dict[str, Any]) -> None:
    fields = {"symbol": "600036.SH", "quantity": Decimal(100), "because": "a test", **change}
    with pytest.raises(StrategyError, match=next(iter(change))):
        call(strategy_with(decide=lambda *_: [Intent(**fields)]), "decide")


def test_intents_may_come_from_a_generator() -> None:
    def wanted(*_: object) -> Iterator[Intent]:
        yield BUY

    assert call(strategy_with(decide=wanted), "decide") == (BUY,)


# --- what it finds wrong with itself -------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "problems"),
    [
        ([], ()),
        (("spacing must be above 0",), ("spacing must be above 0",)),
        (iter(["a", "b"]), ("a", "b")),
        (["half \ud800"], ("half \\ud800",)),
    ],
)
def test_a_strategy_names_its_problems(answer: object, problems: tuple[str, ...]) -> None:
    assert problems_of(strategy_with(validate=lambda: answer)) == problems


@pytest.mark.parametrize("answer", [None, True, "one text", b"x", [None], [""], [7], 3], ids=repr)
def test_what_is_no_list_of_sentences_is_the_strategys_error(answer: object) -> None:
    with pytest.raises(StrategyError, match=r"^validate\(\) returned"):
        problems_of(strategy_with(validate=lambda: answer))


def test_endlessly_many_problems_are_some() -> None:
    assert 0 < len(problems_of(strategy_with(validate=lambda: repeat("no")))) <= 1_000


def test_a_strategy_with_problems_is_not_made_and_all_of_them_are_named() -> None:
    odd = strategy_with(validate=lambda: ["spacing is -0.10", "batch is no lot"])
    with pytest.raises(ConfigError, match="batch is no lot"):
        made(replace(SPEC, make=lambda: odd))


# --- its SPEC ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""}, {"name": None}, {"name": "a\nb"}, {"name": "x" * 5_000}, {"make": None},
        {"symbols": ()}, {"symbols": "600036.SH"}, {"symbols": (1,)}, {"symbols": ("a", "a")},
        {"symbols": None}, {"exchange": 7}, {"table": None}, {"currency": 7},
        {"step_minutes": -1}, {"step_minutes": 2.5}, {"step_minutes": True},
        {"opening_cash": 1e6}, {"opening_cash": Decimal("NaN")}, {"opening_cash": Decimal(-1)},
        {"opening_cash": Decimal("1E+999999")}, {"parameters": []}, {"parameters": {1: 2}},
        {"parameters": {"a": Decimal(1)}}, {"order_sizes": []},
        {"order_sizes": {"600036.SH": Decimal(-1)}}, {"order_sizes": {"600036.SH": "many"}},
    ],
    ids=lambda change: repr(change)[:50],
)  # fmt: skip
def test_a_spec_that_cannot_be_traded_is_refused_by_the_name_of_its_field(
    change: dict[str, Any],
) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        demand_spec(replace(SPEC, **change))


def test_all_mistakes_of_a_spec_are_told_at_once() -> None:
    wrong: StrategySpec = replace(SPEC, name="", step_minutes=-1, opening_cash=Decimal(-1))
    with pytest.raises(ConfigError) as caught:
        demand_spec(wrong)
    assert all(word in str(caught.value) for word in ("name", "step_minutes", "opening_cash"))
