"""What a notebook shows is judged again from the folders it names; nothing is believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from qtkit.adapters.embedded.target import EmbeddedEngine
from qtkit.cli.smoke import smoke
from qtkit.core.paths import OutputRoot, RunFolder, SessionFolder
from qtkit.core.render import REPORT_MIME
from qtkit.core.verdict import Conclusion, Status
from qtkit.evidence.recorded import RecordedSession
from qtkit.runs.execute import execute
from qtkit.runs.notebook_outputs import gather
from qtkit.runs.record import RunStatus, SessionFacts, StageRecord, conclusion_of
from qtkit.runs.run_store import read_record
from qtkit.runs.verification import REPORT_RULE, SESSION_RULE, Verifier, marked_sessions
from qtkit.sessions.remote import open_session
from qtkit.stages import judge, stage_named
from qtkit.testing.strategies import scripted_spec

Write = Callable[..., Path]
Show = Callable[[dict[str, Any]], str]


@pytest.fixture
def session(lived: SessionFolder, tmp_path: Path) -> SessionFolder:
    """Return a session that a test may change."""
    return SessionFolder(Path(shutil.copytree(lived.path, tmp_path / lived.session_id)))


IMPORTS = "from qtkit import stages\nfrom qtkit.sessions.remote import open_session\n"


def payload(folder: SessionFolder, stage: str = "2") -> dict[str, Any]:
    """Return an honest report as it travels through a notebook."""
    found: dict[str, Any] = json.loads(
        json.dumps(judge(stage_named(stage), RecordedSession(folder)).as_json())
    )
    return found


def verified(shown: dict[str, Any]) -> StageRecord:
    gathered = gather([{"outputs": [{"data": {REPORT_MIME: shown}}]}])
    assert gathered.unreadable == ()
    (record,) = Verifier().stages(gathered.stages, ())
    return record


def failures(record: StageRecord) -> list[str]:
    return [v.summary for v in record.verdicts if v.rule == REPORT_RULE]


def test_an_honest_report_stands_as_it_was_shown(session: SessionFolder) -> None:
    shown = payload(session)

    record = verified(shown)

    assert (record.claimed, record.conclusion) == ("", Conclusion.PASSED)
    assert [v.summary for v in record.verdicts] == [v["summary"] for v in shown["verdicts"]]


def test_a_verdict_that_the_folder_does_not_bear_out_fails_by_name(session: SessionFolder) -> None:
    """The strategy never sold, so nothing proves that fills were repeated: it was no pass."""
    shown = payload(session, "4-A")
    (skipped,) = [v for v in shown["verdicts"] if v["rule"] == "4-A.6"]
    skipped["status"] = "pass"

    record = verified(shown)

    assert record.conclusion is Conclusion.BLOCKED
    assert "4-A.6" in failures(record)[0]
    assert {v.rule: v.status for v in record.verdicts}["4-A.6"] is Status.SKIP


def test_verdicts_that_are_left_out_fail_by_name(session: SessionFolder) -> None:
    shown = payload(session)
    del shown["verdicts"][1]

    assert "2.2" in failures(verified(shown))[0]


def test_a_sentence_of_its_own_does_not_reach_the_record(session: SessionFolder) -> None:
    shown = payload(session)
    shown["verdicts"][0]["summary"] = "all is well, believe me"

    assert "believe" not in verified(shown).verdicts[0].summary


@pytest.mark.parametrize(
    "change",
    [
        {"journals": []},
        {"stage": "99"},
        {"journals": [{"run": "", "folder": "/nowhere/at/all", "lines": 1, "digest": "0" * 64}]},
        {"journals": [{"run": "no such", "folder": ".", "lines": 1, "digest": "0" * 64}]},
    ],
    ids=["no folder", "no such stage", "folder is gone", "no such scenario"],
)
def test_a_report_that_nobody_can_judge_again_is_claimed_and_counts_as_pending(
    session: SessionFolder, change: dict[str, Any]
) -> None:
    for journal in change.get("journals", ()):
        journal["folder"] = journal["folder"].replace(".", str(session.path))

    record = verified(payload(session) | change)

    assert record.claimed != ""
    assert conclusion_of([record]) is Conclusion.PENDING


def test_a_claim_that_something_is_wrong_still_blocks(
    stage_payload: Callable[..., dict[str, Any]],
) -> None:
    record = verified(stage_payload("fail", "blocked"))

    assert record.claimed != ""
    assert conclusion_of([record]) is Conclusion.BLOCKED


def _edited(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b"the script says so", b"the moon says so!!"))


def _cut(journal: Path) -> None:
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-3]))


def _emptied(journal: Path) -> None:
    journal.write_bytes(b"")


@pytest.mark.parametrize("change", [_edited, _cut, _emptied])
def test_a_journal_that_was_changed_after_it_was_judged_fails_by_name(
    session: SessionFolder, change: Callable[[Path], None]
) -> None:
    shown = payload(session)
    change(session.journal)

    record = verified(shown)

    assert record.conclusion is Conclusion.BLOCKED
    assert str(session.journal) in failures(record)[0]


def test_a_journal_that_has_grown_is_judged_as_it_is_now(session: SessionFolder) -> None:
    """A session that runs on: what was pending is no lie, and what was bad stays bad."""
    whole = session.journal.read_bytes()
    session.journal.write_bytes(b"".join(whole.splitlines(keepends=True)[:200]))
    early = payload(session, "1")
    session.journal.write_bytes(whole)

    record = verified(early)

    assert failures(record) == []
    shown = {v["rule"]: v["status"] for v in early["verdicts"]}
    assert {v.rule: str(v.status) for v in record.verdicts if shown[v.rule] == "pending"} == {
        rule: "pending" for rule, status in shown.items() if status == "pending"
    }


def test_a_report_of_another_day_is_judged_for_that_day(session: SessionFolder) -> None:
    record = verified(payload(session) | {"day": "2026-03-05"})

    assert conclusion_of([record]) is Conclusion.BLOCKED


def test_a_report_of_an_engine_is_judged_again_from_its_scenarios(tmp_path: Path) -> None:
    engine = EmbeddedEngine(scripted_spec({}, ["600036.SH"]), Path(__file__))
    shown = json.loads(json.dumps(judge(stage_named("0"), engine, root=tmp_path).as_json()))
    folder = SessionFolder(Path(shown["journals"][0]["folder"]))

    honest = verified(shown)
    folder.run_facts.write_text("{")
    altered = verified(shown)

    assert (honest.claimed, honest.conclusion) == ("", Conclusion.PASSED)
    assert str(folder.run_facts) in failures(altered)[0]


def _session(there: SessionFolder, **changes: str) -> SessionFacts:
    told = open_session(there)
    facts = {
        "session_id": told.session_id,
        "folder": str(there.path),
        "journal_digest": told.journal_digest,
    }
    return SessionFacts.model_validate(facts | changes)


def test_a_session_as_it_is_on_disk_adds_nothing(session: SessionFolder) -> None:
    shown = [_session(session)]

    assert Verifier().stages((), shown) == ()
    assert marked_sessions(shown) == tuple(shown)


@pytest.mark.parametrize(
    "changes", [{"session_id": "20260304_010000_paper_0000000"}, {"journal_digest": "0" * 64}]
)
def test_a_session_that_is_not_as_it_was_shown_blocks(
    session: SessionFolder, changes: dict[str, str]
) -> None:
    (record,) = Verifier().stages((), [_session(session, **changes)])

    assert record.conclusion is Conclusion.BLOCKED
    assert [v.rule for v in record.verdicts] == [SESSION_RULE]


def test_a_session_whose_folder_is_gone_is_claimed(session: SessionFolder) -> None:
    (shown,) = marked_sessions([_session(session, folder="/nowhere")])

    assert shown.claimed != ""


# --- on a real kernel ------------------------------------------------------------------------


def test_a_report_that_a_cell_made_up_never_passes(
    notebook: Write, showing: Show, session: SessionFolder, root: OutputRoot
) -> None:
    forged = payload(session, "4-A")
    for verdict in forged["verdicts"]:
        verdict["status"] = "pass"
    invented = {**forged, "journals": []}

    caught = execute(notebook("forged", showing(forged)), root=root)
    claimed = execute(notebook("invented", showing(invented)), root=root)

    assert (caught.status, caught.status.exit_code) == (RunStatus.BLOCKED, 1)
    assert (claimed.status, claimed.status.exit_code) == (RunStatus.PENDING, 5)


def test_a_notebook_that_edits_the_journal_it_judged_is_blocked(
    notebook: Write, session: SessionFolder, root: OutputRoot
) -> None:
    path = notebook(
        "edits",
        f"{IMPORTS}stages.phase_2(open_session({str(session.path)!r}))",
        f"from pathlib import Path\njournal = Path({str(session.journal)!r})\n"
        "_ = journal.write_bytes(journal.read_bytes().replace(b'script says', b'friend says'))",
    )

    record = execute(path, root=root)

    assert record.status is RunStatus.BLOCKED
    assert any(str(session.journal) in v.summary for s in record.stages for v in s.verdicts)


def test_a_page_of_reports_is_judged_though_none_was_shown_alone(
    notebook: Write, session: SessionFolder, root: OutputRoot
) -> None:
    path = notebook(
        "page",
        f"{IMPORTS}one = stages.phase_2(open_session({str(session.path)!r}))",
        f"stages.summary(one, stages.phase_4a(open_session({str(session.path)!r})))",
        "one",
    )

    record = execute(path, root=root)

    assert [stage.stage for stage in record.stages] == ["2", "4-A", "2"]


FORGER = """
import json
from pathlib import Path
from qtkit.core.clock import wall_time
from qtkit.core.paths import RunFolder, write_atomic
from qtkit.runs.record import RunRecord, record_json
from qtkit.runs.run_store import read_record

