"""What the engine needs from any feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from qtkit.model.bars import BarBatch, Bars

__all__ = ["CheckedFeed", "Delivery", "Feed", "LeftOut"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A bar that a source sent and a feed did not deliver.

    Attributes
    ----------
    end
        Of the bar, nanoseconds since 1970 UTC.
    why
        ``contradicts`` another form of the same bar that was delivered, came ``late``, after a
        newer one of its symbol, or is ``unaligned``: no bar ends then.
    delivered, sent
        Closes, account currency per share; NaN where nothing was delivered.
    """

    symbol: str
    end: int
    why: str
    delivered: float
    sent: float


@runtime_checkable
class CheckedFeed(Protocol):
    """A feed that tells what it left out."""

    def left_out(self) -> Sequence[LeftOut]:
        """Return what was left out since the last call, each form of a bar once."""
