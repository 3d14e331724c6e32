"""What a stage found: as text, as HTML in JupyterLab, as JSON, and as JUnit XML for a CI server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from qtkit.core.paths import SessionFolder
from qtkit.core.render import (
    html_report,
    mimebundle,
    verdict_counts,
    verdict_json,
    verdict_table,
    verdict_text,
    visible,
)
from qtkit.core.verdict import Conclusion, Status, Verdict, conclude
from qtkit.journal.prefix import prefix_digest

__all__ = [
    "JudgedJournal",
    "StageReport",
    "check_lines",
    "exit_code",
    "junit",
    "overall",
    "reports_json",
]

_IDLE = frozenset({Status.SKIP, Status.PENDING})
_WIDTH = 100  # columns of the heading


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedJournal:
    """A journal that a report was made from, so that somebody else can judge it again.

    Attributes
    ----------
    run
        Name of the scenario; empty for a lone session.
    folder
        The session's folder.
    lines
        How many lines of the journal were there.
    """

    run: str
    folder: SessionFolder
    lines: int

    def as_json(self) -> dict[str, object]:
        """Return where the journal is, and what seals the lines that were judged."""
        return {
            "run": self.run,
            "folder": str(self.folder.path.resolve()),
            "lines": self.lines,
            "digest": prefix_digest(self.folder.journal, self.lines),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """The verdicts of one stage on one source.

    Attributes
    ----------
    stage
        Id, e.g. ``"2"`` or ``"4-A"``.
    label
        As people say it, e.g. ``"Phase 2"``.
    title
        What the stage is about.
    source
        What was judged.
    verdicts
        In the order of the stage's checks.
    titles
        The checks' titles, in the same order.
    journals
        What was judged, where it lies on disk.
    day
        The trading date that was judged alone.
    applies
        Whether anything of the stage belongs to that date: an end does to the last one alone.
    """

    stage: str
    label: str
    title: str
    source: str
    verdicts: tuple[Verdict, ...]
    titles: tuple[str, ...] = ()
    journals: tuple[JudgedJournal, ...] = ()
    day: date | None = None
    applies: bool = True

    @property
    def conclusion(self) -> Conclusion:
        """What the verdicts add up to."""
        return conclude(self.verdicts)

    @property
    def heading(self) -> str:
        """Label, title and conclusion on one line, how many of each at its end."""
        left = f"{self.label} · {self.title} · {self.conclusion.upper()}"
        return f"{left}  {verdict_counts(self.verdicts):>{max(0, _WIDTH - len(left) - 2)}}"

    def verdict(self, check_id: str) -> Verdict:
        """Return the verdict of one check.

        Raises
        ------
        KeyError
            If the stage has no such check.
        """
        found = {v.rule: v for v in self.verdicts}
        return found[check_id]

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""
        return {
            "format": 2,
            "type": "stage_report",
            "stage": self.stage,
            "label": self.label,
            "title": self.title,
            "source": self.source,
            "conclusion": str(self.conclusion),
            "verdicts": [verdict_json(v) for v in self.verdicts],
            "journals": [journal.as_json() for journal in self.journals],
            **({"day": str(self.day)} if self.day else {}),
        }

    def __str__(self) -> str:
        return f"{self.heading}\n{verdict_text(self.verdicts)}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        counts = verdict_counts(self.verdicts)
        html = html_report(
            f"{self.label} · {self.title}",
            f"{self.source}: {counts}",
            verdict_table("", self.verdicts),
            status=self.conclusion,
        )
        return mimebundle(str(self), html, self.as_json())


def overall(reports: Iterable[StageReport]) -> Conclusion:
    """Return what several stages add up to: all of them have to pass that the day has a part of."""
    found = {report.conclusion for report in reports if report.applies}
    if Conclusion.BLOCKED in found:
        return Conclusion.BLOCKED
    return Conclusion.PASSED if found == {Conclusion.PASSED} else Conclusion.PENDING


def exit_code(reports: Iterable[StageReport]) -> int:
    """Return what the shell sees: 0 passed, 1 blocked, 5 pending."""
    return {Conclusion.PASSED: 0, Conclusion.BLOCKED: 1, Conclusion.PENDING: 5}[overall(reports)]


def reports_json(reports: Sequence[StageReport]) -> dict[str, object]:
    """Return several stages as JSON, with what they add up to."""
    return {
        "format": 2,
        "type": "stage_reports",
        "conclusion": str(overall(reports)),
        "reports": [report.as_json() for report in reports],
    }


def check_lines(reports: Sequence[StageReport]) -> str:
    """Return one line a check; what did not run stands in a section of its own."""
    parts = [
        f"{report.heading}\n{verdict_text(_that(report, ran=True))}".rstrip() for report in reports
    ]
    idle = [verdict for report in reports for verdict in _that(report, ran=False)]
    if idle:
        parts.append(f"Did not run\n{verdict_text(idle)}")
    counts = verdict_counts(verdict for report in reports for verdict in report.verdicts)
    sources = ", ".join(sorted({report.source for report in reports}))
    parts.append(f"{sources}: {overall(reports).upper()}  ({counts})")
    return "\n".join(parts)


def _that(report: StageReport, *, ran: bool) -> list[Verdict]:
    return [v for v in report.verdicts if (v.status not in _IDLE) is ran]


def junit(reports: Sequence[StageReport]) -> str:
    """Return reports as JUnit XML: a suite for each stage, a case for each check."""
    suites = "".join(_suite(report) for report in reports)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n{suites}</testsuites>\n'


def _suite(report: StageReport) -> str:
    counted = [v.status for v in report.verdicts]
    waiting = counted.count(Status.SKIP) + counted.count(Status.PENDING)
    cases = "".join(
        _case(report, verdict, title)
        for verdict, title in zip(report.verdicts, report.titles, strict=True)
    )
    return (
        f'<testsuite name="{escape(report.label)}" tests="{len(counted)}" '
        f'failures="{counted.count(Status.FAIL)}" errors="{counted.count(Status.ERROR)}" '
        f'skipped="{waiting}">\n{cases}</testsuite>\n'
    )


def _case(report: StageReport, verdict: Verdict, title: str) -> str:
    tags = {
        Status.FAIL: "failure",
        Status.ERROR: "error",
        Status.SKIP: "skipped",
        Status.PENDING: "skipped",
    }
    name = (
        f'<testcase classname="{escape(report.label)}" name="{escape(f"{verdict.rule} {title}")}"'
    )
    tag = tags.get(verdict.status)
    if tag is None:
        return f"{name}/>\n"
    message = escape(visible(f"{verdict.status}: {verdict.summary}"))
    fix = escape(visible(verdict.fix))
    return f'{name}><{tag} message="{message}">{fix}</{tag}></testcase>\n'
