from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.verdict import Status
from qtkit.market.bar_order import concatenated
from qtkit.market.tables.bar_sources import (
    SOURCES,
    FolderSource,
    SourceRequest,
    SyntheticSource,
    TableSource,
    source_from,
)
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.refill import refill
from qtkit.market.tables.synthetic import Market, synthetic_bars
from tests.market.bar_makers import minutes
from tests.sessions.live_market import market, well_behaved

SHANGHAI = exchange_calendar("XSHG")
DAYS = SHANGHAI.sessions(date(2026, 3, 3), date(2026, 3, 5))


@pytest.fixture
def table(tmp_path: Path) -> BarTable:
    return BarTable(tmp_path, "stock_1min")


def test_a_refill_from_the_generator_is_what_the_generator_makes(table: BarTable) -> None:
    report = refill(table, SyntheticSource(SHANGHAI, seed=7), ["000651.SZ"], DAYS)

    whole = concatenated(*(synthetic_bars("000651.SZ", d, SHANGHAI, seed=7) for d in DAYS))
    assert report.is_complete
    assert report.merges[0].added == 720
    assert table.read("000651.SZ").close.tolist() == whole.close.tolist()


def test_a_refill_may_be_repeated_and_extended(table: BarTable) -> None:
    source = SyntheticSource(SHANGHAI, seed=7)
    refill(table, source, ["A"], DAYS[1:])

    again = refill(table, source, ["A"], DAYS)

    assert (again.merges[0].added, again.merges[0].identical) == (240, 480)


def test_the_generator_takes_tick_and_lot_from_the_instrument() -> None:
    always = exchange_calendar("24/7")
    day = date(2026, 3, 4)

    fund = SyntheticSource(SHANGHAI, seed=7).bars("510300.SH", day)
    coin = SyntheticSource(always, seed=7).bars("BTC-PERP", day)

    assert bool(np.any(np.abs(fund.close * 100 - np.rint(fund.close * 100)) > 1e-6))
    assert bool(np.all(coin.close == np.rint(coin.close * 10) / 10))
    assert bool(np.any(coin.volume % 1 != 0))


def test_a_market_given_by_hand_is_used() -> None:
    source = SyntheticSource(SHANGHAI, seed=7, market=Market(gaps=0.5))

    assert len(source.bars("A", DAYS[0])) < 180


def test_a_refill_from_another_table_takes_the_days_asked_for(table: BarTable) -> None:
    other = BarTable(table.path.parent, "other")
    refill(other, SyntheticSource(SHANGHAI, seed=7), ["A"], DAYS)

    refill(table, TableSource(other, SHANGHAI), ["A"], DAYS[1:2])

    assert len(table.read("A")) == 240
    assert other.fingerprint("A") != table.fingerprint("A")
    refill(table, TableSource(other, SHANGHAI), ["A"], DAYS)
    assert other.fingerprint("A") == table.fingerprint("A")


def test_a_refill_from_a_folder_of_csv_files(table: BarTable, tmp_path: Path) -> None:
    rows = [
        "Zeit,open,high,low,close",
        "2026-03-03 15:00,1,1,1,1",
        "2026-03-04 09:31,2,2,2,2",
        "2026-03-04 09:32,3,3,3,3",
        "2026-03-05 09:31,4,4,4,4",
    ]
    (tmp_path / "A.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    source = FolderSource(
        tmp_path, SHANGHAI, zone="Asia/Shanghai", label="end", columns={"time": "Zeit"}
    )

    report = refill(table, source, ["A"], [date(2026, 3, 4)])

    assert report.is_complete
    assert table.read("A").close.tolist() == [2.0, 3.0]


def test_days_and_symbols_that_are_not_there_are_reported_and_the_rest_goes_on(
    table: BarTable, tmp_path: Path
) -> None:
    other = BarTable(tmp_path, "other")
    other.write(minutes("A", "2026-03-04 01:31", 5))

    report = refill(table, TableSource(other, SHANGHAI), ["X", "A"], DAYS)

    assert not report.is_complete
    assert report.missing == (("A", date(2026, 3, 3)), ("A", date(2026, 3, 5)))
    assert [symbol for symbol, _ in report.failures] == ["X"]
    first, second = report.verdicts()
    assert {first.status, second.status} == {Status.FAIL}
    assert {first.rule, second.rule} == {"data.refill"}
    assert "A: 5 bars added" in first.summary
    assert "bars there, first 2026-03-03" in first.summary
    assert "X: table other" in second.summary


def test_a_contradiction_leaves_the_symbol_as_it_was(table: BarTable) -> None:
    refill(table, SyntheticSource(SHANGHAI, seed=7), ["A"], DAYS)
    before = table.fingerprint("A")
    other = SyntheticSource(SHANGHAI, seed=8)

    refused = refill(table, other, ["A"], DAYS)
    assert "contradict" in refused.failures[0][1]
    assert table.fingerprint("A") == before

    replaced = refill(table, other, ["A"], DAYS, replace=True)
    assert replaced.is_complete
    assert table.fingerprint("A") != before


