"""The reference strategy, made worse on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qtkit.core.clock import ManualClock
from qtkit.core.errors import ConfigError
from qtkit.model.intents import Intent
from qtkit.trading.strategy.guard import problems_of
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, Strategy, View

__all__ = ["variation"]

Wrap = Callable[[Strategy, ManualClock], Strategy]


class _Wrapped:
    """A strategy that does what another one does."""

    def __init__(self, inner: Strategy, clock: ManualClock, seconds: float) -> None:
        self._inner, self._clock, self._seconds = inner, clock, seconds

    def validate(self) -> Iterable[str]:
        """Find what is wrong as the inner one."""
        return problems_of(self._inner)

    def prepare(self, view: View) -> Prepared:
        """Prepare as the inner one."""
        return self._inner.prepare(view)

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Decide as the inner one, late."""
        self._clock.advance(self._seconds)
        return self._inner.decide(view, prepared)

    def on_fill(self, fill: Fill, view: View) -> None:
        """Move as the inner one."""
        self._inner.on_fill(fill, view)

    def state(self) -> JsonObject:
        """Return the inner one's state."""
        return self._inner.state()

    def restore(self, state: JsonObject) -> None:
        """Restore the inner one."""
        self._inner.restore(state)


class _Failing(_Wrapped):
    """Raises in every fourth step."""

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Decide as the inner one, or raise: a step's second attempt fails as its first did."""
        minute = view.now.minute
        if minute % 20 == 0:
            raise ZeroDivisionError("planted: the strategy fails at minutes 0, 20 and 40")
        return super().decide(view, prepared)


class _SlowToPrepare(_Wrapped):
    """Takes its time to prepare, and none to decide."""

    def prepare(self, view: View) -> Prepared:
        """Prepare as the inner one, late."""
        self._clock.advance(self._seconds)
        return self._inner.prepare(view)

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Decide as the inner one."""
        return self._inner.decide(view, prepared)


class _Stateless(_Wrapped):
    """Cannot tell its state."""

    def state(self) -> JsonObject:
        """Raise."""
        raise ZeroDivisionError("planted: the strategy cannot tell its state")


def variation(name: str) -> Wrap:
    """Return what makes a variation.

    There are ``reference``, ``slow:<seconds>``, ``slow_prepare:<seconds>``, ``failing`` and
    ``stateless``.

    Raises
    ------
    ConfigError
        If there is no such variation.
    """
    kind, _, number = name.partition(":")
    if kind == "reference":
        return lambda strategy, _: strategy
    if kind == "failing":
        return lambda strategy, clock: _Failing(strategy, clock, 0.0)
    if kind == "stateless":
        return lambda strategy, clock: _Stateless(strategy, clock, 0.0)
    made = {"slow": _Wrapped, "slow_prepare": _SlowToPrepare}.get(kind)
    if made is not None and number.replace(".", "", 1).isdigit():
        return lambda strategy, clock: made(strategy, clock, float(number))
    raise ConfigError(
        f"no variation {name!r}; there are reference, slow:<seconds>, slow_prepare:<seconds>, "
        "failing, stateless"
    )
