"""A session of several days by hand: the first one trades, the others only hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.model.events import Event
from tests.stages.parts import DAY, at
from tests.stages.phase_5_stories import gated_day
from tests.stages.story import Story

DAYS = (DAY, DAY + timedelta(days=1), DAY + timedelta(days=2))

_OF_THE_FIRST_DAY = (
    ev.SessionStarted, ev.BrokerConnected, ev.OrderRequested, ev.OrderAccepted, ev.OrderFilled,
    ev.StrategySaved,
)  # fmt: skip


def three_days(mode: str = "warn") -> Story:
    """Return Wednesday, Thursday and Friday as one session, with a gate."""
    story = gated_day(mode)
    stop = story.find(ev.StopRequested)
    end = [(when, event) for when, event in story.moments[stop:] if when >= at("15:31")]
    story.cut(stop)
    whole_day = [(when, event) for when, event in story.moments if not _is_start(event)]
    for day in DAYS[1:]:
        story.moments += [_moved(when, event, day) for when, event in whole_day]
    story.moments += [_moved(when, event, DAYS[-1]) for when, event in end]
    return story


def _is_start(event: Event) -> bool:
    first = isinstance(event, _OF_THE_FIRST_DAY)
    return first or "start" in (getattr(event, "because", ""), getattr(event, "occasion", ""))


def _moved(when: datetime, event: Event, day: date) -> tuple[datetime, Event]:
    """Return an event of Wednesday on another day; a new day begins at midnight."""
    text = msgspec.json.encode(_settled(event)).decode()
    text = text.replace(f"{DAY}", f"{day}").replace(f"{DAY:%Y%m%d}", f"{day:%Y%m%d}")
    moved: Any = msgspec.json.decode(text, type=type(event), strict=False)
    moment = when + (day - DAY)
    if isinstance(moved, ev.DayStarted | ev.ScheduleBuilt):
        moment = at("00:00", day)
    if isinstance(moved, ev.ScheduleBuilt):
        digest = f"{day:%d}" * 32
        moved = msgspec.structs.replace(moved, caught_up_to=moment.astimezone(UTC), digest=digest)
    return moment, moved


def _settled(event: Event) -> Event:
    """Return an event whose book has nothing left to settle."""
    for name in ("ours", "book", "closing"):
        held = getattr(event, name, None)
        if isinstance(held, Book):
            lines = tuple(msgspec.structs.replace(p, unsettled=()) for p in held.positions)
            book = msgspec.structs.replace(held, positions=lines)
            return msgspec.structs.replace(event, **{name: book})
    return event
