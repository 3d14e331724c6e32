"""Zone and label of a file's times, judged against the hours in which there is trading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta, timezone
from itertools import product
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar, Segment
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.verdict import Status, Verdict, fail, ok, warn
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import take
from qtkit.market.tables.source_bars import Label, SourceRows
from qtkit.market.tables.timestamps import Moments, zone_named
from qtkit.market.tables.trading_hours import TradingHours, hours_around
from qtkit.market.trading_minutes import day_window
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, nanos, time_of

__all__ = ["Reading", "demanded", "judged_reading"]

_SMALL_SHARE = 0.02  # of bars that may lie outside trading hours: an auction, a Sunday evening
_MUCH_BETTER = 0.1  # another reading that leaves so little of them outside is the right one
_DAYS = 60  # whole days that other readings are tried on
_DAY_NANOS = 86_400_000_000_000
# in which files are written, beside the exchange's own and UTC; Etc/GMT+5 is five hours BEHIND UTC
_ZONES = (
    "America/New_York",
    "Etc/GMT+5",
    "America/Chicago",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file's times are read."""

    zone: str
    label: Label

    def options(self, other: Reading) -> str:
        """Return the options that ask for this reading instead of another."""
        zone = f"--zone {self.zone}" if self.zone != other.zone else ""
        label = f"--label {self.label}" if self.label != other.label else ""
        return " ".join(filter(None, (zone, label)))

    def instead_of(self, other: Reading) -> str:
        """Return what it takes the times for, where another does not."""
        zone = f"are {self.zone}" if self.zone != other.zone else ""
        label = f"label the {self.label} of a bar" if self.label != other.label else ""
        return "times " + " and ".join(filter(None, (zone, label)))


def judged_reading(
    rows: SourceRows,
    calendar: Calendar,
    *,
    zone: str | None = None,
    label: Label | None = None,
    drop_outside: bool = False,
) -> tuple[Bars, Verdict]:
    """Return a file's rows as bars, and the verdict ``data.reading``.

    Parameters
    ----------
    calendar
        Of the instrument's exchange.
    zone, label
        As given; None: UTC and the end of a bar, where trading hours leave no doubt.
    drop_outside
        Leave out what lies outside trading hours.

    Raises
    ------
    ConfigError
        If zone or label are none, contradict the file, or cannot be known and are not given.
    DataError
        If the zone does not have such times.
    """
    if rows.length.is_day:
        return _daily(rows, calendar, drop_outside=drop_outside)
    if zone is not None:
        _agrees(rows, zone)
    reading = Reading(zone or "UTC", label or "end")
    bars = rows.bars(reading.zone, reading.label)
    if reading.label == "start":
        bars = replace(bars, end=BarGrid(calendar, bars.length).cut(bars.end))
    hours = hours_around(calendar, bars.end)
    inside = hours.inside(bars.end, bars.length)
    trials = _trials(rows, calendar, hours, reading)
    verdict = _verdict(rows, calendar, hours, reading, int((~inside).sum()), trials)
    if drop_outside and trials.better is None and not inside.all():
        verdict = warn(verdict.summary, fix="they are left out")
    if verdict.status is not Status.FAIL:
        _no_doubt(rows, reading, trials, zone=zone, label=label)
    kept = take(bars, inside) if drop_outside and not inside.all() else bars
    return kept, verdict.named("data.reading")


