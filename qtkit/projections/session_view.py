"""What a journal adds up to for people, in one streaming pass; every artifact is told from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from qtkit.core.errors import DataError, StrategyError
from qtkit.core.signals import STOP_REASONS
from qtkit.core.verdict import Status, Verdict
from qtkit.ledger.ledger import Ledger
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.model.events import Entry
from qtkit.model.orders import CARRIED_OVER, owner

__all__ = ["Booking", "DayEnd", "Reconciliation", "Refusal", "Rejection", "SessionView"]

_ZERO = Decimal(0)
_STRATEGY_TASKS = {"pre_open", "prepare_strategy", "run_strategy"}  # run the strategy's own code
_ABORTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One change of the book: a fill, or what an operator booked."""

    entry: Entry
    because: str  # why the order was placed
    source: str  # "strategy", or who
    tag: str
    cash: Decimal  # after it, account currency
    position: Decimal  # shares of its symbol after it
    sellable: Decimal  # of them, settled and not promised to an open sell
    realised: Decimal  # result by average cost, fees included, account currency


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnd:
    """The books of a date as they were closed."""

    day: date | None
    at: datetime
    early: bool
    book: Book
    prices: Mapping[str, Decimal]  # last close known of each symbol, account currency per share

    @property
    def equity(self) -> Decimal | None:
        """Cash and positions at the last closes; None where a price is not known."""
        return equity_of(self.book, self.prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An intent that a risk rule stopped."""

    entry: Entry
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An order that the broker refused."""

    entry: Entry
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Our book held against the broker's."""

    entry: Entry
    failures: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        """Whether everything agreed."""
        return not self.failures


@dataclass(slots=True, kw_only=True)
class SessionView:
    """A session's journal, folded; `of` makes one and nothing changes it afterwards.

    Attributes
    ----------
    counts
        Events by kind, as the journal names them.
    prices
        The newest close of each symbol, account currency per share.
    skips
        (task, skip reason) -> how often.
    strategy_errors
        How often the strategy raised outside a task.
    dead_letters
        Tasks that were given up, `TaskFailed` entries.
    open_days, closed_days
        Dates that the session entered, by whether the exchange traded.
    """

    opening: ev.SessionStarted
    first: Entry
    last: Entry
    ledger: Ledger
    counts: Counter[str] = field(default_factory=Counter)
    prices: dict[str, Decimal] = field(default_factory=dict)
    opening_prices: dict[str, Decimal] = field(default_factory=dict)
    bookings: list[Booking] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    reconciliations: list[Reconciliation] = field(default_factory=list)
    days: list[DayEnd] = field(default_factory=list)
    skips: Counter[tuple[str, str]] = field(default_factory=Counter)
    dead_letters: list[Entry] = field(default_factory=list)
    strategy_errors: int = 0
    open_days: list[date] = field(default_factory=list)
    closed_days: list[date] = field(default_factory=list)
    requested: dict[str, ev.OrderRequested] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> SessionView:
        """Fold a journal.

        Raises
        ------
        DataError
            If it does not begin with the start of a session.
        """
        stream = iter(entries)
        first = next(stream, None)
        if first is None or not isinstance(first.event, ev.SessionStarted):
            found = "it is empty" if first is None else f"line 1 is {type(first.event).__name__}"
            raise DataError(
                f"a session's journal begins with SessionStarted, but {found}; "
                "there is nothing to report about"
            )
        opening = first.event
        ledger = Ledger.opened(opening.opening, known_fills=opening.known_fills)
        told = cls(opening=opening, first=first, last=first, ledger=ledger)
        told.counts["session_started"] = 1
        for entry in stream:
            told._take(entry)
        return told

    @property
    def end(self) -> ev.SessionEnded | None:
        """The orderly end; None while it runs and after a crash."""
        event = self.last.event
        return event if isinstance(event, ev.SessionEnded) else None

    @property
    def closing(self) -> Book:
        """The book after the last line."""
        return self.ledger.book()

    @property
    def fills(self) -> list[Booking]:
        """The bookings that are executions."""
        return [b for b in self.bookings if isinstance(b.entry.event, ev.OrderFilled)]

    @property
    def strategy_failed(self) -> bool:
        """Whether the strategy raised until its task was given up, or where none could be."""
        lost = any(e.event.task in _STRATEGY_TASKS for e in self.dead_letters)
        return lost or self.strategy_errors > 0

    @property
    def exit_code(self) -> int:
        """What the shell sees: 130 stopped by a signal, 4 the strategy raised, else 0."""
        if self.end is not None and self.end.reason in STOP_REASONS:
            return _ABORTED
        return StrategyError.exit_code if self.strategy_failed else 0

    def _take(self, entry: Entry) -> None:
        """Take one line into account."""
        event = entry.event
        self.last = entry
        times = event.count if isinstance(event, ev.FillRepeated) else 1
        self.counts[type(event).__struct_config__.tag] += times
        if isinstance(event, ev.OrderFilled | ev.PositionAdjusted):
            self._book(entry)
            return
        self.ledger.apply(event)
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, entry, event)

    def _book(self, entry: Entry) -> None:
        """Let a change move the ledger, and note where it led."""
        event: ev.OrderFilled | ev.PositionAdjusted = entry.event
        ledger, cash, cost = self.ledger, self.ledger.cash, self._cost(event.symbol)
        ledger.apply(event)
        is_fill = isinstance(event, ev.OrderFilled)
        moved = ledger.cash - cash + self._cost(event.symbol) - cost
        because, source, tag = self._origin(event)
        self.bookings.append(
            Booking(
                entry=entry,
                because=because,
                source=source,
                tag=tag,
                cash=ledger.cash,
                position=ledger.position(event.symbol),
                sellable=ledger.sellable(event.symbol),
                realised=moved if is_fill else _ZERO,
            )
        )

    def _cost(self, symbol: str) -> Decimal:
        position = self.ledger.positions.get(symbol)
        return position.cost if position else _ZERO

    def _origin(self, event: ev.OrderFilled | ev.PositionAdjusted) -> tuple[str, str, str]:
        """Return why something was booked, who wanted it, and its tag."""
        if isinstance(event, ev.PositionAdjusted):
            return event.why, event.by, ""
        asked = self.requested.get(event.order_id)
        if asked is not None:
            return asked.because, owner(asked.origin, asked.by), asked.tag
        carried = {o.order_id: o for o in self.opening.opening.open_orders}.get(event.order_id)
        if carried is None:
            return "", "", ""
        return CARRIED_OVER, owner(carried.origin, carried.by), carried.tag


