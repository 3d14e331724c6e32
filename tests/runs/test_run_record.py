"""The record refuses what cannot be true; listings survive damage; comparisons name changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import OutputRoot, RunFolder, write_atomic
from qtkit.core.render import REPORT_MIME, text_table
from qtkit.runs.notebook_outputs import gather
from qtkit.runs.record import RunRecord, RunStatus, digest_of, record_json, record_of, run_id_of
from qtkit.runs.record_diff import compare
from qtkit.runs.report import record_page, record_text
from qtkit.runs.run_store import (
    find_run,
    last_good,
    list_runs,
    read_record,
    runs_table,
    tries_since,
)

START = datetime(2026, 3, 4, 1, 10, tzinfo=UTC)
ERROR = {"ename": "ValueError", "evalue": "no", "cell": 0, "source": "x"}


def stage(status: str, conclusion: str, summary: str = "104 tasks scheduled") -> dict[str, Any]:
    verdict = {"rule": "2.1", "status": status, "summary": summary}
    return {"stage": "2", "title": "tasks", "conclusion": conclusion, "verdicts": [verdict]}


def record(run_id: str = "20260304_011000_day", **fields: Any) -> RunRecord:  # noqa: ANN401
    """Return a passed run of one cell; `fields` replace. Its id ends with the hash it must have."""
    environment = fields.pop("environment", ("numpy==2.4.6", "pandas==3.0.6"))
    started = datetime.strptime(f"{run_id[:15]}+0000", "%Y%m%d_%H%M%S%z")
    known: dict[str, Any] = {
        "status": "passed",
        "started": started,
        "finished": started + timedelta(seconds=2.5),
        "notebook": "day.ipynb",
        "notebook_digest": "d" * 64,
        "cells": 1,
        "cells_run": 1,
        "toolkit_version": "0.1.0",
        "python": "3.11.7",
        "environment": environment,
        "environment_digest": digest_of(environment),
    }
    known |= fields
    values = known.get("parameters", {})
    known["run_id"] = run_id_of(known["notebook"], known["notebook_digest"], values, started)
    return RunRecord.model_validate(known)


def kept(root: OutputRoot, *records: RunRecord) -> None:
    for one in records:
        write_atomic(root.run_records / one.run_id / "record.json", record_json(one))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"finished": START - timedelta(seconds=1)}, "before it started"),
        ({"finished": None}, "finishing time None"),
        ({"status": "running"}, "running with finishing time"),
        ({"status": "failed_cell"}, "failed_cell without an error"),
        ({"status": "kernel_died"}, "kernel_died without an error"),
        ({"status": "timed_out"}, "timed_out without an error"),
        ({"error": ERROR}, "passed with an error"),
        ({"cells_run": 0}, "passed with 0 of 1 cells run"),
        ({"cells_run": 2}, "the notebook has 1"),
        ({"status": "blocked"}, "blocked with conclusion None"),
        ({"conclusion": "passed"}, "the stages add up"),
        (
            {"stages": [stage("fail", "blocked")], "conclusion": "blocked"},
            "passed with conclusion blocked",
        ),
        ({"stages": [stage("fail", "passed")]}, "add up to blocked"),
        ({"environment_digest": "0"}, "environment digest"),
        (
            {"differences": [{"section": "a", "name": "b", "before": "1", "after": "2"}]},
            "without a previous run",
        ),
        ({"started": datetime(2026, 3, 4)}, "timezone"),  # noqa: DTZ001 - that is the mistake
        ({"format": 1}, "Input should be 2"),
        ({"mood": "good"}, "not permitted"),
        ({"attempt": 0}, "or equal to 1"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        record(**fields)


def test_all_contradictions_come_at_once() -> None:
    with pytest.raises(ValidationError, match=r"before it started.*0 of 1 cells.*digest"):
        record(finished=START - timedelta(1), cells_run=0, environment_digest="x")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("passed", 0), ("blocked", 1), ("failed_cell", 1), ("pending", 5), ("incomplete", 5),
        ("running", 5), ("kernel_died", 6), ("timed_out", 6), ("interrupted", 130),
    ],
)  # fmt: skip
def test_every_status_has_the_exit_code_of_the_table(status: str, code: int) -> None:
    assert RunStatus(status).exit_code == code


def test_a_record_reads_back_equal_from_its_own_text() -> None:
    one = record(parameters={"seed": 7, "limit": None}, settings={"live_mode": "paper"})

    assert record_of(record_json(one), "here") == one
    assert json.loads(record_json(one))["format"] == 2


def test_a_text_that_is_no_record_is_refused_with_every_mistake() -> None:
    with pytest.raises(DataError, match=r"here: .*run_id: Field required; status: Field required"):
        record_of("{}", "here")


def test_a_damaged_folder_is_listed_as_damaged_and_breaks_nothing(root: OutputRoot) -> None:
    kept(root, record("20260304_011000_day_aaaaaaa"))
    write_atomic(root.run_records / "20260305_011000_day_bbbbbbb" / "record.json", "{half")
    (root.run_records / "20260306_011000_day_ccccccc").mkdir()
    write_atomic(root.run_records / "20260307_011000_day_d" / "record.json", record_json(record()))
    (root.run_records / "stray.txt").write_text("x")

    runs = list_runs(root)

    assert [(r.run_id[6:8], r.record is not None) for r in runs] == [
        ("07", False), ("06", False), ("05", False), ("04", True),
    ]  # fmt: skip
    assert f"that of run {record().run_id}" in runs[0].damage
    assert text_table(runs_table(runs)).count("‼ damaged") == 3


@pytest.mark.parametrize(
    "change",
    [
        {"status": "passed"},
        {"notebook_digest": "e" * 64},
        {"parameters": {"seed": 9}},
        {"cells": 7},
        {"seal": "0" * 64},
        {"seal": None},
    ],
)
def test_a_record_that_was_altered_is_damaged_wherever_it_is_read(
    root: OutputRoot, change: dict[str, Any]
) -> None:
    one = record(status="failed_cell", cells_run=0, error=ERROR, parameters={"seed": 1})
    kept(root, one)
    file = root.run_records / one.run_id / "record.json"
    body = json.loads(file.read_text()) | change
    if change == {"status": "passed"}:
        body |= {"error": None, "cells_run": 1}
    file.write_text(json.dumps(body))

    (listed,) = list_runs(root)

    assert listed.record is None
    assert last_good(root, "day.ipynb", {"seed": 1}) is None
    with pytest.raises(DataError) as refusal:
        read_record(listed.folder)
    assert refusal.value.exit_code == 3
    assert one.run_id in str(refusal.value)


@pytest.mark.parametrize("change", [{"parameters": {"seed": 2}}, {"notebook_digest": "e" * 64}])
def test_a_record_of_other_parameters_or_another_notebook_than_its_id_is_damaged(
    root: OutputRoot, change: dict[str, Any]
) -> None:
    """Sealed anew, by somebody who knows how."""
    one = record(parameters={"seed": 1})
    kept(root, one.model_copy(update=change))

    assert [run.record for run in list_runs(root)] == [None]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"x"',
        "[" * 100_000,
        '{"format": 1' + "0" * 6000 + "}",
        "\x00\xff",
        record_json(record()).replace('"parameters": {', '"parameters": {"x": -Infinity', 1),
    ],
)
def test_what_is_no_record_is_listed_as_damaged(root: OutputRoot, text: str) -> None:
    folder = root.run_records / record().run_id
    folder.mkdir(parents=True)
    (folder / "record.json").write_bytes(text.encode("latin-1"))

    assert [run.record for run in list_runs(root)] == [None]


def test_a_pipe_in_a_record_s_place_is_listed_as_damaged_and_not_waited_for(
    root: OutputRoot,
) -> None:
    folder = root.run_records / record().run_id
    folder.mkdir(parents=True)
    os.mkfifo(folder / "record.json")

    assert [run.record for run in list_runs(root)] == [None]


def test_an_empty_root_lists_nothing(root: OutputRoot) -> None:
    assert list_runs(root) == ()


def test_a_run_is_found_by_its_id_by_a_beginning_and_as_last(root: OutputRoot) -> None:
    first, second = record("20260304_011000_day_a"), record("20260305_011000_day_b")
    kept(root, first, second)

    assert find_run(root, "last").run_id == second.run_id
    assert find_run(root, "20260304").run_id == first.run_id
    with pytest.raises(ConfigError, match="means 2 runs"):
        find_run(root, "2026")
    with pytest.raises(ConfigError, match="is unknown"):
        find_run(root, "x")


def test_the_last_good_run_has_the_same_notebook_and_parameters(root: OutputRoot) -> None:
    same = {"parameters": {"seed": 1}}
    failed = {"status": "failed_cell", "cells_run": 0, "error": ERROR, **same}
    kept(
        root,
        record("20260301_011000_day_a", **same),
        record("20260302_011000_day_b", **same),
        record("20260303_011000_day_c", parameters={"seed": 2}),
        record("20260304_011000_other_d", notebook="other.ipynb", **same),
        record("20260305_011000_day_e", **failed),
        record("20260306_011000_day_f", **failed),
    )

    good = last_good(root, "day.ipynb", {"seed": 1})

    assert good is not None
    assert good.run_id.startswith("20260302_011000_day_")
    assert tries_since(root, "day.ipynb", {"seed": 1}) == 2
    assert last_good(root, "day.ipynb", {"seed": 3}) is None


def test_a_comparison_names_what_changed_and_nothing_else() -> None:
    before = record(
        stages=[stage("pass", "passed")],
        conclusion="passed",
        settings={"live_mode": "paper", "live_limits": {"orders": 5}},
        data={"stock_1min": "aa"},
        code={"strategy": "c1"},
        sessions=[{"session_id": "s1", "journal_digest": "j1"}],
        timings=[{"cell": 0, "seconds": 1.0}],
    )
    after = record(
        "20260305_011000_day_b",
        status="blocked",
        stages=[stage("fail", "blocked", "98 tasks scheduled")],
        conclusion="blocked",
        settings={"live_mode": "paper", "live_limits": {"orders": 6}},
        data={"stock_1min": "bb"},
        code={"strategy": "c1"},
        sessions=[{"session_id": "s2", "journal_digest": "j2"}],
        environment=("numpy==2.5.0", "scipy==1.0"),
        timings=[{"cell": 0, "seconds": 2.0}],
    )

    found = [(d.section, d.name, d.before, d.after) for d in compare(before, after).differences]

    assert found == [
        ("outcome", "status", "passed", "blocked"),
        ("outcome", "conclusion", "passed", "blocked"),
        ("verdict", "2.1", "pass", "fail"),
        ("journal", "session 1", "j1", "j2"),
        ("setting", "live_limits.orders", "5", "6"),
        ("data", "stock_1min", "aa", "bb"),
        ("package", "numpy", "2.4.6", "2.5.0"),
        ("package", "scipy", "none", "1.0"),
        ("package", "pandas", "3.0.6", "none"),
    ]


def test_a_comparison_has_text_html_and_json() -> None:
    told = compare(record(), record("20260305_011000_day_b", python="3.12.1"))
    same = compare(record(), record("20260305_011000_day_b"))

    bundle = told._repr_mimebundle_()

    assert "toolkit  python  3.11.7  3.12.1" in str(bundle["text/plain"])
    assert "3.12.1" in str(bundle["text/html"])
    assert bundle[REPORT_MIME] == told.payload()
    assert "nothing changed" in str(same)
    assert "Nothing changed." in same.html()


def test_a_check_judged_twice_is_compared_twice() -> None:
    once = stage("pass", "passed")
    both = compare(
        record(conclusion="passed", stages=[once]),
        record(conclusion="passed", stages=[once, stage("pass", "passed", "9")]),
    )

    assert [d.name for d in both.differences if d.section == "verdict"] == ["2.1 (2)"]


def test_a_record_is_shown_as_text_html_and_a_page_without_script() -> None:
    nasty = "<script>alert(1)</script>"
    one = record(
        status="blocked",
        conclusion="blocked",
        stages=[stage("fail", "blocked", nasty)],
        parameters={"note": nasty},
        timings=[{"cell": 0, "seconds": 1.0}],
        previous="20260303_011000_day_x",
        differences=[{"section": "data", "name": "t", "before": "a", "after": "b"}],
    )

    bundle = one._repr_mimebundle_()
    page = record_page(one)

    assert "✗ blocked" in str(bundle["text/plain"])
    assert f"2.1  ✗ fail  {nasty}" in record_text(one)
    assert "<script" not in page
    assert "<script" not in str(bundle["text/html"])
    assert "Changed since 20260303_011000_day_x" in page
    assert "&lt;script&gt;" in page
    json.dumps(bundle[REPORT_MIME])
    assert str(one) == f"run {one.run_id}: blocked, 1 of 1 cells"


def test_a_broken_run_says_where_it_stopped() -> None:
    text = record_text(record(status="failed_cell", cells_run=0, error=ERROR))

    assert "Stopped in cell 0 (x): ValueError: no" in text
    assert "not finished" in record_text(record(status="running", finished=None, cells_run=0))


def output(payload: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "outputs": [{"data": {REPORT_MIME: payload}}]}


def test_reports_are_gathered_from_the_outputs_of_a_notebook(
    stage_payload: Callable[..., dict[str, Any]],
) -> None:
    session = {"format": 1, "type": "session", "session_id": "s1", "mode": "paper"}
    facts = {"format": 1, "type": "record_facts", "settings": {"live_mode": "paper"}}
    gathered = gather(
        [
            {"cell_type": "markdown"},
            {"cell_type": "code", "outputs": [{"output_type": "stream", "text": "x"}]},
            output(session),
            output(facts),
            output(stage_payload("pass", "passed") | {"day": "2026-03-04"}),
            output(session | {"journal_digest": "j", "folder": "f"}),
            output({"format": 1, "type": "record_facts", "data": {"t": "1"}, "ticks": {"2": "me"}}),
            output({"format": 1, "type": "something_else"}),
        ]
    )

    assert gathered.unreadable == ()
    assert [s.stage for s in gathered.stages] == ["2"]
    assert gathered.stages[0].verdicts[0].proof.lines == (3, 4)
    (shown,) = gathered.sessions
    assert (shown.session_id, shown.folder, shown.journal_digest) == ("s1", "f", "j")
    assert shown.details == {"mode": "paper"}
    assert gathered.facts["settings"] == {"live_mode": "paper"}
    assert gathered.facts["data"] == {"t": "1"}
    assert gathered.facts["ticks"] == {"2": "me"}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"format": 1, "type": "stage_report"}, "the stage_report that cell 0 shows: format"),
        ({"format": 1, "type": "session"}, "session_id: Field required"),
        ({"format": 1, "type": "record_facts", "mood": 1}, "mood: Extra inputs"),
    ],
)
def test_a_report_that_cannot_be_read_is_named(payload: dict[str, Any], message: str) -> None:
    (said,) = gather([output(payload)]).unreadable

    assert message in said


def test_two_runs_in_one_second_get_two_folders(root: OutputRoot) -> None:
    names = [root.new_run("20260304_011000_day_a").run_id for _ in range(3)]

    assert names == [
        "20260304_011000_day_a", "20260304_011000_day_a_2", "20260304_011000_day_a_3",
    ]  # fmt: skip
    assert RunFolder(root.run_records / names[2]).path.is_dir()
