"""Stage reports that a notebook showed, judged again by the runner from the folders they name.

A notebook can show whatever it likes. What the runner cannot judge again is *claimed*: it blocks if
it says so itself, and never counts as passed. Where the runner finds something else, its own
verdicts stand in the record, beside a failure that names the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from qtkit.core.errors import ConfigError, QtkitError
from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Conclusion, Status, conclude
from qtkit.evidence import Evidence, Scenario
from qtkit.evidence.run_notes import read_run_notes
from qtkit.journal.prefix import is_prefix_digest, prefix_digest
from qtkit.reports.records import RecordedVerdict, StageRecord
from qtkit.runs.record import SessionFacts
from qtkit.stages import Stage, StageReport, judge, stage_named
from qtkit.stages.stage import judge_runs

__all__ = ["REPORT_RULE", "SESSION_RULE", "Verifier", "marked_sessions"]

REPORT_RULE = "run.report"
SESSION_RULE = "run.session"
_FIX = "trust the runner's verdicts, and find out who changed the report or the session's folder"
_RANK = {
    Status.PASS: 0, Status.WARN: 0, Status.SKIP: 0, Status.PENDING: 1, Status.FAIL: 2,
    Status.ERROR: 2,
}  # fmt: skip


class _Unfounded(Exception):
    """There is nothing that a report could be judged again by."""


class Verifier:
    """Judges reports again; what several reports were made from is read once."""

    def __init__(self) -> None:
        self._evidence: dict[tuple[Path, Scenario | None], Evidence] = {}

    def stages(
        self, shown: Iterable[StageRecord], sessions: Iterable[SessionFacts]
    ) -> tuple[StageRecord, ...]:
        """Return reports as the runner finds them; sessions that were changed are one more."""
        altered = [wrong for session in sessions if (wrong := _altered_session(session))]
        found = [self._stage(record) for record in shown]
        return (*found, _failure_of_sessions(altered)) if altered else tuple(found)

    def _stage(self, shown: StageRecord) -> StageRecord:
        try:
            stage, found, later = self._judged_again(shown)
        except _Unfounded as reason:
            return shown.model_copy(update={"claimed": str(reason)})
        except QtkitError as problem:
            return _contradicted(shown, shown.verdicts, [f"{type(problem).__name__}: {problem}"])
        wrong = [*_altered(shown), *(() if later else _differences(shown.verdicts, found))]
        verdicts = _worse(shown.verdicts, found) if later else found
        record = shown.model_copy(
            update={"title": stage.title, "verdicts": verdicts, "conclusion": _sum_of(verdicts)}
        )
        return _contradicted(record, verdicts, wrong) if wrong else record

    def _judged_again(self, shown: StageRecord) -> tuple[Stage, tuple[RecordedVerdict, ...], bool]:
        """Return the stage, what it finds now, and whether a journal has grown since."""
        stage, folders = _stage_of(shown), _folders_of(shown)
        if set(folders) == {""}:
            evidence = self._read(folders[""], None)
            report, read = judge(stage, evidence, day=shown.day), [evidence]
        else:
            known = {scenario.name: scenario for scenario in stage.scenarios}
            if unknown := sorted(folders.keys() - known.keys()):
                raise _Unfounded(f"stage {stage.id} has no scenario {', '.join(unknown)}")
            runs = {name: self._read(folders[name], known[name]) for name in folders}
            report, read = judge_runs(stage, shown.source, runs), list(runs.values())
        lines = [journal.lines for journal in shown.journals]
        later = any(e.whole.entries > n for e, n in zip(read, lines, strict=True))
        return stage, _recorded(report), later

    def _read(self, folder: SessionFolder, scenario: Scenario | None) -> Evidence:
        key = folder.path, scenario
        if key not in self._evidence:
            self._evidence[key] = _evidence_of(folder, scenario)
        return self._evidence[key]


def _evidence_of(folder: SessionFolder, scenario: Scenario | None) -> Evidence:
    evidence = Evidence.of_folder(folder, scenario=scenario)
    if scenario is None:
        return evidence
    notes = read_run_notes(folder)
    shown = evidence.capabilities & notes.capabilities
    return replace(evidence, capabilities=shown, known_defects=notes.known_defects)


def _stage_of(shown: StageRecord) -> Stage:
    try:
        return stage_named(shown.stage)
    except ConfigError:
        raise _Unfounded(f"the checklist has no stage {shown.stage}") from None


def _folders_of(shown: StageRecord) -> Mapping[str, SessionFolder]:
    """Return the folders that a report was made from, by scenario."""
    if not shown.journals:
        raise _Unfounded("it names no session's folder")
    folders = {j.run: SessionFolder(Path(j.folder)) for j in shown.journals}
    gone = sorted(str(f.path) for f in folders.values() if not f.journal.is_file())
    if gone:
        raise _Unfounded(f"there is no journal in {gone[0]}")
    return folders


def _altered(shown: StageRecord) -> Iterator[str]:
    """Yield the journals whose judged lines are not what they were."""
    for journal in shown.journals:
        file = SessionFolder(Path(journal.folder)).journal
        if prefix_digest(file, journal.lines) != journal.digest:
            yield f"{file} is not the journal that was judged: it was changed afterwards"


def _differences(
    shown: Sequence[RecordedVerdict], found: Sequence[RecordedVerdict]
) -> Iterator[str]:
    """Yield each check that the notebook shows otherwise than the runner finds it."""
    before = {verdict.rule: str(verdict.status) for verdict in shown}
    after = {verdict.rule: str(verdict.status) for verdict in found}
    for rule in dict.fromkeys([*before, *after]):
        theirs, ours = before.get(rule, "nothing"), after.get(rule, "nothing")
        if theirs != ours:
            yield f"{rule} is shown as {theirs}, the runner finds {ours}"


def _worse(
    shown: Sequence[RecordedVerdict], found: Sequence[RecordedVerdict]
) -> tuple[RecordedVerdict, ...]:
    """Return the worse verdict of each check: a session that runs on has changed meanwhile."""
    before = {verdict.rule: verdict for verdict in shown}
    return tuple(max(before.get(v.rule, v), v, key=lambda v: _RANK[v.status]) for v in found)


def _contradicted(
    record: StageRecord, verdicts: Sequence[RecordedVerdict], wrong: Sequence[str]
) -> StageRecord:
    """Return a report with the failure that names what the runner found otherwise."""
    failure = RecordedVerdict(
        rule=REPORT_RULE,
        status=Status.FAIL,
        summary=f"the report does not agree with its folder: {'; '.join(wrong)}",
        fix=_FIX,
    )
    update = {"verdicts": (*verdicts, failure), "conclusion": Conclusion.BLOCKED}
    return record.model_copy(update=update)


def _recorded(report: StageReport) -> tuple[RecordedVerdict, ...]:
    return tuple(RecordedVerdict.of(verdict) for verdict in report.verdicts)


def _sum_of(verdicts: Sequence[RecordedVerdict]) -> Conclusion:
    return conclude(v.verdict for v in verdicts)


# --- sessions --------------------------------------------------------------------------------


def marked_sessions(shown: Iterable[SessionFacts]) -> tuple[SessionFacts, ...]:
    """Return sessions; one whose folder is not there carries that."""
    return tuple(
        s if _is_there(s) else s.model_copy(update={"claimed": "its folder is not there"})
        for s in shown
    )


def _is_there(session: SessionFacts) -> bool:
    return bool(session.folder) and SessionFolder(Path(session.folder)).journal.is_file()


def _altered_session(session: SessionFacts) -> str:
    """Return what differs between a session on disk and what was shown of it; "" if nothing."""
    folder = SessionFolder(Path(session.folder))
    if not _is_there(session):
        return ""
    if folder.session_id != session.session_id:
        return f"session {session.session_id} is shown with the folder of {folder.session_id}"
    if not session.journal_digest or is_prefix_digest(folder.journal, session.journal_digest):
        return ""
    return f"the journal of session {session.session_id} was changed after it was shown"


def _failure_of_sessions(altered: Sequence[str]) -> StageRecord:
    failure = RecordedVerdict(
        rule=SESSION_RULE, status=Status.FAIL, summary="; ".join(altered), fix=_FIX
    )
    return StageRecord(
        stage="run",
        title="what the notebook shows",
        conclusion=Conclusion.BLOCKED,
        verdicts=(failure,),
    )
