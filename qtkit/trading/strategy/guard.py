"""A strategy at arm's length: what its code raises, or returns wrongly, is one kind of error."""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, NoReturn, cast

from qtkit.core.errors import ConfigError, StrategyError
from qtkit.core.plain_json import plain_object
from qtkit.core.process_signals import Interrupted
from qtkit.core.text import error_text, is_writable, shown, writable
from qtkit.model.intents import Intent
from qtkit.model.orders import OrderType, Routing, TimeInForce
from qtkit.trading.strategy.protocol import (
    Fill,
    JsonObject,
    Prepared,
    Strategy,
    StrategySpec,
    View,
)
from qtkit.trading.strategy.spec_checks import demand_spec

__all__ = ["MOST_INTENTS", "Guarded", "fail", "guarded", "made", "problems_of", "strategy_code"]

MOST_INTENTS = 10_000  # of one step
_METHODS = ("prepare", "decide", "on_fill", "state", "restore")
_MOST_PROBLEMS = 100
_LONGEST_PROBLEM = 500  # letters
_KINDS: dict[str, type | tuple[type, ...]] = {
    "symbol": str,
    "quantity": Decimal,
    "because": str,
    "order_type": OrderType,
    "limit_price": (Decimal, type(None)),
    "stop_price": (Decimal, type(None)),
    "time_in_force": TimeInForce,
    "expires": (datetime, type(None)),
    "routing": (Routing, type(None)),
    "tag": str,
    "withheld": str,
}
_LISTS = (list, tuple)  # asked for by type first: an abstract class takes long to answer
_RAISE = dis.opmap["RAISE_VARARGS"]


class Guarded:
    """A strategy whose mistakes are `StrategyError`.

    Parameters
    ----------
    strategy
        The one to be guarded.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy  # for the backtest's inner loop, which guards by itself
        self._plain: JsonObject = {}  # the state that was returned last

    def prepare(self, view: View) -> Prepared:
        """Pass on."""
        try:
            return self.strategy.prepare(view)
        except BaseException as error:  # noqa: BLE001 - a strategy may raise whatever there is
            fail("prepare", error)

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Pass on, and refuse what is no intent."""
        try:
            return self.checked(self.strategy.decide(view, prepared))
        except BaseException as error:  # noqa: BLE001 - a strategy may raise whatever there is
            fail("decide", error)

    def checked(self, answer: object) -> tuple[Intent, ...]:
        """Return what `decide` returned, all of it at once; refuse what is no intent."""
        intents = _listed(answer)
        for intent in intents:
            _demand(intent)
        return intents

    def on_fill(self, fill: Fill, view: View) -> None:
        """Pass on."""
        try:
            self.strategy.on_fill(fill, view)
        except BaseException as error:  # noqa: BLE001 - a strategy may raise whatever there is
            fail("on_fill", error)

    def state(self) -> JsonObject:
        """Return the state as it will come back from the journal: a JSON object."""
        try:
            state = self.strategy.state()
            # asked for before and after each decision, and mostly the same: not walked again
            is_known = type(state) is dict and state == self._plain
        except BaseException as error:  # noqa: BLE001 - a strategy may raise whatever there is
            fail("state", error)
        if is_known:
            return self._plain
        try:
            self._plain = plain_object(state, "state()")
        except ValueError as problem:
            raise StrategyError(
                f"state() must return a JSON object of finite numbers: {problem}"
            ) from None
        return self._plain

    def restore(self, state: JsonObject) -> None:
        """Pass on a copy: what the strategy does to it must not reach the journal."""
        with strategy_code("restore"):
            self.strategy.restore(plain_object(state, "the state"))

    def validate(self) -> tuple[str, ...]:
        """Return what the strategy itself finds wrong with its parameters, if it can tell."""
        return problems_of(self.strategy)


def guarded(strategy: Strategy) -> Guarded:
    """Return a strategy in its guard; one that is in it stays as it is."""
    return strategy if isinstance(strategy, Guarded) else Guarded(strategy)


def made(spec: StrategySpec) -> Strategy:
    """Return a new strategy that finds nothing wrong with itself.

    Raises
    ------
    StrategyError
        If making it raised, or what came is no strategy.
    ConfigError
        If the strategy says that its parameters are wrong; all of it is named.
    """
    demand_spec(spec)
    with strategy_code("make"):
        strategy = spec.make()
        missing = [name for name in _METHODS if not callable(getattr(strategy, name, None))]
    if missing:
        raise StrategyError(
            f"make returned {shown(strategy)}, which has no {', '.join(missing)}; "
            f"a strategy has {', '.join(_METHODS)}"
        )
    problems = problems_of(strategy)
    if problems:
        raise ConfigError(
            f"strategy {spec.name}: {'; '.join(problems)}. Nothing was started; correct its "
            "parameters"
        )
    return strategy


