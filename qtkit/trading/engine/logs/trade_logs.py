"""`sys.log`, `trade.log`, `risk.log`: a line for each event, each booked change, each refusal.

The lines are written as events are recorded, and can be made again from the journal, byte for byte,
except for tracebacks: they stand in `sys.log` alone.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from loguru import logger

from qtkit.core.paths import SessionFolder, log_parts
from qtkit.core.render import csv_cell
from qtkit.ledger.ledger import Ledger
from qtkit.model.events import (
    Entry,
    OrderFilled,
    OrderRefused,
    OrderRequested,
    PositionAdjusted,
    SessionStarted,
)
from qtkit.model.orders import CARRIED_OVER, owner
from qtkit.trading.engine.logs.rotating_file import RotatingFile, Rotation, rewrite_log
from qtkit.trading.engine.logs.sys_log import format_fields, sys_line, trace_text

__all__ = [
    "LINE_LEVEL",
    "RISK_REJECTED",
    "TRADE_HEAD",
    "TradeLogs",
    "local_time",
    "risk_line",
    "trade_line",
]

LINE_LEVEL = "QTKIT"
RISK_REJECTED = "<RISK REJECTED>"
# below DEBUG: other people's sinks, and a notebook's stderr, stay clean unless they ask for it
logger.level(LINE_LEVEL, no=3)

_COLUMNS = (
    "datetime",
    "reason",
    "order_id",
    "fill_id",
    "symbol",
    "quantity",
    "price",
    "fees",
    "cash_change",
    "cash",
    "position",
    "sellable",
)
TRADE_HEAD = ",".join(_COLUMNS) + "\n"


def trade_line(
    entry: Entry, reason: str, after: tuple[Decimal, Decimal, Decimal], zone: ZoneInfo
) -> str:
    """Return the line of a booked change.

    Parameters
    ----------
    entry
        An `OrderFilled` or a `PositionAdjusted`.
    reason
        Why it was ordered or booked.
    after
        Cash (account currency), position and sellable shares of its symbol once it was booked.
    zone
        The exchange's.
    """
    event: OrderFilled | PositionAdjusted = entry.event
    if isinstance(event, OrderFilled):
        fees = event.commission + event.tax
        paid = -(event.value + fees)
        what: Sequence[object] = (
            event.order_id, event.fill_id, event.symbol, event.quantity, event.price, fees, paid,
        )  # fmt: skip
    else:
        what = ("", "", event.symbol, event.quantity, "", "", event.cash)
    line = io.StringIO()
    row = (local_time(entry.at, zone), reason, *what, *after)
    csv.writer(line, lineterminator="\n").writerow(csv_cell(cell) for cell in row)
    return line.getvalue()


def risk_line(entry: Entry, session_id: str, zone: ZoneInfo) -> str:
    """Return the line of an `OrderRefused`; values are quoted as in sys.log.

    The rule is the first that refused; the reason joins all of theirs.
    """
    event: OrderRefused = entry.event
    fields: dict[str, object] = {
        "rule_id": event.verdicts[0].rule if event.verdicts else "",
        "reason": "; ".join(verdict.summary for verdict in event.verdicts),
        "symbol": event.symbol,
        "side": "buy" if event.quantity > 0 else "sell",
        "quantity": abs(event.quantity),
        "price": "none" if event.price is None else event.price,
        "source": owner(event.origin, event.by),
    }
    at = local_time(entry.at, zone)
    return f"{at} | {session_id} | {RISK_REJECTED} {format_fields(fields)}\n"


def local_time(at: datetime, zone: tzinfo) -> str:
    """Return a time as people of the exchange read it, ISO with its zone."""
    return at.astimezone(zone).isoformat(timespec="microseconds")


class TradeLogs:
    """The logs of a session while it lives.

    Each line of `sys.log`, once it is in the file, is offered to loguru at the level `LINE_LEVEL`,
    bound to its `session_id`: a sink of one's own can take it elsewhere.

    A session that comes back hands over its whole journal again, by `replay`. Power cuts may take
    lines of a log, or of the journal that a log tells of: where they differ, the journal is right.

    Parameters
    ----------
    folder
        The session's.
    zone
        The exchange's.
    rotation
        When the logs are turned over.
    """

    def __init__(self, folder: SessionFolder, zone: ZoneInfo, rotation: Rotation) -> None:
        self._zone, self._session_id = zone, folder.session_id
        self._trades = _Log(folder.trade_log, rotation, TRADE_HEAD)
        self._risks = _Log(folder.risk_log, rotation, "")
        self._all = _Log(folder.sys_log, rotation, "")
        self._offered = logger.bind(session_id=folder.session_id)
        self._reasons: dict[str, str] = {}

    def replay(self, entry: Entry, ledger: Ledger) -> None:
        """Learn what an entry of an earlier life came to."""
        for log, line in self._told(entry, ledger):
            log.told.append(line)

    def caught_up(self) -> None:
        """Hold the logs against what was replayed; one that tells another story is made anew."""
        self._trades.settle()
        self._risks.settle()
        self._all.settle()

    def take_trace(self, error: BaseException) -> None:
        """Write the traceback behind the last line of sys.log."""
        self._all.file.add(trace_text(error))
        self._all.file.close()

    def take(self, entry: Entry, ledger: Ledger) -> None:
        """Write what an entry comes to; `ledger` has taken it into account already."""
        for log, line in self._told(entry, ledger):
            log.file.write(line)
            log.file.close()
            if log is self._all:
                self._offered.log(LINE_LEVEL, "{}", line.rstrip())

    def _told(self, entry: Entry, ledger: Ledger) -> Iterator[tuple[_Log, str]]:
        event = entry.event
        if line := sys_line(entry, self._session_id, self._zone):
            yield self._all, line
        if isinstance(event, OrderRequested):
            self._reasons[event.order_id] = event.because
        elif isinstance(event, OrderFilled | PositionAdjusted):
            symbol = event.symbol
            after = (ledger.cash, ledger.position(symbol), ledger.sellable(symbol))
            yield self._trades, trade_line(entry, self._reason(event), after, self._zone)
        elif isinstance(event, OrderRefused):
            yield self._risks, risk_line(entry, self._session_id, self._zone)
        elif isinstance(event, SessionStarted):
            carried = (order.order_id for order in event.opening.open_orders)
            self._reasons = dict.fromkeys(carried, CARRIED_OVER)

    def _reason(self, event: OrderFilled | PositionAdjusted) -> str:
        if isinstance(event, PositionAdjusted):
            return event.why
        return self._reasons.get(event.order_id, "")


class _Log:
    """One of them, and the lines that its journal is known to come to."""

    def __init__(self, path: Path, rotation: Rotation, head: str) -> None:
        self._path, self._rotation, self._head = path, rotation, head
        self.file = self._opened()
        self.told: list[str] = []

    def _opened(self) -> RotatingFile:
        return RotatingFile(self._path, self._rotation, head=self._head, cut_torn=True)

    def settle(self) -> None:
        there = "".join(
            part.read_bytes().decode().removeprefix(self._head) for part in log_parts(self._path)
        )
        traces = _traces(there)
        if [line for line, _ in traces] != self.told:
            known = defaultdict[str, list[str]](list)
            for line, trace in reversed(traces):
                known[line].append(trace)
            lines = [line + (known[line].pop() if known[line] else "") for line in self.told]
            self.file.close()
            rewrite_log(self._path, lines, self._rotation, self._head)
            self.file = self._opened()
        self.told = []


def _traces(text: str) -> list[tuple[str, str]]:
    """Return each line of a log with the traceback behind it, "" for none."""
    found = list[tuple[str, str]]()
    for line in text.splitlines(keepends=True):
        if line[0].isspace() and found:
            found[-1] = (found[-1][0], found[-1][1] + line)
        else:
            found.append((line, ""))
    return found
