"""Bars out of a seed: a market that nobody has to download.

The same (seed, symbol, day) gives the same bars, whichever days were made before. Closes follow a
sum of waves through the numbered sessions, each wave bent at points whose heights are a function
of (seed, symbol, wave, point): so any day can be made alone, and neighbours agree.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from datetime import date, time
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar
from qtkit.core.errors import DataError
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import take
from qtkit.market.longer_bars import longer_bars
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, time_of

__all__ = ["PLAIN", "Market", "close_before", "synthetic_bars", "synthetic_close"]

_ANCHOR = date(2026, 3, 2)  # here a symbol has its start price
_START_PRICES = {
    "000651.SZ": 37.30,
    "600036.SH": 37.50,
    "601398.SH": 5.60,
    "BTC-PERP": 65_000.0,
    "AAPL": 260.0,
    "MSFT": 450.0,
    "SPY": 690.0,
}
_CHEAPEST, _DEAREST = 6.0, 80.0  # currency per share, where none is known and ticks are 0.01
_WAVES = ((1, 0.016), (5, 0.03), (20, 0.06), (80, 0.12), (320, 0.25))
"""(sessions between two bends, height in log price): one session moves at most 5.5 %."""
_BAND = 0.095  # no price is farther than this from the close before
_DAY_VOLATILITY = 0.022  # log price, standard deviation of a session's free walk
_OPEN_GAP = 0.003  # log price, standard deviation; cut at three of them
_WICK = 0.35  # how far high and low reach beyond open and close, in the minute's volatility
_TURNOVER = (4e8, 2.5e9)  # currency traded on a day, least and most


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What a synthetic market is like.

    Attributes
    ----------
    price
        Close on 2026-03-02, currency per share; None: known for a few symbols, else by symbol.
    tick, lot
        Prices are multiples of `tick`, volumes of `lot` shares.
    gaps
        Share of the minutes that have no bar, 0 to 1; the day's first and last always have one.
    jumps
        Jumps a day, on average; each 1 to 3 % of the price, within one minute.
    halt
        (from, until), exchange time: the bars that end in (from, until] are missing.
    """

    price: float | None = None
    tick: float = 0.01
    lot: float = 100.0
    gaps: float = 0.0
    jumps: float = 0.0
    halt: tuple[time, time] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if not 0 <= self.gaps < 1 or self.jumps < 0:
            raise ValueError(
                f"gaps lie in [0, 1) and jumps are >= 0, were {self.gaps}, {self.jumps}"
            )
        if self.tick <= 0 or self.lot <= 0 or (self.price is not None and self.price <= 0):
            raise ValueError(
                f"price, tick and lot are positive, were {self.price}, {self.tick}, {self.lot}"
            )


PLAIN = Market()
"""No gaps, no jumps, no halt; ticks of 0.01 and lots of 100 shares."""


def synthetic_bars(
    symbol: str,
    day: date,
    calendar: Calendar,
    *,
    seed: int,
    market: Market = PLAIN,
    length: BarLength = BarLength.MIN_1,
) -> Bars:
    """Return one symbol's bars of one session.

    Parameters
    ----------
    symbol
        Any name.
    day
        A session of `calendar`.
    calendar
        Says in which minutes there is trading.
    seed
        Every bar is a function of it, of the symbol and of the day.
    market
        What the bars are like.
    length
        How much time each covers; the market is the same, whatever the length.

    Returns
    -------
    Bars
        One bar for each minute of trading, less gaps and halt, put together to bars of `length`.
        Volatility and volume are high near the open and the close; prices stay within 9.5 % of the
        close before.

    Raises
    ------
    DataError
        If there is no trading on `day`.

    Examples
    --------
    >>> from qtkit.core.calendars import exchange_calendar
    >>> always = exchange_calendar("24/7")
    >>> len(synthetic_bars("BTC-PERP", date(2026, 3, 4), always, seed=7))
    1440
    """
    segments = calendar.segments(day)
    if not segments:
        raise DataError(
            f"{day} is no session of {calendar.name}, so it has no bars: choose another day, such "
            f"as {calendar.next_session(day)}"
        )
    ends = BarGrid(calendar).ends(day)
    shape = _shape(ends.size)
    chance = _chance(seed, symbol, "day", day.toordinal())
    before, close = (
        _ticks(symbol, session, calendar, seed, market)
        for session in (calendar.previous_session(day), day)
    )
    path = _path(chance, shape, before, close, market.jumps)
    bars = _bars(symbol, ends, path, shape, chance, market)
    bars = replace(bars, volume=_volumes(bars, shape, chance, market, _busy(seed, symbol)))
    keep = _kept(bars, market, calendar.zone, _chance(seed, symbol, "gaps", day.toordinal()))
    bars = bars if keep.all() else take(bars, keep)
    return longer_bars(bars, BarGrid(calendar, length))


