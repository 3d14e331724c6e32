"""The files an engine leaves beside its journal; every one can be rebuilt from it."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from qtkit.core.files import open_file
from qtkit.core.paths import SessionFolder, write_atomic
from qtkit.core.verdict import Status
from qtkit.ledger.ledger import Ledger
from qtkit.model.events import AccountReconciled, Entry, JsonObject
from qtkit.projections.engine_state import EngineState
from qtkit.trading.engine.logs.settings import rotation_of
from qtkit.trading.engine.logs.trade_logs import TradeLogs

__all__ = ["FolderFiles", "NoFiles", "break_point_text", "reconciliation_json"]


class NoFiles:
    """Leaves nothing: for backtests."""

    follows = False

    def take(self, entry: Entry, ledger: Ledger) -> None:
        """Write nothing."""

    def take_trace(self, error: BaseException) -> None:
        """Write nothing."""

    def replay(self, entry: Entry, ledger: Ledger) -> None:
        """Learn nothing."""

    def caught_up(self) -> None:
        """There is nothing to mend."""

    def write_reconciliation(self, at: datetime, entry: Entry) -> None:
        """Write nothing."""

    def write_break_point(self, state: EngineState, seq: int) -> None:
        """Write nothing."""

    def write_snapshot(self, name: str, snapshot: JsonObject) -> None:
        """Write nothing."""

    def read_snapshot(self, name: str) -> JsonObject | None:
        """Find nothing."""
        return None

    def trouble_writing(self, megabytes: int) -> str:
        """There is nothing to write, so nothing is wrong."""
        return ""


class FolderFiles:
    """Writes into a session's folder.

    Parameters
    ----------
    folder
        The session's.
    zone
        The exchange's, for file names and times that people read.
    """

    follows = True

    def __init__(self, folder: SessionFolder, zone: ZoneInfo) -> None:
        self._folder, self._zone = folder, zone
        self._logs = TradeLogs(folder, zone, rotation_of(folder))

    def take(self, entry: Entry, ledger: Ledger) -> None:
        """Write what people follow, line by line, into sys.log, trade.log and risk.log."""
        self._logs.take(entry, ledger)

    def take_trace(self, error: BaseException) -> None:
        """Write a traceback into sys.log, behind its last line."""
        self._logs.take_trace(error)

    def replay(self, entry: Entry, ledger: Ledger) -> None:
        """Learn what those logs have to tell of an earlier life."""
        self._logs.replay(entry, ledger)

    def caught_up(self) -> None:
        """Mend those logs where they tell another story than the journal."""
        self._logs.caught_up()

    def write_reconciliation(self, at: datetime, entry: Entry) -> None:
        """Write one reconciliation as JSON, named by its local time; a second one gets a number."""
        name = f"{at.astimezone(self._zone):%Y%m%d_%H%M%S}"
        text = json.dumps(reconciliation_json(entry), indent=2, sort_keys=True) + "\n"
        path, number = self._folder.reconcile / f"{name}.json", 1
        while path.exists() and path.read_text() != text:
            number += 1
            path = path.with_name(f"{name}_{number}.json")
        write_atomic(path, text, within=self._folder.artifacts)

    def write_snapshot(self, name: str, snapshot: JsonObject) -> None:
        """Write what a step was prepared with."""
        text = json.dumps(snapshot, allow_nan=False)
        write_atomic(
            self._folder.snapshots / f"{name}.json", text + "\n", within=self._folder.artifacts
        )

    def read_snapshot(self, name: str) -> JsonObject | None:
        """Return what was written under a name; None when it is not there or damaged."""
        try:
            found = json.loads((self._folder.snapshots / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def trouble_writing(self, megabytes: int) -> str:
        """Return why nothing can be written, or too little; "" when all is well."""
        probe = self._folder.artifacts / ".gate"
        try:
            os.close(open_file(probe, os.O_WRONLY | os.O_CREAT))
            probe.unlink()
            free = shutil.disk_usage(self._folder.artifacts).free // 1_000_000
        except OSError as error:
            return f"{self._folder.artifacts.name}/ cannot be written: {error.strerror}"
        return "" if free >= megabytes else f"{free} MB are free, {megabytes} MB are asked for"

    def write_break_point(self, state: EngineState, seq: int) -> None:
        """Write strategy state and book, as they stand at line `seq` of the journal."""
        text = break_point_text(self._folder, state, seq)
        write_atomic(self._folder.break_point, text, within=self._folder.artifacts)


def break_point_text(folder: SessionFolder, state: EngineState, seq: int) -> str:
    """Return strategy state and book as JSON, as they stand at line `seq` of the journal."""
    book = state.ledger.book()
    point = {
        "format": 1,
        "session": folder.session_id,
        "seq": seq,
        "strategy_state": state.strategy_state,
        "book": msgspec.to_builtins(book),
        "open_orders": [order.order_id for order in book.open_orders],
        "killed": state.killed,
        "next_order": state.next_order,
    }
    return json.dumps(point, indent=2, sort_keys=True) + "\n"


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
        "tolerance": str(event.cash_tolerance),
    }
