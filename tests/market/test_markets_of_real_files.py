"""Pound and bitcoin: from a file to a checked backtest and session, and their wrong zones."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner, Result

from qtkit.cli.backtest import backtest
from qtkit.cli.check import check
from qtkit.cli.data import data
from qtkit.cli.simulate import simulate
from qtkit.core.errors import QtkitError

REAL = Path(__file__).parents[3] / "shared" / "data"
INSTRUMENTS = """
[symbols]
CABLE = { exchange = "24/5", currency = "USD" }
BTC-JAN = { exchange = "24/7", tick = "0.5" }
"""
CODE = """
from decimal import Decimal

from qtkit.model.intents import Intent
from qtkit.trading.strategy.protocol import StrategySpec


class EverySixHours:
    def prepare(self, view): return None
    def decide(self, view, prepared):
        if view.now.hour % 6 or view.now.minute:
            return []
        return [Intent(symbol="SYMBOL", quantity=Decimal("SIZE"), because="the hour")]
    def on_fill(self, fill, view): pass
    def state(self): return {}
    def restore(self, state): pass


SPEC = StrategySpec(name="six", make=EverySixHours, symbols=("SYMBOL",), exchange="EXCHANGE",
                    currency="USD", step_minutes=60)
"""
FX_WEEK = datetime(2012, 2, 5, 22)  # noqa: DTZ001 - Sunday evening, as quotes begin in UTC


def run(command: Command, *words: object) -> Result:
    return CliRunner().invoke(command, [*map(str, words), "--root", "outputs"])


def quotes(folder: Path, *, written: Callable[[datetime], str]) -> Path:
    """Return a file in the shape of the pound's: a week's quotes without volumes, from a Sunday."""
    times = (FX_WEEK + timedelta(minutes=n) for n in range(5 * 1440))
    rows = [f"{written(time)},1.576,1.5761,1.5758,1.5760" for time in times]
    folder.mkdir(exist_ok=True)
    path = folder / "quotes.csv.gz"
    text = "\n".join(["timestamp,open,high,low,close", *rows, ""])
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work beside an `instruments.toml` with two lines."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "instruments.toml").write_text(INSTRUMENTS)
    return iter((tmp_path,))


def strategy(symbol: str, size: str, exchange: str) -> Path:
    path = Path("six.py")
    code = CODE.replace("SYMBOL", symbol).replace("SIZE", size).replace("EXCHANGE", exchange)
    path.write_text(code)
    return path.resolve()


def is_traded(symbol: str, size: str, exchange: str, day: str, accepted: tuple[str, ...]) -> None:
    """Backtest and simulate two days, judge the session, and see that orders were filled."""
    file = strategy(symbol, size, exchange)
    last = f"{day[:-2]}{int(day[-2:]) + 1:02}"
    words = ("--data", "mine", *(word for rule in accepted for word in ("--accept-data", rule)))

    tested = run(backtest, file, "--start", day, "--end", last, *words)
    lived = run(simulate, file, "--date", day, "--days", 2, *words)
    judged = run(check)

    assert (tested.exit_code, lived.exit_code) == (0, 0), (tested.exception, lived.exception)
    assert "fills           0" not in tested.output
    assert judged.exit_code in {0, 5}, judged.output


@pytest.mark.parametrize(
    "zone", ["America/New_York", "America/Chicago", "Europe/Athens", "Asia/Tokyo"]
)
def test_quotes_in_a_wrong_zone_are_refused_with_the_right_one_named(
    tmp_path: Path, zone: str
) -> None:
    naive = quotes(tmp_path, written=lambda time: f"{time:%Y-%m-%d %H:%M:%S}")
    aware = quotes(tmp_path / "aware", written=lambda time: f"{time:%Y-%m-%d %H:%M:%S}+00:00")

    found = [
        run(data, "import", path, "mine", "CABLE", "--zone", zone, "--label", "start").exception
        for path in (naive, aware)
    ]

    assert [getattr(one, "exit_code", None) for one in found] == [3, 2]
    assert all("--zone UTC" in str(one) for one in found)
    assert not Path("outputs").exists()


def test_quotes_of_a_week_are_traded_on_where_their_weekend_is_accepted(tmp_path: Path) -> None:
    path = quotes(tmp_path, written=lambda time: f"{time:%Y-%m-%d %H:%M:%S}+00:00")
    words = ("import", path, "mine", "CABLE", "--label", "start", "--volume", "1000000")

    done = run(data, *words, "--drop-outside")

    assert done.exit_code == 0
    assert "7080 bars added" in done.output  # five days less two hours on Sunday
    is_traded("CABLE", "1000", "24/5", "2012-02-07", ())


needs_real_data = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real market data are not beside this checkout"
)


@needs_real_data
def test_the_real_pound_is_imported_and_traded_on() -> None:
    path = REAL / "gbpusd-1m-bid-2012.csv.gz"
    words = ("import", path, "mine", "CABLE", "--label", "start", "--volume", "1000000")

    wrong = run(data, *words, "--zone", "America/New_York").exception
    done = run(data, *words)

    assert isinstance(wrong, QtkitError)
    assert "--zone UTC" in str(wrong)
    assert "30117 bars added" in done.output
    refused = run(backtest, strategy("CABLE", "1000", "24/5"), "--data", "mine",
                  "--start", "2012-02-06", "--end", "2012-02-10").exception  # fmt: skip
    assert getattr(refused, "exit_code", None) == 3
    is_traded("CABLE", "1000", "24/5", "2012-02-07", ())


@needs_real_data
def test_the_real_perpetual_is_imported_once_its_zone_and_label_are_said() -> None:
    path = REAL / "btc-perp-1m-2022-01.csv.gz"
    words = ("import", path, "mine", "BTC-JAN")

    doubtful = run(data, *words).exception
    done = run(data, *words, "--zone", "UTC", "--label", "end")
    checked = run(data, "check", "mine")

    assert getattr(doubtful, "exit_code", None) == 2
    assert all(word in str(doubtful) for word in ("--zone UTC", "--label"))
    assert "45031 bars added" in done.output
    assert checked.exit_code == 0
    is_traded("BTC-JAN", "0.01", "24/7", "2022-01-03", ())
