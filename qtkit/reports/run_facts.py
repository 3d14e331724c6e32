"""What only a notebook's session can tell a run record: settings, fingerprints, refusals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from qtkit.core.render import Table, html_report, mimebundle, text_report
from qtkit.evidence.session import Session
from qtkit.model.events import Entry, JsonObject, SettingsChanged
from qtkit.projections.gate import Reconciliation
from qtkit.projections.orders import OrderHistory, refused_by
from qtkit.projections.session_view import SessionView
from qtkit.reports.artifacts import read_metadata
from qtkit.reports.session_report import reconciliation_sentence
from qtkit.runtime.settings import SessionSettings

__all__ = ["RecordFacts", "accepted_change", "record_facts"]

_SAMPLE = 10  # of refused and of rejected orders
_PREFIX = "live_"  # of a setting that matters, in a record
_SHORT = 12  # hex digits that people read
_HEADING = "For the record"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFacts:
    """The facts of one session that a run record keeps."""

    settings: JsonObject  # "live_<name>" -> value
    changed: tuple[str, ...]  # names of settings that are not the defaults
    changes: tuple[JsonObject, ...]  # accepted on a return: line, name, before, after, by, why
    data: JsonObject
    code: JsonObject
    rejected_orders: tuple[JsonObject, ...]  # a sample, refusals by risk first
    refused: int  # by a risk rule, all of them
    rejected: int  # by the broker, all of them
    reconciliation: JsonObject

    def as_json(self) -> JsonObject:
        """Return the facts as a run record gathers them."""
        return {
            "format": 1,
            "type": "record_facts",
            "settings": self.settings,
            "changes": list(self.changes),
            "data": self.data,
            "code": self.code,
            "rejected_orders": list(self.rejected_orders),
            "reconciliation": self.reconciliation,
        }

    def __str__(self) -> str:
        return text_report(_HEADING, *self._tables())

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return mimebundle(str(self), html_report(_HEADING, *self._tables()), self.as_json())

    def _tables(self) -> Iterator[Table]:
        """Yield what people read; what changes with every edit of the code is in the JSON alone."""
        changed = ", ".join(self.changed) or "none"
        rows = [
            ("settings", f"{len(self.settings)}, other than default: {changed}"),
            *(
                (f"changed on a return: {change['name']}", f"{change['by']}: {change['why']}")
                for change in self.changes
            ),
            *(
                (f"data {symbol}", str(digest)[:_SHORT])
                for symbol, digest in self.data.get("symbols", {}).items()
            ),
            ("refused by risk", str(self.refused)),
            ("rejected by broker", str(self.rejected)),
            ("reconciliation", str(self.reconciliation["sentence"])),
        ]
        yield Table("", ("what", "found"), tuple(rows))
        if self.rejected_orders:
            columns = ("who", "time", "symbol", "shares", "rule", "reason")
            sample = tuple(tuple(order[name] for name in columns) for order in self.rejected_orders)
            yield Table("Orders that did not leave, a sample", columns, sample, "lllrll")


def record_facts(session: Session, *, day: date | None = None) -> RecordFacts:
    """Return what a record keeps of a session.

    Parameters
    ----------
    day
        Refusals, rejections and reconciliations of this trading date alone.

    Raises
    ------
    DataError
        If the session's journal or metadata cannot be read.
    """
    view, metadata = session.view, read_metadata(session.folder)
    settings, orders = view.settings, view.orders
    refusals = [e for e in orders.refusals if _is_of(e, day)]
    rejections = [e for e in orders.rejections if _is_of(e, day)]
    return RecordFacts(
        settings={f"{_PREFIX}{name}": value for name, value in sorted(settings.items())},
        changed=_changed(settings),
        changes=tuple(accepted_change(entry) for entry in view.terms.changes),
        data=metadata.get("data_fingerprint") or {},
        code=_code(view, metadata.get("code_fingerprint") or {}),
        rejected_orders=(
            *map(_refused, refusals[:_SAMPLE]),
            *(_rejected(e, orders) for e in rejections[:_SAMPLE]),
        ),
        refused=len(refusals),
        rejected=len(rejections),
        reconciliation=_reconciliation(
            [r for r in view.judgements.reconciliations if _is_of(r.entry, day)]
        ),
    )


def _is_of(entry: Entry, day: date | None) -> bool:
    return day is None or entry.event.trading_date == day


def _changed(settings: JsonObject) -> tuple[str, ...]:
    """Return the names of settings that are not the defaults; the strategy's own do not count."""
    defaults = SessionSettings().model_dump(mode="json")
    return tuple(
        sorted(
            name
            for name, default in defaults.items()
            if default is not None and settings.get(name, default) != default
        )
    )


def accepted_change(entry: Entry) -> JsonObject:
    """Return what an operator accepted on a return, as a record keeps it."""
    event: SettingsChanged = entry.event
    return {
        "line": entry.seq,
        "name": event.name,
        "before": event.before,
        "after": event.after,
        "by": event.by,
        "why": event.why,
    }


def _code(view: SessionView, begun: JsonObject) -> JsonObject:
    """Return the code's fingerprints; a strategy that was mended on a return has the newest."""
    mended = any(entry.event.name == "code" for entry in view.terms.changes)
    return {**begun, "strategy": view.terms.code} if mended else begun


def _refused(entry: Entry) -> JsonObject:
    event = entry.event
    rule, reason = refused_by(event)
    return {
        "who": "risk",
        "time": entry.at.isoformat(),
        "symbol": event.symbol,
        "shares": str(event.quantity),
        "rule": rule,
        "reason": reason,
    }


def _rejected(entry: Entry, orders: OrderHistory) -> JsonObject:
    event = entry.event
    order = orders.record(event.order_id)
    return {
        "who": "broker",
        "time": entry.at.isoformat(),
        "symbol": order.symbol,
        "shares": str(order.quantity),
        "rule": event.reason_code,
        "reason": event.reason,
    }


def _reconciliation(found: Sequence[Reconciliation]) -> JsonObject:
    return {
        "is_ok": bool(found) and all(r.is_ok for r in found),
        "count": len(found),
        "sentence": reconciliation_sentence(found),
        "failures": [failure for r in found for failure in r.failures],
    }
