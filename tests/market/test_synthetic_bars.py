from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import date, time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtkit.core.calendars import exchange_calendar
from qtkit.core.clock import stopwatch
from qtkit.core.errors import DataError
from qtkit.market.bar_order import is_tidy
from qtkit.market.tables.synthetic import Market, close_before, synthetic_bars, synthetic_close
from qtkit.model.bars import Bars, time_of
from qtkit.model.money import decimal_of

SHANGHAI = exchange_calendar("XSHG")
REFERENCE = date(2026, 3, 4)
DAYS = SHANGHAI.sessions(date(2019, 1, 1), date(2026, 12, 31))
COLUMNS = ("end", "open", "high", "low", "close", "volume")


def same(first: Bars, second: Bars) -> bool:
    return all(getattr(first, c).tobytes() == getattr(second, c).tobytes() for c in COLUMNS)


def test_a_day_has_one_bar_for_each_trading_minute() -> None:
    bars = synthetic_bars("000651.SZ", REFERENCE, SHANGHAI, seed=7)

    assert len(bars) == 240
    assert time_of(int(bars.end[0])).isoformat() == "2026-03-04T01:31:00+00:00"
    assert time_of(int(bars.end[119])).isoformat() == "2026-03-04T03:30:00+00:00"
    assert time_of(int(bars.end[120])).isoformat() == "2026-03-04T05:01:00+00:00"
    assert time_of(int(bars.end[239])).isoformat() == "2026-03-04T07:00:00+00:00"
    assert is_tidy(bars)


@given(day=st.sampled_from(DAYS), seed=st.integers(0, 2**63), symbol=st.text(min_size=1))
@settings(max_examples=60, deadline=None)
def test_bars_are_possible_whatever_the_seed(day: date, seed: int, symbol: str) -> None:
    bars = synthetic_bars(symbol, day, SHANGHAI, seed=seed)
    before = close_before(symbol, day, SHANGHAI, seed=seed)

    assert bool(np.all(bars.low > 0))
    assert bool(np.all(bars.high >= np.maximum(bars.open, bars.close)))
    assert bool(np.all(bars.low <= np.minimum(bars.open, bars.close)))
    assert float(bars.high.max()) <= before * 1.1
    assert float(bars.low.min()) >= before * 0.9
    assert abs(float(bars.open[0]) / before - 1) < 0.02
    assert bool(np.all(bars.volume > 0))
    assert bool(np.all(bars.volume % 100 == 0))


def test_prices_print_as_multiples_of_the_tick() -> None:
    for tick, places in ((0.01, 2), (0.001, 3), (0.05, 2)):
        bars = synthetic_bars("X", REFERENCE, SHANGHAI, seed=1, market=Market(tick=tick))
        for price in np.concatenate([bars.open, bars.high, bars.low, bars.close]):
            exact = decimal_of(float(price))
            assert exact % decimal_of(tick) == 0
            assert -int(exact.as_tuple().exponent) <= places


def test_a_day_ends_where_the_next_one_looks_back_to() -> None:
    for today, tomorrow in zip(DAYS[-40:-1], DAYS[-39:], strict=True):
        bars = synthetic_bars("600036.SH", today, SHANGHAI, seed=7)
        assert float(bars.close[-1]) == synthetic_close("600036.SH", today, SHANGHAI, seed=7)
        assert float(bars.close[-1]) == close_before("600036.SH", tomorrow, SHANGHAI, seed=7)


def test_a_bar_opens_where_the_one_before_closed() -> None:
    bars = synthetic_bars("600036.SH", REFERENCE, SHANGHAI, seed=7)

    assert bars.open[1:].tolist() == bars.close[:-1].tolist()


@pytest.mark.parametrize(
    ("symbol", "price"), [("000651.SZ", 37.3), ("600036.SH", 37.5), ("601398.SH", 5.6)]
)
def test_the_demo_symbols_start_where_they_should(symbol: str, price: float) -> None:
    for seed in (1, 7, 42):
        assert synthetic_close(symbol, date(2026, 3, 2), SHANGHAI, seed=seed) == price


def test_a_start_price_can_be_given() -> None:
    market = Market(price=12.34)

    assert synthetic_close("X", date(2026, 3, 2), SHANGHAI, seed=1, market=market) == 12.34


def test_a_typical_day_moves_two_to_three_percent() -> None:
    ranges = []
    for day in DAYS[-250:]:
        bars = synthetic_bars("000651.SZ", day, SHANGHAI, seed=7)
        ranges.append(float(bars.high.max() - bars.low.min()) / float(bars.open[0]))

    assert 0.02 < float(np.median(ranges)) < 0.035


