"""Strategies from a small grammar: what a property test draws, and a user sketches in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from qtkit.model.intents import Intent
from qtkit.model.money import decimal_of, round_to_tick
from qtkit.model.orders import OrderType
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, View

__all__ = ["ProgramRule", "Programmed", "Sight"]

_MINUTES_A_DAY = 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRule:
    """One sentence of a program: in these minutes, if prices moved so, trade that much.

    Attributes
    ----------
    symbol
        What it trades.
    every, offset
        It speaks in minutes of the UTC day that leave `offset` when divided by `every`.
    look, rising
        Only if the last close is above (or not above) the one of so many bars before; 0: always.
    shares
        Shares, signed.
    is_target
        Whether `shares` is the position to reach, instead of what to trade.
    ticks
        A limit so many ticks above the price (below it, if negative); None: a market order.
    tick
        Account currency per share.
    alone
        Whether it keeps silent while an order of its symbol is open.
    """

    symbol: str
    every: int = 1
    offset: int = 0
    look: int = 0
    rising: bool = True
    shares: int
    is_target: bool = False
    ticks: int | None = None
    tick: Decimal = Decimal("0.01")
    alone: bool = False

    def intents(self, view: View) -> Iterator[Intent]:
        """Yield what it wants now: one intent, or none."""
        quantity = Decimal(self.shares)
        if self.is_target:
            quantity -= view.position(self.symbol)
        limit = self._limit(view.price(self.symbol))
        silent = self.alone and view.has_open_order(self.symbol)
        if (
            silent
            or not quantity
            or not self._speaks(view)
            or (self.ticks is not None) is not (limit is not None)
        ):
            return
        yield Intent(
            symbol=self.symbol,
            quantity=quantity,
            because=f"rule of every {self.every} minutes",
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
            tag=str(self.offset),
        )

    def _speaks(self, view: View) -> bool:
        """Whether this is one of its minutes, and prices moved as it wants."""
        minute = (view.now.hour * 60 + view.now.minute) % _MINUTES_A_DAY
        if minute % self.every != self.offset % self.every:
            return False
        closes = view.closes(self.symbol, self.look + 1)
        if not self.look:
            return True
        return len(closes) > self.look and bool(closes[-1] > closes[0]) is self.rising

    def _limit(self, price: float) -> Decimal | None:
        if self.ticks is None or not price > 0:
            return None
        limit = round_to_tick(decimal_of(price), self.tick, up=False) + self.ticks * self.tick
        return limit if limit > 0 else None


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that a strategy saw in one step.

    Attributes
    ----------
    step
        Time, trading date, and what was prepared.
    market
        Symbol -> price (text, so that NaN equals itself), newest closes, position, sellable
        shares, and whether an order is open.
    cash
        Not reserved, account currency.
    equity
        As text, account currency.
    series
        Name, newest value (text) and newest values, of what is shown beside the bars.
    """

    step: tuple[object, ...]
    market: tuple[tuple[object, ...], ...]
    cash: Decimal
    equity: str
    series: tuple[tuple[object, ...], ...]


class Programmed:
    """A strategy that follows rules, and remembers all that it was shown.

    Its state is how many fills it had and how many shares they were.

    Parameters
    ----------
    rules
        Asked in their order at each step.

    Examples
    --------
    >>> rule = ProgramRule(symbol="SPY", every=30, look=10, shares=100, ticks=-2)
    >>> Programmed([rule]).state()
    {'fills': 0, 'shares': '0'}
    """

    def __init__(self, rules: Sequence[ProgramRule]) -> None:
        self._rules = tuple(rules)
        self._fills, self._shares = 0, Decimal(0)
        self.sights = list[Sight]()  # for tests: no part of its state
        self.fills = list[tuple[Fill, Sight]]()

    def prepare(self, view: View) -> Prepared:
        """Return the number of the newest closes and the last of them, by symbol."""
        newest = {symbol: view.closes(symbol, 3).tolist() for symbol in view.symbols}
        return {s: [len(closes), *closes[-1:]] for s, closes in newest.items()}

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Return what all rules want."""
        self.sights.append(_sight(view, prepared))
        return [intent for rule in self._rules for intent in rule.intents(view)]

    def on_fill(self, fill: Fill, view: View) -> None:
        """Count it."""
        self.fills.append((fill, _sight(view, None)))
        self._fills, self._shares = self._fills + 1, self._shares + abs(fill.quantity)

    def state(self) -> JsonObject:
        """Return the fills and shares so far."""
        return {"fills": self._fills, "shares": str(self._shares)}

    def restore(self, state: JsonObject) -> None:
        """Take them over."""
        self._fills = int(str(state.get("fills", 0)))
        self._shares = Decimal(str(state.get("shares", "0")))


def _sight(view: View, prepared: Prepared) -> Sight:
    market = tuple(
        (
            symbol,
            str(view.price(symbol)),
            tuple(view.closes(symbol, 3).tolist()),
            view.position(symbol),
            view.sellable(symbol),
            view.has_open_order(symbol),
        )
        for symbol in view.symbols
    )
    series = tuple((n, str(view.value(n)), tuple(view.values(n, 3).tolist())) for n in view.series)
    step = (view.now, view.trading_date, str(prepared))
    return Sight(step, market, view.cash, str(view.equity), series)
