"""What the simulated broker is built from: its market, and how it treats orders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from qtkit.core.errors import ConfigError
from qtkit.model.bars import Bars, nanos
from qtkit.model.instruments import Instrument

__all__ = ["SimMarket", "SimSettings", "chance"]

_NOW = timedelta(0)
_DRAWS = 1 << 64


def chance(seed: int, order_id: str) -> float:
    """Return a number in ``[0, 1)`` that depends on the seed and the order alone.

    Examples
    --------
    >>> chance(7, "A-000001") == chance(7, "A-000001")
    True
    """
    digest = hashlib.sha256(f"{seed}:{order_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / _DRAWS


@dataclass(frozen=True, slots=True, kw_only=True)
class SimMarket:
    """The market as the simulated broker sees it: its own prices, and the rules of each date.

    Attributes
    ----------
    bars
        Symbol -> its bars; the broker's own price source. It may grow while it is used.
    instruments
        ``(symbol, date) -> Instrument``; raises `ConfigError`, `DataError` or `KeyError` for a
        symbol it does not know.
    close_before
        ``(symbol, date) ->`` last close before the date, account currency per share; None if
        there is none, and then the symbol has no price band on that date.
    settle_date
        ``(trading date, n) ->`` the date `n` trading days later.
    trading_date
        ``time ->`` the trading date it belongs to.
    market_close
        ``trading date ->`` the end of its last bar, None on a closed day. Day orders expire then.
    first_end_from
        ``moment ->`` the end of the date's first bar that begins then or later, both nanoseconds:
        the first that an order meets which the market can see from that moment on.
    revealed
        ``(symbol, end) ->`` when the bar that ended then became known, nanoseconds, `end` or
        later: nobody can tell of an execution before.
    told_late
        How long after the close the day's last bar may still become known, nanoseconds: so long an
        order waits for it before it expires.
    """

    bars: Mapping[str, Bars]
    instruments: Callable[[str, date], Instrument]
    close_before: Callable[[str, date], Decimal | None]
    settle_date: Callable[[date, int], date]
    trading_date: Callable[[datetime], date]
    market_close: Callable[[date], datetime | None]
    first_end_from: Callable[[int], int]
    revealed: Callable[[str, int], int] = lambda _symbol, end: end
    told_late: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimSettings:
    """How the simulated broker treats orders."""

    slippage_bps: Decimal = Decimal(0)  # of a bar's open, against us; market orders only
    participation: Decimal = Decimal("0.10")  # share of a bar's volume that one order may take
    latency: timedelta = _NOW  # from submit until the market can see the order
    latency_jitter: timedelta = _NOW  # up to this much more, drawn from (seed, order id)
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = []
        if not self.slippage_bps.is_finite() or self.slippage_bps < 0:
            wrong.append(f"slippage_bps must be zero or more, was {self.slippage_bps}")
        if not self.participation.is_finite() or not 0 < self.participation <= 1:
            wrong.append(f"participation must be above 0 and at most 1, was {self.participation}")
        if self.latency < _NOW or self.latency_jitter < _NOW:
            wrong.append(
                "latency and latency_jitter must be zero or more, "
                f"were {self.latency} and {self.latency_jitter}"
            )
        if wrong:
            raise ConfigError(f"simulated broker: {'; '.join(wrong)}")

    def visible_from(self, submitted: datetime, order_id: str) -> int:
        """Return when the market can see an order, nanoseconds since 1970 UTC."""
        delay = self.latency
        if self.latency_jitter:
            delay += self.latency_jitter * chance(self.seed, order_id)
        return nanos(submitted + delay)
