"""Wrong files of data: each is one clear error, and nothing is written."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from qtkit.cli.data import data
from qtkit.core.errors import QtkitError
from qtkit.market.tables.bar_table import BarTable
from qtkit.model.bars import time_of

HEAD = "timestamp,open,high,low,close,volume"
PRICES = "250,250.5,249.5,250.2,100"
NEW_YORK = ("--zone", "America/New_York", "--label", "end")
OPEN = datetime(2026, 3, 4, 9, 30)  # noqa: DTZ001 - on New York's wall


def day(
    first: datetime = OPEN + timedelta(minutes=1),
    *,
    count: int = 390,
    head: str = HEAD,
    prices: str = PRICES,
    form: str = "%Y-%m-%d %H:%M",
    minutes: int = 1,
) -> str:
    """Return a day of bars, the first at a time."""
    times = (first + timedelta(minutes=minutes * n) for n in range(count))
    return "\n".join([head, *(f"{time:{form}},{prices}" for time in times), ""])


def with_line(line: str) -> str:
    return day() + line + "\n"


def arrow(**columns: object) -> pa.Table:
    """Return a day of bars as a Parquet file has them, with other columns."""
    ends = [OPEN + timedelta(minutes=1 + n) for n in range(390)]
    plain: dict[str, Any] = {
        "timestamp": pa.array(ends, pa.timestamp("us")),
        "open": [250.0] * 390,
        "high": [250.5] * 390,
        "low": [249.5] * 390,
        "close": [250.2] * 390,
    }
    return pa.table({name: c for name, c in {**plain, **columns}.items() if c is not None})


UTC_DAY = OPEN + timedelta(hours=5, minutes=1)
# name: (the file's name, what stands in it, options, exit code, what the error names)
WRONG: dict[str, tuple[str, object, tuple[str, ...], int, tuple[str, ...]]] = {
    "its times are New York's": (
        "AAPL.csv",
        day(),
        (),
        3,
        ("all 390 fit", "--zone America/New_York"),
    ),
    "its times are UTC's": ("AAPL.csv", day(UTC_DAY), NEW_YORK, 3, ("all 390 fit", "--zone UTC")),
    "its times are Shanghai's": (
        "AAPL.csv",
        day(OPEN + timedelta(hours=13, minutes=1)),
        NEW_YORK,
        3,
        ("all 390 fit", "--zone Asia/Shanghai"),
    ),
    "its times label the start": ("AAPL.csv", day(OPEN), NEW_YORK, 3, ("all 390", "--label start")),
    "zone and label are wrong": (
        "AAPL.csv",
        day(OPEN),
        (),
        3,
        ("all 390", "--zone America/New_York --label start"),
    ),
    "an hour that does not tell its zone": (
        "AAPL.csv",
        day(OPEN + timedelta(hours=6), count=20),
        (),
        2,
        ("--zone", "--label"),
    ),
    "its offsets contradict the zone": (
        "AAPL.csv",
        day(UTC_DAY, form="%Y-%m-%d %H:%M+00:00"),
        NEW_YORK,
        2,
        ("+00:00", "--zone UTC"),
    ),
    "bars before the open and after the close": (
        "AAPL.csv",
        day(OPEN - timedelta(hours=4), count=900),
        NEW_YORK,
        3,
        ("--drop-outside",),
    ),
    "daily bars of a weekend": (
        "AAPL.csv",
        day(datetime(2026, 3, 1), count=14, form="%Y-%m-%d 00:00", minutes=1440),  # noqa: DTZ001
        (),
        3,
        ("4 of 14 daily bars",),
    ),
    "bars of two lengths": (
        "AAPL.csv",
        day(count=100)
        + day(OPEN + timedelta(days=1, minutes=5), count=60, minutes=5).split("\n", 1)[1],
        NEW_YORK,
        3,
        ("not of one length",),
    ),
    "other names of columns": (
        "AAPL.csv",
        day(head="Date,Open,High,Low,Adj Close,Volume"),
        NEW_YORK,
        2,
        ("--column time=Date --column open=Open", '--column close="Adj Close"'),
    ),
    "no column of times": ("AAPL.csv", "a,b\n1,2\n", (), 2, ("--column time=…",)),
    "high and low are exchanged": (
        "AAPL.csv",
        day(head="timestamp,open,low,high,close,volume"),
        NEW_YORK,
        3,
        ("--column high=low --column low=high",),
    ),
    "one column for two": ("AAPL.csv", day(), ("--column", "high=low"), 2, ("high and low",)),
    "cells separated by semicolons": ("AAPL.csv", day().replace(",", ";"), (), 3, ("semicolons",)),
    "a decimal comma": (
        "AAPL.csv",
        with_line('2026-03-05 09:31,"250,1",251,249,250,1'),
        NEW_YORK,
        3,
        ("row 391",),
    ),
    "a torn last line": ("AAPL.csv", day()[:-20], NEW_YORK, 3, ("line 391",)),
    "no rows": ("AAPL.csv", HEAD + "\n", (), 3, ("no rows",)),
    "an empty file": ("AAPL.csv", "", (), 3, ("damaged",)),
    "a price of zero": (
        "AAPL.csv",
        with_line("2026-03-05 09:31,0,251,249,250,1"),
        NEW_YORK,
        3,
        ("row 391",),
    ),
    "a volume below zero": (
        "AAPL.csv",
        with_line("2026-03-05 09:31,1,1,1,1,-1"),
        NEW_YORK,
        3,
        ("row 391",),
    ),
    "a word for a price": (
        "AAPL.csv",
        with_line("2026-03-05 09:31,1,1,1,n/a,1"),
        NEW_YORK,
        3,
        ("'n/a'",),
    ),
    "two forms of one minute": (
        "AAPL.csv",
        with_line("2026-03-04 09:31,9,9,9,9,1"),
        NEW_YORK,
        3,
        ("contradict",),
    ),
    "seconds": ("AAPL.csv", day(form="%Y-%m-%d %H:%M:30"), NEW_YORK, 3, ("whole minutes",)),
    "American dates": ("AAPL.csv", day(form="%m/%d/%Y %H:%M"), NEW_YORK, 3, ("cannot be read",)),
    "compact dates": ("AAPL.csv", day(form="%Y%m%d%H%M"), NEW_YORK, 3, ("1990 to 2099",)),
    "a time that the zone skipped": (
        "AAPL.csv",
        with_line("2026-03-08 02:30,1,1,1,1,1"),
        NEW_YORK,
        3,
        ("skipped or shown twice",),
    ),
    "an unknown zone": ("AAPL.csv", day(), ("--zone", "America/NewYork"), 2, ("America/New_York",)),
    "volumes of its own": ("AAPL.csv", day(), (*NEW_YORK, "--volume", "5"), 2, ("--volume",)),
    "a volume of nothing": ("AAPL.csv", day(), (*NEW_YORK, "--volume", "0"), 2, ("above 0",)),
    "an unknown length": ("AAPL.csv", day(), ("--length", "7min"), 2, ("7min",)),
    "an unknown symbol": ("NOSUCH.csv", day(), NEW_YORK, 3, ("NOSUCH",)),
    "a symbol that it does not have": (
        "all.csv",
        day(head="timestamp,open,high,low,close,symbol", prices="1,1,1,1,MSFT")
        + "2026-03-05 09:31,1,1,1,1,SPY\n",
        ("AAPL", *NEW_YORK),
        3,
        ("MSFT, SPY",),
    ),
    "a row without a symbol": (
        "all.csv",
        day(head="timestamp,open,high,low,close,symbol", prices="1,1,1,1,MSFT")
        + "2026-03-05 09:31,1,1,1,1,\n",
        NEW_YORK,
        3,
        ("row 391",),
    ),
    "an unknown ending": ("AAPL.xlsx", day(), (), 2, (".parquet",)),
    "no gzip": ("AAPL.csv.gz", day(), (), 3, ("damaged",)),
    "no Parquet": ("AAPL.parquet", day(), (), 3, ("damaged",)),
    "no text": ("AAPL.csv", b"\xff\xfe" + day().encode("utf-16-le"), (), 3, ("UTF-8",)),
    "prices as words": ("AAPL.parquet", arrow(close=["x"] * 390), NEW_YORK, 3, ("column close",)),
    "prices as truth values": ("AAPL.parquet", arrow(close=[True] * 390), NEW_YORK, 3, ("bool",)),
    "times of no kind": ("AAPL.parquet", arrow(timestamp=[True] * 390), NEW_YORK, 3, ("bool",)),
    "infinite prices": ("AAPL.parquet", arrow(high=[float("inf")] * 390), NEW_YORK, 3, ("finite",)),
    "New York's times as Parquet": ("AAPL.parquet", arrow(), (), 3, ("--zone America/New_York",)),
    "an empty folder": ("folder/readme.txt", "bars", (), 3, (".parquet",)),
    "a folder with one wrong file": ("folder/MSFT.csv", "a,b\n1,2\n", NEW_YORK, 2, ("MSFT.csv",)),
}


def written(place: Path, content: object) -> Path:
    """Write what is imported; a folder gets a sound file beside the wrong one."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, pa.Table):
        parquet.write_table(content, place)
    else:
        place.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    if place.parent.name != "folder":
        return place
    if place.suffix == ".csv":
        (place.parent / "AAPL.csv").write_text(day())
    return place.parent