def synthetic_close(
    symbol: str, day: date, calendar: Calendar, *, seed: int, market: Market = PLAIN
) -> float:
    """Return the last price of a session, currency per share."""
    return float(_priced(np.array(_ticks(symbol, day, calendar, seed, market)), market.tick))


def close_before(
    symbol: str, day: date, calendar: Calendar, *, seed: int, market: Market = PLAIN
) -> float:
    """Return the last price of the session before a day: what price bands refer to."""
    before = calendar.previous_session(day)
    return synthetic_close(symbol, before, calendar, seed=seed, market=market)


def _path(
    chance: np.random.Generator, shape: NDArray[np.float64], before: int, close: int, jumps: float
) -> NDArray[np.int64]:
    """Return the prices in ticks at the open and at the end of each minute, shape ``(N + 1,)``."""
    count = shape.size
    gap = float(np.clip(chance.standard_normal(), -3, 3)) * _OPEN_GAP
    steps = chance.standard_normal(count) * shape * (_DAY_VOLATILITY / math.sqrt(count))
    steps += _jumps(chance, count, jumps)
    walk = np.concatenate(([0.0], np.cumsum(steps)))
    share = np.concatenate(([0.0], np.cumsum(shape**2) / np.sum(shape**2)))
    target = math.log(close / before) - gap
    log_price = gap + walk + share * (target - walk[-1])  # a bridge from the open to the close
    path = _within(np.rint(before * np.exp(log_price)).astype(np.int64), before)
    path[-1] = close
    return path


def _jumps(chance: np.random.Generator, count: int, mean: float) -> NDArray[np.float64]:
    jumps = np.zeros(count)
    if mean > 0:
        number = int(chance.poisson(mean))
        sizes = chance.uniform(0.01, 0.03, number) * chance.choice((-1.0, 1.0), number)
        np.add.at(jumps, chance.integers(1, count, number), sizes)
    return jumps


def _bars(
    symbol: str,
    ends: NDArray[np.int64],
    path: NDArray[np.int64],
    shape: NDArray[np.float64],
    chance: np.random.Generator,
    market: Market,
) -> Bars:
    """Return bars around a path that starts at the open, without volumes yet."""
    opens, closes = path[:-1], path[1:]
    reach = path[0] * shape * (_WICK * _DAY_VOLATILITY / math.sqrt(shape.size))
    wicks = np.rint(np.abs(chance.standard_normal((2, shape.size))) * reach).astype(np.int64)
    low, high = int(path.min()), int(path.max())  # a wick sets no new extreme of the day
    return Bars(
        symbol=symbol,
        end=ends,
        open=_priced(opens, market.tick),
        high=_priced(np.minimum(np.maximum(opens, closes) + wicks[0], high), market.tick),
        low=_priced(np.maximum(np.minimum(opens, closes) - wicks[1], low), market.tick),
        close=_priced(closes, market.tick),
        volume=np.zeros(ends.size),
    )


