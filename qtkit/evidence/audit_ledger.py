"""Cash, positions and orders, worked out from the events once more.

This is the checks' own arithmetic. It shares nothing with the ledger, so that a mistake there is
seen here: a check that asked the ledger about itself would prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from qtkit.core.facts import Finding, finding
from qtkit.evidence.audit_book import AuditBook, OrderAccount
from qtkit.evidence.audit_comparison import Reading, read_against
from qtkit.evidence.journal_lines import JournalLines
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.model.engine import AccountKind
from qtkit.model.events import Entry

__all__ = ["AuditLedger", "OrderAccount"]

_ZERO, _ONE = Decimal(0), Decimal(1)
_MOVES = {
    "accept": {"requested": "accepted", "doubtful": "accepted"},
    "reject": {"requested": "rejected", "doubtful": "rejected", "accepted": "rejected"},
    "doubt": {"requested": "doubtful"},
    "lose": {"requested": "lost", "doubtful": "lost"},
}
_OVERTAKEN = {"part_filled", "filled"}  # the fill came before the acceptance


class AuditLedger(AuditBook):
    """An account, event by event.

    Attributes
    ----------
    opening_cash, opening_positions
        Before the first event of the session, or of the day.
    readings
        How each book that the session wrote down compares with the arithmetic at that line.
    order_findings, fill_findings, reservation_findings, settlement_findings
        What breaks a rule, with its line.
    """

    covers: ClassVar[frozenset[ev.Topic]] = frozenset({ev.Topic.BOOK, ev.Topic.ORDER})
    handlers: ClassVar[Mapping[type[ev.Event], Callable[[AuditLedger, Entry, Any], None]]]
    # none of them moves cash, shares, an order or a reservation
    ignores: ClassVar[frozenset[type[ev.Event]]] = frozenset(
        {
            ev.CancelFailed,
            ev.CancelRequested,
            ev.FillUnmatched,
            ev.FillsReported,
            ev.OrderRefused,
        }
    )

    def __init__(self, day: date | None) -> None:
        self.day = day
        super().__init__()
        self.opening_cash = _ZERO
        self.opening_positions: Mapping[str, Decimal] = {}
        self.kind = AccountKind.CASH
        self.multipliers: dict[str, Decimal] = {}
        self.averages: dict[
            str, Decimal
        ] = {}  # of margin accounts: symbol -> price of what is held
        self.orders: dict[str, OrderAccount] = {}
        self.fills: dict[str, int] = {}  # fill id -> line; 0 for earlier sessions'
        self.repeated = self.adjusted = 0
        self.bought = self.sold = self.fees = _ZERO
        self.readings: list[Reading] = []
        self.order_findings: list[Finding] = []
        self.fill_findings: list[Finding] = []
        self.reservation_findings: list[Finding] = []
        self.settlement_findings: list[Finding] = []

    @classmethod
    def of(cls, journal: JournalLines, *, day: date | None = None) -> AuditLedger:
        """Work through a session's events; with `day`, report on that date only."""
        tally = cls(day)
        begun = day is None
        for entry in journal.merged(*cls.handlers):
            event = entry.event
            on = event.trading_date
            if day is not None and on is not None:
                if on > day:
                    break
                if not begun and on == day:
                    begun = True
                    tally.begin()
            cls.handlers[type(event)](tally, entry, event)
        return tally

    def begin(self) -> None:
        """Forget what was found so far: the day starts from the books as they stand."""
        self.opening_cash, self.opening_positions = self.cash, dict(self.positions)
        self.booked = self.repeated = self.adjusted = 0
        self.bought = self.sold = self.fees = _ZERO
        self.fills = dict.fromkeys(self.fills, 0)
        for found in (
            self.readings, self.order_findings, self.fill_findings,
            self.reservation_findings, self.settlement_findings,
        ):  # fmt: skip
            found.clear()

    def opened(self, book: Book, known_fills: tuple[str, ...]) -> None:
        """Start from a book."""
        self.cash = self.opening_cash = book.cash
        for line in book.positions:
            self.positions[line.symbol] = line.quantity
            if line.quantity:
                self.averages[line.symbol] = abs(line.cost / line.quantity)
            for lot in line.unsettled:
                self.lots[line.symbol][lot.settles] += lot.quantity
        self.opening_positions = dict(self.positions)
        self.fills = dict.fromkeys(known_fills, 0)
        for order in book.open_orders:
            account = OrderAccount(
                order_id=order.order_id,
                symbol=order.symbol,
                quantity=order.quantity,
                reserved=_as_requested(order.reserved_cash, order.quantity, order.filled),
                line=0,
                day=order.trading_date,
                filled=order.filled,
                status=str(order.status),
                broker_order_id=order.broker_order_id,
                time_in_force=order.time_in_force,
                expires=order.expires,
            )
            self.orders[order.order_id] = self.open[order.order_id] = account

    def sellable(self, symbol: str) -> Decimal:
        """Return the settled shares that no open sell claims."""
        return self.positions[symbol] - sum(self.lots[symbol].values()) - self.claimed(symbol)

    def claimed(self, symbol: str) -> Decimal:
        """Return the shares that open sells may still take."""
        return sum(
            (-o.remaining for o in self.open.values() if o.symbol == symbol and o.quantity < 0),
            _ZERO,
        )

    @property
    def reserved(self) -> Decimal:
        """Account currency that open buys have reserved."""
        return sum((o.reserved_now for o in self.open.values()), _ZERO)

    def account(self, order_id: str, line: int, what: str) -> OrderAccount | None:
        """Return an order, or note that something happened to one that does not exist."""
        found = self.orders.get(order_id)
        if found is None:
            self.order_findings.append(finding("never_requested", line, what=what, order=order_id))
            return None
        found.lines.append(line)
        return found

    def closed(self, account: OrderAccount) -> None:
        """Take an ended order off the open ones."""
        if not account.is_open:
            self.open.pop(account.order_id, None)


