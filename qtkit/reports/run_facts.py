"""What only a notebook's session can tell a run record: settings, fingerprints, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from qtkit.core.paths import SessionFolder
from qtkit.core.render import Table, html_report, mimebundle, text_report
from qtkit.model.events import JsonObject
from qtkit.projections.session_view import SessionView
from qtkit.reports.artifacts import read_metadata, session_view
from qtkit.reports.session_report import reconciliation_sentence
from qtkit.runtime.settings import SessionSettings

__all__ = ["RecordFacts", "record_facts"]

_SAMPLE = 10  # of refused and of rejected orders
_PREFIX = "live_"  # of a setting that matters, in a record
_SHORT = 12  # hex digits that people read
_HEADING = "For the record"


class HasFolder(Protocol):
    """A session: whatever has a folder."""

    @property
    def folder(self) -> SessionFolder:
        """Where it writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFacts:
    """The facts of one session that a run record keeps."""

    settings: JsonObject  # "live_<name>" -> value
    changed: tuple[str, ...]  # names of settings that are not the defaults
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


def record_facts(session: HasFolder | SessionFolder, *, day: date | None = None) -> RecordFacts:
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
    folder = session if isinstance(session, SessionFolder) else session.folder
    told, metadata = session_view(folder), read_metadata(folder)
    if day is not None:
        told = _of_day(told, day)
    settings = told.opening.settings
    return RecordFacts(
        settings={f"{_PREFIX}{name}": value for name, value in sorted(settings.items())},
        changed=_changed(settings),
        data=metadata.get("data_fingerprint") or {},
        code=metadata.get("code_fingerprint") or {},
        rejected_orders=(*_refused(told), *_rejected(told)),
        refused=len(told.refusals),
        rejected=len(told.rejections),
        reconciliation=_reconciliation(told),
    )


def _of_day(told: SessionView, day: date) -> SessionView:
    """Return a view whose lists for the record are those of one trading date."""
    return replace(
        told,
        refusals=[r for r in told.refusals if r.entry.event.trading_date == day],
        rejections=[r for r in told.rejections if r.entry.event.trading_date == day],
        reconciliations=[r for r in told.reconciliations if r.entry.event.trading_date == day],
    )


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


def _refused(told: SessionView) -> Iterator[JsonObject]:
    for refusal in told.refusals[:_SAMPLE]:
        event = refusal.entry.event
        yield {
            "who": "risk",
            "time": refusal.entry.at.isoformat(),
            "symbol": event.symbol,
            "shares": str(event.quantity),
            "rule": refusal.rule,
            "reason": refusal.reason,
        }


def _rejected(told: SessionView) -> Iterator[JsonObject]:
    for rejection in told.rejections[:_SAMPLE]:
        event = rejection.entry.event
        yield {
            "who": "broker",
            "time": rejection.entry.at.isoformat(),
            "symbol": rejection.symbol,
            "shares": str(rejection.quantity),
            "rule": event.reason_code,
            "reason": event.reason,
        }


def _reconciliation(told: SessionView) -> JsonObject:
    found = told.reconciliations
    return {
        "is_ok": bool(found) and all(r.is_ok for r in found),
        "count": len(found),
        "sentence": reconciliation_sentence(found),
        "failures": [failure for r in found for failure in r.failures],
    }
