"""Times and schedule rows of one trading day, by the wall clock of its exchange."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from qtkit.model.events import PlannedTask

__all__ = ["DAY", "SHANGHAI", "at", "local", "planned"]

DAY = date(2026, 3, 4)
"""A Wednesday on which Shanghai, New York and every market without holidays trade."""

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(wall: str, day: date = DAY, zone: ZoneInfo = SHANGHAI) -> datetime:
    """Return a time of the exchange's wall clock as UTC.

    Examples
    --------
    >>> at("09:30").isoformat()
    '2026-03-04T01:30:00+00:00'
    >>> at("09:30:05", zone=ZoneInfo("America/New_York")).isoformat()
    '2026-03-04T14:30:05+00:00'
    """
    return datetime.combine(day, time.fromisoformat(wall), zone).astimezone(UTC)


def local(moment: datetime, zone: ZoneInfo = SHANGHAI) -> str:
    """Return a time as the exchange's wall clock shows it: ``"09:30:00"``."""
    return moment.astimezone(zone).time().isoformat()


def planned(
    task: str, wall: str, step: int | None = None, day: date = DAY, zone: ZoneInfo = SHANGHAI
) -> PlannedTask:
    """Return a row of a day's schedule.

    Parameters
    ----------
    task
        Its name, e.g. ``"run_strategy"``.
    wall
        When it is due, by the exchange's wall clock.
    step
        Number of the strategy step in its day, from 0.
    day, zone
        Trading date, and the exchange's zone.

    Examples
    --------
    >>> planned("run_strategy", "09:35", 0).task_id
    '20260304-run_strategy-0935'
    """
    name = f"{day:%Y%m%d}-{task}-{wall.replace(':', '')}"
    return PlannedTask(task_id=name, task=task, due=at(wall, day, zone), step=step)
