"""The newest judgements: of the gate, of the books, of the pending orders; and the kill switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from qtkit.core.verdict import Status
from qtkit.model import events as ev
from qtkit.model.events import Entry, Topic
from qtkit.projections.base import Handler, TopicFold

__all__ = ["JudgementHistory", "Reconciliation"]

_GOOD = {Status.PASS, Status.WARN, Status.SKIP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Our book held against the broker's."""

    entry: Entry
    failures: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        """Whether everything agreed."""
        return not self.failures


class JudgementHistory(TopicFold):
    """What was judged last.

    Attributes
    ----------
    gate, diagnosis, kill
        The newest entry of each kind; of the kill switch who moved it last.
    reconciliations
        All of them.
    """

    def __init__(self) -> None:
        self.gate: Entry | None = None
        self.diagnosis: Entry | None = None
        self.kill: Entry | None = None
        self.reconciliations = list[Reconciliation]()

    @property
    def reconciliation(self) -> Entry | None:
        """The newest reconciliation."""
        return self.reconciliations[-1].entry if self.reconciliations else None

    def _gate_judged(self, entry: Entry, _: ev.GateJudged) -> None:
        self.gate = entry

    def _reconciled(self, entry: Entry, event: ev.AccountReconciled) -> None:
        failures = (f"{v.rule}: {v.summary}" for v in event.verdicts if v.status not in _GOOD)
        self.reconciliations.append(Reconciliation(entry=entry, failures=tuple(failures)))

    def _diagnosed(self, entry: Entry, _: ev.PendingDiagnosed) -> None:
        self.diagnosis = entry

    def _kill_switch_set(self, entry: Entry, _: ev.KillSwitchSet) -> None:
        self.kill = entry

    covers = frozenset({Topic.GATE, Topic.OPERATOR})
    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {
        ev.GateJudged: _gate_judged,
        ev.AccountReconciled: _reconciled,
        ev.PendingDiagnosed: _diagnosed,
        ev.KillSwitchSet: _kill_switch_set,
    }
    ignores = frozenset({ev.CommandReceived, ev.CommandRefused})