def _as_requested(reserved: Decimal, quantity: Decimal, filled: Decimal) -> Decimal:
    """Return what an order of the opening book reserved when it was whole."""
    left = quantity - filled
    return reserved * quantity / left if left else reserved


# --- one handler per class of events -------------------------------------------------------------


def _session_started(tally: AuditLedger, _: Entry, event: ev.SessionStarted) -> None:
    tally.kind = event.account_kind
    tally.opened(event.opening, event.known_fills)


def _listed(tally: AuditLedger, _: Entry, event: ev.DayStarted | ev.InstrumentsListed) -> None:
    tally.multipliers |= {rules.symbol: rules.multiplier for rules in event.instruments}


def _day_started(tally: AuditLedger, entry: Entry, event: ev.DayStarted) -> None:
    _listed(tally, entry, event)
    today = event.trading_date
    if today is None:
        return
    for lots in tally.lots.values():
        for settles in [d for d in lots if d <= today]:
            del lots[settles]


def _requested(tally: AuditLedger, entry: Entry, event: ev.OrderRequested) -> None:
    line = entry.seq
    if event.order_id in tally.orders:
        tally.order_findings.append(finding("id_again", line, order=event.order_id))
        return
    _check_reservation(tally, line, event)
    account = OrderAccount(
        order_id=event.order_id,
        symbol=event.symbol,
        quantity=event.quantity,
        reserved=event.reserved_cash,
        line=line,
        day=event.trading_date,
        lines=[line],
        time_in_force=event.time_in_force,
        expires=event.expires,
    )
    tally.orders[event.order_id] = tally.open[event.order_id] = account
    if event.quantity > 0 and (free := tally.cash - tally.reserved) < 0:
        tally.reservation_findings.append(
            finding("more_than_free", line, order=event.order_id, left=free)
        )


