"""The bars an engine has seen, and the strategy's view of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import compress
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar
from qtkit.core.errors import DataError
from qtkit.ledger.ledger import Ledger
from qtkit.market.bar_grid import BarGrid
from qtkit.market.longer_bars import longer_bars
from qtkit.market.trading_minutes import day_window
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import BarBatch, Bars, nanos, time_of
from qtkit.model.events import LastPrice
from qtkit.model.instruments import Instrument
from qtkit.model.money import decimal_of
from qtkit.model.series import SeriesTerms, carried_name, is_carried

__all__ = [
    "EngineView",
    "History",
    "Lookup",
    "Series",
    "is_usable",
    "last_price",
    "sound_bars",
    "sound_columns",
    "trading_nanos",
    "usable_symbols",
]

_Number = TypeVar("_Number", np.int64, np.float64)
_COLUMNS = ("open", "high", "low", "close", "volume")
_NAN, _NO_NUMBER = float("nan"), Decimal("NaN")


class Series:
    """One symbol's bars in arrays that grow; only the first `size` rows are visible."""

    __slots__ = ("columns", "end", "length", "newest", "shown", "size")

    def __init__(self, bars: Bars | None = None) -> None:
        if bars is None:
            self.end = np.empty(1024, np.int64)
            self.columns = {name: np.empty(1024) for name in _COLUMNS}
            self.length = BarLength.MIN_1
        else:
            self.end, self.length = bars.end, bars.length
            self.columns = {name: getattr(bars, name) for name in _COLUMNS}
        self.shown = _read_only(self.columns["close"])
        self.size = 0
        self.newest: tuple[int, LastPrice] | None = None  # of which size, for `last_price`

    def extend(self, bars: Bars) -> None:
        """Append bars that are newer than what is there."""
        need, self.length = self.size + len(bars), bars.length
        if need > self.end.size:
            self.end = _grown(self.end, need)
            self.columns = {name: _grown(c, need) for name, c in self.columns.items()}
            self.shown = _read_only(self.columns["close"])
        self.end[self.size : need] = bars.end
        for name, column in self.columns.items():
            column[self.size : need] = getattr(bars, name)
        self.size = need


def _grown(column: NDArray[_Number], need: int) -> NDArray[_Number]:
    wider = np.empty(max(need, 2 * column.size), column.dtype)
    wider[: column.size] = column
    return wider