def problems_of(strategy: object) -> tuple[str, ...]:
    """Return what a strategy's own `validate()` finds wrong; nothing where it has none.

    Raises
    ------
    StrategyError
        If it raised, or returned anything but texts.
    """
    with strategy_code("validate"):
        validate = getattr(strategy, "validate", None)
        answer = () if validate is None else validate()
        listed = isinstance(answer, Iterable) and not isinstance(answer, str | bytes)
        problems = tuple(islice(answer, _MOST_PROBLEMS)) if listed else (answer,)
    odd = [p for p in problems if not isinstance(p, str) or not p.strip()]
    if odd or not listed:
        raise StrategyError(
            f"validate() returned {shown(odd[0] if odd else answer)}; expected sentences, one for "
            "each problem, and an empty list for none"
        )
    return tuple(writable(problem)[:_LONGEST_PROBLEM] for problem in problems)


def _listed(answer: object) -> tuple[Any, ...]:
    """Return what `decide` returned, all of it at once."""
    if type(answer) is tuple and len(answer) <= MOST_INTENTS:
        return answer
    if type(answer) not in _LISTS and not isinstance(answer, Iterable):
        raise StrategyError(
            f"decide returned {shown(answer)}; expected Intent values, and an empty list for none"
        )
    found = tuple(islice(cast("Iterable[Any]", answer), MOST_INTENTS + 1))
    if len(found) > MOST_INTENTS:
        raise StrategyError(f"decide returned more than {MOST_INTENTS} intents for one step")
    return found


def _demand(intent: object) -> None:
    """Refuse what is no intent, and an intent whose numbers are no decimals."""
    if not isinstance(intent, Intent):
        raise StrategyError(f"decide returns Intent values, was {shown(intent)}")
    if _is_plain(intent):
        return
    for name, kind in _KINDS.items():
        found = getattr(intent, name)
        if not isinstance(found, kind):
            raise StrategyError(
                f"decide returned an intent whose {name} is {shown(found)} "
                f"({type(found).__name__}); "
                "symbols and notes are text, quantities and prices are Decimal"
            )
        if isinstance(found, Decimal) and not found.is_finite():
            raise StrategyError(
                f"decide returned an intent whose {name} is {found}; expected a finite number"
            )
        if isinstance(found, str) and not is_writable(found):
            raise StrategyError(
                f"decide returned an intent whose {name} is {shown(found)}; expected text that can "
                "be written"
            )


_NO_MORE = (None, None, None, "")  # no stop price, no end in time, no routing, nothing withheld


def _is_plain(intent: Intent) -> bool:
    """Whether every part is exactly of its kind, finite and ASCII: a plain order, as most are."""
    limit, symbol, because, tag = intent.limit_price, intent.symbol, intent.because, intent.tag
    return (
        type(intent.quantity) is Decimal
        and intent.quantity.is_finite()
        and (limit is None or (type(limit) is Decimal and limit.is_finite()))
        and type(intent.order_type) is OrderType
        and type(intent.time_in_force) is TimeInForce
        and (intent.stop_price, intent.expires, intent.routing, intent.withheld) == _NO_MORE
        and (type(symbol) is str and symbol.isascii())
        and (type(because) is str and because.isascii())
        and (type(tag) is str and tag.isascii())
    )


@contextmanager
def strategy_code(what: str) -> Iterator[None]:
    """Turn whatever a strategy's own code raises into `StrategyError`, an exit too.

    A Ctrl-C of the operator stays one.
    """
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - a strategy may raise whatever there is
        fail(what, error)


def fail(what: str, error: BaseException) -> NoReturn:
    """Raise what a strategy's own code raised as `StrategyError`; a Ctrl-C stays one."""
    if isinstance(error, StrategyError) or _is_ctrl_c(error):
        raise error
    raise StrategyError(f"{what} raised {error_text(error)}") from error


def _is_ctrl_c(error: BaseException) -> bool:
    """Whether an operator interrupted; the interpreter raises that between two instructions."""
    if isinstance(error, Interrupted) or not isinstance(error, KeyboardInterrupt):
        return isinstance(error, Interrupted)
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return True
    return last.tb_frame.f_code.co_code[last.tb_lasti] != _RAISE
