"""`qtkit data series` and `qtkit data actions`: from a stranger's file to what sessions use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from qtkit.cli.data import data

SCORES = "when,score\n2026-03-04 10:00,1.5\n2026-03-04 11:00,-2\n"
ACTIONS = "symbol,ex_date,kind,value\nAAPL,2026-03-05,split,4\nAAPL,2026-03-04,dividend,1.25\n"
COLUMNS = ("--column", "time=when", "--column", "value=score")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scores.csv").write_text(SCORES)
    (tmp_path / "actions.csv").write_text(ACTIONS)
    return tmp_path


def said(*words: str) -> Any:  # noqa: ANN401 - JSON
    """Return what a verb prints as JSON."""
    done = CliRunner().invoke(data, [*words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.output)


@pytest.mark.usefixtures("folder")
def test_a_series_is_imported_listed_judged_and_removed() -> None:
    options = ("--zone", "America/New_York", "--tag", "signal", "--max-gap", "1", *COLUMNS)

    report = said("series", "import", "scores.csv", "score", *options)
    listed = said("series", "list")
    (verdict,) = said("series", "check", "tag:signal")
    CliRunner().invoke(data, ["series", "remove", "score"], catch_exceptions=False)

    assert report == {"name": "score", "added": 2, "identical": 0, "replaced": 0, "total": 2}
    assert listed == [
        {"name": "score", "unit": "", "tags": ["signal"], "max_gap_seconds": 3600.0, "values": 2}
    ]
    assert (verdict["rule"], verdict["status"]) == ("data.series", "pass")
    assert said("series", "list") == []


@pytest.mark.usefixtures("folder")
def test_a_gap_longer_than_the_rule_fails_the_check() -> None:
    said("series", "import", "scores.csv", "score", "--max-gap", "0.5", *COLUMNS)

    done = CliRunner().invoke(data, ["series", "check"])

    assert done.exit_code == 1


WRONG = {
    "no column": (SCORES, (), 2, "--column time="),
    "no time": (SCORES.replace("10:00", "x"), COLUMNS, 3, "column when"),
    "no number": (SCORES.replace("-2", "two"), COLUMNS, 3, "column score"),
    "empty": (SCORES.replace(",-2", ","), COLUMNS, 3, "column score"),
    "twice": (SCORES.replace("11:00", "10:00"), COLUMNS, 3, "moment"),
    "odd name": (SCORES, (*COLUMNS, "--column", "close=score"), 2, "'close'"),
    "odd zone": (SCORES, (*COLUMNS, "--zone", "Amerika/New_York"), 2, "America/New_York"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_of_values_is_one_error_and_writes_nothing(folder: Path, case: str) -> None:
    text, words, code, part = WRONG[case]
    (folder / "scores.csv").write_text(text)

    done = CliRunner().invoke(data, ["series", "import", "scores.csv", "score", *words])

    assert getattr(done.exception, "exit_code", None) == code
    assert part in str(done.exception)
    assert not (folder / "outputs").exists()


@pytest.mark.usefixtures("folder")
def test_actions_are_imported_listed_in_order_of_time_and_removed() -> None:
    added = said("actions", "import", "actions.csv")
    CliRunner().invoke(data, ["actions", "remove", "AAPL", "2026-03-05"], catch_exceptions=False)
    listed = said("actions", "list")

    assert added == {"AAPL": 2}
    assert [(row["ex_date"], row["kind"]) for row in listed] == [("2026-03-04", "dividend")]


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("split,4", "spilt,0", "kind"),
        ("2026-03-05", "2026-03-08", "2026-03-08"),  # a Sunday
        ("AAPL,2026-03-05", "NVDX,2026-03-05", "NVDX"),
    ],
    ids=["value", "closed day", "unknown symbol"],
)
def test_wrong_actions_are_one_error_and_write_nothing(
    folder: Path, old: str, new: str, part: str
) -> None:
    (folder / "actions.csv").write_text(ACTIONS.replace(old, new))

    done = CliRunner().invoke(data, ["actions", "import", "actions.csv"])

    assert getattr(done.exception, "exit_code", None) == 3
    assert part in str(done.exception)
    assert not (folder / "outputs").exists()
