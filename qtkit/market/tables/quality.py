"""Judge one symbol's bars against its calendar and against common sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar
from qtkit.core.errors import BeyondCalendar, DataError
from qtkit.core.verdict import Status, Verdict, error, fail, ok, skip, warn
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import is_tidy, take
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.trading_minutes import date_of_bar, day_window
from qtkit.model.bar_length import distinct
from qtkit.model.bars import Bars, nanos, time_of

__all__ = ["RULES", "QualityBudget", "check_symbols", "check_table", "condensed"]

RULES = (
    "data.order",
    "data.duplicates",
    "data.prices",
    "data.ohlc",
    "data.volume",
    "data.sessions",
    "data.gaps",
    "data.tail",
)
"""What `check_table` judges, in its order."""

_REFILL = "get the days again: `qtkit data refill --help`"
_IMPORT = "import the symbol again from a sound file, with --replace: `qtkit data import --help`"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityBudget:
    """How much may be missing.

    The defaults suit shares that trade all the time: one missing bar is worth a look, more than
    one in a hundred blocks. Quotes that pause at weekends, judged on the 24/7 calendar, miss
    about 29 % of the bars: give `gap_fail` 0.30 for those.
    """

    gap_warn: float = 0.0  # share of the bars that there can be; more is a warning
    gap_fail: float = 0.01  # share of the bars that there can be; more is a failure
    tail_bars: int = 0  # bars that may be missing at the end


_DEFAULT = QualityBudget()


def check_table(
    bars: Bars,
    calendar: Calendar,
    first: date | None = None,
    last: date | None = None,
    *,
    budget: QualityBudget = _DEFAULT,
) -> list[Verdict]:
    """Return one verdict for each rule of data quality.

    Parameters
    ----------
    bars
        One symbol's bars, as they are.
    calendar
        Says when there should be a bar.
    first, last
        Judge these trading dates only, and miss what is not there; None: from the first bar, or
        to the last one, and then nothing is said about a stale tail.
    budget
        How much may be missing.

    Returns
    -------
    list of Verdict
        ``data.order``, ``data.duplicates``, ``data.prices``, ``data.ohlc``, ``data.volume``,
        ``data.sessions``, ``data.gaps`` and ``data.tail``, in this order.
    """
    chosen = _chosen(bars, calendar, first, last)
    verdicts = {
        "data.order": _order(chosen, calendar),
        "data.duplicates": _duplicates(chosen, calendar),
        "data.prices": _prices(chosen, calendar),
        "data.ohlc": _ohlc(chosen, calendar),
        "data.volume": _volume(chosen, calendar),
        **_against_calendar(chosen, calendar, first, last, budget),
    }
    return [verdict.named(rule) for rule, verdict in verdicts.items()]


def condensed(bars: Bars, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return a symbol's verdicts for people: one where all is well, else those to look at."""
    bad = [verdict for verdict in verdicts if verdict.status not in {Status.PASS, Status.SKIP}]
    if bad or not len(bars):
        return bad
    first, last = (f"{time_of(int(bars.end[row])):%Y-%m-%d %H:%M}" for row in (0, -1))
    span = f"{len(bars):,} bars, {first} to {last} UTC"
    return [ok(f"{bars.symbol}: {span}, all rules hold").named("data")]


def check_symbols(
    table: BarTable,
    symbols: Sequence[str],
    calendar_of: Callable[[str], Calendar],
    first: date | None = None,
    last: date | None = None,
    *,
    budget: QualityBudget = _DEFAULT,
) -> Iterator[tuple[Bars, list[Verdict]]]:
    """Yield the bars and `check_table`'s verdicts of some symbols of a table, by default of all.

    Parameters
    ----------
    calendar_of
        Symbol -> the calendar of its exchange.

    Raises
    ------
    DataError
        If a symbol is not there or unknown, its file is damaged, or the table is empty.
    """
    chosen = symbols or table.symbols()
    if not chosen:
        raise DataError(
            f"there is no table {table.name} with bars in it; fill it first "
            "(`qtkit data import --help`, `qtkit data refill --help`)"
        )
    for symbol in chosen:
        bars, calendar = table.read(symbol), calendar_of(symbol)
        yield bars, check_table(bars, calendar, first, last, budget=budget)