class History:
    """All symbols' bars so far.

    Parameters
    ----------
    symbols
        What is traded.
    columns
        For a backtest: all bars, of which `reveal` shows a growing part without copying.
    values
        The series of values that the strategy sees beside them.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        columns: BarBatch | None = None,
        values: Sequence[SeriesTerms] = (),
    ) -> None:
        given: BarBatch = columns or {}
        self.symbols, self.values = tuple(symbols), {one.name: one for one in values}
        every = (*self.symbols, *map(carried_name, self.values))
        self.series = {symbol: Series(given.get(symbol)) for symbol in every}

    def extend(self, batch: BarBatch) -> None:
        """Append what a feed delivered."""
        for symbol, bars in batch.items():
            if symbol in self.series and len(bars):
                self.series[symbol].extend(bars)

    def frozen(self) -> History:
        """Return the bars of this moment: what comes later does not show in it."""
        still = self._of({bars.symbol: bars for bars in self.everything()})
        still.reveal({symbol: series.size for symbol, series in self.series.items()})
        return still

    def until(self, end: int) -> History:
        """Return the bars that ended at `end` or before, nanoseconds since 1970 UTC."""
        still = self.frozen()
        still.reveal(
            {
                symbol: int(series.end[: series.size].searchsorted(end, "right"))
                for symbol, series in still.series.items()
            }
        )
        return still

    def everything(self) -> list[Bars]:
        """Return all bars so far, symbol by symbol."""
        return [self.tail(symbol, series.size) for symbol, series in self.series.items()]

    def sharing(self) -> History:
        """Return a history on the same columns, which shows a part of its own."""
        return self._of({bars.symbol: bars for bars in self._columns()})

    def _of(self, columns: BarBatch) -> History:
        return History(self.symbols, columns, tuple(self.values.values()))

    def _columns(self) -> list[Bars]:
        """Return all columns, symbol by symbol, shown or not."""
        return [
            Bars(symbol=symbol, end=series.end, length=series.length, **series.columns)
            for symbol, series in self.series.items()
        ]

    def reveal(self, sizes: Mapping[str, int]) -> None:
        """Show the first `sizes` rows of each symbol's columns."""
        for symbol, size in sizes.items():
            self.series[symbol].size = size

    def last_end(self, symbol: str) -> int:
        """Return the end of the newest bar, nanoseconds; 0 when there is none."""
        series = self.series[symbol]
        return series.end.item(series.size - 1) if series.size else 0

    def last_close(self, symbol: str) -> float:
        """Return the close of the newest bar; NaN when there is none."""
        series = self.series[symbol]
        return series.shown.item(series.size - 1) if series.size else _NAN

    def tail(self, symbol: str, count: int) -> Bars:
        """Return the last bars, up to `count`."""
        series = self.series[symbol]
        rows = slice(max(0, series.size - count), series.size)
        columns = {name: column[rows] for name, column in series.columns.items()}
        return Bars(symbol=symbol, end=series.end[rows], length=series.length, **columns)


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is known of a symbol on a date, beside its bars.

    Attributes
    ----------
    instrument_of
        Its trading rules; raises `DataError` where nobody knows it.
    close_before
        Its last close before, account currency per share; None where nobody knows.
    calendar
        When it is traded.
    """

    instrument_of: Callable[[str, date], Instrument]
    close_before: Callable[[str, date], Decimal | None]
    calendar: Calendar


class EngineView:
    """What a strategy may look at; see `qtkit.trading.strategy.protocol.View`."""

    __slots__ = ("_history", "_ledger", "_usable", "lookup", "moment", "symbols", "trading_date")

    def __init__(
        self, symbols: Sequence[str], history: History, ledger: Ledger, lookup: Lookup
    ) -> None:
        self.symbols, self.lookup = symbols, lookup
        self.trading_date = date.min
        self._history, self._ledger = history, ledger
        # nanoseconds where the backtest's loop sets it: made a time when somebody asks
        self.moment: datetime | int = 0
        self._usable: frozenset[str] | None = frozenset()

    def move(
        self, now: datetime | int, day: date, usable: frozenset[str] | None, ledger: Ledger
    ) -> None:
        """Show another moment; `usable` are the symbols with a fresh price, None for all."""
        self.moment, self.trading_date, self._usable = now, day, usable
        self._ledger = ledger

    @property
    def now(self) -> datetime:
        """The moment that is shown, UTC."""
        if isinstance(self.moment, int):
            self.moment = time_of(self.moment)
        return self.moment

    def price(self, symbol: str) -> float:
        """Return the last finished close, NaN when there is none or it is stale.

        It is of today; at a step at the open, of the session before.
        """
        if self._usable is not None and symbol not in self._usable:
            return _NAN
        return self._history.last_close(symbol)

    def last(self, symbol: str) -> LastPrice | None:
        """Return the newest bar of today; None when there is none, or it is stale."""
        series = self._history.series.get(symbol)
        if series is None or (self._usable is not None and symbol not in self._usable):
            return None
        known = series.newest
        if known is not None and known[0] == series.size:
            return known[1]
        return last_price(self._history, symbol) if self._history.last_close(symbol) > 0 else None

    def closes(self, symbol: str, count: int) -> NDArray[np.float64]:
        """Return up to `count` finished closes, oldest first, shape ``(<= count,)``."""
        series = self._history.series[symbol]
        size = series.size
        # nobody can write to them: orders are judged by these prices
        return series.shown[size - count if size > count else 0 : size]

    def bars(self, symbol: str, count: int, length: str = "") -> Bars:
        """Return up to `count` finished bars: the session's own, or put together to longer ones."""
        own = self._history.series[symbol].length
        if not length or length == own:
            return _read_only_bars(self._history.tail(symbol, count))
        grid = BarGrid(self.lookup.calendar, BarLength.named(length))
        # one more than asked for: the newest need not be finished
        parts = grid.length.minutes // own.minutes
        bars = self._history.tail(symbol, (count + 1) * parts)
        whole = _finished(longer_bars(bars, grid), bars, self._midnight())
        return whole.rows(max(0, len(whole) - count), len(whole))

    def _midnight(self) -> int:
        """Return when the date that is shown began: whatever is older has ended."""
        return nanos(day_window(self.lookup.calendar, self.trading_date)[0])

    def position(self, symbol: str) -> Decimal:
        """Return the shares held, settled or not."""
        return self._ledger.position(symbol)

    def sellable(self, symbol: str) -> Decimal:
        """Return the shares that could be sold now."""
        return self._ledger.sellable(symbol)

    def has_open_order(self, symbol: str) -> bool:
        """Whether an order of this symbol has not ended."""
        return self._ledger.has_open_order(symbol)

    @property
    def cash(self) -> Decimal:
        """Cash that is not reserved, account currency."""
        return self._ledger.free_cash

    @property
    def equity(self) -> Decimal:
        """All cash, and positions at their last finished closes; NaN where one has no price."""
        try:
            return self._ledger.equity(self._prices())
        except DataError:
            return _NO_NUMBER

    def _prices(self) -> dict[str, Decimal]:
        """Return what each position is valued at: the newest close, or that of the day before."""
        found = dict[str, Decimal]()
        for symbol in self._ledger.positions:
            close = self._history.last_close(symbol) if symbol in self._history.symbols else _NAN
            before = None if close > 0 else self.lookup.close_before(symbol, self.trading_date)
            if close > 0 or before is not None:
                found[symbol] = before or decimal_of(close)
        return found

    def instrument(self, symbol: str) -> Instrument:
        """Return a symbol's trading rules of this date: lot, tick, currency and the like."""
        return self.lookup.instrument_of(symbol, self.trading_date)

    @property
    def series(self) -> Sequence[str]:
        """Names of the series that are shown."""
        return tuple(self._history.values)

    def values(self, name: str, count: int) -> NDArray[np.float64]:
        """Return up to `count` values of a series, oldest first, shape ``(<= count,)``."""
        return self.closes(self._carried(name), count)

    def value(self, name: str) -> float:
        """Return the newest value of a series; NaN when there is none, or it is too old."""
        history, carried = self._history, self._carried(name)
        limit = history.values[name].max_gap_seconds
        if limit is not None and nanos(self.now) - history.last_end(carried) > limit * 1e9:
            return _NAN
        return history.last_close(carried)

    def _carried(self, name: str) -> str:
        if name not in self._history.values:
            known = ", ".join(self._history.values) or "none"
            raise LookupError(f"the SPEC names no series {name!r}; there are {known}")
        return carried_name(name)


