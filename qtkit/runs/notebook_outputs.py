"""What an executed notebook showed: stage reports, sessions and facts, read from its outputs.

Reports travel through a notebook as JSON beside their text and HTML. Four types are gathered, each
with their ``format``; other types are for people only.

* ``stage_report``: ``stage``, ``title``, ``source``, ``conclusion``, ``verdicts``, ``journals``
* ``stage_reports``: ``reports``, each a ``stage_report``; one that was shown alone counts once
* ``session``: ``session_id``, ``folder``, ``journal_digest``, and whatever else tells it apart
* ``record_facts``: any of ``settings``, ``changes``, ``data``, ``code``, ``gate``,
  ``rejected_orders``, ``reconciliation``, ``action_summaries``, ``ticks``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from qtkit.core.render import REPORT_MIME
from qtkit.reports.records import (
    JudgedJournal,
    RecordedVerdict,
    StageRecord,
    what_is_wrong,
)
from qtkit.runs.record import SessionFacts

__all__ = ["Gathered", "RecordFacts", "gather"]

_HEADLESS = "headless"


class RecordFacts(BaseModel):
    """The fields of a record that only the notebook can know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    type: Literal["record_facts"]
    settings: dict[str, JsonValue] = {}
    changes: tuple[dict[str, JsonValue], ...] = ()
    data: dict[str, JsonValue] = {}
    code: dict[str, JsonValue] = {}
    gate: dict[str, JsonValue] | None = None
    rejected_orders: tuple[dict[str, JsonValue], ...] = ()
    reconciliation: dict[str, JsonValue] | None = None
    action_summaries: dict[str, str] = {}
    ticks: dict[str, str] = {}


class _StagePayload(BaseModel):
    """A stage report as it travels; later fields do not disturb."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[2]
    stage: str
    title: str
    source: str = ""
    conclusion: str
    verdicts: tuple[dict[str, JsonValue], ...]
    day: date | None = None
    journals: tuple[JudgedJournal, ...] = ()


class _StagesPayload(BaseModel):
    """Several stage reports on one page."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[2]
    reports: tuple[dict[str, JsonValue], ...]


class _SessionPayload(BaseModel):
    """A session as it travels."""

    model_config = ConfigDict(frozen=True, extra="allow")

    format: Literal[1]
    type: Literal["session"]
    session_id: str
    folder: str = ""
    journal_digest: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The reports of one executed notebook.

    Attributes
    ----------
    stages
        Stage reports in the order they were shown.
    sessions
        Sessions by the order of their first showing, each as it was shown last.
    facts
        Fields of the record; what is shown later wins.
    unreadable
        One sentence for each report that could not be read.
    """

    stages: tuple[StageRecord, ...] = ()
    sessions: tuple[SessionFacts, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()


def gather(cells: Sequence[Mapping[str, Any]]) -> Gathered:
    """Return the reports among the outputs of executed cells."""
    stages: list[StageRecord] = []
    sessions: dict[str, SessionFacts] = {}
    facts: dict[str, Any] = {}
    unreadable: list[str] = []
    for number, payload in _payloads(cells):
        try:
            match payload.get("type"):
                case "stage_report":
                    stages.append(_stage(payload))
                case "stage_reports":
                    page = _StagesPayload.model_validate(payload).reports
                    stages += [s for s in map(_stage, page) if s not in stages]
                case "session":
                    found = _session(payload)
                    sessions[found.session_id] = found
                case "record_facts":
                    facts = _merged(facts, RecordFacts.model_validate(payload))
        except ValidationError as mistake:
            unreadable.append(
                f"the {payload['type']} that cell {number} shows: {what_is_wrong(mistake)}"
            )
    ticks = {**{stage.stage: _HEADLESS for stage in stages}, **facts.get("ticks", {})}
    return Gathered(
        tuple(stages), tuple(sessions.values()), facts | {"ticks": ticks}, tuple(unreadable)
    )


def _payloads(cells: Sequence[Mapping[str, Any]]) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """Yield the position of each cell with the reports it shows."""
    for number, cell in enumerate(cells):
        for output in cell.get("outputs", ()):
            payload = output.get("data", {}).get(REPORT_MIME)
            if isinstance(payload, Mapping):
                yield number, payload


def _stage(payload: Mapping[str, Any]) -> StageRecord:
    """Return a stage report; its verdicts must support its conclusion."""
    shown = _StagePayload.model_validate(payload)
    known = RecordedVerdict.model_fields
    verdicts = tuple(
        RecordedVerdict.model_validate({k: v for k, v in verdict.items() if k in known})
        for verdict in shown.verdicts
    )
    return StageRecord.model_validate(
        shown.model_dump(exclude={"format", "verdicts"}) | {"verdicts": verdicts}
    )


def _session(payload: Mapping[str, Any]) -> SessionFacts:
    """Return a session."""
    shown = _SessionPayload.model_validate(payload)
    return SessionFacts(
        session_id=shown.session_id,
        folder=shown.folder,
        journal_digest=shown.journal_digest,
        details=dict(shown.model_extra or {}),
    )


def _merged(facts: Mapping[str, Any], shown: RecordFacts) -> dict[str, Any]:
    """Return the facts with those that were shown now."""
    return {**facts, **shown.model_dump(exclude={"format", "type"}, exclude_unset=True)}
