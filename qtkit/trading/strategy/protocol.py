"""The contract between the engine and a strategy: one object in backtest, paper and live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from qtkit.model.bars import Bars
from qtkit.model.instruments import Instrument
from qtkit.model.intents import Intent

__all__ = ["Fill", "JsonObject", "Prepared", "Strategy", "StrategySpec", "View"]

JsonObject = dict[str, object]
Prepared = object | None


class Fill(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An execution as the strategy sees it."""

    order_id: str
    fill_id: str
    symbol: str
    quantity: Decimal  # shares, signed
    price: Decimal  # account currency per share
    executed_at: datetime
    tag: str  # what the intent carried
    own: bool = True  # False: of an operator's order; a state need not move with it


class View(Protocol):
    """What a strategy may look at. Nothing in it is newer than `now`."""

    trading_date: date
    symbols: Sequence[str]

    @property
    def now(self) -> datetime:
        """The moment that is shown, UTC."""

    def price(self, symbol: str) -> float:
        """Return the last finished close, NaN when there is none or it is stale.

        It is of today; at a step at the open, of the session before.
        """

    def closes(self, symbol: str, count: int) -> NDArray[np.float64]:
        """Return up to `count` finished closes, oldest first, shape ``(<= count,)``."""

    def bars(self, symbol: str, count: int, length: str = "") -> Bars:
        """Return up to `count` finished bars: the session's own, or put together to longer ones.

        `length` is ``5min``, ``15min``, ``30min``, ``60min`` or ``1day``; "" is the session's own.
        """

    def position(self, symbol: str) -> Decimal:
        """Return the shares held, settled or not."""

    def sellable(self, symbol: str) -> Decimal:
        """Return the shares that could be sold now."""

    def has_open_order(self, symbol: str) -> bool:
        """Whether an order of this symbol has not ended."""

    @property
    def cash(self) -> Decimal:
        """Cash that is not reserved, account currency."""

    @property
    def equity(self) -> Decimal:
        """All cash, and positions at their last finished closes; NaN where one has no price."""

    def instrument(self, symbol: str) -> Instrument:
        """Return a symbol's trading rules of this date: lot, tick, currency and the like."""

    @property
    def series(self) -> Sequence[str]:
        """Names of the series that are shown."""

    def values(self, name: str, count: int) -> NDArray[np.float64]:
        """Return up to `count` values of a series, oldest first, shape ``(<= count,)``."""

    def value(self, name: str) -> float:
        """Return the newest value of a series; NaN when there is none, or it is too old."""


class Strategy(Protocol):
    """From what is seen to what is wanted. It returns intents and cannot reach a broker.

    One that also has ``validate() -> Iterable[str]`` is asked before a session starts, and by the
    gate: each text is one problem with its parameters, and with any nothing is started.
    """

    def prepare(self, view: View) -> Prepared:
        """Do the heavy work ahead of time, without a price of "now".

        It is asked `prepare_lead_seconds` before its step, whether or not that is a task of its
        own, and sees the bars and the book of that moment. What it returns is handed to `decide`,
        and has to be JSON where steps are prepared ahead.
        """

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Return what is wanted now. Must not change what `state` returns."""

    def on_fill(self, fill: Fill, view: View) -> None:
        """Move the strategy's own state: it moves with fills, not with wishes."""

    def state(self) -> JsonObject:
        """Return the state as a small JSON object.

        Texts, finite numbers, true, false, nothing, and lists and objects of these, keys being
        texts: at most 32 levels and 100,000 values. Anything else is refused with its place.
        """

    def restore(self, state: JsonObject) -> None:
        """Take a state that `state` returned; ``{}`` is a new strategy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySpec:
    """What a strategy file offers as ``SPEC``: how to make the strategy and what it trades."""

    name: str
    make: Callable[[], Strategy]
    symbols: tuple[str, ...]
    exchange: str = "XSHG"
    table: str = "stock_1min"
    bar_length: str = "1min"  # of the bars it looks at: 5min, 15min, 30min, 60min, 1day
    # 0: once a day, at the open; none: 5, a bar where that is longer, 0 where it is a day
    step_minutes: int | None = None
    opening_cash: Decimal = Decimal(1_000_000)
    currency: str = ""  # of the account; "": its instruments', others are refused
    parameters: JsonObject = field(default_factory=dict)  # for the record
    order_sizes: Mapping[str, Decimal] = field(default_factory=dict)  # usual shares of an order
    series: tuple[str, ...] = ()  # values beside the bars: names, or "tag:" and a tag

    def __post_init__(self) -> None:
        for name in ("symbols", "series"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
