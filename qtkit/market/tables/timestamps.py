"""The times of a file that somebody else wrote, as nanoseconds since 1970 UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import ConfigError, DataError
from qtkit.market.number_text import first_of, shortened
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import nanos, time_of

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "Moments",
    "are_bar_ends",
    "bar_end",
    "moments_of",
    "time_in",
    "zone_named",
]

_T = TypeVar("_T")
_SHOWN = 3  # rows that one sentence names
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER = 15 * 60 * 1_000_000_000  # every zone changes its offset on a quarter of an hour
# Narrow enough to tell 20260304 and 202603040931 from epoch numbers.
FIRST_YEAR, LAST_YEAR = 1990, 2099
_FIRST = nanos(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
_PAST_LAST = nanos(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))
_MOMENT = re.compile(
    r"\d{4}-?\d\d-?\d\d[T ]\d\d:?\d\d(?::?\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d*)?", re.ASCII)
_UNITS = ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000), (float("inf"), 1))
"""(numbers below it, nanoseconds in one): seconds, milliseconds, microseconds, nanoseconds."""


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest is named.

    Examples
    --------
    >>> zone_named("Asia/Shanghai")
    zoneinfo.ZoneInfo(key='Asia/Shanghai')
    """
    known = _zones()
    if name in known:
        return ZoneInfo(name)
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(known)}
    near = get_close_matches(name, known, n=1) or [
        cities[city] for city in get_close_matches(name.rpartition("/")[2].lower(), cities, n=1)
    ]
    hint = f"did you mean {near[0]}?" if near else "write it like Asia/Shanghai or UTC"
    raise ConfigError(f"there is no time zone {name!r}; {hint}")


@cache
def _zones() -> frozenset[str]:
    """Return the names of all time zones; listing them reads hundreds of files."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """The times of a file's rows, as they are written.

    Attributes
    ----------
    written
        ``(N,)`` int64, nanoseconds since 1970 on the wall clock that the file is about.
    offsets
        ``(N,)`` int64, nanoseconds from UTC; None: the file names none, and a zone must.
    """

    written: NDArray[np.int64]
    offsets: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return int(self.written.size)

    def rows(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Moments:
        """Return the chosen rows."""
        offsets = None if self.offsets is None else self.offsets[chosen]
        return Moments(written=self.written[chosen], offsets=offsets)

    def utc(self, zone: ZoneInfo) -> NDArray[np.int64]:
        """Return nanoseconds since 1970 UTC, shape ``(N,)``.

        Parameters
        ----------
        zone
            Of times that name no offset themselves.

        Raises
        ------
        DataError
            If the zone skipped a wall time or showed it twice, or it lies outside 1990 to 2099.
        """
        if self.offsets is None:
            return _plausible(self, _to_utc(self, zone))
        return _plausible(self, self.written - self.offsets)

    def named(self, rows: Sequence[int]) -> str:
        """Return the first of some rows, as sentences show them."""
        walls = [str(time_of(int(self.written[row]))).partition("+")[0] for row in rows[:_SHOWN]]
        pairs = zip((wall.removesuffix(":00") for wall in walls), rows, strict=False)
        return "first " + ", ".join(f"'{wall}' in row {row + 1}" for wall, row in pairs)


def moments_of(cells: Sequence[str | None]) -> Moments:
    """Return the times that cells say.

    Parameters
    ----------
    cells
        Epoch numbers in seconds, milliseconds, microseconds or nanoseconds, told apart by their
        size; or ISO 8601 times; or dates alone, of bars of a day. All are of one kind.

    Raises
    ------
    DataError
        Naming how many cells cannot be read and the first of them: no time, not of the first
        one's kind, or outside 1990 to 2099.

    Examples
    --------
    >>> moments_of(["2026-03-04 09:31"]).utc(zone_named("Asia/Shanghai")).tolist()
    [1772587860000000000]
    """
    first = next((cell for cell in cells if cell), "") or ""
    if _is_number(first):
        return _from_numbers(cells)
    read = _read(cells, _date_in if _DATE.fullmatch(first) else time_in)
    _check_years(read, cells)
    walls = np.array([nanos(moment.replace(tzinfo=UTC)) for moment in read], dtype=np.int64)
    aware = np.array([moment.tzinfo is not None for moment in read], dtype=np.bool_)
    if not aware.any():
        return Moments(written=walls)
    if not aware.all():
        rows = np.flatnonzero(aware != aware[0]).tolist()
        raise DataError(
            f"some times name their offset and some do not, {first_of(rows, cells)}; "
            "write them all the same way"
        )
    times = np.array([nanos(moment) for moment in read], dtype=np.int64)
    return Moments(written=walls, offsets=walls - times)


def _from_numbers(cells: Sequence[str | None]) -> Moments:
    numbers = _read(cells, _number)
    largest = max(abs(whole) for whole, _ in numbers)
    unit = next(size for limit, size in _UNITS if largest < limit)
    times = [whole * unit + round(part * unit) for whole, part in numbers]
    if max(map(abs, times)) >= 2**63:
        raise DataError(f"the time {max(numbers)[0]} is no epoch time; expected one since 1990")
    found = np.array(times, dtype=np.int64)
    _plausible(Moments(written=found), found)
    return Moments(written=found, offsets=np.zeros_like(found))


def _read(cells: Sequence[str | None], read: Callable[[str], _T]) -> list[_T]:
    """Return every cell's value, or tell how many have none."""
    try:
        return [read(cell or "") for cell in cells]
    except ValueError:
        wrong = [row for row, cell in enumerate(cells) if not _readable(cell or "", read)]
        raise DataError(
            f"{len(wrong)} times cannot be read, {first_of(wrong, cells)}; expected all in one "
            f"form, that of the first one, {shortened(cells[0])}: ISO 8601 or epoch numbers"
        ) from None


