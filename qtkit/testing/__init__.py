"""What tests of strategies, checks and engines need: strategies, bars, clocks, journals by hand."""

from qtkit.testing.clocks import SettableClock
from qtkit.testing.days import DAY, SHANGHAI, at, local, planned
from qtkit.testing.events import (
    account_reconciled,
    book,
    event,
    fills_reported,
    last_price,
    open_order,
    order_accepted,
    order_filled,
    order_refused,
    order_requested,
    pending_diagnosed,
    session_started,
    status_changed,
    strategy_decided,
    task_event,
)
from qtkit.testing.journals import HandMadeJournal, entries_of
from qtkit.testing.prices import bars_of, hand_made_bars, hand_made_data
from qtkit.testing.programs import Programmed, ProgramRule, Sight
from qtkit.testing.sessions import hand_made_session, hand_made_spec, intent
from qtkit.testing.strategies import ScriptedStrategy, scripted_spec

__all__ = [
    "DAY",
    "SHANGHAI",
    "HandMadeJournal",
    "ProgramRule",
    "Programmed",
    "ScriptedStrategy",
    "SettableClock",
    "Sight",
    "account_reconciled",
    "at",
    "bars_of",
    "book",
    "entries_of",
    "event",
    "fills_reported",
    "hand_made_bars",
    "hand_made_data",
    "hand_made_session",
    "hand_made_spec",
    "intent",
    "last_price",
    "local",
    "open_order",
    "order_accepted",
    "order_filled",
    "order_refused",
    "order_requested",
    "pending_diagnosed",
    "planned",
    "scripted_spec",
    "session_started",
    "status_changed",
    "strategy_decided",
    "task_event",
]
