"""What can be traded, and by which rules."""

from __future__ import annotations

from decimal import Decimal

import msgspec

__all__ = ["Instrument", "InstrumentRules"]


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


class InstrumentRules(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """What a judge has to know of an instrument, as the session traded it."""

    symbol: str
    exchange: str  # calendar name, e.g. "XSHG"
    currency: str
    lot: Decimal  # shares; buys are whole lots
    tick: Decimal  # account currency per share
    settle_days: int  # trading days until bought shares can be sold: 1 is T+1
    multiplier: Decimal = Decimal(1)  # shares or units that one of a quantity stands for

    @classmethod
    def of(cls, instrument: Instrument) -> InstrumentRules:
        """Return the rules of an instrument of our own tables."""
        return cls(
            symbol=instrument.symbol,
            exchange=instrument.exchange,
            currency=instrument.currency,
            lot=instrument.lot,
            tick=instrument.tick,
            settle_days=instrument.settle_days,
        )