def _readable(cell: str, read: Callable[[str], object]) -> bool:
    try:
        read(cell)
    except ValueError:
        return False
    return True


def _date_in(cell: str) -> datetime:
    """Return where a date begins, on the wall clock that the file is about."""
    if not _DATE.fullmatch(cell):
        raise ValueError(f"expected a date like 2026-03-04, found {shortened(cell)}")
    return datetime.fromisoformat(cell)


def time_in(cell: str) -> datetime:
    """Return the moment that a cell says, date and time in ISO 8601.

    Raises
    ------
    ValueError
        If it says none.
    """
    if not _MOMENT.fullmatch(cell):
        raise ValueError(f"expected a time like 2026-03-04T09:31, found {shortened(cell)}")
    return datetime.fromisoformat(cell)


def bar_end(at: datetime) -> int:
    """Return the end of a bar, nanoseconds since 1970 UTC.

    Raises
    ------
    ValueError
        If no bar ends then: outside the years that tables hold, or between two minutes.

    Examples
    --------
    >>> bar_end(datetime(2026, 3, 4, 1, 31, tzinfo=UTC))
    1772587860000000000
    """
    end = nanos(at)
    if not _FIRST <= end < _PAST_LAST:
        raise ValueError(f"its time {at.isoformat()} lies outside {FIRST_YEAR} to {LAST_YEAR}")
    if end % BarLength.MIN_1.nanos:
        raise ValueError(f"its time {at.isoformat()} is no whole minute")
    return end


def _is_number(cell: str) -> bool:
    return _readable(cell, _number)


def are_bar_ends(ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which nanoseconds since 1970 UTC `bar_end` would let pass."""
    allowed: NDArray[np.bool_] = (
        (ends >= _FIRST) & (ends < _PAST_LAST) & (ends % BarLength.MIN_1.nanos == 0)
    )
    return allowed


def _number(cell: str) -> tuple[int, float]:
    if not _EPOCH_NUMBER.fullmatch(cell.strip(" ")):
        raise ValueError(cell)
    whole, _, part = cell.strip(" ").partition(".")
    return int(whole), float(f"0.{part or 0}")


def _to_utc(moments: Moments, zone: ZoneInfo) -> NDArray[np.int64]:
    """Return UTC for wall times, by the offset of each quarter of an hour that occurs."""
    walls = moments.written
    quarters, where = np.unique(walls // _QUARTER, return_inverse=True)
    offsets = np.empty(quarters.size, dtype=np.int64)
    odd = np.zeros(quarters.size, dtype=np.bool_)
    for number, quarter in enumerate(quarters.tolist()):
        wall = _EPOCH.replace(tzinfo=zone) + timedelta(minutes=15 * quarter)
        early, late = wall.utcoffset(), wall.replace(fold=1).utcoffset()
        odd[number] = early != late
        offsets[number] = round((early or timedelta()).total_seconds()) * 1_000_000_000
    doubtful = np.flatnonzero(odd[where])
    if doubtful.size:
        raise DataError(
            f"{doubtful.size} wall times were skipped or shown twice in {zone.key} when the "
            f"clocks changed, {moments.named(doubtful.tolist())}; which moment is meant cannot "
            "be known: export the file in UTC or with offsets"
        )
    return walls - offsets[where]


def _check_years(moments: Sequence[datetime], cells: Sequence[str | None]) -> None:
    """Refuse what does not fit into nanoseconds; a zone moves the bounds by a day at most."""
    years = range(FIRST_YEAR - 1, LAST_YEAR + 2)
    wrong = [row for row, moment in enumerate(moments) if moment.year not in years]
    if wrong:
        raise _implausible(len(wrong), first_of(wrong, cells))


def _plausible(moments: Moments, times: NDArray[np.int64]) -> NDArray[np.int64]:
    wrong = np.flatnonzero((times < _FIRST) | (times >= _PAST_LAST))
    if wrong.size:
        raise _implausible(wrong.size, moments.named(wrong.tolist()))
    return times


def _implausible(count: int, first: str) -> DataError:
    return DataError(
        f"{count} times lie outside {FIRST_YEAR} to {LAST_YEAR}, {first}; "
        "expected ISO 8601 times or epoch numbers, not compact dates"
    )