def test_volume_and_volatility_are_high_at_both_ends_of_the_day() -> None:
    days = [synthetic_bars("000651.SZ", day, SHANGHAI, seed=7) for day in DAYS[-60:]]
    volume = np.mean([bars.volume for bars in days], axis=0)
    spread = np.mean([bars.high - bars.low for bars in days], axis=0)

    for column in (volume, spread):
        assert column[:20].mean() > 1.5 * column[100:140].mean()
        assert column[-20:].mean() > 1.5 * column[100:140].mean()


def test_the_order_in_which_days_are_made_does_not_matter() -> None:
    alone = synthetic_bars("000651.SZ", REFERENCE, SHANGHAI, seed=7)
    for day in reversed(DAYS[-300:]):
        synthetic_close("000651.SZ", day, SHANGHAI, seed=7)

    assert same(alone, synthetic_bars("000651.SZ", REFERENCE, SHANGHAI, seed=7))


def test_another_process_with_another_hash_seed_makes_the_same_bars() -> None:
    bars = synthetic_bars("000651.SZ", REFERENCE, SHANGHAI, seed=7)
    code = (
        "import hashlib; from datetime import date;"
        "from qtkit.core.calendars import exchange_calendar;"
        "from qtkit.market.tables.synthetic import synthetic_bars;"
        "b = synthetic_bars('000651.SZ', date(2026, 3, 4), exchange_calendar('XSHG'), seed=7);"
        "print(hashlib.sha256(b.close.tobytes() + b.volume.tobytes()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )

    digest = hashlib.sha256(bars.close.tobytes() + bars.volume.tobytes()).hexdigest()
    assert done.stdout.strip() == digest


def test_another_seed_symbol_or_day_makes_other_bars() -> None:
    bars = synthetic_bars("000651.SZ", REFERENCE, SHANGHAI, seed=7)

    assert not np.array_equal(
        bars.close, synthetic_bars("000651.SZ", REFERENCE, SHANGHAI, seed=8).close
    )
    assert not np.array_equal(
        bars.close, synthetic_bars("600036.SH", REFERENCE, SHANGHAI, seed=7).close
    )
    assert not np.array_equal(
        bars.close, synthetic_bars("000651.SZ", date(2026, 3, 5), SHANGHAI, seed=7).close
    )


def test_gaps_leave_out_about_their_share_and_never_the_ends() -> None:
    market = Market(gaps=0.2)
    counts = []
    for day in DAYS[-50:]:
        bars = synthetic_bars("X", day, SHANGHAI, seed=3, market=market)
        whole = synthetic_bars("X", day, SHANGHAI, seed=3)
        counts.append(len(bars))
        assert (bars.end[0], bars.end[-1]) == (whole.end[0], whole.end[-1])
        assert set(bars.close.tolist()) <= set(whole.close.tolist())

    assert 185 < float(np.mean(counts)) < 200  # 80 % of 240 is 192


def test_a_halt_leaves_out_its_minutes() -> None:
    market = Market(halt=(time(10), time(10, 30)))

    bars = synthetic_bars("X", REFERENCE, SHANGHAI, seed=3, market=market)

    walls = {time_of(int(end)).astimezone(SHANGHAI.zone).time() for end in bars.end}
    assert len(bars) == 210
    assert time(10) in walls
    assert time(10, 1) not in walls
    assert time(10, 30) not in walls
    assert time(10, 31) in walls


def test_jumps_are_jumps_and_stay_inside_the_band() -> None:
    market = Market(jumps=3.0)
    largest = []
    for day in DAYS[-30:]:
        bars = synthetic_bars("X", day, SHANGHAI, seed=3, market=market)
        before = close_before("X", day, SHANGHAI, seed=3, market=market)
        largest.append(float(np.abs(np.diff(np.log(bars.close))).max()))
        assert 0.9 * before <= float(bars.low.min())
        assert float(bars.high.max()) <= 1.1 * before

    assert float(np.median(largest)) > 0.012


def test_a_closed_day_has_no_bars() -> None:
    with pytest.raises(DataError, match=r"no session of XSHG.*such as 2026-02-24"):
        synthetic_bars("X", date(2026, 2, 17), SHANGHAI, seed=1)


@pytest.mark.parametrize("wrong", [{"gaps": 1.0}, {"jumps": -1.0}, {"tick": 0.0}, {"price": -1.0}])
def test_an_impossible_market_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="were"):
        Market(**wrong)  # type: ignore[arg-type] # one number each


def test_around_the_clock_a_day_has_1440_bars() -> None:
    always = exchange_calendar("24/7")

    bars = synthetic_bars("BTC-PERP", REFERENCE, always, seed=7, market=Market(tick=0.1, lot=0.001))

    assert len(bars) == 1440
    assert is_tidy(bars)


def test_a_day_is_made_in_a_blink() -> None:
    synthetic_bars("X", REFERENCE, SHANGHAI, seed=1)
    elapsed = stopwatch()

    for day in DAYS[-100:]:
        synthetic_bars("X", day, SHANGHAI, seed=1)

    assert elapsed() / 100 < 0.005  # seconds a day; 0.3 ms on an idle core
