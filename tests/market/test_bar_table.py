from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from qtkit.core.errors import ConfigError, DataError
from qtkit.market.bar_order import concatenated, empty_bars, take
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.parquet import encoded
from qtkit.model.bars import Bars
from tests.market.bar_makers import bars_at, minutes, utc

COLUMNS = ("end", "open", "high", "low", "close", "volume")


def same(first: Bars, second: Bars) -> bool:
    return all(getattr(first, c).tobytes() == getattr(second, c).tobytes() for c in COLUMNS)


@pytest.fixture
def table(tmp_path: Path) -> BarTable:
    return BarTable(tmp_path, "stock_1min")


def test_what_was_written_is_read(table: BarTable) -> None:
    bars = bars_at("A", ["2026-03-04 01:31", "2026-03-04 01:32"], [10.25, float("nan")])
    table.write(bars)

    assert table.symbols() == ("A",)
    assert same(table.read("A"), bars)


def test_the_file_is_named_by_its_symbol(table: BarTable, tmp_path: Path) -> None:
    table.write(minutes("000651.SZ", "2026-03-04 01:31", 3))

    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("[!.]*.*"))
    assert found == ["stock_1min/000651.SZ.parquet"]


def test_reading_is_open_on_the_left_and_closed_on_the_right(table: BarTable) -> None:
    table.write(minutes("A", "2026-03-04 01:31", 10))

    part = table.read("A", utc("2026-03-04 01:33"), utc("2026-03-04 01:36"))

    assert part.end.tolist() == [1772588040000000000 + n * 60_000_000_000 for n in range(3)]


def test_a_window_without_bars_is_empty(table: BarTable) -> None:
    table.write(minutes("A", "2026-03-04 01:31", 10))

    assert len(table.read("A", utc("2027-01-01"), utc("2027-01-02"))) == 0


def test_a_window_deep_in_a_long_table_is_found(table: BarTable) -> None:
    long = minutes("A", "2020-01-01 00:01", 200_000)
    table.write(long)

    part = table.read("A", utc("2020-04-01"), utc("2020-04-02"))

    assert same(part, long.between(utc("2020-04-01"), utc("2020-04-02")))
    assert len(part) == 1440


def test_an_unknown_symbol_names_the_nearest(table: BarTable) -> None:
    table.write(minutes("000651.SZ", "2026-03-04 01:31", 3))

    with pytest.raises(DataError, match=r"did you mean 000651\.SZ\?"):
        table.read("000651.SH")
    with pytest.raises(DataError, match="qtkit data import"):
        BarTable(table.path.parent, "other").read("X")


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_names_that_are_no_file_names_are_refused(table: BarTable, name: str) -> None:
    with pytest.raises(ConfigError, match="folder name"):
        table.read(name)
    with pytest.raises(ConfigError, match="table"):
        BarTable(table.path, name)


def test_disorder_is_not_written(table: BarTable) -> None:
    mess = bars_at("A", ["2026-03-04 01:32", "2026-03-04 01:31"])

    with pytest.raises(DataError, match="row 1 ends at 2026-03-04 01:31"):
        table.write(mess)
    assert table.symbols() == ()


def test_a_damaged_file_is_one_clear_error(table: BarTable) -> None:
    table.write(minutes("A", "2026-03-04 01:31", 3))
    file = table.path / "A.parquet"
    file.write_bytes(file.read_bytes()[:-7])

    with pytest.raises(DataError, match=r"A\.parquet cannot be read"):
        table.read("A")


@pytest.mark.parametrize("place", range(0, 100, 3), ids=lambda place: f"{place} %")
def test_a_flipped_bit_is_seen_wherever_it_is(table: BarTable, place: int) -> None:
    table.write(bars_at("A", [f"2026-03-04 01:{m:02}" for m in range(60)], list(range(1, 61))))
    path = table.path / "A.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) * place // 100] ^= 16
    path.write_bytes(data)

    with pytest.raises(DataError) as refused:
        table.read("A")

    assert refused.value.exit_code == 3


def test_a_file_of_somebody_else_has_no_checksum_and_is_read(table: BarTable) -> None:
    bars = bars_at("A", ["2026-03-04 01:31"], [2.0])
    table.write(bars)
    path = table.path / "A.parquet"
    parquet.write_table(parquet.read_table(path), path)

    assert table.read("A").close.tolist() == [2.0]


