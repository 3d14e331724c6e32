"""What a feed hands over, looked at before anybody takes it in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from qtkit.core.errors import DataError
from qtkit.core.text import shown
from qtkit.market.feeds.protocol import Delivery
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars
from qtkit.model.series import is_carried

__all__ = ["delivered"]

_PRICES = ("open", "high", "low", "close", "volume")


def delivered(answer: object, length: BarLength | None = None) -> Delivery:
    """Return what a feed's `bars_until` returned, if it is bars by symbol.

    Parameters
    ----------
    length
        How much time each bar must cover; None: whatever it does.

    Raises
    ------
    DataError
        If it is not; everything that is wrong is named, and nothing of it is taken in.
    """
    if not isinstance(answer, Mapping):
        raise DataError(
            f"the feed's bars_until returned {shown(answer)}; expected symbol -> Bars, an empty "
            "dict for no news"
        )
    wrong = [
        mistake for symbol, bars in answer.items() for mistake in _mistakes(symbol, bars, length)
    ]
    if wrong:
        raise DataError(f"the feed's bars_until returned no bars: {'; '.join(wrong[:10])}")
    return answer if isinstance(answer, Delivery) else Delivery(answer)


def _mistakes(symbol: object, bars: object, length: BarLength | None) -> Iterator[str]:
    if not isinstance(symbol, str) or not isinstance(bars, Bars):
        yield f"{shown(symbol)}: {shown(bars)} instead of Bars"
        return
    if length is not None and bars.length is not length and not is_carried(symbol):
        yield f"{symbol} holds bars of {bars.length}, and the session trades on bars of {length}"
    if bars.symbol != symbol:
        yield f"{symbol} holds bars of {shown(bars.symbol)}"
    odd = [name for name in ("end", *_PRICES) if not _is_column(getattr(bars, name), name)]
    if odd:
        yield f"{symbol}: {', '.join(odd)} must be arrays (N,) of float64, end of int64"
    elif len({getattr(bars, name).size for name in ("end", *_PRICES)}) > 1:
        yield f"{symbol}: its columns differ in length"


def _is_column(column: object, name: str) -> bool:
    kind = np.int64 if name == "end" else np.float64
    return isinstance(column, np.ndarray) and column.ndim == 1 and column.dtype == kind