def equity_of(book: Book, prices: Mapping[str, Decimal]) -> Decimal | None:
    """Return cash plus positions at `prices`, account currency; None where a price is missing."""
    if any(line.symbol not in prices for line in book.positions):
        return None
    return book.cash + sum((prices[p.symbol] * p.quantity for p in book.positions), _ZERO)


def _day_started(told: SessionView, _: Entry, event: ev.DayStarted) -> None:
    for symbol, close in event.last_closes.items():
        told.prices.setdefault(symbol, close)
        told.opening_prices.setdefault(symbol, close)
    if event.trading_date is not None:
        (told.open_days if event.open else told.closed_days).append(event.trading_date)


def _prices_seen(told: SessionView, _: Entry, event: ev.PricesSeen) -> None:
    told.prices.update({price.symbol: price.close for price in event.last})


def _requested(told: SessionView, _: Entry, event: ev.OrderRequested) -> None:
    told.requested[event.order_id] = event


def _refused(told: SessionView, entry: Entry, event: ev.OrderRefused) -> None:
    first = event.verdicts[0] if event.verdicts else None
    reason = "; ".join(v.summary for v in event.verdicts)
    told.refusals.append(Refusal(entry=entry, rule=first.rule if first else "", reason=reason))


def _rejected(told: SessionView, entry: Entry, event: ev.OrderRejected) -> None:
    order = told.ledger.order(event.order_id)
    symbol, quantity = (order.symbol, order.quantity) if order else ("", _ZERO)
    told.rejections.append(Rejection(entry=entry, symbol=symbol, quantity=quantity))


def _skipped(told: SessionView, _: Entry, event: ev.TaskSkipped) -> None:
    told.skips[event.task, event.skip_reason] += 1


def _failed(told: SessionView, entry: Entry, event: ev.TaskFailed) -> None:
    if event.dead_letter:
        told.dead_letters.append(entry)


def _raised(told: SessionView, _: Entry, event: ev.InternalErrorRaised) -> None:
    told.strategy_errors += event.error.startswith(StrategyError.__name__)


def _reconciled(told: SessionView, entry: Entry, event: ev.AccountReconciled) -> None:
    failures = tuple(f"{v.rule}: {v.summary}" for v in event.verdicts if _blocks(v))
    told.reconciliations.append(Reconciliation(entry=entry, failures=failures))


def _blocks(verdict: Verdict) -> bool:
    return verdict.status not in {Status.PASS, Status.WARN, Status.SKIP}


def _day_closed(told: SessionView, entry: Entry, event: ev.DayClosed) -> None:
    told.days.append(
        DayEnd(
            day=event.trading_date,
            at=entry.at,
            early=event.early,
            book=event.book,
            prices=dict(told.prices),
        )
    )


_Handler = Callable[[SessionView, Entry, Any], None]
_HANDLERS: dict[type, _Handler] = {
    ev.DayStarted: _day_started,
    ev.PricesSeen: _prices_seen,
    ev.OrderRequested: _requested,
    ev.OrderRefused: _refused,
    ev.OrderRejected: _rejected,
    ev.TaskSkipped: _skipped,
    ev.TaskFailed: _failed,
    ev.InternalErrorRaised: _raised,
    ev.AccountReconciled: _reconciled,
    ev.DayClosed: _day_closed,
}
