"""What a price poll brings, and what of it may be believed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from qtkit.market.bar_order import is_tidy, take, tidy
from qtkit.market.feeds.protocol import CheckedFeed, Feed, LeftOut
from qtkit.market.feeds.validation import delivered
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import BarBatch, Bars, nanos, time_of
from qtkit.model.events import BarLeftOut, BarsLeftOut
from qtkit.model.money import decimal_of

__all__ = ["Poll", "finished", "left_out_event", "polled"]

_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Poll:
    """What one price poll brought: bars, and what the feed left out."""

    bars: BarBatch
    left_out: Sequence[LeftOut] = ()


def polled(feed: Feed, now: datetime, length: BarLength) -> Poll:
    """Ask a feed for bars of a length, in whatever thread; raises `DataError` for no answer."""
    bars = delivered(feed.bars_until(now), length)
    return Poll(bars, feed.left_out() if isinstance(feed, CheckedFeed) else ())


def finished(bars: Bars, now: datetime, last: int) -> tuple[Bars, list[LeftOut]]:
    """Return the bars that have ended and are newer than `last`, and what else there was.

    Every feed promises no other; an engine that believed a broken promise would trade on a
    bar that is still being formed.
    """
    limit = nanos(now)
    whole = (bars.end <= limit) & (bars.end > last)
    if whole.all() and is_tidy(bars):
        return bars, []
    odd = take(bars, ~whole)
    notes = [
        LeftOut(
            symbol=bars.symbol,
            end=int(odd.end[i]),
            why="unfinished" if odd.end[i] > limit else "late",
            delivered=math.nan,
            sent=float(odd.close[i]),
        )
        for i in range(len(odd))
    ]
    return tidy(take(bars, whole)), notes


def left_out_event(notes: Sequence[LeftOut]) -> BarsLeftOut:
    """Return bars that were left out as the journal keeps them."""
    return BarsLeftOut(
        counts=dict(sorted(Counter(note.why for note in notes).items())),
        samples=tuple(_sample(note) for note in notes[:_SAMPLES]),
    )


def _sample(note: LeftOut) -> BarLeftOut:
    return BarLeftOut(
        symbol=note.symbol,
        end=time_of(note.end),
        why=note.why,
        delivered=_close(note.delivered),
        sent=_close(note.sent),
    )


def _close(number: float) -> Decimal | None:
    return decimal_of(number) if math.isfinite(number) else None
