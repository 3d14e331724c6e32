"""Growing files as feeds: what comes late, half, wrong, or again."""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import DataError
from qtkit.market.bar_order import concatenated
from qtkit.market.feeds.csv_tail import CsvTail
from qtkit.market.feeds.export import write_feed
from qtkit.market.feeds.parquet_tail import ParquetTail
from qtkit.market.feeds.polled import Fetched, PolledFeed
from qtkit.market.feeds.polled_synthetic import SyntheticSource
from qtkit.market.feeds.protocol import Delivery
from qtkit.market.tables.synthetic import PLAIN, synthetic_bars
from qtkit.model.bars import Bars, nanos
from tests.market.bar_makers import bars_at, utc

SHANGHAI = ZoneInfo("Asia/Shanghai")
HEADER = "symbol,end,open,high,low,close,volume\n"
SINCE = utc("2026-03-04 01:30")
LATE = utc("2026-03-04 08:00")


def line(symbol: str, end: str, close: float) -> str:
    return f"{symbol},{end},{close},{close},{close},{close},100\n"


def csv_feed(path: Path, *symbols: str) -> PolledFeed:
    return PolledFeed(CsvTail(path, SHANGHAI), symbols or ("A",), SINCE)


def closes(feed: PolledFeed, symbol: str = "A") -> list[float]:
    batch = feed.bars_until(LATE)
    return batch[symbol].close.tolist() if symbol in batch else []


# --- any source ------------------------------------------------------------------------------


class Told:
    """A source that gives the answers it was given."""

    def __init__(self, *answers: Fetched) -> None:
        self.answers = list(answers)
        self.asked = list[tuple[int, int]]()

    def fetch(self, after: int, until: int) -> Fetched:
        self.asked.append((after, until))
        return self.answers.pop(0)


def test_a_bar_of_the_future_waits_until_it_has_ended() -> None:
    early = bars_at("A", ["2026-03-04 01:31", "2026-03-04 01:33"], [1.0, 3.0])
    feed = PolledFeed(Told(Fetched([early]), Fetched([]), Fetched([])), ("A",), SINCE)

    assert feed.bars_until(utc("2026-03-04 01:32"))["A"].close.tolist() == [1.0]
    assert dict(feed.bars_until(utc("2026-03-04 01:32:59"))) == {}
    assert feed.bars_until(utc("2026-03-04 01:33"))["A"].close.tolist() == [3.0]


def test_a_bar_that_comes_after_a_newer_one_is_left_out() -> None:
    newer, older = (bars_at("A", [f"2026-03-04 01:{m}"], [float(m)]) for m in (32, 31))
    feed = PolledFeed(Told(Fetched([newer]), Fetched([older])), ("A",), SINCE)

    assert closes(feed) == [32.0]
    assert closes(feed) == []


def test_of_two_forms_of_one_minute_in_an_answer_the_last_is_delivered() -> None:
    """A source that also sends the minute that is being formed sends its final form last."""
    one, other = (bars_at("A", ["2026-03-04 01:31"], [price]) for price in (1.0, 2.0))

    assert closes(PolledFeed(Told(Fetched([one, other])), ("A",), SINCE)) == [2.0]


def test_symbols_nobody_trades_and_bars_from_before_are_left_out() -> None:
    mine = bars_at("A", ["2026-03-04 01:30", "2026-03-04 01:31"], [0.5, 1.0])
    feed = PolledFeed(Told(Fetched([mine, bars_at("X", ["2026-03-04 01:31"])])), ("A",), SINCE)

    assert {s: b.close.tolist() for s, b in feed.bars_until(LATE).items()} == {"A": [1.0]}


def test_the_good_part_of_an_answer_is_delivered_with_what_is_missing_from_it() -> None:
    good = bars_at("A", ["2026-03-04 01:31"], [1.0])
    feed = PolledFeed(Told(Fetched([good], "line 3 is wrong", 1)), ("A",), SINCE)

    delivery = Delivery.of(feed.bars_until(LATE))

    assert delivery["A"].close.tolist() == [1.0]
    assert (delivery.refused, delivery.problem) == (1, "line 3 is wrong")


