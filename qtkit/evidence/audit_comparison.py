"""A recorded book, held against the arithmetic at the same line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from qtkit.core.facts import Finding, finding
from qtkit.evidence.audit_book import AuditBook, OrderAccount
from qtkit.model.books import Book, UnsettledLot
from qtkit.model.events import Entry

__all__ = ["Reading", "read_against"]

_CENT = Decimal("0.01")
_HALF_CENT = Decimal("0.005")  # less than this is no difference "to the cent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How one recorded book compares."""

    line: int
    what: str
    day: date | None
    booked: int  # fills up to here
    cash: tuple[Decimal, Decimal]  # (recorded, worked out), account currency
    positions: Mapping[str, tuple[Decimal, Decimal]]  # those that differ, shares
    orders: tuple[Finding, ...]  # what differs about open orders
    reservations: tuple[Finding, ...]  # what differs about what they reserve
    lots: tuple[Finding, ...]  # what differs about unsettled shares

    @property
    def cash_agrees(self) -> bool:
        """Whether the cash agrees to the cent."""
        return abs(self.cash[0] - self.cash[1]) < _HALF_CENT

    @property
    def agrees(self) -> tuple[bool, bool, bool]:
        """Whether cash, positions and orders agree."""
        return self.cash_agrees, not self.positions, not self.orders


def read_against(tally: AuditBook, book: Book, what: str, entry: Entry) -> Reading:
    """Compare a recorded book with the arithmetic so far."""
    read = _Book(book, what, entry.seq)
    recorded = {line.symbol: line.quantity for line in book.positions if line.quantity}
    ours = {symbol: shares for symbol, shares in tally.positions.items() if shares}
    return Reading(
        line=entry.seq,
        what=what,
        day=entry.event.trading_date,
        booked=tally.booked,
        cash=(book.cash, tally.cash),
        positions={
            symbol: (recorded.get(symbol, Decimal(0)), ours.get(symbol, Decimal(0)))
            for symbol in sorted(recorded.keys() | ours.keys())
            if recorded.get(symbol) != ours.get(symbol)
        },
        orders=tuple(_order_differences(tally.open, read)),
        reservations=tuple(_reservation_differences(tally.open, read)),
        lots=tuple(_lot_differences(tally, read)),
    )


class _Book:
    """A recorded book, with how a finding about it begins."""

    def __init__(self, book: Book, what: str, line: int) -> None:
        self.book, self._what, self._line = book, what, line

    def finding(self, kind: str, **facts: object) -> Finding:
        """Return a finding about the book."""
        return finding(kind, self._line, book=self._what, **facts)


def _order_differences(ours: Mapping[str, OrderAccount], read: _Book) -> Iterator[Finding]:
    listed = {order.order_id: order for order in read.book.open_orders}
    for order_id in sorted(listed.keys() - ours.keys()):
        yield read.finding("listed_ended", order=order_id)
    for order_id in sorted(ours.keys() - listed.keys()):
        yield read.finding("not_listed", order=order_id, status=ours[order_id].status)
    for order_id in sorted(ours.keys() & listed.keys()):
        mine, theirs = ours[order_id], listed[order_id]
        if (mine.filled, mine.quantity) != (theirs.filled, theirs.quantity):
            yield read.finding(
                "listed_shares", order=order_id, filled=theirs.filled, of=theirs.quantity,
                our_filled=mine.filled, our_of=mine.quantity,
            )  # fmt: skip
        elif mine.status != theirs.status:
            status, ours_status = theirs.status, mine.status
            yield read.finding("listed_status", order=order_id, status=status, ours=ours_status)


def _reservation_differences(ours: Mapping[str, OrderAccount], read: _Book) -> Iterator[Finding]:
    for order in read.book.open_orders:
        name, reserved = order.order_id, order.reserved_cash
        if reserved < 0:
            yield read.finding("reserves_negative", order=name, reserved=reserved)
        elif (mine := ours.get(name)) is not None:
            due, rounded = mine.reserved_now, _CENT * (1 + len(mine.lines))
            if abs(reserved - due) > rounded:
                yield read.finding("reserves_other", order=name, reserved=reserved, expected=due)


def _lot_differences(tally: AuditBook, read: _Book) -> Iterator[Finding]:
    recorded = {
        line.symbol: {(lot.settles, lot.quantity) for lot in _joined(line.unsettled)}
        for line in read.book.positions
        if line.unsettled
    }
    ours = {
        symbol: {(settles, shares) for settles, shares in lots.items() if shares}
        for symbol, lots in tally.lots.items()
        if any(lots.values())
    }
    for symbol in sorted(recorded.keys() | ours.keys()):
        one, two = recorded.get(symbol, set()), ours.get(symbol, set())
        if one != two:
            yield read.finding("lots", symbol=symbol, recorded=_shown(one), expected=_shown(two))


def _joined(lots: tuple[UnsettledLot, ...]) -> Iterator[UnsettledLot]:
    """Yield lots of one settlement date as one."""
    totals: dict[date, Decimal] = {}
    for lot in lots:
        totals[lot.settles] = totals.get(lot.settles, Decimal(0)) + lot.quantity
    for settles, quantity in totals.items():
        yield UnsettledLot(quantity=quantity, settles=settles)


def _shown(lots: set[tuple[date, Decimal]]) -> str:
    return ", ".join(f"{shares} until {settles}" for settles, shares in sorted(lots)) or "none"
