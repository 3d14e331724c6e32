"""Events by hand: each function takes what a test is about, and fills in an uneventful rest.

Any field can be given by its name; numbers of money and shares may be text or whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from qtkit.core.verdict import ok
from qtkit.model import events as ev
from qtkit.model.books import Book, OpenOrder, PositionLine, UnsettledLot
from qtkit.model.events import PlannedTask
from qtkit.model.instruments import InstrumentRules
from qtkit.testing.days import DAY, at
from qtkit.trading.engine.description import engine_description

__all__ = [
    "account_reconciled",
    "book",
    "event",
    "fills_reported",
    "last_price",
    "open_order",
    "order_accepted",
    "order_filled",
    "order_refused",
    "order_requested",
    "pending_diagnosed",
    "session_started",
    "status_changed",
    "strategy_decided",
    "task_event",
]

E = TypeVar("E", bound=msgspec.Struct)
Number = Decimal | int | str
NEXT_DAY = DAY + timedelta(days=1)

_SHARES = tuple(
    InstrumentRules(
        symbol=symbol,
        exchange=exchange,
        currency="CNY",
        lot=Decimal(100),
        tick=Decimal("0.01"),
        settle_days=1,
    )
    for symbol, exchange in (("600036.SH", "XSHG"), ("000651.SZ", "XSHE"))
)
_DEFAULTS: Mapping[type[msgspec.Struct], Mapping[str, object]] = {
    ev.SessionStarted: {
        "format": ev.FORMAT,
        "engine": engine_description(),
        "mode": "paper",
        "account": "demo",
        "strategy": "by_hand",
        "symbols": ("600036.SH",),
        "exchange": "XSHG",
        "settings": {},
        "seed": 7,
        "bar_seconds": 60,
        "account_kind": "cash",
        "opening": Book(cash=Decimal(1_000_000), currency="CNY"),
        "killed": False,
        "next_order": 1,
        "strategy_state": {},
        "known_fills": (),
        "predecessor": "",
    },
    ev.DayStarted: {"open": True, "instruments": _SHARES},
    ev.ScheduleBuilt: {"digest": "a" * 64},
    ev.DecisionTaken: {"aside": (), "intents": 0, "state_digest": "0" * 64},
    ev.OrderRequested: {
        "symbol": "600036.SH",
        "order_type": "market",
        "limit_price": None,
        "reserved_cash": 0,
        "because": "by hand",
        "origin": "strategy",
        "tag": "by hand",
        "quote": None,
        "venue": "XSHG",
    },
    ev.OrderRefused: {"symbol": "600036.SH", "price": None, "because": "", "origin": "strategy"},
    ev.OrderAccepted: {"broker_name": "sim", "accepted_at": at("10:30")},
    ev.OrderFilled: {
        "symbol": "600036.SH",
        "commission": 0,
        "tax": 0,
        "executed_at": at("10:30"),
        "settles": NEXT_DAY,
        "venue": "XSHG",
        "channel": "poll_fills",
    },
    ev.PricesSeen: {"poll": 1},
    ev.TaskStarted: {"attempt": 1},
    ev.TaskSkipped: {"detail": "by hand"},
    ev.TaskFailed: {"attempt": 1, "error": "ValueError: no", "dead_letter": True},
    ev.TaskCancelled: {"by": "stop"},
    ev.PendingDiagnosed: {
        "local_pending_count": 0,
        "remote_pending_count": 0,
        "local_pending_without_broker_order_id": (),
        "local_pending_missing_remote": (),
        "remote_pending_not_in_local": (),
        "failures": (),
        "is_ok": True,
    },
    ev.BrokerConnected: {"broker_name": "sim"},
    OpenOrder: {
        "symbol": "600036.SH",
        "filled": 0,
        "status": "accepted",
        "order_type": "market",
        "limit_price": None,
        "reserved_cash": 0,
        "trading_date": DAY,
    },
}


def event(kind: type[E], **fields: object) -> E:
    """Return an event of a class: the fields that are given, and defaults where it has any.

    Examples
    --------
    >>> event(ev.DayStarted, trading_date=DAY).open
    True
    """
    values: dict[str, Any] = {**_DEFAULTS.get(kind, {}), **fields}
    return msgspec.convert(values, kind, strict=False)


def session_started(**fields: object) -> ev.SessionStarted:
    """Return the first line of a session: paper, one share of Shanghai, a million in cash."""
    return event(ev.SessionStarted, **fields)


def status_changed(before: str, after: str, because: str) -> ev.StatusChanged:
    """Return the engine's step from one status to another."""
    return ev.StatusChanged(before=before, after=after, because=because)


def last_price(symbol: str, close: Number, end: datetime) -> ev.LastPrice:
    """Return the newest finished bar of a symbol."""
    return event(ev.LastPrice, symbol=symbol, close=close, end=end)


