"""What the engine needs from any feed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from qtkit.model.bars import BarBatch, Bars

__all__ = ["Delivery", "Feed"]


class Delivery(dict[str, Bars]):
    """Symbol -> its bars, and what of the source's answer is not among them.

    Parameters
    ----------
    bars
        What was delivered.
    refused
        Bars of the answer that make no sense.
    problem
        What is wrong with them, with symbol and time where they have any; "" if there are none.
    """

    def __init__(self, bars: Mapping[str, Bars], refused: int = 0, problem: str = "") -> None:
        super().__init__(bars)
        self.refused, self.problem = refused, problem

    @classmethod
    def of(cls, batch: BarBatch) -> Delivery:
        """Return what a feed answered as a delivery; a plain one lacks nothing."""
        return batch if isinstance(batch, Delivery) else cls(batch)


class Feed(Protocol):
    """A source of finished bars. May be called from a worker thread, one call at a time."""

    def bars_until(self, now: datetime) -> BarBatch:
        """Return the bars that ended at or before `now` and were not returned before.

        Raises
        ------
        DataError
            If the source cannot deliver; nothing is lost, the next call returns it.
        """
