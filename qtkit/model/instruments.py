"""What can be traded, and by which rules."""

from __future__ import annotations

from decimal import Decimal

import msgspec

__all__ = ["Instrument"]


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instrument's trading rules, as they stand on one date."""

    symbol: str
    exchange: str  # calendar name, e.g. "XSHG"
    board: str
    currency: str
    lot: Decimal  # shares; buys are whole lots
    tick: Decimal  # account currency per share
    price_limit: Decimal | None  # share of the last close, e.g. 0.10; None: no band
    settle_days: int  # trading days until bought shares can be sold: 1 is T+1
    stamp_duty: Decimal  # share of the notional, on sells