def task_event(kind: type[E], row: PlannedTask, **fields: object) -> E:
    """Return what happened to a row of the schedule: queued, started, finished, skipped, failed.

    Examples
    --------
    >>> from qtkit.testing.days import planned
    >>> row = planned("run_strategy", "09:35", 0)
    >>> task_event(ev.TaskSkipped, row, skip_reason="paused").task
    'run_strategy'
    """
    known: dict[str, object] = {"started": row.due, **msgspec.structs.asdict(row)}
    known = {name: known[name] for name in kind.__struct_fields__ if name in known}
    return event(kind, **{**known, **fields})


def strategy_decided(
    row: PlannedTask, prices: Iterable[ev.LastPrice] = (), **fields: object
) -> ev.DecisionTaken:
    """Return the decision of a strategy step that saw these prices."""
    return task_event(ev.DecisionTaken, row, **{"prices": tuple(prices), **fields})


def order_requested(order_id: str, quantity: Number, **fields: object) -> ev.OrderRequested:
    """Return an order on its way to the broker; a limit price makes it a limit order.

    Examples
    --------
    >>> order_requested("q1", -200, limit_price="10.05").order_type.value
    'limit'
    """
    if fields.get("limit_price") is not None:
        fields = {"order_type": "limit", **fields}
    return event(ev.OrderRequested, **{"order_id": order_id, "quantity": quantity, **fields})


def order_refused(quantity: Number, *verdicts: object, **fields: object) -> ev.OrderRefused:
    """Return an intent that these verdicts of risk rules stopped."""
    return event(ev.OrderRefused, **{"quantity": quantity, "verdicts": verdicts, **fields})


def order_accepted(order_id: str, **fields: object) -> ev.OrderAccepted:
    """Return the broker's acceptance; its own order id is ours with ``b-`` before it."""
    known = {"order_id": order_id, "broker_order_id": f"b-{order_id}"}
    return event(ev.OrderAccepted, **{**known, **fields})


def order_filled(
    order_id: str, quantity: Number, price: Number, *, number: int = 1, **fields: object
) -> ev.OrderFilled:
    """Return an execution.

    Parameters
    ----------
    order_id
        Our order.
    quantity
        Shares, signed: + buys, - sells.
    price
        Account currency per share.
    number
        Of the fill among those of its order; the fill id is made of both.
    fields
        Any field of the event by its name.

    Examples
    --------
    >>> fill = order_filled("q1", 500, "10.00", commission="5.00")
    >>> fill.fill_id, fill.quantity * fill.price + fill.commission
    ('f-q1-1', Decimal('5005.00'))
    """
    known: dict[str, object] = {
        "order_id": order_id,
        "broker_order_id": f"b-{order_id}",
        "fill_id": f"f-{order_id}-{number}",
        "quantity": quantity,
        "price": price,
    }
    return event(ev.OrderFilled, **{**known, **fields})


def book(
    cash: Number,
    shares: Mapping[str, Number] | None = None,
    *orders: OpenOrder,
    settles: date | None = None,
) -> Book:
    """Return a book.

    Parameters
    ----------
    cash
        Account currency.
    shares
        Symbol -> shares held.
    orders
        Orders that are open in it.
    settles
        Trading date from which the shares can be sold; None when they can be already.
    """
    lines = []
    for symbol, quantity in (shares or {}).items():
        held = Decimal(quantity)
        lots = (UnsettledLot(quantity=held, settles=settles),) if settles else ()
        lines.append(PositionLine(symbol=symbol, quantity=held, unsettled=lots))
    return Book(cash=Decimal(cash), positions=tuple(lines), open_orders=orders, currency="CNY")


def open_order(order_id: str, quantity: Number, **fields: object) -> OpenOrder:
    """Return an order as a book carries it; once it is partly filled its status says so."""
    if fields.get("filled"):
        fields = {"status": "part_filled", **fields}
    known = {"order_id": order_id, "quantity": quantity, "broker_order_id": f"b-{order_id}"}
    return event(OpenOrder, **{**known, **fields})


def account_reconciled(ours: Book, **fields: object) -> ev.AccountReconciled:
    """Return a reconciliation in which the broker's book is ours, but for the fields given."""
    agreed = {
        "verdicts": (ok("cash agrees").named("reconcile.cash"),),
        "ours": ours,
        "broker_cash": ours.cash,
        "broker_positions": {line.symbol: line.quantity for line in ours.positions},
        "broker_open_orders": tuple(order.order_id for order in ours.open_orders),
    }
    return event(ev.AccountReconciled, **{**agreed, **fields})


def pending_diagnosed(count: int = 0, **fields: object) -> ev.PendingDiagnosed:
    """Return a clean diagnosis of so many open orders, but for the fields given."""
    counts = {"local_pending_count": count, "remote_pending_count": count}
    return event(ev.PendingDiagnosed, **{**counts, **fields})


def fills_reported(*fills: ev.OrderFilled) -> ev.FillsReported:
    """Return what the broker told before these were booked."""
    names = ev.FillReport.__struct_fields__
    reports = tuple(ev.FillReport(**{n: getattr(fill, n) for n in names}) for fill in fills)
    return ev.FillsReported(channel="poll_fills", fills=reports)