def _check_reservation(tally: AuditLedger, line: int, event: ev.OrderRequested) -> None:
    """Note a buy that reserves less than its value, and a sell of more than can be sold."""
    wanted, name, symbol = abs(event.quantity), event.order_id, event.symbol
    if event.quantity < 0:
        held = tally.positions[symbol] - tally.claimed(symbol)
        can = tally.sellable(symbol)
        if tally.kind is not AccountKind.CASH:
            return
        if wanted > held:
            tally.reservation_findings.append(
                finding("sells_more", line, order=name, quantity=wanted, symbol=symbol, held=held)
            )
        elif wanted > can:
            tally.settlement_findings.append(
                finding("unsettled", line, order=name, quantity=wanted, symbol=symbol, settled=can)
            )
        return
    price = event.limit_price or event.stop_price or _quoted(event)
    price *= tally.multipliers.get(symbol, _ONE)
    worth, reserved = wanted * price, event.reserved_cash
    if reserved < worth:
        tally.reservation_findings.append(
            finding("reserves_less", line, order=name, worth=worth, reserved=reserved)
        )


def _quoted(event: ev.OrderRequested) -> Decimal:
    """Return what a share would cost at what the market showed; 0 where nobody looked."""
    return _ZERO if event.quote is None else event.quote.ask or event.quote.last


def _move(move: str) -> Callable[[AuditLedger, Entry, Any], None]:
    def handle(tally: AuditLedger, entry: Entry, event: Any) -> None:  # noqa: ANN401 - four classes
        account = tally.account(event.order_id, entry.seq, move)
        if account is None:
            return
        if move == "accept":
            account.broker_order_id = account.broker_order_id or event.broker_order_id
            if account.status in _OVERTAKEN:
                return
        leads = _MOVES[move].get(account.status)
        if leads is None:
            tally.order_findings.append(_impossible(entry, account, move))
            return
        account.status = leads
        tally.closed(account)

    return handle


def _impossible(entry: Entry, account: OrderAccount, move: str) -> Finding:
    name, status = account.order_id, account.status
    return finding("impossible", entry.seq, order=name, status=status, move=move)


def _filled(tally: AuditLedger, entry: Entry, event: ev.OrderFilled) -> None:
    line, quantity, symbol = entry.seq, event.quantity, event.symbol
    tally.booked += 1
    if event.fill_id in tally.fills:
        before = tally.fills[event.fill_id]
        where = f"line {before}" if before else "an earlier session"
        tally.fill_findings.append(finding("twice", line, fill=event.fill_id, where=where))
    tally.fills[event.fill_id] = line
    costs = event.commission + event.tax
    paid = _paid(tally, event)
    tally.cash -= paid + costs
    tally.fees += costs
    tally.bought += max(paid, _ZERO)
    tally.sold += max(-paid, _ZERO)
    tally.positions[symbol] += quantity
    if quantity > 0 and (event.trading_date is None or event.settles > event.trading_date):
        tally.lots[symbol][event.settles] += quantity
    if quantity < 0 and tally.positions[symbol] < 0 and tally.kind is AccountKind.CASH:
        held = tally.positions[symbol]
        tally.reservation_findings.append(finding("below_zero", line, symbol=symbol, held=held))
    _fill_order(tally, line, event)


def _paid(tally: AuditLedger, event: ev.OrderFilled) -> Decimal:
    """Return what a fill takes from the balance, costs apart; below 0 it brings something in.

    A margin account's balance moves by what a fill realises against the average price alone.
    """
    symbol, quantity = event.symbol, event.quantity
    size = tally.multipliers.get(symbol, _ONE)
    if tally.kind is not AccountKind.MARGIN:
        return quantity * event.price * size
    held, average = tally.positions[symbol], tally.averages.get(symbol, _ZERO)
    closed = min(abs(quantity), abs(held)) if held * quantity < 0 else _ZERO
    if held * quantity >= 0:
        worth = average * abs(held) + event.price * abs(quantity)
        tally.averages[symbol] = worth / (abs(held) + abs(quantity))
    elif abs(quantity) > abs(held):
        tally.averages[symbol] = event.price
    return -closed.copy_sign(held) * (event.price - average) * size


