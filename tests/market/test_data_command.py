from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qtkit.cli.data import data
from qtkit.core.errors import QtkitError

CSV = "timestamp,open,high,low,close,volume\n2026-03-04 09:31,10,10.5,9.5,10.2,300\n"
SHANGHAI = ("--zone", "Asia/Shanghai", "--label", "end")
SPAN = ["--first", "2026-03-03", "--last", "2026-03-05"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


def run(*words: object) -> Result:
    shanghai = ["--exchange", "XSHG"] if words[0] in {"import", "refill", "check"} else []
    return CliRunner().invoke(data, [str(word) for word in (words[0], *shanghai, *words[1:])])


def filled(root: Path) -> None:
    done = run("refill", "stock_1min", "A", "B", "--from", "synthetic:7", *SPAN, "--root", root)
    assert done.exit_code == 0, done.output


def test_an_import_says_what_it_did(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV, encoding="utf-8")
    words = ("import", path, "stock_1min", "A", *SHANGHAI, "--root", root)

    told, again = run(*words), run(*words, "--json")

    assert told.exit_code == 0
    assert told.output.startswith("A: 1 bars added, 0 were there, 0 replaced, 0 removed, 1 in all")
    report = json.loads(again.output)
    assert report["symbols"] == [
        {"symbol": "A", "added": 0, "identical": 1, "replaced": 0, "removed": 0, "total": 1}
    ]
    assert [verdict["rule"] for verdict in report["verdicts"]] == ["data.reading", "data"]


def test_an_import_maps_columns_and_replaces(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV, encoding="utf-8")
    words = ("import", path, "stock_1min", "A", *SHANGHAI, "--root", root)
    run(*words)

    path.write_text(CSV.replace("close", "Last").replace("10.2", "10.3"), encoding="utf-8")
    refused = run(*words, "--column", "close=Last")
    replaced = run(*words, "--column", "close=Last", "--replace")

    assert isinstance(refused.exception, QtkitError)
    assert refused.exception.exit_code == 3
    assert "1 replaced" in replaced.output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("import", "nowhere.csv", "t", "A"), 3),
        (("check", "t"), 3),
        (("fingerprint", "t", "A"), 3),
        (("refill", "t", "A", "--from", "web", *SPAN), 2),
        (("refill", "t", "A", "--from", "synthetic:7", *SPAN, "--exchange", "X"), 2),
        (("import", "nowhere.csv", "t", "A", "--column", "x"), 2),
    ],
)
def test_errors_carry_the_exit_code_of_the_table(
    root: Path, words: tuple[str, ...], code: int
) -> None:
    found = run(*words, "--root", root).exception

    assert isinstance(found, QtkitError)
    assert found.exit_code == code


def test_dates_beyond_the_calendar_end_with_three(root: Path) -> None:
    span = ("--first", "2027-03-01", "--last", "2027-03-02")

    found = run("refill", "t", "A", "--from", "synthetic:7", *span, "--root", root).exception

    assert isinstance(found, QtkitError)
    assert found.exit_code == 3


def test_an_overlay_reaches_the_calendar(root: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "calendar_overlay.toml"
    overlay.write_text("[XSHG]\nknown_until = 2027-12-31\n", encoding="utf-8")
    span = ("--first", "2027-03-01", "--last", "2027-03-02", "--overlay", overlay)

    done = run("refill", "t", "A", "--from", "synthetic:7", *span, "--root", root)

    assert done.exit_code == 0
    assert "480 bars added" in done.output


def test_a_check_that_holds_ends_with_zero(root: Path) -> None:
    filled(root)

    done = run("check", "stock_1min", *SPAN, "--root", root)

    assert done.exit_code == 0
    assert "2 pass" in done.output
    assert "A: 720 bars, 2026-03-03 01:31 to 2026-03-05 07:00 UTC" in done.output


def test_a_check_that_fails_ends_with_one_and_says_what_to_do(root: Path) -> None:
    filled(root)

    done = run("check", "stock_1min", "A", "--last", "2026-03-06", "--root", root)
    tolerant = run(
        "check", "stock_1min", "A", "--last", "2026-03-06", "--tail", 240, "--root", root
    )

    assert done.exit_code == 1
    assert "240 bars before 2026-03-06 15:00 CST" in done.output
    assert "qtkit data refill" in done.output
    assert tolerant.exit_code == 0


def test_a_check_in_json_has_one_object_for_each_rule(root: Path) -> None:
    filled(root)

    rows = json.loads(run("check", "stock_1min", "A", "--root", root, "--json").output)

    assert [row["rule"] for row in rows] == [
        "data.order",
        "data.duplicates",
        "data.prices",
        "data.ohlc",
        "data.volume",
        "data.sessions",
        "data.gaps",
        "data.tail",
    ]
    assert rows[-1]["status"] == "skip"


def test_a_refill_that_lacks_days_ends_with_one(root: Path) -> None:
    filled(root)
    wide = ("--first", "2026-03-03", "--last", "2026-03-06")

    done = run("refill", "copy", "A", "--from", "table:stock_1min", *wide, "--root", root)

    assert done.exit_code == 1
    assert "bars there, first 2026-03-06" in done.output


def test_the_list_names_tables_symbols_and_damage(root: Path) -> None:
    empty = run("list", "--root", root)
    filled(root)
    (root / "tables" / "stock_1min" / "B.parquet").write_bytes(b"torn")
    (root / "tables" / "-odd").mkdir()

    told = run("list", "--root", root)
    rows = json.loads(run("list", "--root", root, "--json").output)

    assert "no tables under" in empty.output
    assert told.exit_code == 0
    assert "stock_1min  A        720  2026-03-03 01:31" in told.output
    assert [(row["table"], row["symbol"], row["bars"]) for row in rows] == [
        ("-odd", "", 0),
        ("stock_1min", "A", 720),
        ("stock_1min", "B", 0),
    ]
    assert "cannot be read" in rows[2]["damage"]
    assert rows[1]["last"] == "2026-03-05T07:00:00+00:00"


def test_fingerprints_of_a_table_and_of_a_symbol(root: Path) -> None:
    filled(root)

    whole = run("fingerprint", "stock_1min", "--root", root).output.strip()
    one = json.loads(run("fingerprint", "stock_1min", "A", "--root", root, "--json").output)

    assert len(whole) == 64
    assert one["fingerprint"] != whole
    assert one["symbol"] == "A"
