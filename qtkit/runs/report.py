"""A run record for people: text for a terminal, HTML for a notebook, a page that stands alone."""

from __future__ import annotations

from qtkit.core.render import (
    Table,
    html_page,
    html_report,
    html_table,
    mark,
    mimebundle,
    text_report,
    verdict_counts,
    verdict_table,
    verdict_text,
)
from qtkit.core.verdict import Conclusion, Status
from qtkit.reports.records import StageRecord
from qtkit.runs.record_diff import differences_table
from qtkit.runs.run_fields import RunFields

__all__ = [
    "claims_table",
    "error_sentence",
    "facts_table",
    "marked_table",
    "open_findings",
    "record_bundle",
    "record_page",
    "record_text",
    "stages_table",
]


def stages_table(record: RunFields, title: str = "") -> Table:
    """Return one row per stage report: conclusion and counts."""
    columns = ("stage", "title", "conclusion", "verdicts")
    rows = tuple(
        (stage.stage, stage.title, mark(_conclusion(stage)), _counts(stage))
        for stage in record.stages
    )
    return Table(title, columns, rows)


def _conclusion(stage: StageRecord) -> str:
    """Return what a report is worth: one that nobody could judge again is claimed."""
    passed = stage.conclusion is Conclusion.PASSED
    return "claimed" if stage.claimed and passed else stage.conclusion


def claims_table(record: RunFields) -> Table | str:
    """Return what the notebook shows and nobody could judge again; "" if there is no such thing."""
    rows = [(f"stage {s.stage}", s.claimed) for s in record.stages if s.claimed]
    rows += [(f"session {s.session_id}", s.claimed) for s in record.sessions if s.claimed]
    return Table("Claimed by the notebook alone", ("what", "why"), tuple(rows)) if rows else ""


def marked_table(record: RunFields) -> Table | str:
    """Return the cells that a tag treats otherwise than the rest; "" if there are none."""
    rows = tuple((m.cell, m.tag, m.outcome, m.source) for m in record.marked)
    columns = ("cell", "tag", "outcome", "code")
    return Table("Cells with a tag of their own", columns, rows, "r") if rows else ""


def _counts(stage: StageRecord) -> str:
    """Return how many verdicts of each status."""
    return verdict_counts(v.verdict for v in stage.verdicts)


def facts_table(record: RunFields) -> Table:
    """Return what was run, on what."""
    facts: list[tuple[str, object]] = [
        ("status", mark(record.status)),
        ("conclusion", mark(record.conclusion) if record.conclusion else "nothing was judged"),
        ("notebook", f"{record.notebook} ({record.notebook_digest[:12]})"),
        *((f"parameter {name}", value) for name, value in sorted(record.parameters.items())),
        ("cells", f"{record.cells_run} of {record.cells}"),
        ("started", f"{record.started:%Y-%m-%d %H:%M:%S} UTC"),
        ("took", _duration(record)),
        ("attempt", record.attempt),
        ("toolkit", f"{record.toolkit_version} {record.commit}".strip()),
        ("environment", f"Python {record.python}, {len(record.environment)} packages"),
        *((f"session {s.session_id}", s.folder) for s in record.sessions),
        *((f"setting {name}", value) for name, value in sorted(record.settings.items())),
        *((f"accepted {c['name']}", f"{c['why']} (by {c['by']})") for c in record.changes),
        *((f"data {name}", value) for name, value in sorted(record.data.items())),
        *((f"code {name}", value) for name, value in sorted(record.code.items())),
        ("rejected orders in the sample", len(record.rejected_orders)),
        *((f"reconciliation {k}", v) for k, v in sorted((record.reconciliation or {}).items())),
        *((f"action in stage {stage}", text) for stage, text in record.action_summaries.items()),
        ("last good run", record.previous or "none"),
    ]
    return Table("Run", ("fact", "value"), tuple(facts))


def _duration(record: RunFields) -> str:
    """Return how long a run took."""
    if record.finished is None:
        return "not finished"
    return f"{(record.finished - record.started).total_seconds():.1f} s"


def error_sentence(record: RunFields) -> str:
    """Return what stopped the run; empty when nothing did."""
    if record.error is None:
        return ""
    error = record.error
    where = "" if error.cell is None else f" in cell {error.cell} ({error.source})"
    return f"Stopped{where}: {error.ename}: {error.evalue}".rstrip(": ")


def open_findings(record: RunFields) -> str:
    """Return the verdicts that are neither good nor skipped, for a terminal."""
    good = {Status.PASS, Status.SKIP}
    return verdict_text(
        v.verdict for stage in record.stages for v in stage.verdicts if v.status not in good
    )


def _heading(record: RunFields) -> str:
    """Return one line that names the run."""
    return f"Run {record.run_id}"


def record_text(record: RunFields) -> str:
    """Return a record for a terminal: stages, what is not good, and what changed."""
    changes = differences_table(record.differences, f"Changed since {record.previous}")
    return text_report(
        f"{_heading(record)} · {mark(record.status)}",
        facts_table(record),
        error_sentence(record),
        stages_table(record, "Stages") if record.stages else "",
        claims_table(record),
        marked_table(record),
        open_findings(record),
        changes if record.differences else "",
    )


def _parts(record: RunFields) -> list[Table | str]:
    """Return everything a record shows."""
    parts: list[Table | str] = [error_sentence(record)]
    if record.stages:
        parts.append(stages_table(record, "Stages"))
    parts += [claims_table(record), marked_table(record)]
    if record.differences:
        parts.append(differences_table(record.differences, f"Changed since {record.previous}"))
    return [*parts, facts_table(record)]


def record_bundle(record: RunFields) -> dict[str, object]:
    """Return the three forms of a record."""
    payload = {"format": 1, "type": "run_record", "record": record.model_dump(mode="json")}
    html = html_report(_heading(record), *_parts(record), status=record.status)
    return mimebundle(record_text(record), html, payload)


def record_page(record: RunFields) -> str:
    """Return the page of a record: conclusion, stages, changes, facts, every verdict, timings."""
    stages = (
        html_table(verdict_table(f"{s.stage} · {s.title}", [v.verdict for v in s.verdicts]))
        for s in record.stages
    )
    timings = Table(
        "Seconds per cell", ("cell", "s"), tuple((t.cell, t.seconds) for t in record.timings), "rr"
    )
    return html_page(
        _heading(record),
        html_report(_heading(record), *_parts(record), status=record.status),
        *stages,
        html_table(timings),
    )
