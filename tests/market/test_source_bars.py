from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from qtkit.core.errors import ConfigError, DataError, QtkitError
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.column_names import columns_from
from qtkit.market.tables.source_bars import read_bars
from qtkit.model.bars import nanos
from tests.market.bar_makers import bars_at, imported, utc


def _zipped(data: bytes) -> bytes:
    """Return gzip bytes without the time in them: test ids are made of these."""
    return gzip.compress(data, mtime=0)


HEADER = "timestamp,open,high,low,close,volume\n"
REAL = Path(__file__).parents[3] / "shared" / "data"
needs_real_data = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real market data are not beside this checkout"
)


@pytest.fixture
def table(tmp_path: Path) -> BarTable:
    table = BarTable(tmp_path, "stock_1min")
    table.write(bars_at("A", ["2026-03-04 01:31"]))
    return table


def written(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(_zipped(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_file_is_read_plain_or_compressed(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, HEADER + "2026-03-04 09:31,10,10.5,9.5,10.2,300\n", name)

    bars = read_bars(path, "X", zone="Asia/Shanghai", label="end")

    assert bars.end.tolist() == [nanos(utc("2026-03-04 01:31"))]
    assert [bars.open[0], bars.high[0], bars.low[0], bars.close[0]] == [10.0, 10.5, 9.5, 10.2]
    assert bars.volume.tolist() == [300.0]


@pytest.mark.parametrize(
    ("cell", "zone"),
    [
        ("2026-03-04 09:31", "Asia/Shanghai"),
        ("2026-03-04T09:31:00", "Asia/Shanghai"),
        ("2026-03-04 09:31:00.000000", "Asia/Shanghai"),
        ("2026-03-04 01:31:00+00:00", "Asia/Shanghai"),
        ("2026-03-04T01:31:00Z", "America/New_York"),
        ("2026-03-03 20:31:00-05:00", "UTC"),
        ("1772587860", "UTC"),
        ("1772587860.0", "UTC"),
        ("1772587860000", "Asia/Shanghai"),
        ("1772587860000000", "UTC"),
        ("1772587860000000000", "UTC"),
    ],
)
def test_times_in_every_form_mean_the_same_moment(tmp_path: Path, cell: str, zone: str) -> None:
    path = written(tmp_path, HEADER + f"{cell},1,1,1,1,1\n")

    bars = read_bars(path, "X", zone=zone, label="end")

    assert bars.end.tolist() == [1772587860 * 10**9]  # 2026-03-04 01:31 UTC


def test_a_time_that_labels_the_start_is_moved_to_the_end(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "2026-03-04 09:30,1,1,1,1,1\n")

    bars = read_bars(path, "X", zone="Asia/Shanghai", label="start")

    assert bars.end.tolist() == [nanos(utc("2026-03-04 01:31"))]


def test_columns_of_other_names_are_mapped(tmp_path: Path) -> None:
    text = "Date;x,O,H,L,C,Vol,More\n2026-03-04 01:31,1,3,0.5,2,7,zzz\n"
    path = written(tmp_path, text)
    names = ["time=Date;x", "open=O", "high=H", "low=L", "close=C", "volume=Vol"]

    bars = read_bars(path, "X", columns=columns_from(names), zone="UTC", label="end")

    assert [c[0] for c in (bars.open, bars.high, bars.low, bars.close, bars.volume)] == [
        1.0,
        3.0,
        0.5,
        2.0,
        7.0,
    ]


def test_without_a_volume_column_the_volume_is_zero(tmp_path: Path) -> None:
    path = written(tmp_path, "timestamp,open,high,low,close\n2026-03-04 01:31,1,1,1,1\n")

    assert read_bars(path, "X", zone="UTC", label="end").volume.tolist() == [0.0]


def test_an_empty_price_stays_not_a_number_and_an_empty_volume_is_zero(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "2026-03-04 01:31,1,,,1,\n")

    bars = read_bars(path, "X", zone="UTC", label="end")

    assert np.isnan([bars.high[0], bars.low[0]]).all()
    assert bars.volume.tolist() == [0.0]


def test_all_wrong_requests_are_told_at_once(table: BarTable, tmp_path: Path) -> None:
    path = written(tmp_path, "Timestamp,open,open,high,low,close\n1,1,1,1,1,1\n")
    columns = {"volume": "vol", "tme": "x"}

    with pytest.raises(ConfigError) as caught:
        imported(path, table, "A", columns=columns, zone="Asia/Shangai", label="begin")

    for part in (
        "'tme' is no column of a bar",
        "no column 'timestamp' for time; did you mean Timestamp?",
        "2 columns 'open'",
        "no column 'vol' for volume",
        "did you mean Asia/Shanghai?",
        "the label is 'start' or 'end', was 'begin'",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize("zone", ["Shanghai", "Asia/Shangai"])
def test_an_unknown_zone_names_the_nearest(tmp_path: Path, zone: str) -> None:
    path = written(tmp_path, HEADER + "2026-03-04 01:31,1,1,1,1,1\n")

    with pytest.raises(ConfigError, match="did you mean Asia/Shanghai"):
        read_bars(path, "X", zone=zone, label="end")


def test_all_damaged_cells_are_told_at_once(tmp_path: Path) -> None:
    rows = ["2026-03-04 01:31,1,1,abc,1,1", "04/03/2026 01:32,1,x,abc,1,1"]
    path = written(tmp_path, HEADER + "\n".join(rows) + "\n")

    with pytest.raises(DataError) as caught:
        read_bars(path, "X", zone="UTC", label="end")

    for part in (
        "1 times cannot be read, first '04/03/2026 01:32' in row 2",
        "column high: 1 cells are no finite numbers, first 'x' in row 2",
        "column low: 2 cells are no finite numbers, first 'abc' in row 1",
    ):
        assert part in str(caught.value)


GOOD = HEADER + "".join(f"2026-03-04 01:{m},1,1,1,1,1\n" for m in range(31, 59))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (_zipped(GOOD.encode())[:-20], "is damaged"),
        (GOOD.encode(), "is damaged"),  # not compressed at all
        (_zipped(GOOD[:-9].encode()), "is damaged"),  # the last row is torn
        (_zipped(b""), "is damaged"),
        (_zipped(HEADER.encode()), "no rows"),
        (_zipped(b"timest\xe4mp,open\n1,2\n"), "is damaged"),
        (_zipped(HEADER.encode() + b"\xe4,1,1,1,1,1\n"), "is damaged"),
        (_zipped((HEADER + ",1,1,1,1,1\n").encode()), "1 times cannot be read"),
        (
            _zipped((HEADER + "2026-03-04 01:31:30,1,1,1,1,1\n").encode()),
            "1 times are no",
        ),
        (_zipped((HEADER + "20260304,1,1,1,1,1\n").encode()), "outside 1990 to 2099"),
        (_zipped((HEADER + "202603040931,1,1,1,1,1\n").encode()), "outside 1990 to 2099"),
        (_zipped((HEADER + "9" * 30 + ",1,1,1,1,1\n").encode()), "is no epoch time"),
        (
            _zipped(
                (HEADER + "2026-03-04 01:31,1,1,1,1,1\n2026-03-04 01:32+00:00,1,1,1,1,1\n").encode()
            ),
            "name their offset",
        ),
        (
            _zipped((GOOD + "2026-03-04 01:31,2,2,2,2,1\n").encode()),
            "contradict another bar",
        ),
    ],
)
def test_a_damaged_file_is_one_error_and_leaves_the_table_as_it_was(
    table: BarTable, tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "bad.csv.gz"
    path.write_bytes(content)
    before = table.fingerprint()

    with pytest.raises(DataError, match=sentence):
        imported(path, table, "A", zone="UTC", label="end")

    assert table.fingerprint() == before
    assert [file.name for file in table.path.glob("[!.]*")] == ["A.parquet"]


@pytest.mark.parametrize(
    "row",
    [
        *(f"{year}-03-04 01:32,1,1,1,1,1" for year in ("2999", "1600", "9999", "0001")),
        *(
            f"{time},1,1,1,1,1"
            for time in ("1_772_587_860", "1" * 5_000, "-5", "2026-03-04\x0001:32", "\uff11" * 10)
        ),
        '"2026-03-04\n01:32",1,1,1,1,1',
        *(
            f"2026-03-04 01:32,{number},1,1,1,1"
            for number in (
                "1_0",
                "\uff11\uff10",
                "inf",
                "-inf",
                "nan",
                "NaN",
                "null",
                "0x10",
                "1e999",
                "1\x00",
            )
        ),
        '2026-03-04 01:32,"1,000",1,1,1,1',
        "2026-03-04 01:32,1,1,1,1,inf",
        "2026-03-04 01:32,1,1,1,1,nan",
        "2026-03-04 01:32,1,1,1,1,-1",
        "2026-03-04 01:32,1,1,-5,1,1",
        "2026-03-04 01:32,1,1,1,0,1",
        "2026-03-04 01:32,1,1",
        "2026-03-04 01:32,1,1,1,1,1,1",
    ],
)
def test_a_cell_that_makes_no_sense_is_one_short_error_and_nothing_is_written(
    table: BarTable, tmp_path: Path, row: str
) -> None:
    path = written(tmp_path, f"{HEADER}2026-03-04 01:31,10,10,10,10,100\n{row}\n")
    before = table.fingerprint()

    with pytest.raises(DataError) as caught:
        imported(path, table, "A", zone="UTC", label="end")

    assert "row 2" in str(caught.value) or "line 3" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert table.fingerprint() == before


def test_the_first_mistakes_are_named_and_all_are_counted(tmp_path: Path) -> None:
    good = "2026-03-04 01:31,1,1,1,1,1\n"
    path = written(tmp_path, HEADER + good + "2999-03-04 01:31,1,inf,1,1,1\n" * 4)

    with pytest.raises(DataError) as caught:
        read_bars(path, "X", zone="UTC", label="end")

    rows = "'{0}' in row 2, '{0}' in row 3, '{0}' in row 4"
    assert f"4 times lie outside 1990 to 2099, first {rows.format('2999-03-04 01:31')}" in str(
        caught.value
    )
    assert f"finite numbers, first {rows.format('inf')}" in str(caught.value)


def test_rows_of_another_length_are_told_all_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "1,1\n2026-03-04 01:31,1,1,1,1,1\n" + "2,2,2,\n" * 4)

    with pytest.raises(DataError, match=r"5 rows .*2 in line 2 .*4 in line 4 .*4 in line 5"):
        read_bars(path, "X", zone="UTC", label="end")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_file_from_another_system_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"{HEADER}2026-03-04 01:31,1,1,1,1,1\n".replace("\n", "\r\n").encode(encoding))

    assert len(read_bars(path, "X", zone="UTC", label="end")) == 1


@pytest.mark.parametrize("row", [b"1,\xac\n", b"2026-03-04 01:32,1,1,1,1,\xff\n"])
def test_what_is_no_text_is_one_error_and_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], row: bytes
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"{HEADER}2026-03-04 01:31,1,1,1,1,1\n".encode() + row)

    with pytest.raises(DataError):
        read_bars(path, "X", zone="UTC", label="end")

    assert capfd.readouterr().err == ""


