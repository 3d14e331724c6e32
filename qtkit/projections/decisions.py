"""What a strategy decided at each step, from what book, and what became of it: one side's story."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from qtkit.ledger.ledger import Ledger
from qtkit.model import events as ev
from qtkit.model.events import Entry, JsonObject, Topic
from qtkit.model.orders import OrderOrigin
from qtkit.projections.base import Handler, TopicFold

__all__ = ["Decided", "DecisionHistory", "Standing", "Step", "Wish"]

_STEP = "run_strategy"
_STRATEGY = "strategy"
_TOLD = 3  # things that differ, in a sentence
_ENDINGS = (ev.OrderRejected, ev.OrderCancelled, ev.OrderLost, ev.OrderDoubted)


class DecisionHistory(TopicFold):
    """What the strategy was asked.

    Attributes
    ----------
    today
        The newest date's decisions.
    snapshots
        What each step of the session was prepared with.
    """

    def __init__(self) -> None:
        self.today = list[Entry]()
        self.snapshots = list[Entry]()

    def _day_started(self, _: Entry, _event: ev.DayStarted) -> None:
        self.today = []

    def _decided(self, entry: Entry, _: ev.DecisionTaken) -> None:
        self.today.append(entry)

    def _prepared(self, entry: Entry, _: ev.SnapshotTaken) -> None:
        self.snapshots.append(entry)

    covers = frozenset({Topic.DECISION})
    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {
        ev.DayStarted: _day_started,
        ev.DecisionTaken: _decided,
        ev.SnapshotTaken: _prepared,
    }
    ignores = frozenset({ev.StrategySaved})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a decision starts from, prices apart."""

    cash: Decimal  # not reserved, account currency
    positions: Mapping[str, Decimal]  # symbol -> shares
    sellable: Mapping[str, Decimal]  # symbol -> shares
    waiting: frozenset[str]  # symbols with an open order
    state: JsonObject  # the strategy's own

    def difference(self, other: Standing, symbol: str) -> str:
        """Return how another standing differs: in what concerns a symbol, else in anything."""
        mine, theirs = self.told(symbol), other.told(symbol)
        found = [
            f"{name} {mine.get(name, 'none')} against {theirs.get(name, 'none')}"
            for name in dict.fromkeys([*mine, *theirs])
            if mine.get(name) != theirs.get(name)
        ]
        if found:
            return ", ".join(found[:_TOLD])
        return "" if self == other else "what concerns other symbols"

    def told(self, symbol: str) -> dict[str, str]:
        """Return what concerns a symbol, in words."""
        state = self.state.get(symbol, {})
        parts = state if isinstance(state, Mapping) else {"state": state}
        return {
            "position": f"{self.positions.get(symbol, Decimal(0)):,}",
            "sellable": f"{self.sellable.get(symbol, Decimal(0)):,}",
            "open order": "yes" if symbol in self.waiting else "no",
            **{str(name): str(value) for name, value in parts.items()},
        }