def test_a_source_is_asked_for_what_the_slowest_symbol_lacks() -> None:
    source = Told(Fetched([bars_at("A", ["2026-03-04 01:31"])]), Fetched([]))
    feed = PolledFeed(source, ("A", "B"), SINCE)
    feed.bars_until(LATE)
    feed.bars_until(LATE)

    assert source.asked[1] == (nanos(SINCE), nanos(LATE))


# --- CSV -------------------------------------------------------------------------------------


def test_lines_are_read_as_they_are_added_and_half_a_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(HEADER + line("A", "2026-03-04T09:31", 1.0) + "A,2026-03-04T09:32,2.0")
    feed = csv_feed(path)

    assert closes(feed) == [1.0]
    with path.open("a") as file:
        file.write(",2.0,2.0,2.0,100\n" + line("A", "2026-03-04T01:33+00:00", 3.0))
    assert closes(feed) == [2.0, 3.0]
    assert closes(feed) == []


def test_columns_may_stand_in_any_order_and_an_empty_price_is_nan(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(
        "\ufeffVolume,close,low,high,open,end,Symbol,source\n"
        "100,,1,3,2,2026-03-04T09:31:00+08:00,A,exchange\n\n",
        encoding="utf-8",
    )
    bars = csv_feed(path).bars_until(LATE)["A"]

    assert (bars.open[0], bars.high[0], bars.low[0], bars.volume[0]) == (2.0, 3.0, 1.0, 100.0)
    assert np.isnan(bars.close[0])
    assert bars.end[0] == nanos(utc("2026-03-04 01:31"))


def test_a_wrong_line_is_told_once_by_its_number_and_the_others_are_delivered(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bars.csv"
    good, late = line("A", "2026-03-04T09:31", 1.0), line("A", "2026-03-04T09:35", 5.0)
    wrong = line("A", "yesterday", 2.0) + "A,2026-03-04T09:33\n" + "A\x00,,,\n" + "?\n?\n"
    path.write_text(HEADER + good + wrong + late)
    feed = csv_feed(path)

    first, second = (Delivery.of(feed.bars_until(LATE)) for _ in range(2))

    assert first["A"].close.tolist() == [1.0, 5.0]
    assert first.refused == 5
    for part in ("line 3 (A at yesterday: ", "line 4 (", "line 5 (", "and 2 more"):
        assert part in first.problem
    assert (dict(second), second.refused, second.problem) == ({}, 0, "")


def test_a_file_that_is_replaced_or_cut_is_read_again_without_repeats(tmp_path: Path) -> None:
    path, draft = tmp_path / "bars.csv", tmp_path / "draft.csv"
    first, second, third = (line("A", f"2026-03-04T09:3{i}", float(i)) for i in (1, 2, 3))
    path.write_text(HEADER + first)
    feed = csv_feed(path)
    assert closes(feed) == [1.0]

    draft.write_text(HEADER + first + second)
    draft.replace(path)
    assert closes(feed) == [2.0]
    path.write_text(HEADER + third)
    assert closes(feed) == [3.0]


def test_a_file_that_is_not_there_yet_is_an_error_until_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    feed = csv_feed(path)
    with pytest.raises(DataError, match=r"No such file.*check the path, and"):
        feed.bars_until(LATE)
    path.touch()

    assert closes(feed) == []
    path.write_text(HEADER + line("A", "2026-03-04T09:31", 1.0))
    assert closes(feed) == [1.0]


def test_a_header_without_a_column_names_it_and_may_be_mended(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("symbol,end,open,high,low,last,volume,volume\n")
    feed = csv_feed(path)
    with pytest.raises(DataError, match=r"close, volume, found 'symbol,end"):
        feed.bars_until(LATE)
    path.write_text(HEADER + line("A", "2026-03-04T09:31", 1.0))

    assert closes(feed) == [1.0]


@pytest.mark.parametrize("header", ['"symbol,end', "symbol\rend", "\0"])
def test_a_header_that_is_no_csv_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(f"{header}\n".encode())

    with pytest.raises(DataError):
        csv_feed(path).bars_until(LATE)


def test_a_line_that_does_not_end_is_left_out_in_pieces_and_the_next_one_is_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(HEADER.encode() + b"\xff" * 10_000)
    feed = csv_feed(path)
    answers = [Delivery.of(feed.bars_until(LATE))]

    for more in (b"\xff" * 10_000, b"\xff\n", line("A", "2026-03-04T09:31", 1.0).encode()):
        with path.open("ab") as file:
            file.write(more)
        answers.append(Delivery.of(feed.bars_until(LATE)))

    assert [answer.refused for answer in answers] == [1, 0, 0, 0]
    assert "line 2 (longer than 4096 letters" in answers[0].problem
    assert answers[3]["A"].close.tolist() == [1.0]


@pytest.mark.parametrize(
    "bad",
    [
        *(f"A,{year}-03-04T09:32,1,1,1,1,1" for year in ("2999", "1600", "9999", "0001")),
        *(
            f"A,2026-03-04T09:32,{number},1,1,1,1"
            for number in (
                "1_0",
                "\uff11\uff10",
                "inf",
                "-Infinity",
                "0x10",
                "1e999",
                "1" * 3_000,
                "1d1",
            )
        ),
        "A,2026-03-04T09:32,1,000,1,1,1,1",  # a thousands separator moves every cell
        "A,2026-03-04T09:32,1,1",
        "A,2026-03-04,1,1,1,1,1",
        "A,2026-03-04T09:32:30,1,1,1,1,1",
        ",2026-03-04T09:32,1,1,1,1,1",
        "A\x00,2026-03-04T09:32,1,1,1,1,1",
        'A,2026-03-04T09:32,"1,1,1,1,1',
    ],
)
def test_a_line_that_makes_no_sense_costs_no_other_line(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "bars.csv"
    good = line("A", "2026-03-04T09:31", 1.0), line("A", "2026-03-04T09:35", 5.0)
    path.write_text(f"{HEADER}{good[0]}{bad}\r\n{good[1]}", encoding="utf-8")

    delivery = Delivery.of(csv_feed(path).bars_until(LATE))

    assert delivery["A"].close.tolist() == [1.0, 5.0]
    assert delivery.refused == 1
    assert "line 3 (" in delivery.problem
    assert len(delivery.problem) < 300


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_is_no_file_is_an_error_and_nobody_waits_for_it(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path / "pipe", tmp_path):
        source = CsvTail(path, SHANGHAI) if kind == "csv" else ParquetTail(path)
        with pytest.raises(DataError, match="is no file"):
            source.fetch(0, 0)


# --- Parquet ---------------------------------------------------------------------------------


def parquet_feed(path: Path) -> PolledFeed:
    return PolledFeed(ParquetTail(path), ("A",), SINCE)


def test_a_longer_file_in_its_place_brings_the_new_bars(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    first = bars_at("A", ["2026-03-04 01:31"], [1.0])
    write_feed(path, [first])
    feed = parquet_feed(path)
    assert (closes(feed), closes(feed)) == ([1.0], [])

    write_feed(path, [concatenated(first, bars_at("A", ["2026-03-04 01:32"], [2.0]))])
    assert closes(feed) == [2.0]


def test_a_half_written_file_is_an_error_until_it_is_whole(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.parquet", tmp_path / "bars.parquet"
    write_feed(whole, [bars_at("A", ["2026-03-04 01:31"], [1.0])])
    path.write_bytes(whole.read_bytes()[:-20])
    feed = parquet_feed(path)
    with pytest.raises(DataError, match="is no export"):
        feed.bars_until(LATE)

    path.write_bytes(whole.read_bytes())
    assert closes(feed) == [1.0]


def test_columns_of_other_types_and_a_missing_file_are_named(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "bars.parquet"
    with pytest.raises(DataError, match="No such file"):
        parquet_feed(path).bars_until(LATE)
    names = ("open", "high", "low", "volume")
    columns = {"symbol": ["A"], "end": [1.5], "close": ["7"], **{name: [1.0] for name in names}}
    parquet.write_table(pa.table(columns), path)

    with pytest.raises(DataError, match=r"wrong are end \(double\), close \(string\); expected"):
        parquet_feed(path).bars_until(LATE)


AT = nanos(utc("2026-03-04 01:31"))


def parquet_of(path: Path, **other: object) -> None:
    """Write one bar, with columns of another kind in place of the right ones."""
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, object] = {"symbol": ["A"], "end": pa.array([AT], pa.int64())}
    columns |= {name: pa.array([1.0]) for name in ("open", "high", "low", "close", "volume")}
    parquet.write_table(pa.table({**columns, **other}), path)


def test_columns_that_pyarrow_knows_better_than_we_do_are_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    path = tmp_path / "bars.parquet"
    for other in (
        {"end": pa.array([AT], pa.timestamp("ns"))},
        {"end": pa.array([AT // 1000], pa.timestamp("us", "UTC"))},
        {"end": pa.array([None], pa.int64())},
        {"symbol": pa.array([b"A"])},
        {"symbol": pa.array([None], pa.string())},
        {"close": pa.array(["1.0"])},
        {"close": pa.array([[1.0]])},
        {"close": pa.array([1], pa.decimal128(5, 2))},
    ):
        parquet_of(path, **other)
        with pytest.raises(DataError, match="is no export"):
            ParquetTail(path).fetch(0, 0)


def test_a_symbol_may_be_a_category_and_a_price_may_be_missing(tmp_path: Path) -> None:
    import pyarrow as pa

    path = tmp_path / "bars.parquet"
    parquet_of(
        path, symbol=pa.array(["A"]).dictionary_encode(), close=pa.array([None], pa.float64())
    )

    (bars,) = ParquetTail(path).fetch(0, AT).bars

    assert (bars.symbol, bars.end.tolist()) == ("A", [AT])
    assert np.isnan(bars.close[0])


def test_rows_that_make_no_sense_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    good = bars_at("A", ["2026-03-04 01:31"] * 4, [1.0, float("inf"), 2.0, 3.0])
    good.end[2:] = [2**63 - 1, AT + 1]
    write_feed(path, [good])

    found = ParquetTail(path).fetch(0, AT)

    assert [bars.close.tolist() for bars in found.bars] == [[1.0]]
    assert found.refused == 3


# --- generated -------------------------------------------------------------------------------


def test_generated_bars_come_day_by_day_as_they_are_generated_whole() -> None:
    calendar = exchange_calendar("XSHG")
    feed = PolledFeed(SyntheticSource({"A": PLAIN}, calendar, 7), ("A",), utc("2026-03-06 01:30"))
    found: list[Bars] = []
    for moment in ("2026-03-06 02:00", "2026-03-07 12:00", "2026-03-09 01:31"):  # over a weekend
        found += feed.bars_until(utc(moment)).values()
    friday, monday = (
        synthetic_bars("A", utc(day).date(), calendar, seed=7)
        for day in ("2026-03-06", "2026-03-09")
    )

    assert [len(part) for part in found] == [30, 210, 1]
    expected = [*friday.close.tolist(), float(monday.close[0])]
    assert concatenated(*found).close.tolist() == expected


def test_nothing_is_left_open(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(HEADER)
    feed = csv_feed(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        feed.bars_until(LATE)

    assert len(list(Path("/proc/self/fd").iterdir())) == before
