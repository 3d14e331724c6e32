"""The files an engine leaves beside its journal; every one can be rebuilt from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from qtkit.core.folders import SessionFolder, write_atomic
from qtkit.core.verdict import Status
from qtkit.model.events import AccountReconciled, Entry
from qtkit.trading.engine.state import EngineState

__all__ = ["FolderFiles", "NoFiles", "reconciliation_json"]


class NoFiles:
    """Leaves nothing: for backtests."""

    def write_reconciliation(self, at: datetime, entry: Entry) -> None:
        """Write nothing."""

    def write_break_point(self, state: EngineState, seq: int) -> None:
        """Write nothing."""


class FolderFiles:
    """Writes into a session's folder.

    Parameters
    ----------
    folder
        The session's.
    zone
        The exchange's, for file names that people read.
    """

    def __init__(self, folder: SessionFolder, zone: ZoneInfo) -> None:
        self._folder, self._zone = folder, zone

    def write_reconciliation(self, at: datetime, entry: Entry) -> None:
        """Write one reconciliation as JSON, named by its local time."""
        name = f"{at.astimezone(self._zone):%Y%m%d_%H%M%S}.json"
        text = json.dumps(reconciliation_json(entry), indent=2, sort_keys=True)
        write_atomic(self._folder.reconcile / name, text + "\n")

    def write_break_point(self, state: EngineState, seq: int) -> None:
        """Write strategy state and book, as they stand at line `seq` of the journal."""
        book = state.ledger.book()
        point = {
            "format": 1,
            "session": self._folder.session_id,
            "seq": seq,
            "strategy_state": state.strategy_state,
            "book": msgspec.to_builtins(book),
            "open_orders": [order.order_id for order in book.open_orders],
            "killed": state.killed,
            "next_order": state.next_order,
        }
        text = json.dumps(point, indent=2, sort_keys=True)
        write_atomic(self._folder.break_point, text + "\n")


def reconciliation_json(entry: Entry) -> dict[str, object]:
    """Return a reconciliation as people and programs read it."""
    event: AccountReconciled = entry.event
    ours = {line.symbol: line.quantity for line in event.ours.positions}
    symbols = sorted(ours.keys() | event.broker_positions.keys())
    failures = [v for v in event.verdicts if not v.allows and v.status is not Status.SKIP]
    return {
        "format": 1,
        "seq": entry.seq,
        "at": entry.at.astimezone(UTC).isoformat(),
        "trading_date": str(event.trading_date),
        "is_ok": not failures,
        "failures": [f"{v.rule}: {v.summary}" for v in failures],
        "verdicts": [
            {"rule": v.rule, "status": v.status, "summary": v.summary} for v in event.verdicts
        ],
        "cash": {
            "ours": str(event.ours.cash),
            "broker": str(event.broker_cash),
            "difference": str(event.ours.cash - event.broker_cash),
        },
        "positions": {
            symbol: {
                "ours": str(ours.get(symbol, 0)),
                "broker": str(event.broker_positions.get(symbol, 0)),
            }
            for symbol in symbols
        },
        "open_orders": {
            "ours": [order.order_id for order in event.ours.open_orders],
            "broker": list(event.broker_open_orders),
        },
        "tolerance": "0.01",
    }