(folder,) = [RunFolder(p) for p in Path({records!r}).iterdir()]
mine = read_record(folder)
good = mine.model_dump() | {{
    "status": "passed", "finished": wall_time(), "cells_run": mine.cells
}}
write_atomic(folder.record, record_json(RunRecord.model_validate(good)))
beside = f"{{mine.run_id}}_2"
other = RunRecord.model_validate(good | {{"run_id": beside}})
write_atomic(folder.path.with_name(beside) / "record.json", record_json(other))
"""


def test_a_record_that_the_running_notebook_forges_is_not_its_last_good_run(
    notebook: Write, root: OutputRoot
) -> None:
    path = notebook("forger", FORGER.format(records=str(root.run_records)), "1 / 0")

    record = execute(path, root=root)

    assert record.status is RunStatus.FAILED_CELL
    assert (record.previous, record.differences) == ("", ())
    (mine,) = [p for p in root.run_records.iterdir() if not p.name.endswith("_2")]
    assert json.loads((mine / "record.json").read_text())["status"] == "failed_cell"


def test_a_smoke_run_that_leaves_out_a_stage_is_incomplete(
    notebook: Write, session: SessionFolder, root: OutputRoot
) -> None:
    path = notebook("few", f"{IMPORTS}stages.phase_2(open_session({str(session.path)!r}))")

    done = CliRunner().invoke(smoke, ["--root", str(root.path), "--notebook", str(path)])

    (folder,) = root.run_records.iterdir()
    record = json.loads((folder / "record.json").read_text())
    assert done.exit_code == 5
    assert record["status"] == "incomplete"
    assert "4-A" in record["error"]["evalue"]


def test_scenarios_that_no_finding_points_to_are_gone_after_the_run(
    notebook: Write, root: OutputRoot
) -> None:
    example = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
    path = notebook(
        "engine",
        "from pathlib import Path\nfrom qtkit import stages\n"
        "from qtkit.adapters.embedded.target import "
        "EmbeddedEngine\nfrom qtkit.trading.strategy.loader import load_spec\n"
        f"file = Path({str(example)!r})\nstages.phase_0(EmbeddedEngine(load_spec(file), file))",
    )

    record = execute(path, root=root)

    (folder,) = root.run_records.iterdir()
    assert record.status is RunStatus.PASSED
    assert record.stages[0].claimed == ""
    assert sorted(p.name for p in folder.iterdir()) == [
        "notebook.ipynb", "record.json", "report.html",
    ]  # fmt: skip
    assert read_record(RunFolder(folder)) == record
