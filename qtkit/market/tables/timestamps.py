"""Turn the times of a CSV file into nanoseconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import ConfigError, DataError
from qtkit.model.bars import nanos

__all__ = ["parse_times", "zone_named"]

_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER = 15 * 60 * 1_000_000_000  # every zone changes its offset on a quarter of an hour
_YEARS = (1990, 2100)  # narrow enough to tell 20260304 and 202603040931 from epoch numbers
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
    known = available_timezones()
    if name in known:
        return ZoneInfo(name)
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(known)}
    near = get_close_matches(name, known, n=1) or [
        cities[city] for city in get_close_matches(name.rpartition("/")[2].lower(), cities, n=1)
    ]
    hint = f"did you mean {near[0]}?" if near else "write it like Asia/Shanghai or UTC"
    raise ConfigError(f"there is no time zone {name!r}; {hint}")


def parse_times(cells: Sequence[str | None], zone: ZoneInfo) -> NDArray[np.int64]:
    """Return nanoseconds since 1970 UTC, shape ``(N,)``.

    Parameters
    ----------
    cells
        Epoch numbers in seconds, milliseconds, microseconds or nanoseconds, told apart by their
        size; or ISO 8601 times. All are of one kind.
    zone
        Zone of times that name no offset themselves.

    Raises
    ------
    DataError
        Naming how many cells cannot be read and the first of them: no time, not of the first
        one's kind, outside 1990 to 2100, or a wall time that the zone skipped or showed twice.

    Examples
    --------
    >>> parse_times(["2026-03-04 09:31"], zone_named("Asia/Shanghai")).tolist()
    [1772587860000000000]
    """
    first = next((cell for cell in cells if cell), "") or ""
    if _is_number(first):
        return _from_numbers(cells)
    moments = _read(cells, _iso)
    aware = np.array([moment.tzinfo is not None for moment in moments], dtype=np.bool_)
    if aware.all():
        times = np.array([nanos(moment) for moment in moments], dtype=np.int64)
    elif aware.any():
        row = int(np.argmax(aware != aware[0]))
        raise DataError(
            f"some times name their offset and some do not, first {cells[row]!r} in row {row + 1}; "
            "write them all the same way"
        )
    else:
        walls = [nanos(moment.replace(tzinfo=UTC)) for moment in moments]
        times = _to_utc(np.array(walls, dtype=np.int64), zone, cells)
    return _plausible(times, cells)


def _from_numbers(cells: Sequence[str | None]) -> NDArray[np.int64]:
    numbers = _read(cells, _number)
    largest = max(abs(whole) for whole, _ in numbers)
    unit = next(size for limit, size in _UNITS if largest < limit)
    times = [whole * unit + round(part * unit) for whole, part in numbers]
    if max(map(abs, times)) >= 2**63:
        raise DataError(f"the time {max(numbers)[0]} is no epoch time; expected one since 1990")
    return _plausible(np.array(times, dtype=np.int64), cells)


def _read(cells: Sequence[str | None], read: Callable[[str], _T]) -> list[_T]:
    """Return every cell's value, or tell how many have none."""
    try:
        return [read(cell or "") for cell in cells]
    except ValueError:
        wrong = [row for row, cell in enumerate(cells) if not _readable(cell or "", read)]
        raise DataError(
            f"{len(wrong)} times cannot be read, first {cells[wrong[0]]!r} in row {wrong[0] + 1}; "
            f"expected them like the first one, {cells[0]!r}: all ISO 8601 or all epoch numbers"
        ) from None


def _readable(cell: str, read: Callable[[str], object]) -> bool:
    try:
        read(cell)
    except ValueError:
        return False
    return True


def _iso(cell: str) -> datetime:
    if len(cell) < len("2026-03-04 09:31"):
        raise ValueError(cell)
    return datetime.fromisoformat(cell)


def _is_number(cell: str) -> bool:
    return _readable(cell, _number)


def _number(cell: str) -> tuple[int, float]:
    whole, _, part = cell.strip().partition(".")
    return int(whole), float(f"0.{part or 0}")


def _to_utc(
    walls: NDArray[np.int64], zone: ZoneInfo, cells: Sequence[str | None]
) -> NDArray[np.int64]:
    """Return UTC for wall times, by the offset of each quarter of an hour that occurs."""
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
        row = int(doubtful[0])
        raise DataError(
            f"{doubtful.size} wall times were skipped or shown twice in {zone.key} when the "
            f"clocks changed, first {cells[row]!r} in row {row + 1}; which moment is meant cannot "
            "be known: export the file in UTC or with offsets"
        )
    return walls - offsets[where]


def _plausible(times: NDArray[np.int64], cells: Sequence[str | None]) -> NDArray[np.int64]:
    first, last = (nanos(datetime(year, 1, 1, tzinfo=UTC)) for year in _YEARS)
    wrong = np.flatnonzero((times < first) | (times >= last))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            f"{wrong.size} times lie outside {_YEARS[0]} to {_YEARS[1]}, first {cells[row]!r} in "
            f"row {row + 1}; expected ISO 8601 times or epoch numbers, not compact dates"
        )
    return times
