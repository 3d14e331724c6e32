"""An axis of trading time: without nights, breaks and closed days."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TradingTime"]

_MOST = 9  # labels on the axis


class TradingTime:
    """Places of times on an axis that knows only the times at which something was seen.

    Parameters
    ----------
    times
        When something was seen; repeats and disorder are allowed.
    zone
        In which people read them.

    Examples
    --------
    >>> from datetime import UTC
    >>> times = [datetime(2026, 3, 4, hour, tzinfo=UTC) for hour in (1, 2, 6)]
    >>> axis = TradingTime(times, ZoneInfo("UTC"))
    >>> axis.place(datetime(2026, 3, 4, 6, tzinfo=UTC)), axis.labels()
    (2, [(0, '01:00'), (1, '02:00'), (2, '06:00')])
    """

    def __init__(self, times: Sequence[datetime], zone: ZoneInfo) -> None:
        self._times = sorted(set(times))
        self._local = [at.astimezone(zone) for at in self._times]

    def place(self, at: datetime) -> int:
        """Return the place of the first time that is not before `at`, the last one at most."""
        return min(bisect_left(self._times, at), max(0, len(self._times) - 1))

    def labels(self) -> list[tuple[int, str]]:
        """Return places and words: each day's first time, or each hour's on a single day."""
        days = {at.date() for at in self._local}
        unit, words = ("%Y%m%d", "%m-%d") if len(days) > 1 else ("%Y%m%d%H", "%H:%M")
        firsts = dict[str, int]()
        for place, at in enumerate(self._local):
            firsts.setdefault(f"{at:{unit}}", place)
        step = -(-len(firsts) // _MOST) or 1
        return [(place, f"{self._local[place]:{words}}") for place in list(firsts.values())[::step]]

    def write(self, axes: Axes) -> None:
        """Label an axis."""
        labels = self.labels()
        axes.set_xticks([place for place, _ in labels], [words for _, words in labels])