def _chosen(bars: Bars, calendar: Calendar, first: date | None, last: date | None) -> Bars:
    keep = np.ones(len(bars), dtype=np.bool_)
    if first is not None:
        keep &= bars.end > nanos(day_window(calendar, first)[0])
    if last is not None:
        keep &= bars.end <= nanos(day_window(calendar, last)[1])
    return bars if keep.all() else take(bars, keep)


def _order(bars: Bars, calendar: Calendar) -> Verdict:
    wrong = np.flatnonzero(np.diff(bars.end) < 0) + 1
    if wrong.size:
        return fail(
            f"{bars.symbol}: {wrong.size} of {len(bars)} bars come after a later one, first "
            f"{_wall(bars.end[wrong[0]], calendar)}",
            fix=_IMPORT,
        )
    return ok(f"{bars.symbol}: {len(bars)} bars in order of time")


def _duplicates(bars: Bars, calendar: Calendar) -> Verdict:
    if is_tidy(bars):
        return ok(f"{bars.symbol}: {len(bars)} bars, each time once")
    ends, counts = np.unique(bars.end, return_counts=True)
    repeats = int((counts - 1).sum())
    if repeats:
        return fail(
            f"{bars.symbol}: {repeats} of {len(bars)} bars repeat a time, first "
            f"{_wall(ends[counts > 1][0], calendar)}",
            fix=_IMPORT,
        )
    return ok(f"{bars.symbol}: {len(bars)} bars, each time once")


def _prices(bars: Bars, calendar: Calendar) -> Verdict:
    prices = np.stack([bars.open, bars.high, bars.low, bars.close])
    kinds = {
        "not a number": ~np.isfinite(prices).all(axis=0),
        "zero": (prices == 0).any(axis=0),
        "negative": (prices < 0).any(axis=0),
    }
    found = [
        f"{int(rows.sum())} with a price that is {kind}, first {_first(bars, rows, calendar)}"
        for kind, rows in kinds.items()
        if rows.any()
    ]
    if found:
        return fail(f"{bars.symbol}: of {len(bars)} bars, {'; '.join(found)}", fix=_IMPORT)
    return ok(f"{bars.symbol}: all prices of {len(bars)} bars are positive numbers")


def _ohlc(bars: Bars, calendar: Calendar) -> Verdict:
    above = bars.high < np.maximum(np.maximum(bars.open, bars.close), bars.low)
    below = bars.low > np.minimum(bars.open, bars.close)
    wrong = above | below  # False for NaN, which is judged as a price
    if wrong.any():
        return fail(
            f"{bars.symbol}: {int(wrong.sum())} of {len(bars)} bars have an open or close outside "
            f"low to high, first {_first(bars, wrong, calendar)}",
            fix=_IMPORT,
        )
    return ok(f"{bars.symbol}: open and close lie within low to high in {len(bars)} bars")


def _volume(bars: Bars, calendar: Calendar) -> Verdict:
    wrong = ~np.isfinite(bars.volume) | (bars.volume < 0)
    if wrong.any():
        return fail(
            f"{bars.symbol}: {int(wrong.sum())} of {len(bars)} bars have a volume that is negative "
            f"or not a number, first {_first(bars, wrong, calendar)}",
            fix=_IMPORT,
        )
    if len(bars) and not bars.volume.any():
        return warn(
            f"{bars.symbol}: the volume of all {len(bars)} bars is 0",
            fix="no order gets a share of it: import with --volume N where the source has none",
        )
    return ok(f"{bars.symbol}: volumes of {len(bars)} bars are 0 or more")


