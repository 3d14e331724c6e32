"""What changed between two runs: outcome, verdicts, numbers, and everything they ran on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qtkit.core.render import Table, html_report, mimebundle, text_report
from qtkit.reports.fact_diff import fact_differences
from qtkit.reports.records import Difference, differences, flat, verdicts_by_name
from qtkit.runs.run_fields import RunFields

__all__ = ["Comparison", "compare", "differences_table"]

_NONE = "none"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs and what tells them apart."""

    before: str  # run id
    after: str  # run id
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        if not self.differences:
            return f"{self.heading}: nothing changed"
        return text_report(self.heading, differences_table(self.differences))

    @property
    def heading(self) -> str:
        """What is compared."""
        return f"{self.after} against {self.before}"

    def html(self) -> str:
        """Return the comparison as HTML."""
        shown = differences_table(self.differences) if self.differences else "Nothing changed."
        return html_report(self.heading, shown)

    def payload(self) -> dict[str, object]:
        """Return the comparison as JSON."""
        return {
            "format": 2,
            "type": "run_comparison",
            "before": self.before,
            "after": self.after,
            "differences": [d.model_dump() for d in self.differences],
        }

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        """Show the comparison in a notebook."""
        return mimebundle(str(self), self.html(), self.payload())


def differences_table(differences: Iterable[Difference], title: str = "") -> Table:
    """Return differences for people."""
    rows = tuple(
        (d.section, d.name, d.before, d.after, "" if d.beyond else "within tolerance")
        for d in differences
    )
    return Table(title, ("what", "name", "before", "after", "note"), rows)


def compare(before: RunFields, after: RunFields) -> Comparison:
    """Return what changed from one run to another, the most important first.

    Session ids, times and timings differ in every run and are left out.
    """
    found = (
        *differences(before, after, _FIRST),
        *fact_differences(before, after, same_day=True),
        *differences(before, after, _SECTIONS),
    )
    return Comparison(before.run_id, after.run_id, found)


def _outcome(record: RunFields) -> Mapping[str, object]:
    """Return how a run came out."""
    return {
        "status": record.status,
        "conclusion": record.conclusion or _NONE,
        "stopped by": record.error.ename if record.error else _NONE,
        "cells run": f"{record.cells_run} of {record.cells}",
    }


def _statuses(record: RunFields) -> Mapping[str, object]:
    """Return the status per check."""
    return {name: str(v.status) for name, v in verdicts_by_name(record).items()}


def _journals(record: RunFields) -> Mapping[str, object]:
    """Return the journal digest per session, by the order of the sessions."""
    return {f"session {n}": s.journal_digest for n, s in enumerate(record.sessions, 1)}


def _toolkit(record: RunFields) -> Mapping[str, object]:
    """Return what ran."""
    return {
        "notebook": record.notebook_digest[:12],
        "toolkit": record.toolkit_version,
        "commit": record.commit or _NONE,
        "python": record.python,
    }


def _packages(record: RunFields) -> Mapping[str, object]:
    """Return the version per package."""
    pairs = (line.partition("==") for line in record.environment)
    return {name: version for name, _, version in pairs}


def _counts(record: RunFields) -> Mapping[str, object]:
    """Return what is counted rather than compared item by item."""
    return {"rejected orders in the sample": len(record.rejected_orders)}


_FIRST = {"outcome": _outcome, "verdict": _statuses}
_SECTIONS = {
    "journal": _journals,
    "parameter": lambda record: flat(record.parameters),
    "setting": lambda record: flat(record.settings),
    "data": lambda record: flat(record.data),
    "code": lambda record: flat(record.code),
    "gate": lambda record: flat(record.gate),
    "reconciliation": lambda record: flat(record.reconciliation),
    "count": _counts,
    "toolkit": _toolkit,
    "package": _packages,
}