def _volumes(
    bars: Bars,
    shape: NDArray[np.float64],
    chance: np.random.Generator,
    market: Market,
    turnover: float,
) -> NDArray[np.float64]:
    """Return shares per minute: a U over the day, more where the price moves, whole lots."""
    moved = (bars.high - bars.low) / np.mean(bars.high - bars.low + market.tick)
    noise = np.exp(0.45 * chance.standard_normal(len(bars)))
    weights = shape**2 * noise * (0.5 + moved)
    shares = turnover / float(bars.open[0]) * weights / weights.sum()
    shares *= math.exp(0.25 * float(chance.standard_normal()))  # some days are busier
    lots = np.maximum(1.0, np.rint(shares / market.lot)).astype(np.int64)
    return _priced(lots, market.lot)


def _busy(seed: int, symbol: str) -> float:
    """Return a symbol's turnover on a day, currency."""
    least, most = _TURNOVER
    return float(least * (most / least) ** _unit(seed, symbol, "turnover", 0))


def _kept(
    bars: Bars, market: Market, zone: ZoneInfo, chance: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which bars are neither in a gap nor in the halt."""
    keep = chance.random(len(bars)) >= market.gaps
    keep[[0, -1]] = True
    if market.halt:
        start, until = market.halt
        walls = [time_of(int(end)).astimezone(zone).time() for end in bars.end]
        keep &= np.array([not start < wall <= until for wall in walls])
    return keep


def _ticks(symbol: str, day: date, calendar: Calendar, seed: int, market: Market) -> int:
    """Return the close of a session in ticks."""
    number = _numbers(calendar)[day]
    start = market.price or _start_price(symbol, market.tick)
    log_price = math.log(start) + _height(seed, symbol, number)
    return max(12, round(math.exp(log_price - _height(seed, symbol, 0)) / market.tick))


@lru_cache(maxsize=8192)
def _height(seed: int, symbol: str, number: int) -> float:
    """Return how high the waves stand at a session, in log price."""
    height = 0.0
    for length, size in _WAVES:
        point, past = divmod(number, length)
        share = past / length
        left = _unit(seed, symbol, f"wave{length}", point)
        right = _unit(seed, symbol, f"wave{length}", point + 1)
        height += size * ((1 - share) * left + share * right)
    return 2 * height


@lru_cache(maxsize=8)
def _numbers(calendar: Calendar) -> dict[date, int]:
    """Return the sessions' numbers; the anchor's is 0."""
    days = calendar.sessions(calendar.first, calendar.last)
    anchor = sum(day < _ANCHOR for day in days)
    return {day: number - anchor for number, day in enumerate(days)}


def _start_price(symbol: str, tick: float) -> float:
    """Return a price that moves by many ticks: where ticks are coarse, prices are higher."""
    known = _START_PRICES.get(symbol)
    scale = max(tick / PLAIN.tick, 1.0)
    return known or scale * _CHEAPEST * (_DEAREST / _CHEAPEST) ** _unit(0, symbol, "price", 0)


@lru_cache(maxsize=64)
def _shape(count: int) -> NDArray[np.float64]:
    """Return the volatility of each minute: a U, its mean square 1, shape ``(N,)``."""
    where = (np.arange(count) + 0.5) / count * 2 - 1
    shape = 0.7 + 0.9 * where**4
    shape /= math.sqrt(float(np.mean(shape**2)))
    shape.flags.writeable = False
    return shape


def _within(ticks: NDArray[np.int64], before: int) -> NDArray[np.int64]:
    low, high = math.ceil(before * (1 - _BAND)), math.floor(before * (1 + _BAND))
    return np.clip(ticks, low, high)


def _priced(steps: NDArray[np.int64], step: float) -> NDArray[np.float64]:
    """Return whole steps as the floats nearest to their decimal values."""
    ratio = Fraction(repr(step))
    exact: NDArray[np.float64] = steps.astype(np.float64) * ratio.numerator / ratio.denominator
    return exact


def _unit(seed: int, symbol: str, what: str, number: int) -> float:
    """Return a number in [0, 1) that is a function of its arguments."""
    return int.from_bytes(_digest(seed, symbol, what, number)[:7]) / 2**56


def _chance(seed: int, symbol: str, what: str, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(seed, symbol, what, number))))


def _digest(seed: int, symbol: str, what: str, number: int) -> bytes:
    return hashlib.sha256(f"{seed}|{symbol}|{what}|{number}".encode()).digest()
