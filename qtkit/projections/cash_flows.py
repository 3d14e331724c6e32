"""Where an account's cash came from and went."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from qtkit.model import events as ev
from qtkit.model.events import Entry, Topic
from qtkit.projections.base import Handler, TopicFold

__all__ = ["CashFlows"]

_ZERO = Decimal(0)


class CashFlows(TopicFold):
    """Sums in account currency, each >= 0 but `adjusted`."""

    def __init__(self) -> None:
        self.opening = self.sold = self.bought = _ZERO
        self.commission = self.tax = self.adjusted = _ZERO

    @property
    def fees(self) -> Decimal:
        """Commission and tax."""
        return self.commission + self.tax

    @property
    def closing(self) -> Decimal:
        """What must be there."""
        return self.opening + self.sold - self.bought - self.fees + self.adjusted

    def _started(self, _: Entry, event: ev.SessionStarted) -> None:
        self.opening = event.opening.cash

    def _filled(self, _: Entry, event: ev.OrderFilled) -> None:
        notional = event.value
        self.bought += max(notional, _ZERO)
        self.sold += max(-notional, _ZERO)
        self.commission += event.commission
        self.tax += event.tax

    def _adjusted(self, _: Entry, event: ev.PositionAdjusted) -> None:
        self.adjusted += event.cash

    covers = frozenset({Topic.BOOK})
    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {
        ev.SessionStarted: _started,
        ev.OrderFilled: _filled,
        ev.PositionAdjusted: _adjusted,
    }
    ignores = frozenset({ev.AccountReconciled})
