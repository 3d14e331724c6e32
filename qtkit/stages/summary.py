"""Several stages on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtkit.core.render import Table, html_report, mark, mimebundle, text_report, verdict_counts
from qtkit.core.verdict import Conclusion
from qtkit.stages.report import StageReport, overall, reports_json

__all__ = ["Summary", "summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """Each stage's conclusion, and what they add up to."""

    reports: Sequence[StageReport]

    @property
    def conclusion(self) -> Conclusion:
        """What the stages add up to: all of them have to pass."""
        return overall(self.reports)

    def _table(self) -> Table:
        rows = tuple(
            (r.stage, r.title, mark(r.conclusion), verdict_counts(r.verdicts)) for r in self.reports
        )
        return Table("", ("stage", "what", "conclusion", "checks"), rows)

    def _heading(self) -> str:
        return f"Smoke checklist · {self.conclusion.upper()}"

    def __str__(self) -> str:
        return text_report(self._heading(), self._table())

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        html = html_report(self._heading(), self._table(), status=self.conclusion)
        return mimebundle(str(self), html, reports_json(self.reports))


def summary(*reports: StageReport) -> Summary:
    """Return several stages on one page."""
    return Summary(reports)
