"""What the market showed of one symbol at one moment."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from qtkit.model.moments import Moment

__all__ = ["Quote"]

_NONE = Decimal(0)


class Quote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The newest price of a symbol, and the best bid and ask where the feed has them."""

    symbol: str
    at: Moment  # when it was seen last: the end of the newest finished bar
    last: Decimal  # account currency per share
    bid: Decimal | None = None
    ask: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse a bid without an ask, one that is not above 0, and one above its ask."""
        bid, ask = self.bid, self.ask
        if bid is None and ask is None:
            return
        if bid is None or ask is None or not _NONE < bid <= ask:
            raise ValueError(
                f"{self.symbol}: a quote needs 0 < bid <= ask, was bid {bid} and ask {ask}"
            )
