"""Polled feeds promise what every feed promises."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from qtkit.market.feeds.csv_tail import CsvTail
from qtkit.market.feeds.export import write_feed
from qtkit.market.feeds.http_bars import HttpBars, Patience
from qtkit.market.feeds.parquet_tail import ParquetTail
from qtkit.market.feeds.polled import PolledFeed
from qtkit.market.feeds.protocol import Feed
from qtkit.model.bars import time_of
from tests.contracts.test_feed_contract import FeedContract, recording
from tests.market.bar_makers import utc
from tests.sessions.live_market import Endpoint, Misdeed, market, seeded, well_behaved

SINCE = utc("2026-03-03 01:30")
SYMBOLS = ("A", "B")


def csv_file(path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["symbol", "end", "open", "high", "low", "close", "volume"])
        for bars in recording().values():
            for i in range(len(bars)):
                numbers = [getattr(bars, n)[i] for n in ("open", "high", "low", "close", "volume")]
                writer.writerow([bars.symbol, time_of(int(bars.end[i])).isoformat(), *numbers])
    return path


class TestCsvTail(FeedContract):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = csv_file(tmp_path / "bars.csv")

    def feed(self) -> Feed:
        return PolledFeed(CsvTail(self.path, ZoneInfo("UTC")), SYMBOLS, SINCE)


class TestParquetTail(FeedContract):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "bars.parquet"
        write_feed(self.path, recording().values())

    def feed(self) -> Feed:
        return PolledFeed(ParquetTail(self.path), SYMBOLS, SINCE)


class TestHttpBars(FeedContract):
    misdeed: Misdeed = staticmethod(well_behaved)

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        bars = {symbol: [part] for symbol, part in recording().items()}
        with market(bars, type(self).misdeed) as endpoint:
            self.endpoint: Endpoint = endpoint
            yield

    def feed(self) -> Feed:
        patience = Patience(timeout=2.0, attempts=3, backoff=0.001)
        return PolledFeed(HttpBars(self.endpoint.url, SYMBOLS, patience=patience), SYMBOLS, SINCE)


class TestHttpBarsWithDropOutsAndGarbage(TestHttpBars):
    misdeed = staticmethod(seeded(11))