def _daily(rows: SourceRows, calendar: Calendar, *, drop_outside: bool) -> tuple[Bars, Verdict]:
    """Return daily bars, each ending with the trading of the date that its time names."""
    dates, where = np.unique(rows.moments.written // _DAY_NANOS, return_inverse=True)
    days = [time_of(int(number) * _DAY_NANOS).date() for number in dates]
    segments = [_segments(calendar, day) for day in days]
    closes = [
        nanos(parts[-1].end if parts else day_window(calendar, day)[1])
        for day, parts in zip(days, segments, strict=True)
    ]
    bars = replace(rows.values, end=np.array(closes, dtype=np.int64)[where])
    inside = np.array([bool(parts) for parts in segments], dtype=np.bool_)[where]
    size, outside = len(bars), int((~inside).sum())
    sentence = (
        f"{rows.title}: {outside:,} of {size:,} daily bars of {rows.symbol} are of dates without "
        f"trading on {calendar.name}"
    )
    verdict = ok(f"{rows.title}: all {size:,} bars of {rows.symbol} are of dates of trading")
    if outside:
        much = outside > _SMALL_SHARE * size and not drop_outside
        verdict = (fail if much else warn)(sentence, fix=_ACCEPT)
    kept = take(bars, inside) if drop_outside and outside else bars
    return kept, verdict.named("data.reading")


def _segments(calendar: Calendar, day: date) -> tuple[Segment, ...]:
    return calendar.segments(day) if calendar.first <= day <= calendar.last else ()


def demanded(judged: tuple[Bars, Verdict]) -> Bars:
    """Return bars whose reading does not fail.

    Raises
    ------
    DataError
        If it does, with what to do.
    """
    bars, verdict = judged
    if verdict.status is Status.FAIL:
        raise DataError(f"{verdict.summary}: {verdict.fix}")
    return bars


_ACCEPT = (
    "leave them out with --drop-outside, name another --exchange, or accept them with "
    "--accept-data data.reading"
)


@dataclass(frozen=True, slots=True)
class _Trials:
    """How many bars of some whole days lie outside, by reading; the likeliest reading first."""

    size: int  # bars of these days
    chosen: int
    others: dict[Reading, int]  # without those that come to the very same times

    @property
    def better(self) -> Reading | None:
        """The reading that fits where the chosen one does not."""
        limit = self.chosen * _MUCH_BETTER
        if self.chosen > self.size * _SMALL_SHARE:
            limit = max(limit, self.size * _SMALL_SHARE)
        fitting = [r for r, outside in self.others.items() if outside <= min(limit, self.chosen)]
        found = min(fitting, key=self.others.__getitem__, default=None)
        return found if self.chosen and found and self.others[found] < self.chosen else None


def _trials(rows: SourceRows, calendar: Calendar, hours: TradingHours, chosen: Reading) -> _Trials:
    """Try every likely reading on some whole days of a file."""
    dates = rows.moments.written // _DAY_NANOS
    days = np.unique(dates[np.flatnonzero(np.diff(dates, prepend=-1))])
    some = days[np.unique(np.linspace(0, days.size - 1, _DAYS).astype(np.int64))]
    sample = rows.moments.rows(np.isin(dates, some))
    zones = dict.fromkeys((chosen.zone, calendar.zone.key, "UTC", *_ZONES))
    if sample.offsets is not None:
        zones = {chosen.zone: None}
    seen, outside = set[bytes](), dict[Reading, int]()
    labels = (chosen.label, *(label for label in get_args(Label) if label != chosen.label))
    for zone, label in product(zones, labels):
        ends = _ends(sample, zone, label, rows.length)
        if ends is None or ends.tobytes() in seen:
            continue
        seen.add(ends.tobytes())
        outside[Reading(zone, label)] = int((~hours.inside(ends, rows.length)).sum())
    return _Trials(len(sample), outside.pop(chosen), outside)


def _ends(moments: Moments, zone: str, label: Label, length: BarLength) -> NDArray[np.int64] | None:
    """Return the ends of bars; None where the zone does not have such times."""
    try:
        times = moments.utc(zone_named(zone))
    except DataError:
        return None
    return times + length.nanos if label == "start" else times


def _verdict(
    rows: SourceRows,
    calendar: Calendar,
    hours: TradingHours,
    reading: Reading,
    outside: int,
    trials: _Trials,
) -> Verdict:
    size = len(rows)
    sentence = (
        f"{rows.title}: {outside:,} of {size:,} bars of {rows.symbol} lie outside the trading "
        f"hours of {calendar.name} if times are {reading.zone} and label the {reading.label} of "
        "a bar"
    )
    better = trials.better
    if better is not None:
        ends = _ends(rows.moments, better.zone, better.label, rows.length)
        fit = size if ends is None else int(hours.inside(ends, rows.length).sum())
        count = f"all {size:,}" if fit == size else f"{fit:,} of {size:,}"
        return fail(
            f"{sentence}; {count} fit if {better.instead_of(reading)}",
            fix=better.options(reading),
        )
    if outside > _SMALL_SHARE * size:
        return fail(f"{sentence}, and no other zone or label that was tried fits", fix=_ACCEPT)
    if outside:
        return warn(sentence, fix=_ACCEPT)
    return ok(
        f"{rows.title}: all {size:,} bars of {rows.symbol} lie in the trading hours of "
        f"{calendar.name}"
    )


def _no_doubt(
    rows: SourceRows, chosen: Reading, trials: _Trials, *, zone: str | None, label: Label | None
) -> None:
    """Refuse a reading that nobody asked for where another one fits as well."""
    as_good = [r for r, outside in trials.others.items() if outside <= trials.chosen]
    doubts = []
    if zone is None and any(r.zone != chosen.zone and r.label == chosen.label for r in as_good):
        doubts.append("in which zone its times are (--zone UTC, or whichever it is)")
    if label is None and any(r.label != chosen.label and r.zone == chosen.zone for r in as_good):
        doubts.append("which end of a bar its times label (--label start or --label end)")
    if doubts:
        raise ConfigError(
            f"{rows.title} cannot be imported: trading hours do not tell {' nor '.join(doubts)}; "
            "find it out and say it"
        )


def _agrees(rows: SourceRows, zone: str) -> None:
    """Refuse a zone where the file's first or last time names another offset."""
    offsets = rows.moments.offsets
    if offsets is None or not len(rows):
        return
    for row in (0, -1):
        offset = timedelta(microseconds=int(offsets[row]) // 1_000)
        at = time_of(int(rows.moments.written[row])) - offset
        here, there = (at.astimezone(of) for of in (timezone(offset), zone_named(zone)))
        if here.utcoffset() != there.utcoffset():
            raise ConfigError(
                f"{rows.title} cannot be imported: its times name their own offset from UTC "
                f"({here.isoformat()[-6:]}), and that of {zone} is another "
                f"({there.isoformat()[-6:]}); leave --zone out"
                + ", or write --zone UTC"
                * (not offset)
            )
