"""Open orders held against the broker's own list of them."""

from __future__ import annotations

from qtkit.core.errors import BrokerTimeout, BrokerUnavailable
from qtkit.model import events as ev
from qtkit.model.orders import OrderStatus
from qtkit.trading.engine.context import EngineContext

__all__ = ["diagnose_pending_orders"]

_AT_THE_BROKER = {OrderStatus.ACCEPTED, OrderStatus.PART_FILLED}


def diagnose_pending_orders(context: EngineContext) -> ev.PendingDiagnosed:
    """Record which open orders only one side knows, and return it."""
    ours = context.state.ledger.orders
    failures, theirs = list[str](), dict[str, str]()
    try:
        open_there = context.broker.account().open_orders
    except (BrokerUnavailable, BrokerTimeout) as problem:
        failures.append(f"remote_pending_read_error: {problem}")
    else:
        theirs = {order.broker_order_id: order.order_id for order in open_there}
    known = {o.broker_order_id: o.order_id for o in ours.values() if o.broker_order_id}
    nameless = sorted(
        o.order_id for o in ours.values() if o.status in _AT_THE_BROKER and not o.broker_order_id
    )
    missing = sorted(known.keys() - theirs.keys()) if not failures else []
    unknown = sorted(b for b, order_id in theirs.items() if b not in known and order_id not in ours)
    event = ev.PendingDiagnosed(
        local_pending_count=len(ours),
        remote_pending_count=len(theirs),
        local_pending_without_broker_order_id=tuple(nameless),
        local_pending_missing_remote=tuple(missing),
        remote_pending_not_in_local=tuple(unknown),
        failures=tuple(failures),
        is_ok=not (nameless or missing or unknown or failures),
    )
    context.record(event)
    return event
