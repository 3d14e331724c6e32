"""Faults by script: what a broker may do to its client, each told apart and each repeatable.

A fault is triggered by an order (the number at the end of its id, or the whole id) or by a window
of time, never by chance or by how often somebody calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec

from qtkit.core.errors import ConfigError

__all__ = [
    "NO_FAULTS",
    "CancelRefused",
    "CashOff",
    "ClockOff",
    "Disconnect",
    "Fault",
    "FaultScript",
    "FillAfterCancel",
    "Later",
    "PositionOff",
    "Reject",
    "Reorder",
    "Repeat",
    "Timeout",
    "UnmatchedFill",
]

_NUMBER = re.compile(r"(\d+)$")


class _OfOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that one order triggers."""

    order: int | str  # number at the end of the order's id, or the whole id

    def hits(self, order_id: str) -> bool:
        """Whether this is the order."""
        if isinstance(self.order, str):
            return self.order == order_id
        found = _NUMBER.search(order_id)
        return found is not None and int(found[1]) == self.order


class _InWindow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that lasts from `start` until just before `until`."""

    start: datetime  # UTC-aware
    until: datetime | None = None  # None: for good

    def holds(self, now: datetime) -> bool:
        """Whether a time lies in the window."""
        return self.start <= now and (self.until is None or now < self.until)


class Disconnect(_InWindow, frozen=True, kw_only=True, tag="disconnect"):
    """Every call raises `BrokerUnavailable`; the broker itself goes on."""


class Reject(_OfOrder, frozen=True, kw_only=True, tag="reject"):
    """The order is refused: at once, or after it was accepted."""

    code: str = "counter"
    reason: str = "refused by the counter"
    after: timedelta | None = None  # None: at once


class Timeout(_OfOrder, frozen=True, kw_only=True, tag="timeout"):
    """The first call about the order gets no answer; whether it arrived is the question."""

    arrived: bool
    call: Literal["submit", "cancel"] = "submit"


class Later(_OfOrder, frozen=True, kw_only=True, tag="later"):
    """Submit answers "later"; the acceptance comes as news."""

    after: timedelta


class Repeat(_OfOrder, frozen=True, kw_only=True, tag="repeat"):
    """Each fill of the order is told again: in the same answer, and in the next one."""


class Reorder(_OfOrder, frozen=True, kw_only=True, tag="reorder"):
    """The order's fills are held back and told last one first, before its other news.

    They are held until the order has ended, `hold` at most.
    """

    hold: timedelta = timedelta(minutes=5)


class FillAfterCancel(_OfOrder, frozen=True, kw_only=True, tag="fill_after_cancel"):
    """A cancel is acknowledged and the end is told; then shares execute all the same."""

    quantity: Decimal | None = None  # shares, unsigned; None: all that was left


class CancelRefused(_OfOrder, frozen=True, kw_only=True, tag="cancel_refused"):
    """The broker does not take the cancel."""

    code: str = "too_late"
    reason: str = "too late to cancel"


class CashOff(_InWindow, frozen=True, kw_only=True, tag="cash_off"):
    """The account report shows another cash; the book itself is right."""

    amount: Decimal  # account currency, added to the truth


class PositionOff(_InWindow, frozen=True, kw_only=True, tag="position_off"):
    """The account report shows another position; the book itself is right."""

    symbol: str
    quantity: Decimal  # shares, added to the truth


class ClockOff(_InWindow, frozen=True, kw_only=True, tag="clock_off"):
    """The account report shows another time; the broker itself goes by the right one."""

    seconds: float  # added to the truth


class UnmatchedFill(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="unmatched_fill"
):
    """A fill for an order that never existed, or for one that was rejected."""

    at: datetime  # UTC-aware
    order_id: str
    symbol: str
    quantity: Decimal  # shares, signed
    price: Decimal  # account currency per share
    booked: bool = True  # whether the broker's own account has it


Fault = (
    Disconnect
    | Reject
    | Timeout
    | Later
    | Repeat
    | Reorder
    | FillAfterCancel
    | CancelRefused
    | CashOff
    | PositionOff
    | ClockOff
    | UnmatchedFill
)
_F = TypeVar("_F", bound=_OfOrder)


class FaultScript(msgspec.Struct, frozen=True, kw_only=True):
    """The faults of a simulated broker."""

    faults: tuple[Fault, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.faults)

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, object]]) -> FaultScript:
        """Return the script that plain rows describe.

        Raises
        ------
        ConfigError
            If rows name no known fault or lack a field; all of them at once.

        Examples
        --------
        >>> FaultScript.of([{"type": "repeat", "order": 3}]).faults
        (Repeat(order=3),)
        """
        faults: list[Fault] = []
        wrong: list[str] = []
        for number, row in enumerate(rows, start=1):
            try:
                faults.append(msgspec.convert(dict(row), Fault))
            except msgspec.ValidationError as problem:
                wrong.append(f"fault {number}: {problem}")
        if wrong:
            raise ConfigError(f"fault script: {'; '.join(wrong)}")
        return cls(faults=tuple(faults))

    def on(self, kind: type[_F], order_id: str) -> _F | None:
        """Return the first fault of a kind that an order triggers."""
        for fault in self.faults:
            if isinstance(fault, kind) and fault.hits(order_id):
                return fault
        return None

    def timeout(self, call: str, order_id: str) -> Timeout | None:
        """Return the time-out that a call about an order runs into."""
        for fault in self.faults:
            if isinstance(fault, Timeout) and fault.call == call and fault.hits(order_id):
                return fault
        return None

    def disconnect(self, now: datetime) -> Disconnect | None:
        """Return the disconnection that holds at a time."""
        for fault in self.faults:
            if isinstance(fault, Disconnect) and fault.holds(now):
                return fault
        return None

    def cash_off(self, now: datetime) -> Decimal:
        """Return what the report's cash is off by."""
        return sum(
            (f.amount for f in self.faults if isinstance(f, CashOff) and f.holds(now)),
            start=Decimal(0),
        )

    def positions_off(self, now: datetime) -> dict[str, Decimal]:
        """Return what the report's positions are off by, symbol by symbol."""
        off: dict[str, Decimal] = {}
        for fault in self.faults:
            if isinstance(fault, PositionOff) and fault.holds(now):
                off[fault.symbol] = off.get(fault.symbol, Decimal(0)) + fault.quantity
        return off

    def clock_off(self, now: datetime) -> timedelta:
        """Return how far the broker's clock is from the truth."""
        found = (f.seconds for f in self.faults if isinstance(f, ClockOff) and f.holds(now))
        return timedelta(seconds=sum(found))

    def unmatched(self) -> tuple[UnmatchedFill, ...]:
        """Return the fills without an order, by time."""
        found = (f for f in self.faults if isinstance(f, UnmatchedFill))
        return tuple(sorted(found, key=lambda f: f.at))


NO_FAULTS = FaultScript()