def test_a_closed_day_asked_of_the_generator_is_reported(table: BarTable) -> None:
    report = refill(table, SyntheticSource(SHANGHAI, seed=7), ["A"], [date(2026, 3, 7)])

    assert "no session of XSHG" in report.failures[0][1]
    assert table.symbols() == ()


def test_a_folder_without_or_with_two_files_is_refused(table: BarTable, tmp_path: Path) -> None:
    source = FolderSource(tmp_path, SHANGHAI, zone="UTC", label="end")
    none = refill(table, source, ["A"], DAYS)
    for name in ("A.csv", "A.csv.gz"):
        (tmp_path / name).touch()
    two = refill(table, source, ["A"], DAYS)

    assert "has 0 files for A; expected one of A.csv, A.csv.gz, A.parquet" in none.failures[0][1]
    assert "has 2 files for A" in two.failures[0][1]


def test_sources_are_named_in_words(tmp_path: Path) -> None:
    BarTable(tmp_path, "other").write(minutes("A", "2026-03-04 01:31", 5))
    names = {
        words: source_from(words, SourceRequest(calendar=SHANGHAI, tables=tmp_path)).name
        for words in ("synthetic:7", "csv:somewhere/else", "parquet:there", "table:other")
    }

    assert names == {
        "synthetic:7": "synthetic, seed 7",
        "csv:somewhere/else": "folder else",
        "parquet:there": "folder there",
        "table:other": "table other",
    }


@pytest.mark.parametrize(
    "words", ["", "synthetic", "synthetic:x", "csv:", "table:", "ftp://x", "http:x", "cvs:there"]
)
def test_words_that_name_no_source_are_refused(tmp_path: Path, words: str) -> None:
    with pytest.raises(ConfigError):
        source_from(words, SourceRequest(calendar=SHANGHAI, tables=tmp_path))


PLUGIN = """
from qtkit.market.bar_order import empty_bars, take
from qtkit.market.tables.synthetic import synthetic_bars


class Archive:
    def __init__(self, request):
        self._calendar, self.name = request.calendar, f"archive {request.place}"

    def bars(self, symbol, day):
        return synthetic_bars(symbol, day, self._calendar, seed=1)
"""


def test_a_source_of_another_package_fills_a_table(
    table: BarTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "archive-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "archive.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: archive\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[qtkit.sources]\narchive = archive:Archive\n")
    monkeypatch.syspath_prepend(site)

    request = SourceRequest(calendar=SHANGHAI, tables=tmp_path)
    report = refill(table, source_from("archive:vault", request), ["A"], DAYS)

    assert "archive" in SOURCES.names()
    assert (report.source, report.is_complete) == ("archive vault", True)
    assert len(table.read("A")) == 720


def test_a_source_is_registered_for_a_while(table: BarTable, tmp_path: Path) -> None:
    with SOURCES.registered("mine", lambda _: SyntheticSource(SHANGHAI, seed=3)):
        request = SourceRequest(calendar=SHANGHAI, tables=tmp_path)
        refill(table, source_from("mine:here", request), ["A"], DAYS)

    assert len(table.read("A")) == 720
    assert "mine" not in SOURCES.names()


def test_a_folder_of_parquet_files_is_a_source(table: BarTable, tmp_path: Path) -> None:
    other = BarTable(tmp_path, "other")
    refill(other, SyntheticSource(SHANGHAI, seed=7), ["A"], DAYS)
    frame = pd.read_parquet(other.path / "A.parquet")
    frame["timestamp"] = pd.to_datetime(frame.pop("end"), utc=True)
    (tmp_path / "files").mkdir()
    frame.to_parquet(tmp_path / "files" / "A.parquet", index=False)

    source = FolderSource(tmp_path / "files", SHANGHAI, zone="UTC", label="end")
    refill(table, source, ["A"], DAYS)

    assert table.fingerprint("A") == other.fingerprint("A")


def test_an_endpoint_is_a_source(table: BarTable, tmp_path: Path) -> None:
    other = BarTable(tmp_path, "other")
    refill(other, SyntheticSource(SHANGHAI, seed=7), ["A"], DAYS)

    with market({"A": [other.read("A")]}, well_behaved) as endpoint:
        request = SourceRequest(calendar=SHANGHAI, tables=tmp_path)
        report = refill(table, source_from(endpoint.url, request), ["A"], DAYS[1:])

    assert report.is_complete
    assert len(table.read("A")) == 480


def test_a_table_that_is_not_there_is_told_with_the_nearest(
    table: BarTable, tmp_path: Path
) -> None:
    refill(table, SyntheticSource(SHANGHAI, seed=7), ["A"], DAYS)

    with pytest.raises(DataError) as refused:
        source_from("table:stock_1mim", SourceRequest(calendar=SHANGHAI, tables=tmp_path))

    assert "did you mean stock_1min" in str(refused.value)