def _fill_order(tally: AuditLedger, line: int, event: ev.OrderFilled) -> None:
    account = tally.account(event.order_id, line, f"fill {event.fill_id}")
    if account is None:
        return
    account.filled += event.quantity
    if wrong := _misfit(account, line, event):
        tally.order_findings.append(wrong)
    _settle_status(account, event)
    tally.closed(account)
    if account.is_open:
        tally.open[account.order_id] = account


def _misfit(account: OrderAccount, line: int, event: ev.OrderFilled) -> Finding | None:
    """Return how a fill does not fit its order; None if it does."""
    name, status = account.order_id, account.status
    if account.symbol != event.symbol:
        return finding(
            "other_symbol", line, order=name, symbol=event.symbol, ordered=account.symbol
        )
    if account.quantity * event.quantity <= 0:
        quantity, ordered = event.quantity, account.quantity
        return finding("other_side", line, order=name, quantity=quantity, ordered=ordered)
    if abs(account.filled) > abs(account.quantity):
        filled, ordered = account.filled, account.quantity
        return finding("overfilled", line, order=name, filled=filled, ordered=ordered)
    if status == "rejected":
        return finding("filled_rejected", line, order=name)
    if status in {"cancelled", "lost"} and not event.late:
        return finding("silent_race", line, order=name, status=status)
    return None


def _settle_status(account: OrderAccount, event: ev.OrderFilled) -> None:
    """Move an order with its fill; one that raced a cancel gives back what was cancelled."""
    if account.filled == account.quantity:
        account.status, account.cancelled = "filled", _ZERO
    elif account.status == "cancelled":
        account.cancelled -= event.quantity
    elif account.status != "rejected":
        account.status = "part_filled"


def _cancelled(tally: AuditLedger, entry: Entry, event: ev.OrderCancelled) -> None:
    account = tally.account(event.order_id, entry.seq, "cancel")
    if account is None:
        return
    if not account.is_open:
        tally.order_findings.append(_impossible(entry, account, "cancel"))
        return
    if event.quantity != account.remaining:
        name, cancelled, left = account.order_id, event.quantity, account.remaining
        tally.order_findings.append(
            finding("cancelled_other", entry.seq, order=name, cancelled=cancelled, left=left)
        )
    account.cancelled, account.status = event.quantity, "cancelled"
    tally.closed(account)


def _adjusted(tally: AuditLedger, _: Entry, event: ev.PositionAdjusted) -> None:
    tally.adjusted += 1
    tally.cash += event.cash
    if event.symbol:
        tally.positions[event.symbol] += event.quantity


def _repeated(tally: AuditLedger, entry: Entry, event: ev.FillRepeated) -> None:
    tally.repeated += event.count
    for fill_id in (event.fill_id, event.last_fill_id):
        if fill_id and fill_id not in tally.fills:
            tally.fill_findings.append(finding("no_repeat", entry.seq, fill=fill_id))


def _read(what: str, book: str) -> Callable[[AuditLedger, Entry, Any], None]:
    def handle(tally: AuditLedger, entry: Entry, event: Any) -> None:  # noqa: ANN401 - three classes
        tally.readings.append(read_against(tally, getattr(event, book), what, entry))

    return handle


AuditLedger.handlers = {
    ev.SessionStarted: _session_started,
    ev.DayStarted: _day_started,
    ev.InstrumentsListed: _listed,
    ev.OrderRequested: _requested,
    ev.OrderAccepted: _move("accept"),
    ev.OrderRejected: _move("reject"),
    ev.OrderDoubted: _move("doubt"),
    ev.OrderLost: _move("lose"),
    ev.OrderFilled: _filled,
    ev.OrderCancelled: _cancelled,
    ev.PositionAdjusted: _adjusted,
    ev.FillRepeated: _repeated,
    ev.AccountReconciled: _read("the reconciled book", "ours"),
    ev.DayClosed: _read("the day's closing book", "book"),
    ev.SessionEnded: _read("the session's closing book", "closing"),
}
