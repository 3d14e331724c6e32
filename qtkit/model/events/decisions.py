"""What a strategy prepared, decided and remembers."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import msgspec

from qtkit.model.events.base import Event, JsonObject, Moment, Topic
from qtkit.model.events.market import LastPrice

__all__ = ["DecisionEvent", "DecisionTaken", "SnapshotTaken", "StrategySaved", "Withheld"]


class DecisionEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.DECISION


class Withheld(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An order that a strategy would have wanted, had not something kept it back."""

    symbol: str
    quantity: Decimal  # shares, signed
    because: str  # why it was wanted
    reason: str  # what kept it back


class DecisionTaken(DecisionEvent, frozen=True, kw_only=True, gc=False):
    """A strategy step was decided."""

    task_id: str
    step: int
    due: Moment
    prices: tuple[LastPrice, ...]  # what the decision saw
    aside: tuple[str, ...]  # symbols without a price of today: they stood aside
    intents: int  # that were to become orders
    withheld: tuple[Withheld, ...] = ()
    state_digest: str  # of the strategy's state: deciding must not change it
    snapshot: str = ""  # digest of the snapshot it was decided from; "" when prepared on the spot
    gate_warned: bool = False  # whether a blocking gate would have kept the step out


class SnapshotTaken(DecisionEvent, frozen=True, kw_only=True, gc=False):
    """A strategy step was prepared ahead."""

    task_id: str  # of the preparation
    step: int
    due: Moment  # of the step it belongs to
    taken_at: Moment  # when the preparation began: its age counts from here
    digest: str  # sha256 of what was prepared, hex


class StrategySaved(DecisionEvent, frozen=True, kw_only=True, gc=False):
    """The strategy's own state after it moved."""

    state: JsonObject
