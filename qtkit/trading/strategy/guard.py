"""A strategy at arm's length: whatever its code raises comes out as one kind of error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from qtkit.core.errors import StrategyError
from qtkit.model.intents import Intent
from qtkit.model.orders import OrderType
from qtkit.trading.strategy.contract import (
    Fill,
    JsonObject,
    Prepared,
    Strategy,
    StrategySpec,
    View,
)

__all__ = ["Guarded", "made"]

_KINDS: dict[str, type | tuple[type, ...]] = {
    "symbol": str,
    "quantity": Decimal,
    "order_type": OrderType,
    "limit_price": (Decimal, type(None)),
}


class Guarded:
    """A strategy whose mistakes are `StrategyError`.

    Parameters
    ----------
    strategy
        The one to be guarded.
    """

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def prepare(self, view: View) -> Prepared:
        """Pass on."""
        with _named("prepare"):
            return self._strategy.prepare(view)

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Pass on, and refuse what is no intent."""
        with _named("decide"):
            intents = tuple(self._strategy.decide(view, prepared))
        for intent in intents:
            _demand(intent)
        return intents

    def on_fill(self, fill: Fill, view: View) -> None:
        """Pass on."""
        with _named("on_fill"):
            self._strategy.on_fill(fill, view)

    def state(self) -> JsonObject:
        """Pass on."""
        with _named("state"):
            return self._strategy.state()

    def restore(self, state: JsonObject) -> None:
        """Pass on."""
        with _named("restore"):
            self._strategy.restore(state)


def made(spec: StrategySpec) -> Strategy:
    """Return a new strategy.

    Raises
    ------
    StrategyError
        If making it raised.
    """
    with _named("make"):
        return spec.make()


def _demand(intent: object) -> None:
    """Refuse what is no intent, and an intent whose numbers are no decimals."""
    if not isinstance(intent, Intent):
        raise StrategyError(f"decide returns Intent values, was {intent!r}")
    for name, kind in _KINDS.items():
        found = getattr(intent, name)
        if not isinstance(found, kind):
            raise StrategyError(
                f"decide returned an intent whose {name} is {found!r} ({type(found).__name__}); "
                "symbols are text, quantities and prices are Decimal"
            )


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except StrategyError:
        raise
    except Exception as error:
        raise StrategyError(f"{what} raised {type(error).__name__}: {error}") from error