def test_our_file_is_read_by_everybody(table: BarTable) -> None:
    table.write(bars_at("A", ["2026-03-04 01:31"], [2.0]))

    assert parquet.read_table(table.path / "A.parquet")["close"].to_pylist() == [2.0]


@pytest.mark.parametrize(
    ("ends", "closes"),
    [
        (["2026-03-04 01:32", "2026-03-04 01:31"], [1.0, 1.0]),
        (["2026-03-04 01:31", "2026-03-04 01:31"], [1.0, 1.0]),
        (["2026-03-04 01:31:07", "2026-03-04 01:32"], [1.0, 1.0]),
        (["2026-03-04 01:31", "2026-03-04 01:32"], [1.0, float("inf")]),
    ],
    ids=["disorder", "twice", "no minute", "infinite"],
)
def test_what_no_bar_table_holds_is_neither_read_nor_written(
    table: BarTable, ends: list[str], closes: list[float]
) -> None:
    sound = bars_at("A", ["2026-03-04 01:31", "2026-03-04 01:32"], [1.0, 2.0])
    odd = bars_at("A", ends, closes)
    table.write(sound)
    path = table.path / "A.parquet"
    before = path.read_bytes()

    with pytest.raises(DataError):
        table.write(odd)
    assert path.read_bytes() == before
    parquet.write_table(pa.table({name: getattr(odd, name) for name in COLUMNS}), path)
    with pytest.raises(DataError):
        table.read("A")


def test_a_file_with_other_columns_is_no_bar_table(table: BarTable) -> None:
    table.path.mkdir()
    parquet.write_table(pa.table({"price": [1.0]}), table.path / "A.parquet")

    with pytest.raises(DataError, match="is no bar table"):
        table.read("A")


def test_empty_cells_are_refused(table: BarTable) -> None:
    table.path.mkdir()
    columns = {name: pa.array([1.0, None]) for name in COLUMNS[1:]}
    content = pa.table({"end": pa.array([1, 2], pa.int64()), **columns})
    parquet.write_table(content, table.path / "A.parquet")

    with pytest.raises(DataError, match="1 empty cells in"):
        table.read("A")


def test_a_file_without_statistics_is_read_all_the_same(table: BarTable) -> None:
    bars = minutes("A", "2026-03-04 01:31", 9)
    table.path.mkdir()
    content = pa.table({name: getattr(bars, name) for name in COLUMNS})
    parquet.write_table(content, table.path / "A.parquet", write_statistics=False)

    part = table.read("A", utc("2026-03-04 01:33"), utc("2026-03-04 01:36"))

    assert same(part, bars.rows(3, 6))


# --- merging ---------------------------------------------------------------------------------


def test_a_merge_into_nothing_adds_all(table: BarTable) -> None:
    report = table.merge(minutes("A", "2026-03-04 01:31", 5))

    assert (report.added, report.identical, report.replaced, report.total) == (5, 0, 0, 5)


def test_a_merge_appends_prepends_and_fills_between(table: BarTable) -> None:
    whole = minutes("A", "2026-03-04 01:31", 9)
    for rows in ([3, 4], [7, 8], [0, 1], [2, 5, 6]):
        table.merge(take(whole, np.array(rows)))

    assert same(table.read("A"), whole)


def test_identical_repeats_are_counted(table: BarTable) -> None:
    table.merge(minutes("A", "2026-03-04 01:31", 5))

    report = table.merge(minutes("A", "2026-03-04 01:34", 5))

    assert (report.added, report.identical, report.replaced, report.total) == (3, 2, 0, 8)


def test_merging_the_same_again_does_not_touch_the_file(table: BarTable) -> None:
    table.merge(minutes("A", "2026-03-04 01:31", 5))
    before = (table.path / "A.parquet").stat().st_mtime_ns

    table.merge(minutes("A", "2026-03-04 01:31", 5))

    assert (table.path / "A.parquet").stat().st_mtime_ns == before


