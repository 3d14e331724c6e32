"""`qtkit check` and `qtkit stages`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qtkit.cli.check import check
from qtkit.cli.stages import stages
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import OutputRoot
from qtkit.model import events as ev
from qtkit.stages import all_stages
from tests.stages.story import Story, healthy_day


def session(root: Path, story: Story) -> str:
    folder = OutputRoot(root).new_session("paper", "20260304_010000_paper_abcdefg")
    story.folder(folder.path)
    return folder.session_id


def invoked(*words: str) -> Result:
    return CliRunner().invoke(check, words)


def test_the_newest_session_is_judged_one_line_a_check(tmp_path: Path) -> None:
    session(tmp_path, healthy_day())

    result = invoked("--root", str(tmp_path))

    assert result.exit_code == 0, result.output
    assert sum(line.startswith("  ") for line in result.output.splitlines()) == sum(
        len(stage.checks) for stage in all_stages()
    )
    assert "Did not run" in result.output


def test_a_blocked_stage_exits_with_1(tmp_path: Path) -> None:
    session(tmp_path, healthy_day().drop(ev.StatusChanged, because="open_market"))

    result = invoked("0", "--root", str(tmp_path))

    assert result.exit_code == 1
    assert "Phase 0" in result.output
    assert "Phase 1" not in result.output


def test_a_pending_stage_exits_with_5(tmp_path: Path) -> None:
    story = healthy_day()
    story.moments = [
        (w, e)
        for w, e in story.moments
        if not isinstance(e, ev.TablesRefilled) and getattr(e, "task", "") != "refill"
    ]
    name = session(tmp_path, story)

    assert invoked("grid", "--session", name, "--root", str(tmp_path)).exit_code == 5


def test_json_and_junit(tmp_path: Path) -> None:
    name = session(tmp_path, healthy_day())
    xml = tmp_path / "reports" / "checks.xml"

    result = invoked(
        "2", "4-A", "--session", name, "--root", str(tmp_path), "--json", "--junit", str(xml)
    )

    payload = json.loads(result.output)
    assert payload["conclusion"] == "passed"
    assert [report["stage"] for report in payload["reports"]] == ["2", "4-A"]
    assert xml.read_text().count("<testsuite ") == 2


def test_a_report_needs_a_file_s_name(tmp_path: Path) -> None:
    name = session(tmp_path, healthy_day())

    assert invoked("--session", name, "--root", str(tmp_path), "--junit", "").exit_code == 2


def test_one_date_can_be_judged_alone(tmp_path: Path) -> None:
    session(tmp_path, healthy_day())

    result = invoked("3.5", "--day", "2026-03-04", "--root", str(tmp_path))

    assert "on 2026-03-04" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("words", "error"), [(("17",), ConfigError), (("--session", "nowhere"), DataError)]
)
def test_a_wrong_request_is_refused(
    words: tuple[str, ...], error: type[Exception], tmp_path: Path
) -> None:
    assert isinstance(invoked(*words, "--root", str(tmp_path)).exception, error)


def test_every_stage_and_check_is_listed() -> None:
    output = CliRunner().invoke(stages).output

    for stage in all_stages():
        assert f"{stage.label} · {stage.title}" in output
        for one in stage.checks:
            assert one.sentence in output


def test_the_list_as_json_has_ids_and_sentences() -> None:
    payload = json.loads(CliRunner().invoke(stages, ["--json"]).output)

    ids = [one["id"] for stage in payload for one in stage["checks"]]
    assert ids == [one.id for stage in all_stages() for one in stage.checks]
    assert all(one["sentence"] for stage in payload for one in stage["checks"])