def _against_calendar(
    bars: Bars, calendar: Calendar, first: date | None, last: date | None, budget: QualityBudget
) -> dict[str, Verdict]:
    ends = distinct(bars.end)
    if not ends.size:
        empty = fail(f"{bars.symbol}: there are no bars at all", fix=_REFILL)
        return {"data.sessions": skip(empty.summary), "data.gaps": empty, "data.tail": empty}
    try:
        start = first or _day(ends[0], calendar)
        grid = BarGrid(calendar, bars.length)
        expected = grid.spans_between(start, last or _day(ends[-1], calendar)).end
    except BeyondCalendar as problem:
        unknown = error(f"{bars.symbol}: {problem}", fix="give --first and --last, or an overlay")
        return dict.fromkeys(("data.sessions", "data.gaps", "data.tail"), unknown)
    since = 0 if first else ends[0]
    judged = expected[(expected >= since) & (expected <= ends[-1])]
    return {
        "data.sessions": _sessions(bars, expected, calendar),
        "data.gaps": _gaps(bars.symbol, ends, judged, calendar, budget),
        "data.tail": _tail(bars.symbol, ends, expected, calendar, budget, asked=last is not None),
    }


def _sessions(bars: Bars, expected: NDArray[np.int64], calendar: Calendar) -> Verdict:
    outside = ~np.isin(bars.end, expected, assume_unique=is_tidy(bars))
    if outside.any():
        return fail(
            f"{bars.symbol}: {int(outside.sum())} of {len(bars)} bars lie outside the sessions of "
            f"{calendar.name}, first {_first(bars, outside, calendar)}",
            fix="check the zone and whether times label the start or the end of a bar, then "
            f"{_IMPORT}; or remove them: `qtkit data remove --help`",
        )
    return ok(f"{bars.symbol}: all {len(bars)} bars lie inside the sessions of {calendar.name}")


def _gaps(
    symbol: str,
    ends: NDArray[np.int64],
    expected: NDArray[np.int64],
    calendar: Calendar,
    budget: QualityBudget,
) -> Verdict:
    absent = np.flatnonzero(~np.isin(expected, ends, assume_unique=True))
    if not absent.size:
        return ok(f"{symbol}: none of {expected.size} bars is missing")
    runs = np.split(absent, np.flatnonzero(np.diff(absent) > 1) + 1)
    longest = max(runs, key=len)
    share = absent.size / expected.size
    sentence = (
        f"{symbol}: {absent.size} of {expected.size} bars are missing ({share:.2%}) in "
        f"{len(runs)} gaps, first {_wall(expected[runs[0][0]], calendar)}, longest "
        f"{longest.size} bars from {_wall(expected[longest[0]], calendar)}"
    )
    if share > budget.gap_fail:
        return fail(f"{sentence}; allowed {budget.gap_fail:.2%}", fix=_REFILL)
    if share > budget.gap_warn:
        return warn(sentence, fix=_REFILL)
    return ok(sentence)


def _tail(
    symbol: str,
    ends: NDArray[np.int64],
    expected: NDArray[np.int64],
    calendar: Calendar,
    budget: QualityBudget,
    *,
    asked: bool,
) -> Verdict:
    if not asked:
        return skip(f"{symbol}: no last date was given, so the end of the data is not judged")
    if not expected.size:
        return skip(f"{symbol}: there is no session in these dates")
    late = int((expected > ends[-1]).sum())
    sentence = (
        f"{symbol}: the last bar is {_wall(ends[-1], calendar)}, {late} bars before "
        f"{_wall(expected[-1], calendar)}"
    )
    if late > budget.tail_bars:
        return fail(f"{sentence}; allowed {budget.tail_bars}", fix=_REFILL)
    return ok(sentence)


def _first(bars: Bars, rows: NDArray[np.bool_], calendar: Calendar) -> str:
    return _wall(bars.end[int(np.argmax(rows))], calendar)


def _wall(end: np.int64, calendar: Calendar) -> str:
    """Return a bar's end as people at the exchange read it."""
    return f"{time_of(int(end)).astimezone(calendar.zone):%Y-%m-%d %H:%M %Z}"


def _day(end: np.int64, calendar: Calendar) -> date:
    return date_of_bar(calendar, time_of(int(end)))
