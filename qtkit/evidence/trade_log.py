"""What the logs of a session's book tell: refusals, booked changes, and what was removed."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from qtkit.core.errors import DataError
from qtkit.core.paths import SessionFolder, log_parts
from qtkit.core.render import csv_text
from qtkit.evidence.sys_log import open_text, values_in

__all__ = ["LoggedRefusal", "logged_bookings", "logged_refusals", "removed_logs"]

_MARK = "<RISK REJECTED>"
_FIELDS = itemgetter("rule_id", "symbol", "side", "quantity", "price", "reason")


class LoggedRefusal(NamedTuple):
    """One line of risk.log."""

    at: datetime  # UTC
    rule_id: str
    symbol: str
    side: str
    quantity: str  # shares
    price: str  # account currency, or "none"


def logged_refusals(folder: SessionFolder) -> list[LoggedRefusal] | None:
    """Return the refusals of risk.log and its rotated parts, in order; None without any file.

    Raises
    ------
    DataError
        If a line is none of a refusal.
    """
    parts = log_parts(folder.risk_log)
    return [_refusal(line) for part in parts for line in _lines(part)] if parts else None


def _lines(path: Path) -> Iterator[str]:
    with open_text(path) as file:
        yield from file


def _refusal(line: str) -> LoggedRefusal:
    when, _, rest = line.partition(" | ")
    try:
        at = datetime.fromisoformat(when).astimezone(UTC)
    except ValueError:
        at = None
    values = _FIELDS(defaultdict(str, values_in(rest)))
    if at is None or _MARK not in rest or not all(values):
        raise DataError(f"risk.log: {line.strip()[:120]!r} is no line of a refusal")
    return LoggedRefusal(at, *values[:-1])


def logged_bookings(folder: SessionFolder) -> list[str] | None:
    """Return the fill ids of trade.log and its parts ("" for what no fill booked); None without."""
    parts = log_parts(folder.trade_log)
    if not parts:
        return None
    found = list[str]()
    for part in parts:
        with open_text(part) as file:
            found += [csv_text(str(row["fill_id"])) for row in csv.DictReader(file)]
    return found


def removed_logs(folder: SessionFolder) -> dict[str, datetime]:
    """Return the logs that an operator had removed, and when: name -> time, UTC.

    Raises
    ------
    DataError
        If the note of it is damaged.
    """
    if not folder.log_removals.exists():
        return {}
    found: dict[str, datetime] = {}
    for number, line in enumerate(_lines(folder.log_removals), 1):
        try:
            note = json.loads(line)
            found[str(note["log"])] = datetime.fromisoformat(note["at"]).astimezone(UTC)
        except (ValueError, KeyError, TypeError) as problem:
            raise DataError(
                f"{folder.log_removals.name} line {number} is damaged ({problem})"
            ) from None
    return found
