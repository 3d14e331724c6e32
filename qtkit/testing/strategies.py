"""A strategy that does what a script says: for tests of everything around strategies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from qtkit.model.intents import Intent
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, StrategySpec, View

__all__ = ["ScriptedStrategy", "scripted_spec"]

Script = Mapping[str, Sequence[Intent]]
"""Local time of a step, ``"03-04 09:35"`` or ``"09:35"`` -> what it wants then."""


class ScriptedStrategy:
    """Wants what the script says, when it says so; its state is what it has filled so far.

    Parameters
    ----------
    script
        What is wanted, by local time: a date with its time goes before a time alone.
    zone
        The exchange's.
    """

    def __init__(self, script: Script, zone: ZoneInfo) -> None:
        self._script, self._zone = script, zone
        self._filled = dict[str, str]()  # symbol -> shares filled so far, signed

    def prepare(self, view: View) -> Prepared:
        """Nothing here is heavy."""
        return None

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Return what the script wants at this minute."""
        local: datetime = view.now.astimezone(self._zone)
        named = self._script.get(f"{local:%m-%d %H:%M}")
        return self._script.get(f"{local:%H:%M}", ()) if named is None else named

    def on_fill(self, fill: Fill, view: View) -> None:
        """Count the shares, but those of operators' orders."""
        if not fill.own:
            return
        before = Decimal(self._filled.get(fill.symbol, "0"))
        self._filled[fill.symbol] = str(before + fill.quantity)

    def state(self) -> JsonObject:
        """Return the shares filled so far, by symbol."""
        return dict(self._filled)

    def restore(self, state: JsonObject) -> None:
        """Take the shares over."""
        self._filled = {symbol: str(shares) for symbol, shares in state.items()}


def scripted_spec(
    script: Script,
    symbols: Sequence[str],
    *,
    exchange: str = "XSHG",
    zone: str = "Asia/Shanghai",
    step_minutes: int = 5,
    opening_cash: Decimal = Decimal(1_000_000),
) -> StrategySpec:
    """Return what the engine needs to trade a script.

    Examples
    --------
    >>> buy = Intent(symbol="600036.SH", quantity=Decimal(100), because="the script says so")
    >>> scripted_spec({"09:35": [buy]}, ["600036.SH"]).name
    'scripted'
    """
    return StrategySpec(
        name="scripted",
        make=lambda: ScriptedStrategy(script, ZoneInfo(zone)),
        symbols=tuple(symbols),
        exchange=exchange,
        step_minutes=step_minutes,
        opening_cash=opening_cash,
    )