def test_a_contradiction_is_refused_and_nothing_written(table: BarTable) -> None:
    table.merge(minutes("A", "2026-03-04 01:31", 5))
    before = table.fingerprint("A")

    with pytest.raises(DataError, match=r"bars of A contradict.*01:34:00.*there .*10.0") as e:
        table.merge(minutes("A", "2026-03-04 01:34", 5, price=11.0))

    assert "--replace" in str(e.value)
    assert table.fingerprint("A") == before


def test_a_contradiction_replaces_when_asked_to(table: BarTable) -> None:
    table.merge(minutes("A", "2026-03-04 01:31", 5))

    report = table.merge(minutes("A", "2026-03-04 01:34", 5, price=11.0), replace=True)

    assert (report.added, report.identical, report.replaced, report.total) == (3, 0, 2, 8)
    assert table.read("A").close.tolist() == [10.0] * 3 + [11.0] * 5


def test_new_bars_that_contradict_each_other_are_refused(table: BarTable) -> None:
    twice = bars_at("A", ["2026-03-04 01:31", "2026-03-04 01:31"], [10.0, 11.0])

    with pytest.raises(DataError, match="contradict another bar"):
        table.merge(twice, replace=True)
    assert table.symbols() == ()


def test_new_bars_in_disorder_with_repeats_are_put_in_order(table: BarTable) -> None:
    whole = minutes("A", "2026-03-04 01:31", 4)

    report = table.merge(concatenated(take(whole, np.array([3, 1])), whole))

    assert (report.added, report.identical) == (4, 2)
    assert same(table.read("A"), whole)


def test_merging_nothing_makes_no_file(table: BarTable) -> None:
    report = table.merge(empty_bars("A"))

    assert report.total == 0
    assert table.symbols() == ()


@given(pieces=st.lists(st.sets(st.integers(0, 30), min_size=1), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_the_order_of_merges_does_not_matter(
    pieces: list[set[int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever pieces of one history arrive in whatever order, the union is there."""
    table = BarTable(tmp_path_factory.mktemp("tables"), "t")
    whole = minutes("A", "2026-03-04 01:31", 31)
    added = 0
    for piece in pieces:
        added += table.merge(take(whole, np.array(sorted(piece)))).added

    union = sorted(set().union(*pieces))
    assert added == len(union)
    assert same(table.read("A"), take(whole, np.array(union)))


# --- fingerprints ----------------------------------------------------------------------------


def test_a_fingerprint_does_not_see_the_file_s_layout(table: BarTable) -> None:
    bars = minutes("A", "2026-03-04 01:31", 50)
    table.write(bars)
    before = table.fingerprint("A")

    content = pa.table({name: getattr(bars, name) for name in reversed(COLUMNS)})
    parquet.write_table(content, table.path / "A.parquet", row_group_size=7, compression="none")

    assert (table.path / "A.parquet").read_bytes() != encoded(bars)
    assert table.fingerprint("A") == before


def test_a_fingerprint_sees_the_smallest_change(table: BarTable) -> None:
    bars = minutes("A", "2026-03-04 01:31", 5)
    table.write(bars)
    before = table.fingerprint("A"), table.fingerprint()

    high = bars.high.copy()
    high[3] = np.nextafter(10.0, 11.0)
    table.write(replace(bars, high=high))

    assert table.fingerprint("A") != before[0]
    assert table.fingerprint() != before[1]


def test_a_table_s_fingerprint_sees_its_symbols(table: BarTable) -> None:
    table.write(minutes("A", "2026-03-04 01:31", 5))
    one = table.fingerprint()
    table.write(minutes("B", "2026-03-04 01:31", 5))

    assert table.fingerprint() != one
    assert table.fingerprint("A") == table.fingerprint("B")


def test_a_fingerprint_taken_down_once_stays(table: BarTable) -> None:
    """SHA-256 over ``name count\\n`` and little-endian bytes of each column, by hashlib alone."""
    table.write(bars_at("A", ["1970-01-01 00:01"], [2.0]))

    digest = hashlib.sha256(b"end 1\n" + struct.pack("<q", 60_000_000_000))
    for name, value in zip(COLUMNS[1:], (2.0, 2.0, 2.0, 2.0, 100.0), strict=True):
        digest.update(f"{name} 1\n".encode() + struct.pack("<d", value))
    assert table.fingerprint("A") == digest.hexdigest()
