"""Everything that can happen, one frozen class per fact, named in the past tense.

Times are UTC-aware, money and quantities are `Decimal`, `quantity` is signed (+ buys, - sells).
Every event carries the `trading_date` of the exchange it belongs to. A module is a topic, and its
first class names it.
"""

from __future__ import annotations

from qtkit.model.events.base import FORMAT, Entry, Event, JsonObject, Moment, Topic, kind_of
from qtkit.model.events.book import AccountReconciled, PositionAdjusted
from qtkit.model.events.broker import BrokerConnected, BrokerDisconnected, PendingDiagnosed
from qtkit.model.events.decisions import DecisionTaken, SnapshotTaken, StrategySaved, Withheld
from qtkit.model.events.gate import GateJudged
from qtkit.model.events.health import ClockStepped, LoopPulsed
from qtkit.model.events.market import (
    BarLeftOut,
    BarsLeftOut,
    BarsRefused,
    FeedFailed,
    InstrumentsListed,
    LastPrice,
    PricesSeen,
    TablesRefilled,
)
from qtkit.model.events.operator import CommandReceived, CommandRefused, KillSwitchSet
from qtkit.model.events.orders import (
    CancelFailed,
    CancelRequested,
    FillRepeated,
    FillReport,
    FillsReported,
    FillUnmatched,
    OrderAccepted,
    OrderCancelled,
    OrderDoubted,
    OrderFilled,
    OrderLost,
    OrderRefused,
    OrderRejected,
    OrderRequested,
)
from qtkit.model.events.session import (
    Digests,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    SettingsChanged,
    StopRequested,
)
from qtkit.model.events.status import StatusChanged
from qtkit.model.events.tasks import (
    DayClosed,
    DayStarted,
    PlannedTask,
    ScheduleBuilt,
    TaskCancelled,
    TaskFailed,
    TaskFinished,
    TaskQueued,
    TaskSkipped,
    TaskStarted,
)
from qtkit.model.events.trouble import InternalErrorRaised, TroubleMet

__all__ = [
    "ALL_EVENTS",
    "BY_KIND",
    "FORMAT",
    "AccountReconciled",
    "BarLeftOut",
    "BarsLeftOut",
    "BarsRefused",
    "BrokerConnected",
    "BrokerDisconnected",
    "CancelFailed",
    "CancelRequested",
    "ClockStepped",
    "CommandReceived",
    "CommandRefused",
    "DayClosed",
    "DayStarted",
    "DecisionTaken",
    "Digests",
    "Entry",
    "Event",
    "FeedFailed",
    "FillRepeated",
    "FillReport",
    "FillUnmatched",
    "FillsReported",
    "GateJudged",
    "InstrumentsListed",
    "InternalErrorRaised",
    "JsonObject",
    "KillSwitchSet",
    "LastPrice",
    "LoopPulsed",
    "Moment",
    "OrderAccepted",
    "OrderCancelled",
    "OrderDoubted",
    "OrderFilled",
    "OrderLost",
    "OrderRefused",
    "OrderRejected",
    "OrderRequested",
    "PendingDiagnosed",
    "PlannedTask",
    "PositionAdjusted",
    "PricesSeen",
    "ScheduleBuilt",
    "SessionEnded",
    "SessionResumed",
    "SessionStarted",
    "SettingsChanged",
    "SnapshotTaken",
    "StatusChanged",
    "StopRequested",
    "StrategySaved",
    "TablesRefilled",
    "TaskCancelled",
    "TaskFailed",
    "TaskFinished",
    "TaskQueued",
    "TaskSkipped",
    "TaskStarted",
    "Topic",
    "TroubleMet",
    "Withheld",
]

ALL_EVENTS: tuple[type[Event], ...] = tuple(
    leaf for topic in Event.__subclasses__() for leaf in topic.__subclasses__()
)
BY_KIND: dict[str, type[Event]] = {kind_of(c.__name__): c for c in ALL_EVENTS}
