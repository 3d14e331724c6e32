"""`trade.log` and `risk.log`: one line for each booked change, and one for each refusal.

The lines are written as things happen, and can be made again from the journal, byte for byte.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from qtkit.core.folders import SessionFolder, log_parts
from qtkit.model.events import (
    Entry,
    OrderFilled,
    OrderRefused,
    OrderRequested,
    PositionAdjusted,
    SessionStarted,
)
from qtkit.trading.engine.rotation import RotatingFile, Rotation
from qtkit.trading.engine.syslog import format_fields
from qtkit.trading.ledger.ledger import Ledger

__all__ = [
    "CARRIED_OVER",
    "RISK_REJECTED",
    "TRADE_HEAD",
    "BookLogs",
    "local_time",
    "risk_line",
    "trade_line",
]

CARRIED_OVER = "ordered in an earlier session"
RISK_REJECTED = "<RISK REJECTED>"

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
        paid = -(event.quantity * event.price + fees)
        what: Sequence[object] = (
            event.order_id, event.fill_id, event.symbol, event.quantity, event.price, fees, paid,
        )  # fmt: skip
    else:
        what = ("", "", event.symbol, event.quantity, "", "", event.cash)
    line = io.StringIO()
    row = (local_time(entry.at, zone), " ".join(reason.split()), *what, *after)
    csv.writer(line, lineterminator="\n").writerow(row)
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
        "source": event.source,
    }
    at = local_time(entry.at, zone)
    return f"{at} | {session_id} | {RISK_REJECTED} {format_fields(fields)}\n"


def local_time(at: datetime, zone: tzinfo) -> str:
    """Return a time as people of the exchange read it, ISO with its zone."""
    return at.astimezone(zone).isoformat(timespec="microseconds")


class BookLogs:
    """Both logs of a session while it lives.

    A session that comes back hands over its whole journal again: lines that are there already are
    not written twice, those that a power cut lost are written late.

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
        self._trades = RotatingFile(folder.trade_log, rotation, head=TRADE_HEAD, cut_torn=True)
        self._risks = RotatingFile(folder.risk_log, rotation, cut_torn=True)
        self._written = Counter(
            line
            for log in (folder.trade_log, folder.risk_log)
            for part in log_parts(log)
            for line in io.StringIO(part.read_bytes().decode(), newline="\n")
        )
        self._reasons: dict[str, str] = {}

    def take(self, entry: Entry, ledger: Ledger) -> None:
        """Write what an entry comes to; `ledger` has taken it into account already."""
        event = entry.event
        if isinstance(event, OrderRequested):
            self._reasons[event.order_id] = event.because
        elif isinstance(event, OrderFilled | PositionAdjusted):
            symbol = event.symbol
            after = (ledger.cash, ledger.position(symbol), ledger.sellable(symbol))
            line = trade_line(entry, self._reason(event), after, self._zone)
            self._write(self._trades, line)
        elif isinstance(event, OrderRefused):
            self._write(self._risks, risk_line(entry, self._session_id, self._zone))
        elif isinstance(event, SessionStarted):
            carried = (order.order_id for order in event.opening.open_orders)
            self._reasons = dict.fromkeys(carried, CARRIED_OVER)

    def _reason(self, event: OrderFilled | PositionAdjusted) -> str:
        if isinstance(event, PositionAdjusted):
            return event.why
        return self._reasons.get(event.order_id, "")

    def _write(self, log: RotatingFile, line: str) -> None:
        if self._written[line]:
            self._written[line] -= 1
            return
        log.write(line)
        log.close()