@dataclass(slots=True, kw_only=True)
class Wish:
    """One order that a decision asked for, and what became of it."""

    symbol: str
    quantity: Decimal  # shares, signed
    limit: Decimal | None  # account currency per share; None: at market
    tag: str
    lines: list[int]
    order_id: str = ""  # "" when it was refused
    refused: str = ""  # rules that stopped it
    ending: str = ""  # "rejected", "cancelled", "lost", "doubted", with the reason
    fills: list[ev.OrderFilled] = field(default_factory=list)

    def asks_the_same_as(self, other: Wish) -> bool:
        """Whether both ask for the same order; a refused one does not tell its limit."""
        alike = (self.symbol, self.quantity) == (other.symbol, other.quantity)
        return alike and (bool(self.refused or other.refused) or self.limit == other.limit)

    @property
    def filled(self) -> Decimal:
        """Shares, signed."""
        return sum((f.quantity for f in self.fills), Decimal(0))

    @property
    def paid(self) -> Decimal | None:
        """Mean price of the fills, account currency per share."""
        if not self.filled:
            return None
        return sum((f.quantity * f.price for f in self.fills), Decimal(0)) / self.filled

    @property
    def costs(self) -> Decimal:
        """Account currency."""
        return sum((f.commission + f.tax for f in self.fills), Decimal(0))


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of one side."""

    due: datetime
    before: Standing
    lines: list[int]
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    skipped: str = ""  # skip reason; "" when it was decided
    wishes: list[Wish] = field(default_factory=list)


class Decided:
    """One side's steps, and how it stood in between; `of` makes one.

    Attributes
    ----------
    opening
        How the side started.
    steps
        Due time -> step, of those that the journal tells about.
    days
        Trading dates.
    """

    def __init__(self, opening: ev.SessionStarted) -> None:
        self.opening = opening
        self.steps = dict[datetime, Step]()
        self.days = set[date]()
        self._ledger = Ledger.opened(opening.opening, known_fills=opening.known_fills)
        self._state: JsonObject = opening.strategy_state
        self._wishes = dict[str, Wish]()
        self._step: Step | None = None
        self._times, self._standings = list[datetime](), list[Standing]()

    @classmethod
    def of(cls, opening: ev.SessionStarted, entries: Iterable[Entry]) -> Decided:
        """Fold a journal."""
        side = cls(opening)
        for entry in entries:
            if not isinstance(entry.event, ev.SessionStarted):
                side._take(entry)
        return side

    def standing(self, at: datetime) -> Standing:
        """Return how the side stood at a time, everything of that time included."""
        place = bisect_right(self._times, at)
        return self._standings[place - 1] if place else self._now()

    def _now(self) -> Standing:
        held = {s: p for s, p in self._ledger.positions.items() if p.quantity}
        return Standing(
            cash=self._ledger.free_cash,
            positions={symbol: position.quantity for symbol, position in held.items()},
            sellable={symbol: self._ledger.sellable(symbol) for symbol in held},
            waiting=frozenset(order.symbol for order in self._ledger.orders.values()),
            state=self._state,
        )

    def _take(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, ev.DecisionTaken):
            self._decide(entry, event)
            return
        if isinstance(event, ev.TaskSkipped):
            self._skip(entry, event)
            return
        if isinstance(event, ev.StrategySaved):
            self._state = event.state
        elif isinstance(event, ev.DayStarted) and event.open and event.trading_date:
            self.days.add(event.trading_date)
        self._follow(entry)
        self._ledger.apply(event)
        if type(event) in _MOVES:
            self._times.append(entry.at)
            self._standings.append(self._now())

    def _decide(self, entry: Entry, event: ev.DecisionTaken) -> None:
        prices = {price.symbol: price.close for price in event.prices}
        self._step = Step(due=event.due, before=self._now(), lines=[entry.seq], prices=prices)
        self.steps[event.due] = self._step

    def _skip(self, entry: Entry, event: ev.TaskSkipped) -> None:
        if event.task == _STEP:
            self.steps[event.due] = Step(
                due=event.due, before=self._now(), lines=[entry.seq], skipped=event.skip_reason
            )

    def _follow(self, entry: Entry) -> None:
        """Note what a step asked for, and what became of it."""
        event = entry.event
        if isinstance(event, ev.OrderRequested | ev.OrderRefused):
            if event.origin is OrderOrigin.STRATEGY and self._step is not None:
                self._wish(entry, event, self._step)
            return
        wish = self._wishes.get(getattr(event, "order_id", ""))
        if wish is None:
            return
        if isinstance(event, ev.OrderFilled):
            wish.fills.append(event)
            wish.lines.append(entry.seq)
        elif isinstance(event, _ENDINGS):
            kind = type(event).__name__.removeprefix("Order").lower()
            wish.ending = f"{kind}: {event.reason}"
            wish.lines.append(entry.seq)

    def _wish(self, entry: Entry, event: Any, step: Step) -> None:  # noqa: ANN401 - one of two
        is_order = isinstance(event, ev.OrderRequested)
        wish = Wish(
            symbol=event.symbol,
            quantity=event.quantity,
            limit=event.limit_price if is_order else None,
            tag=event.tag if is_order else "",
            lines=[entry.seq],
        )
        if is_order:
            wish.order_id = event.order_id
            self._wishes[event.order_id] = wish
        else:
            wish.refused = "; ".join(f"{v.rule}: {v.summary}" for v in event.verdicts)
        step.wishes.append(wish)


_MOVES = frozenset(
    {
        ev.DayStarted,
        ev.OrderRequested,
        ev.OrderRejected,
        ev.OrderFilled,
        ev.OrderCancelled,
        ev.OrderLost,
        ev.PositionAdjusted,
        ev.StrategySaved,
    }
)
