"""Strategies that the benchmarks run."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from qtkit.model.intents import Intent
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, View

__all__ = ["DoNothing", "MovingAverageCross"]

_FAST, _SLOW = 10, 30  # bars


class DoNothing:
    """Wants nothing, ever."""

    def prepare(self, view: View) -> Prepared:
        """Nothing to do."""
        return None

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Want nothing."""
        return ()

    def on_fill(self, fill: Fill, view: View) -> None:
        """Nothing to move."""

    def state(self) -> JsonObject:
        """Return nothing."""
        return {}

    def restore(self, state: JsonObject) -> None:
        """Nothing to take over."""


class MovingAverageCross(DoNothing):
    """Holds `shares` while the fast average of closes is above the slow one."""

    def __init__(self, symbol: str, shares: Decimal) -> None:
        self._symbol, self._shares = symbol, shares
        self._held = False

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Buy on the cross upwards, sell on the cross downwards."""
        closes = view.closes(self._symbol, _SLOW).tolist()
        if len(closes) < _SLOW:
            return ()
        above = sum(closes[-_FAST:]) * _SLOW > sum(closes) * _FAST
        if above is self._held or view.has_open_order(self._symbol):
            return ()
        quantity = self._shares if above else -self._shares
        return (Intent(symbol=self._symbol, quantity=quantity, because="averages crossed"),)

    def on_fill(self, fill: Fill, view: View) -> None:
        """Remember what is held."""
        self._held = view.position(self._symbol) > 0

    def state(self) -> JsonObject:
        """Return whether the shares are held."""
        return {"held": self._held}

    def restore(self, state: JsonObject) -> None:
        """Take over whether the shares are held."""
        self._held = bool(state.get("held", False))
