"""How much time a bar covers."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.text import closest, shown

__all__ = ["BarLength", "distinct", "infer_bar_length"]

_SECOND = 1_000_000_000  # nanoseconds
_ROW = 10  # so many longer distances in a row are no gaps
_NAMED = 3  # distances that one sentence names
# of two days' ends; they are 23 or 25 hours apart where the clock is set, and half days end earlier
_LEAST_DAY = 16 * 3600 * _SECOND


class BarLength(StrEnum):
    """The length of a table's bars: minutes that fit into an hour, or one trading day.

    Bars begin with their segment: those of an hour end at 10:30, 11:30, … in New York, and the
    last of a segment is shorter where the segment is no multiple. A day's bar covers the whole
    trading date, from its open to its close, breaks too.
    """

    MIN_1 = "1min"
    MIN_5 = "5min"
    MIN_15 = "15min"
    MIN_30 = "30min"
    MIN_60 = "60min"
    DAY = "1day"

    @classmethod
    def named(cls, text: object) -> BarLength:
        """Return the length that a text names.

        Raises
        ------
        ConfigError
            If it names none.

        Examples
        --------
        >>> BarLength.named("5min").minutes
        5
        """
        try:
            return cls(str(text))
        except ValueError:
            near = closest(text, tuple(cls)) if isinstance(text, str) else ""
            hint = f"did you mean {near}?" if near else f"choose one of {', '.join(cls)}"
            raise ConfigError(f"there are no bars of {shown(text)}; {hint}") from None

    @classmethod
    def of_seconds(cls, seconds: int) -> BarLength:
        """Return the length that covers so many seconds.

        Raises
        ------
        DataError
            If none does.
        """
        for length in cls:
            if length.seconds == seconds:
                return length
        raise DataError(f"no bars cover {seconds} s; there are bars of {', '.join(cls)}")

    @property
    def is_day(self) -> bool:
        """Whether a bar covers a whole trading date."""
        return self is BarLength.DAY

    @property
    def minutes(self) -> int:
        """Minutes of the clock; a day has 1440, however long its trading is."""
        return 1440 if self.is_day else int(self.removesuffix("min"))

    @property
    def seconds(self) -> int:
        """Seconds of the clock."""
        return self.minutes * 60

    @property
    def nanos(self) -> int:
        """Nanoseconds of the clock."""
        return self.seconds * _SECOND

    def __str__(self) -> str:
        return self.value


def infer_bar_length(ends: NDArray[np.int64]) -> BarLength:
    """Return the length of bars by how far apart they end: the commonest distance.

    Parameters
    ----------
    ends
        Shape ``(N,)``, nanoseconds since 1970 UTC, in any order; starts do as well.

    Raises
    ------
    DataError
        If the distances are those of no length, or of several that stand beside each other.

    Examples
    --------
    >>> infer_bar_length(np.arange(1, 9, dtype=np.int64) * 300_000_000_000)
    <BarLength.MIN_5: '5min'>
    """
    in_order = distinct(ends)
    apart = in_order[1:] - in_order[:-1]
    if not apart.size:
        raise DataError(
            f"{ends.size} bars do not tell how long they are; name the length: one of "
            f"{', '.join(BarLength)}"
        )
    kinds, counts = np.unique(apart, return_counts=True)
    length = _length_of(int(kinds[np.argmax(counts)]))
    if (
        length is None
        or _stand_beside_shorter_ones(apart, length)
        or _stand_beside_longer_ones(apart, length)
    ):
        shown_kinds = sorted(zip(counts.tolist(), kinds.tolist(), strict=True), reverse=True)
        found = ", ".join(
            f"{gap / 60 / _SECOND:g} min ({count} times)" for count, gap in shown_kinds[:_NAMED]
        )
        raise DataError(
            f"the bars are not of one length: they end {found} apart; a table holds bars of one "
            f"length, one of {', '.join(BarLength)}. Where bars are only missing, say how long "
            "the others are, such as --length 1min"
        )
    return length


def distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return values in order, each once; at once if they are so already.

    Examples
    --------
    >>> distinct(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    in_order = bool((values[1:] > values[:-1]).all())
    return values if in_order else np.unique(values)


def _length_of(apart: int) -> BarLength | None:
    """Return the length of bars that end so many nanoseconds apart; None if there is none."""
    if apart >= _LEAST_DAY:
        return BarLength.DAY
    return next((length for length in BarLength if length.nanos == apart), None)


def _stand_beside_shorter_ones(apart: NDArray[np.int64], length: BarLength) -> bool:
    """Whether shorter distances are more than the last bars of segments, which a break follows."""
    least = _LEAST_DAY if length.is_day else length.nanos
    short = np.flatnonzero(apart < least)
    following = short[short + 1 < apart.size] + 1
    return bool((apart[following] <= least).any()) or (length.is_day and short.size > 0)


def _stand_beside_longer_ones(apart: NDArray[np.int64], length: BarLength) -> bool:
    """Whether some bars in a row are as far apart as those of a longer length are."""
    longer = [one.nanos for one in BarLength if one.nanos > length.nanos and not one.is_day]
    changes = np.flatnonzero(np.diff(apart)) + 1
    runs = np.diff(np.concatenate(([0], changes, [apart.size])))
    lengths = apart[np.concatenate(([0], changes))]
    return bool((np.isin(lengths, longer) & (runs >= _ROW)).any())