def imported(path: Path, root: Path, *options: str) -> Result:
    words = ["import", str(path), "bars", *options, "--root", str(root)]
    return CliRunner().invoke(data, words)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work where no configuration lies around."""
    monkeypatch.chdir(tmp_path)
    return iter(())


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_one_clear_error_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    name, content, options, code, parts = WRONG[case]
    root = tmp_path / "outputs"

    found = imported(written(tmp_path / "theirs" / name, content), root, *options).exception

    assert isinstance(found, QtkitError), found
    assert found.exit_code == code
    # the lines to add to instruments.toml stand below each other
    assert "\n" not in str(found) or "[symbols]" in str(found)
    assert len(str(found)) < 700
    for part in parts:
        assert part in str(found)
    assert not root.exists()


def test_what_a_wrong_file_is_told_to_be_given_makes_it_right(tmp_path: Path) -> None:
    names = "Date,Open,High,Low,Adj Close,Volume"
    place = written(tmp_path / "AAPL.csv", day(OPEN, head=names))
    columns = [
        word
        for ours, theirs in zip(
            ("time", "open", "high", "low", "close", "volume"), names.split(","), strict=True
        )
        for word in ("--column", f"{ours}={theirs}")
    ]

    done = imported(
        place, tmp_path / "o", *columns, "--zone", "America/New_York", "--label", "start"
    )

    assert done.exit_code == 0
    assert "390 bars added" in done.output


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("AAPL.csv", day()),
        ("AAPL.csv.gz", gzip.compress(day().encode(), mtime=0)),
        ("AAPL.parquet", arrow()),
        ("AAPL.parquet", arrow(timestamp=pa.array(
            [(OPEN + timedelta(hours=5, minutes=1 + n)).replace(tzinfo=UTC) for n in range(390)],
            pa.timestamp("ns", "UTC"),
        ))),
        ("all.csv", day(head=HEAD + ",symbol", prices=PRICES + ",AAPL")),
        ("all.parquet", arrow(symbol=pa.array(["AAPL"] * 390).dictionary_encode())),
        ("folder/AAPL.parquet", arrow()),
        ("daily/AAPL.csv", day(datetime(2026, 3, 2), count=5, form="%Y-%m-%d 00:00", minutes=1440)),  # noqa: DTZ001
    ],
    ids=["csv", "gz", "parquet", "aware", "column", "coded", "folder", "daily"],
)  # fmt: skip
def test_the_same_day_comes_in_from_files_of_each_kind(
    tmp_path: Path, name: str, content: object
) -> None:
    zone = () if "tz=UTC" in str(getattr(content, "schema", "")) else NEW_YORK
    place = written(tmp_path / "theirs" / name, content)

    done = imported(place, tmp_path / "outputs", *zone)
    checked = CliRunner().invoke(data, ["check", "bars", "--root", str(tmp_path / "outputs")])

    assert (done.exit_code, checked.exit_code) == (0, 0), done.output + checked.output
    assert "AAPL" in checked.output


# --- what is repaired and removed -----------------------------------------------------------------

TWO_DAYS = day() + day(OPEN + timedelta(days=1, minutes=1)).split("\n", 1)[1]


def verb(name: str, *words: object) -> Result:
    return CliRunner().invoke(data, [name, "bars", *map(str, words), "--root", "outputs"])


def ends() -> list[str]:
    """Return the first and the last end that the table holds, and how many there are."""
    bars = BarTable(Path("outputs/tables"), "bars").read("AAPL")
    return [str(len(bars)), *(f"{time_of(int(bars.end[row])):%m-%d %H:%M}" for row in (0, -1))]


WHOLE = ["780", "03-04 14:31", "03-05 21:00"]


def test_what_was_imported_in_a_wrong_zone_is_repaired_by_replace(tmp_path: Path) -> None:
    place, root = written(tmp_path / "AAPL.csv", TWO_DAYS), tmp_path / "outputs"
    wrong = imported(place, root, "--label", "end", "--accept-data", "data.reading")
    assert ends() == ["780", "03-04 09:31", "03-05 16:00"]
    refused = verb("check")

    mended = imported(place, root, *NEW_YORK, "--replace")

    assert (wrong.exit_code, refused.exit_code, mended.exit_code) == (0, 1, 0)
    assert ends() == WHOLE
    assert verb("check").exit_code == 0


def test_replace_leaves_what_the_file_is_silent_about(tmp_path: Path) -> None:
    root = tmp_path / "outputs"
    imported(written(tmp_path / "AAPL.csv", TWO_DAYS), root, *NEW_YORK)
    better = day(OPEN + timedelta(minutes=11), count=2, prices="251,251.5,250.5,251.2,100")

    done = imported(written(tmp_path / "AAPL.csv", better), root, *NEW_YORK, "--replace")

    assert "0 bars added, 0 were there, 2 replaced, 0 removed, 780 in all" in done.output
    assert ends() == WHOLE


@pytest.mark.parametrize(
    ("words", "code", "left"),
    [
        (("AAPL", "--first", "2026-03-05"), 0, ["390", "03-04 14:31", "03-04 21:00"]),
        (("AAPL", "--last", "2026-03-04"), 0, ["390", "03-05 14:31", "03-05 21:00"]),
        (("AAPL", "--outside"), 0, WHOLE),
        (("AAPL",), 0, None),
        (("--all",), 0, None),
        (("AAPL", "MSFT"), 3, WHOLE),
        ((), 2, WHOLE),
        (("AAPL", "--all"), 2, WHOLE),
        (("AAPL", "--first", "2026-03-06", "--last", "2026-03-05"), 2, WHOLE),
    ],
)
def test_bars_are_removed_by_date_by_symbol_and_all(
    tmp_path: Path, words: tuple[str, ...], code: int, left: list[str] | None
) -> None:
    imported(written(tmp_path / "AAPL.csv", TWO_DAYS), tmp_path / "outputs", *NEW_YORK)

    done = verb("remove", *words)

    assert (done.exit_code or 0) == (0 if code == 0 else 1)
    assert code == 0 or getattr(done.exception, "exit_code", None) == code
    if left is None:
        assert BarTable(Path("outputs/tables"), "bars").symbols() == ()
    else:
        assert ends() == left


def test_bars_outside_trading_hours_are_left_out_where_that_is_said(tmp_path: Path) -> None:
    early = written(tmp_path / "AAPL.csv", day(OPEN - timedelta(hours=4), count=900))

    done = imported(early, tmp_path / "outputs", *NEW_YORK, "--drop-outside")

    assert done.exit_code == 0
    assert ends() == ["390", "03-04 14:31", "03-04 21:00"]


def test_a_dry_run_shows_the_verdicts_and_writes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "outputs"

    done = imported(written(tmp_path / "AAPL.csv", TWO_DAYS), root, *NEW_YORK, "--dry-run")

    assert done.exit_code == 0
    assert "780 bars added" in done.output
    assert "data.reading" in done.output
    assert not root.exists()


def test_how_far_an_import_of_many_files_is_goes_to_standard_error(tmp_path: Path) -> None:
    for number in range(30):
        written(tmp_path / "many" / f"60{number:04}.SH.csv", day())

    words = ("--zone", "Asia/Shanghai", "--label", "end", "--drop-outside")
    done = imported(tmp_path / "many", tmp_path / "outputs", *words)

    assert "25 of 30 files judged" in done.stderr
    assert "30 of 30 files judged" in done.stderr


def test_nothing_is_lost_where_one_process_imports_and_another_removes(tmp_path: Path) -> None:
    days = [OPEN + timedelta(days=n, minutes=1) for n in (0, 1)]
    imported(written(tmp_path / "AAPL.csv", day(days[0])), tmp_path / "outputs", *NEW_YORK)
    second = written(tmp_path / "next" / "AAPL.csv", day(days[1]))
    jobs = [
        ("import", str(second), "bars", *NEW_YORK),
        ("remove", "bars", "AAPL", "--last", "2026-03-04"),
    ]
    processes = [subprocess.Popen([sys.executable, "-m", "qtkit", "data", *job]) for job in jobs]
    for process in processes:
        process.wait(timeout=120)

    assert [process.returncode for process in processes] == [0, 0]
    assert ends() == ["390", "03-05 14:31", "03-05 21:00"]
