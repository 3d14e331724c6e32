"""A grid on three Shanghai and Shenzhen shares, five-minute steps.

Each symbol has a grid of its own. The first decision buys for about 200,000 in whole lots; its
first fill sets the base. From then on a price more than one grid above the base sells a batch, one
more than a grid below buys a batch, and the base moves one line. At most one line a step, and
none while an order of that symbol is open; what was bought today cannot be sold before the next
trading day, so such a line waits. The line moves with fills, not with wishes: a refused
first buy is tried again at the next step.

Run a simulated day of it:

    python examples/live_grid_multi.py -n demo --simulate 2026-03-04
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from qtkit.model.intents import Intent
from qtkit.model.money import CENT, decimal_of, round_half_up
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, StrategySpec, View

LOT = Decimal(100)  # shares
INITIAL_VALUE = Decimal(200_000)  # CNY per symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """One symbol's parameters."""

    spacing: Decimal  # CNY between two lines
    batch: Decimal  # shares per line
    base: Decimal | None = None  # CNY; None: set by the first fill


PARAMETERS: Mapping[str, Grid] = {
    "000651.SZ": Grid(spacing=Decimal("0.30"), batch=Decimal(500)),
    "600036.SH": Grid(spacing=Decimal("0.30"), batch=Decimal(600)),
    "601398.SH": Grid(spacing=Decimal("0.10"), batch=Decimal(1000)),
}


class GridStrategy:
    """One grid per symbol.

    Parameters
    ----------
    parameters
        Symbol -> its grid.
    """

    def __init__(self, parameters: Mapping[str, Grid]) -> None:
        self._grids = parameters
        self._base = {symbol: grid.base for symbol, grid in parameters.items()}
        self._moved_by = dict.fromkeys(parameters, "")  # symbol -> order that moved its line last

    def validate(self) -> Iterable[str]:
        """Return what is wrong with the parameters, one sentence for each problem."""
        for symbol, grid in self._grids.items():
            if not grid.spacing > 0:
                yield f"{symbol}: the spacing must be above 0 CNY, was {grid.spacing}"
            if not grid.batch > 0 or grid.batch % LOT:
                yield f"{symbol}: the batch must be whole lots of {LOT} shares, was {grid.batch}"
            if grid.base is not None and not grid.base > 0:
                yield f"{symbol}: the base must be above 0 CNY, was {grid.base}"

    def prepare(self, view: View) -> Prepared:
        """Nothing here is heavy."""
        return None

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Return at most one order for each symbol that has a price."""
        return [intent for symbol in self._grids for intent in self._line(symbol, view)]

    def _line(self, symbol: str, view: View) -> Iterator[Intent]:
        seen = view.price(symbol)
        if not seen > 0 or view.has_open_order(symbol):
            return
        price, grid, base = decimal_of(seen), self._grids[symbol], self._base[symbol]
        if base is None:
            lots = (INITIAL_VALUE / price / LOT).to_integral_value(rounding=ROUND_FLOOR)
            if lots:
                yield Intent(symbol=symbol, quantity=lots * LOT, because="first buy", tag="initial")
        elif price - base > grid.spacing and view.sellable(symbol) >= grid.batch:
            yield self._crossed(symbol, -grid.batch, base + grid.spacing)
        elif base - price > grid.spacing:
            yield self._crossed(symbol, grid.batch, base - grid.spacing)

    def _crossed(self, symbol: str, quantity: Decimal, line: Decimal) -> Intent:
        return Intent(
            symbol=symbol, quantity=quantity, because=f"crossed {line}", tag=f"line {line}"
        )

    def on_fill(self, fill: Fill, view: View) -> None:
        """Move the line once per order, with its first fill."""
        if not fill.own or self._moved_by.get(fill.symbol) == fill.order_id:
            return
        self._moved_by[fill.symbol] = fill.order_id
        is_first = fill.tag == "initial"
        self._base[fill.symbol] = (
            round_half_up(fill.price, CENT) if is_first else Decimal(fill.tag.removeprefix("line "))
        )

    def state(self) -> JsonObject:
        """Return each symbol's base, its parameters, and the order that moved it last."""
        return {
            symbol: {
                "base": None if self._base[symbol] is None else str(self._base[symbol]),
                "grid": str(grid.spacing),
                "batch": int(grid.batch),
                "moved_by": self._moved_by[symbol],
            }
            for symbol, grid in self._grids.items()
        }

    def restore(self, state: JsonObject) -> None:
        """Take bases over from an earlier life; parameters are the file's."""
        for symbol, saved in state.items():
            if symbol in self._grids and isinstance(saved, dict):
                self._base[symbol] = None if saved["base"] is None else Decimal(saved["base"])
                self._moved_by[symbol] = saved["moved_by"]


SPEC = StrategySpec(
    name="live_grid_multi",
    make=lambda: GridStrategy(PARAMETERS),
    symbols=tuple(PARAMETERS),
    exchange="XSHG",
    table="stock_1min",
    step_minutes=5,
    opening_cash=Decimal(1_000_000),
    order_sizes={symbol: grid.batch for symbol, grid in PARAMETERS.items()},
    parameters={
        symbol: {"grid": str(grid.spacing), "batch": int(grid.batch), "base": None}
        for symbol, grid in PARAMETERS.items()
    },
)

if __name__ == "__main__":
    from qtkit.cli.example import strategy_main

    strategy_main(SPEC, __file__)