def _read_only(column: NDArray[_Number]) -> NDArray[_Number]:
    """Return a view of a column that nobody can write to; what is behind it can change."""
    shown = column.view()
    shown.flags.writeable = False
    return shown


def _read_only_bars(bars: Bars) -> Bars:
    """Return bars whose columns nobody can write to; they are views, what is behind them can."""
    for name in ("end", "open", "high", "low", "close", "volume"):
        getattr(bars, name).flags.writeable = False
    return bars


def _finished(longer: Bars, parts: Bars, midnight: int) -> Bars:
    """Leave the newest bar out while a part of it may still come.

    It is whole with its last part, or when its date is over: a last part may never come.
    """
    if not len(longer) or longer.end[-1] <= max(int(parts.end[-1]), midnight):
        return longer
    return longer.rows(0, len(longer) - 1)


def sound_bars(bars: Bars) -> Bars:
    """Return the bars whose every price is finite and positive."""
    low, high = bars.low, bars.high
    good = (low > 0) & (high < float("inf")) & (bars.open > 0) & (bars.close > 0)
    if good.all():
        return bars
    return Bars(
        symbol=bars.symbol,
        end=bars.end[good],
        open=bars.open[good],
        high=high[good],
        low=low[good],
        close=bars.close[good],
        volume=bars.volume[good],
        length=bars.length,
    )


def sound_columns(batch: BarBatch) -> BarBatch:
    """Return all that a backtest shows bit by bit: sound bars, and the series beside them."""
    return {s: bars if is_carried(s) else sound_bars(bars) for s, bars in batch.items()}


def last_price(history: History, symbol: str) -> LastPrice:
    """Return a symbol's newest bar as an event carries it."""
    series = history.series[symbol]
    known = series.newest
    if known is None or known[0] != series.size:
        end, close = time_of(history.last_end(symbol)), decimal_of(history.last_close(symbol))
        known = series.newest = (series.size, LastPrice(symbol=symbol, end=end, close=close))
    return known[1]


def usable_symbols(
    history: History, now: datetime, segments: Sequence[tuple[int, int]], max_age_seconds: float
) -> frozenset[str]:
    """Return the symbols whose newest bar lies in some segments, fresh and positive.

    The age counts trading seconds, so that nothing is stale yet at 13:00. The segments are today's,
    for yesterday's close is no price of today; a step at the open has no other, and its segments
    are those of the session before as well.
    """
    symbols = history.symbols
    ends = np.array([history.last_end(symbol) for symbol in symbols], np.int64)
    closes = np.array([history.last_close(symbol) for symbol in symbols], np.float64)
    usable = is_usable(ends, closes, nanos(now), segments, max_age_seconds)
    return frozenset(compress(symbols, usable))


def is_usable(
    end: NDArray[np.int64],
    close: NDArray[np.float64],
    moment: NDArray[np.int64] | int,
    segments: Sequence[tuple[int, int]],
    max_age_seconds: float,
) -> NDArray[np.bool_]:
    """Whether bars lie in segments, fresh and positive: of many symbols, or at many moments.

    Parameters
    ----------
    end, close
        Shape ``(N,)``, the newest bars: their end, nanoseconds, 0 where there is none, and their
        close, account currency per share.
    moment
        When they are looked at, nanoseconds; one for all of them, or shape ``(N,)``.
    segments
        In which a price counts, nanoseconds; without any, none does.
    max_age_seconds
        Trading seconds.
    """
    if not segments:
        return np.zeros(end.shape, bool)
    age = trading_nanos(segments, end, moment)
    usable: NDArray[np.bool_] = (
        (end > segments[0][0]) & (close > 0) & (age <= max_age_seconds * 1e9)
    )
    return usable


def trading_nanos(
    segments: Sequence[tuple[int, int]],
    since: NDArray[np.int64] | int,
    until: NDArray[np.int64] | int,
) -> NDArray[np.int64]:
    """Return the trading time between moments of a day, nanoseconds."""
    traded = np.zeros((), np.int64)
    for start, end in segments:
        traded = traded + np.maximum(np.minimum(end, until) - np.maximum(start, since), 0)
    return traded