def test_what_is_no_file_is_an_error_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")

    for path in (tmp_path, tmp_path / "a.csv"):
        with pytest.raises(DataError, match="it is no file"):
            read_bars(path, "X", zone="UTC", label="end")


def test_damage_behind_the_first_block_is_found(table: BarTable, tmp_path: Path) -> None:
    rows = "2026-03-04 01:31,10,10,10,10,100\n" * 80_000  # 2.6 MB; a block is 1 MB
    path = written(tmp_path, HEADER + rows + "2026-03-04 01:32,11\n")

    with pytest.raises(DataError, match="is damaged"):
        imported(path, table, "A", zone="UTC", label="end")
    assert len(table.read("A")) == 1


def test_a_missing_file_is_named(table: BarTable, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*nowhere\.csv"):
        imported(tmp_path / "nowhere.csv", table, "A", zone="UTC", label="end")


def test_an_import_merges_into_what_is_there(table: BarTable, tmp_path: Path) -> None:
    rows = "2026-03-04 01:31,10,10,10,10,100\n2026-03-04 01:32,11,11,11,11,5\n"

    report = imported(written(tmp_path, HEADER + rows), table, "A", zone="UTC", label="end")

    assert (report.added, report.identical, report.total) == (1, 1, 2)
    assert table.read("A").close.tolist() == [10.0, 11.0]


# --- clocks that change ----------------------------------------------------------------------


def test_wall_times_follow_daylight_saving(tmp_path: Path) -> None:
    rows = "2026-03-06 09:31,1,1,1,1,1\n2026-03-09 09:31,1,1,1,1,1\n"
    path = written(tmp_path, HEADER + rows)

    bars = read_bars(path, "X", zone="America/New_York", label="end")

    assert bars.end.tolist() == [nanos(utc("2026-03-06 14:31")), nanos(utc("2026-03-09 13:31"))]


@pytest.mark.parametrize(
    "wall",
    [
        "2026-11-01 01:30",  # shown twice
        "2026-03-08 02:30",  # skipped
    ],
)
def test_wall_times_that_mean_no_moment_or_two_are_refused(tmp_path: Path, wall: str) -> None:
    path = written(tmp_path, HEADER + f"2026-03-06 09:31,1,1,1,1,1\n{wall},1,1,1,1,1\n")

    with pytest.raises(DataError, match="1 wall times were") as caught:
        read_bars(path, "X", zone="America/New_York", label="end")
    assert f"{wall!r} in row 2" in str(caught.value)


def test_the_edges_of_a_clock_change_are_clear(tmp_path: Path) -> None:
    walls = ["2026-11-01 00:59", "2026-11-01 02:00", "2026-03-08 01:59", "2026-03-08 03:00"]
    path = written(tmp_path, HEADER + "".join(f"{wall},1,1,1,1,1\n" for wall in walls))

    bars = read_bars(path, "X", zone="America/New_York", label="end")

    expected = ["2026-11-01 04:59", "2026-11-01 07:00", "2026-03-08 06:59", "2026-03-08 07:00"]
    assert bars.end.tolist() == [nanos(utc(text)) for text in expected]


def test_column_words_without_a_sign_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\['time', '=x'\]"):
        columns_from(["time", "=x", "open=O"])


# --- real files ------------------------------------------------------------------------------


@needs_real_data
def test_the_real_perpetual_is_imported_whole(tmp_path: Path) -> None:
    table = BarTable(tmp_path, "crypto_1min")
    path = REAL / "btc-perp-1m-2022-01.csv.gz"

    report = imported(path, table, "BTC-PERP", zone="UTC", label="end")

    assert (report.added, report.total) == (45_031, 45_031)
    bars = table.read("BTC-PERP")
    assert bars.end[0] == nanos(utc("2021-12-31 23:01"))
    assert bars.end[-1] == nanos(utc("2022-02-01 05:31"))
    assert (bars.open[0], bars.high[0], bars.volume[0]) == (46319.0, 46385.0, 2300413.7295)
    again = imported(path, table, "BTC-PERP", zone="UTC", label="end")
    assert (again.added, again.identical) == (0, 45_031)


@needs_real_data
def test_the_real_currency_pair_has_no_volume(tmp_path: Path) -> None:
    path = REAL / "gbpusd-1m-bid-2012.csv.gz"

    bars = read_bars(path, "GBPUSD", zone="Asia/Shanghai", label="start")

    assert len(bars) == 30_117
    assert bars.end[0] == nanos(utc("2012-02-01 00:01"))  # the offset wins over the zone
    assert not bars.volume.any()


@needs_real_data
def test_a_torn_real_file_leaves_nothing(tmp_path: Path) -> None:
    table = BarTable(tmp_path / "tables", "crypto_1min")
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes((REAL / "btc-perp-1m-2022-01.csv.gz").read_bytes()[:400_000])

    with pytest.raises(QtkitError, match="damaged"):
        imported(torn, table, "BTC-PERP", zone="UTC", label="end")
    assert table.symbols() == ()
