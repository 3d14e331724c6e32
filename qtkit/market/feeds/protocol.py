"""What the engine needs from any feed."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from qtkit.model.bars import BarBatch

__all__ = ["Feed"]


class Feed(Protocol):
    """A source of finished bars. May be called from a worker thread, one call at a time."""

    def bars_until(self, now: datetime) -> BarBatch:
        """Return the bars that ended at or before `now` and were not returned before.

        Raises
        ------
        DataError
            If the source cannot deliver; nothing is lost, the next call returns it.
        """
