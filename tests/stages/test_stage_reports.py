"""What a report looks like: as text, HTML, JSON and JUnit XML."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.core.verdict import Conclusion, Verdict, fail, ok, pending, skip
from qtkit.evidence.recorded import RecordedSession
from qtkit.model import events as ev
from qtkit.runtime.session_finder import find_session, newest_session
from qtkit.stages import (
    StageReport,
    grid,
    judge,
    junit,
    overall,
    phase_1,
    phase_2,
    phase_3,
    phase_4a,
    phase_4b,
    phase_35,
    skip_table,
    stage_named,
)
from qtkit.stages.report import check_lines, exit_code, reports_json
from qtkit.stages.sources import evidence_of
from tests.stages.parts import BY_ID, DAY, skipped, task_id
from tests.stages.story import healthy_day


def report(*verdicts: Verdict) -> StageReport:
    named = tuple(v.named(f"2.{n}") for n, v in enumerate(verdicts, 1))
    return StageReport(
        stage="2",
        label="Phase 2",
        title="task scheduling and skip",
        source="s<1>",
        verdicts=named,
        titles=tuple(f"title {n}" for n, _ in enumerate(named, 1)),
    )


GOOD = report(ok("104 tasks"), skip("not here"))
BAD = report(ok("104 tasks"), fail("6 vanished <b>", fix="look", lines=[7, 8, 9]))
OPEN = report(pending("not yet"))


def test_the_text_is_a_heading_of_100_columns_and_a_line_for_each_check() -> None:
    heading, *lines = str(GOOD).splitlines()

    assert heading.startswith("Phase 2 · task scheduling and skip · PASSED   ")
    assert heading.endswith("1 pass · 1 skip")
    assert len(heading) == 100
    assert lines[0].split() == ["2.1", "✓", "pass", "104", "tasks"]


def test_what_is_not_good_says_what_to_do_and_where() -> None:
    text = repr(BAD)

    assert "BLOCKED" in text
    assert "→ look" in text
    assert "journal lines 7-9" in text


def test_json_has_every_verdict() -> None:
    bundle = BAD._repr_mimebundle_()
    payload = bundle["application/vnd.qtkit.report+json"]

    assert json.loads(json.dumps(payload)) == {
        "format": 2,
        "type": "stage_report",
        "stage": "2",
        "label": "Phase 2",
        "title": "task scheduling and skip",
        "source": "s<1>",
        "conclusion": "blocked",
        "verdicts": [
            {"rule": "2.1", "status": "pass", "summary": "104 tasks", "fix": "", "facts": [],
             "findings": [], "proof": {}, "known_defect": ""},
            {"rule": "2.2", "status": "fail", "summary": "6 vanished <b>", "fix": "look",
             "facts": [], "findings": [], "proof": {"lines": [7, 8, 9], "count": 3},
             "known_defect": ""},
        ],
        "journals": [],
    }  # fmt: skip


def test_html_is_escaped_and_has_no_script() -> None:
    html = str(BAD._repr_mimebundle_()["text/html"])

    assert "6 vanished &lt;b&gt;" in html
    assert "s&lt;1&gt;" in html
    assert "<script" not in html
    assert "✗ blocked" in html


def test_junit_has_a_case_for_each_check() -> None:
    suite = ET.fromstring(junit([BAD, OPEN]))  # noqa: S314 - our own

    assert [s.get("failures") for s in suite] == ["1", "0"]
    assert [s.get("skipped") for s in suite] == ["0", "1"]
    assert [c.get("name") for c in suite[0]] == ["2.1 title 1", "2.2 title 2"]
    failure = suite[0][1][0]
    assert (failure.tag, failure.get("message")) == ("failure", "fail: 6 vanished <b>")


@pytest.mark.parametrize(
    ("reports", "conclusion", "code"),
    [
        ([GOOD], Conclusion.PASSED, 0),
        ([GOOD, OPEN], Conclusion.PENDING, 5),
        ([GOOD, OPEN, BAD], Conclusion.BLOCKED, 1),
        ([], Conclusion.PENDING, 5),
    ],
)
def test_stages_add_up(reports: list[StageReport], conclusion: Conclusion, code: int) -> None:
    assert overall(reports) is conclusion
    assert exit_code(reports) == code
    assert reports_json(reports)["conclusion"] == str(conclusion)


def test_what_did_not_run_stands_in_a_section_of_its_own() -> None:
    text = check_lines([GOOD, OPEN])
    ran, idle = text.split("Did not run")

    assert "104 tasks" in ran
    assert "not here" not in ran
    assert "not here" in idle
    assert "not yet" in idle
    assert text.splitlines()[-1].startswith("s<1>: PENDING")


def test_a_verdict_is_found_by_its_id() -> None:
    assert BAD.verdict("2.2").summary == "6 vanished <b>"
    with pytest.raises(KeyError):
        BAD.verdict("2.3")


@pytest.mark.parametrize("stage", [phase_1, phase_2, phase_3, phase_35, phase_4a, phase_4b, grid])
def test_each_stage_judges_evidence_and_one_day_of_it(stage: object) -> None:
    assert callable(stage)
    whole = stage(healthy_day().evidence())
    alone = stage(healthy_day().evidence(), day=DAY)

    assert whole.conclusion is Conclusion.PASSED, str(whole)
    assert alone.conclusion is Conclusion.PASSED, str(alone)
    assert (whole.source, alone.source) == ("a journal", "a journal on 2026-03-04")


@pytest.mark.parametrize(
    ("name", "found"),
    [("2", "2"), ("3.5", "3.5"), ("35", "3.5"), ("4-A", "4-A"), ("4a", "4-A"),
     ("phase_4b", "4-B"), ("Phase 0", "0"), ("grid", "Grid")],
)  # fmt: skip
def test_stages_have_short_names(name: str, found: str) -> None:
    assert stage_named(name).id == found


def test_an_unknown_stage_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no stage 'gird'; did you mean Grid\? There are: 0, 1"):
        stage_named("gird")


def test_skips_are_shown_as_a_table() -> None:
    story = healthy_day()
    place = story.find(ev.StopRequested)
    story.insert(place, skipped(BY_ID[task_id("refill", "15:30")], "paused"))

    table = skip_table(story.evidence())

    assert table.columns == ("reason", "refill")
    assert table.rows == (("paused", 1),)


# --- sources -----------------------------------------------------------------------------------


def test_a_session_is_named_by_id_by_its_beginning_and_by_its_folder(tmp_path: object) -> None:
    root = OutputRoot(tmp_path)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="is no session under"):
        newest_session(root)
    older = root.new_session("paper", "20260304_010000_paper_abc")
    newer = root.new_session("live", "20260305_010000_live_def")
    newer.journal.write_text("{}")

    assert newest_session(root) == newer
    assert find_session(root, older.session_id) == older
    assert find_session(root, "20260304") == older
    assert find_session(root, str(newer.path)) == newer
    with pytest.raises(DataError, match="may be 2 sessions"):
        find_session(root, "2026")
    with pytest.raises(DataError, match="no session under"):
        find_session(root, "2025")


def test_what_is_no_session_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no session folder"):
        evidence_of(RecordedSession(SessionFolder(tmp_path)))
    with pytest.raises(ConfigError):
        evidence_of(str(tmp_path))  # type: ignore[arg-type]


def test_sources_have_names(tmp_path: object) -> None:
    folder = healthy_day().folder(SessionFolder(tmp_path).path / "s1")  # type: ignore[arg-type]
    session = RecordedSession(folder)

    stage = stage_named("1")
    assert judge(stage, session).source == "s1"
    assert judge(stage, evidence_of(session)).source == "s1"
