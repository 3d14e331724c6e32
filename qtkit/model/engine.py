"""What an engine says of itself, so that its journal can be judged by its own words."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = [
    "ALL_CAPABILITIES",
    "AccountKind",
    "Capability",
    "EngineDescription",
    "SkipMeaning",
    "StatusMove",
    "StatusRole",
    "TaskRole",
]


class Capability(StrEnum):
    """What an engine's evidence can show."""

    JOURNAL = "journal"
    SCENARIOS = "scenarios"  # it can be made to live through what a check needs
    STATES = "states"
    SCHEDULE = "schedule"  # the day's tasks are planned, and each has an outcome
    GRID = "grid"  # its schedule stands exactly where the settings and the calendar say
    PULSE = "pulse"  # once a minute, how late the loop came to its work
    POLLS = "polls"  # when prices were asked for, and what came
    DECISIONS = "decisions"
    ORDERS = "orders"
    ORDER_NUMBERS = "order_numbers"  # order ids end in numbers without holes
    FILLS = "fills"
    FILL_IDS = "fill_ids"  # the broker's own, the same for the same execution
    TOLD_FILLS = "told_fills"  # what the broker reported, apart from what was booked
    BOOKING_TIMES = "booking_times"  # when a fill was executed, and when it was booked
    BOOKS = "books"
    BROKER_BOOK = "broker_book"  # the broker keeps a second book that ours is held against
    RESERVATIONS = "reservations"  # open orders claim cash and shares
    SETTLEMENT = "settlement"  # bought shares can be sold from a date on
    DIAGNOSIS = "diagnosis"  # open orders are held against the broker's list
    ERRORS = "errors"  # what raised is told
    SYS_LOG = "sys_log"
    FILES = "files"  # status, break point, lock
    STRATEGY_STATE = "strategy_state"
    SNAPSHOTS = "snapshots"
    GATE = "gate"


ALL_CAPABILITIES = frozenset(Capability)


class StatusRole(StrEnum):
    """What a status means for trading."""

    TRADES = "trades"  # inside trading: steps are decided
    WAITS = "waits"  # alive, outside trading
    HELD = "held"  # an operator holds it back
    ENDS = "ends"  # before the start and after the end


class TaskRole(StrEnum):
    """What a task is for."""

    STEP = "step"  # the strategy decides
    PREPARATION = "preparation"  # of a step
    POLL = "poll"  # prices are asked for
    OPEN = "open"  # of a trading segment
    CLOSE = "close"  # of a trading segment
    DAY_BEGINS = "day_begins"
    DAY_ENDS = "day_ends"  # the day's books are closed
    HOUSEKEEPING = "housekeeping"


class AccountKind(StrEnum):
    """How an account pays."""

    CASH = "cash"  # in full, and holds shares
    CASH_SHORT = "cash_short"  # in full, and may owe shares
    MARGIN = "margin"  # its balance moves by what was realised, less costs


class StatusMove(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One row of an engine's status table."""

    before: str
    because: str
    after: str


class SkipMeaning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One reason for which a task does not run, for people."""

    name: str
    meaning: str
    what_to_do: str
    simulated: bool = True  # whether a simulated session can have it


class EngineDescription(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """An engine's own words: what its journal shows, and what its names mean."""

    name: str
    version: str
    capabilities: tuple[Capability, ...]
    statuses: dict[str, StatusRole] = msgspec.field(default_factory=dict)
    moves: tuple[StatusMove, ...] = ()
    # who else than an operator ends a session -> the reasons that each may give
    end_reasons: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    tasks: dict[str, TaskRole] = msgspec.field(default_factory=dict)
    skip_reasons: tuple[SkipMeaning, ...] = ()
    gate_checks: tuple[str, ...] = ()  # rules that the gate looks at, every time
    fill_channels: tuple[str, ...] = ()  # how reports of executions come in

    def role_of(self, task: str) -> TaskRole:
        """Return what a task is for; housekeeping where the engine does not say it."""
        return self.tasks.get(task, TaskRole.HOUSEKEEPING)

    def names(self, role: TaskRole) -> frozenset[str]:
        """Return the tasks that are said to have a role."""
        return frozenset(name for name, known in self.tasks.items() if known is role)

    def explains(self, skip_reason: str) -> bool:
        """Whether a reason stands in the engine's glossary."""
        return any(reason.name == skip_reason for reason in self.skip_reasons)

    def in_role(self, status: str, role: StatusRole) -> bool:
        """Whether a status has a role."""
        return self.statuses.get(status) is role
