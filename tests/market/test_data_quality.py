from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from pathlib import Path

import numpy as np
import pytest

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.errors import DataError
from qtkit.core.verdict import Status, Verdict
from qtkit.market.bar_order import concatenated, empty_bars, take
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.quality import QualityBudget, check_symbols, check_table, condensed
from qtkit.market.tables.source_bars import read_bars
from qtkit.market.tables.synthetic import Market, synthetic_bars
from qtkit.model.bars import Bars
from tests.market.bar_makers import bars_at, minutes

SHANGHAI = exchange_calendar("XSHG")
ALWAYS = exchange_calendar("24/7")
DAY = date(2026, 3, 4)
REAL = Path(__file__).parents[3] / "shared" / "data"
needs_real_data = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real market data are not beside this checkout"
)
RULES = [
    "data.order",
    "data.duplicates",
    "data.prices",
    "data.ohlc",
    "data.volume",
    "data.sessions",
    "data.gaps",
    "data.tail",
]


def shanghai(_: str) -> Calendar:
    """Return the calendar of every symbol."""
    return SHANGHAI


def whole_day() -> Bars:
    """09:31 to 11:30 and 13:01 to 15:00 in Shanghai."""
    return concatenated(
        minutes("A", "2026-03-04 01:31", 120), minutes("A", "2026-03-04 05:01", 120)
    )


def judged(bars: Bars, rule: str, **more: object) -> Verdict:
    verdicts = check_table(bars, SHANGHAI, **more)  # type: ignore[arg-type] # keywords of check_table
    assert [v.rule for v in verdicts] == RULES
    return next(v for v in verdicts if v.rule == rule)


def spoilt(column: str, rows: list[int], value: float) -> Bars:
    bars = whole_day()
    values = getattr(bars, column).copy()
    values[rows] = value
    return replace(bars, **{column: values})


def without(*rows: int) -> Bars:
    return take(whole_day(), np.array([n for n in range(240) if n not in rows]))


def test_a_whole_day_passes_every_rule() -> None:
    verdicts = check_table(whole_day(), SHANGHAI, DAY, DAY)

    assert [v.rule for v in verdicts] == RULES
    assert {v.status for v in verdicts} == {Status.PASS}


def test_disorder_is_counted_and_the_first_named_in_the_exchange_s_time() -> None:
    rows = list(range(240))
    rows[10], rows[11] = rows[11], rows[10]

    found = judged(take(whole_day(), np.array(rows)), "data.order")

    assert found.status is Status.FAIL
    assert "later one, first 2026-03-04 09:41 CST" in found.summary
    assert found.fix


def test_duplicates_are_counted() -> None:
    bars = whole_day()
    found = judged(concatenated(bars, bars.rows(5, 8)), "data.duplicates")

    assert found.status is Status.FAIL
    assert "a time, first 2026-03-04 09:36 CST" in found.summary


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (float("nan"), "not a number"),
        (float("inf"), "not a number"),
        (0.0, "zero"),
        (-1, "negative"),
    ],
)
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_impossible_prices_are_named_by_kind(column: str, value: float, word: str) -> None:
    found = judged(spoilt(column, [3, 9], value), "data.prices")

    assert found.status is Status.FAIL
    assert f"that is {word}, first 2026-03-04 09:34 CST" in found.summary


@pytest.mark.parametrize(
    ("column", "value"), [("high", 9.0), ("low", 11.0), ("open", 11.0), ("close", 9.0)]
)
def test_a_bar_that_contradicts_itself_fails(column: str, value: float) -> None:
    found = judged(spoilt(column, [239], value), "data.ohlc")

    assert found.status is Status.FAIL
    assert "1 of 240 bars" in found.summary
    assert "first 2026-03-04 15:00 CST" in found.summary


@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_an_impossible_volume_fails(value: float) -> None:
    assert judged(spoilt("volume", [0], value), "data.volume").status is Status.FAIL


def test_a_table_without_any_volume_is_worth_a_look() -> None:
    found = judged(spoilt("volume", list(range(240)), 0.0), "data.volume")

    assert found.status is Status.WARN


def test_bars_outside_the_sessions_fail() -> None:
    lunch = bars_at("A", ["2026-03-04 04:00"])
    found = judged(concatenated(whole_day(), lunch), "data.sessions")

    assert found.status is Status.FAIL
    assert "1 of 241 bars lie outside" in found.summary
    assert "first 2026-03-04 12:00 CST" in found.summary


def test_bars_labelled_by_their_start_are_noticed() -> None:
    bars = whole_day()
    found = judged(replace(bars, end=bars.end - 60_000_000_000), "data.sessions")

    assert "2 of 240 bars lie outside" in found.summary  # 09:30 and 13:00
    assert "start or the end" in found.fix


def test_a_missing_minute_is_worth_a_look_and_three_block() -> None:
    one = judged(without(100), "data.gaps")
    three = judged(without(100, 101, 200), "data.gaps")

    assert one.status is Status.WARN
    assert "1 of 240 bars are missing (0.42%) in 1 gaps" in one.summary
    assert three.status is Status.FAIL
    assert "3 of 240 bars are missing (1.25%) in 2 gaps" in three.summary
    assert "first 2026-03-04 11:11 CST" in three.summary
    assert "longest 2 bars from 2026-03-04 11:11 CST" in three.summary


def test_lunch_and_night_are_no_gaps() -> None:
    two = concatenated(
        whole_day(), minutes("A", "2026-03-05 01:31", 120), minutes("A", "2026-03-05 05:01", 120)
    )

    assert judged(two, "data.gaps").status is Status.PASS


def test_a_gap_across_lunch_is_one_gap() -> None:
    assert "in 1 gaps" in judged(without(118, 119, 120, 121), "data.gaps").summary


def test_gaps_with_one_minute_between_them_are_counted_apart() -> None:
    assert "3 of 240 bars are missing (1.25%) in 3 gaps" in (
        judged(without(1, 3, 5), "data.gaps").summary
    )


def test_a_missing_day_is_a_gap_when_it_was_asked_for() -> None:
    found = judged(whole_day(), "data.gaps", first=date(2026, 3, 3), last=DAY)

    assert found.status is Status.FAIL
    assert "240 of 480 bars" in found.summary
    assert "first 2026-03-03 09:31 CST" in found.summary


def test_holidays_are_no_gaps() -> None:
    around = concatenated(
        minutes("A", "2026-02-13 05:01", 120), minutes("A", "2026-02-24 01:31", 120)
    )

    assert judged(around, "data.gaps").status is Status.PASS


def test_the_gap_budget_is_the_caller_s() -> None:
    budget = QualityBudget(gap_warn=0.01, gap_fail=0.02)

    assert judged(without(100), "data.gaps", budget=budget).status is Status.PASS
    assert judged(without(1, 3, 5), "data.gaps", budget=budget).status is Status.WARN
    assert judged(without(1, 3, 5, 7, 9), "data.gaps", budget=budget).status is Status.FAIL


def test_a_stale_tail_is_counted_in_trading_minutes() -> None:
    found = judged(without(*range(117, 240)), "data.tail", last=DAY)

    assert found.status is Status.FAIL
    assert "the last bar is 2026-03-04 11:27 CST, 123 bars before" in found.summary


def test_a_tail_within_its_budget_passes() -> None:
    budget = QualityBudget(tail_bars=2)

    assert judged(without(238, 239), "data.tail", last=DAY, budget=budget).status is Status.PASS
    assert (
        judged(without(237, 238, 239), "data.tail", last=DAY, budget=budget).status is Status.FAIL
    )


def test_without_a_last_date_the_tail_is_not_judged() -> None:
    assert judged(whole_day(), "data.tail").status is Status.SKIP


def test_only_the_dates_asked_for_are_judged() -> None:
    earlier = minutes("A", "2026-03-03 01:31", 3, price=-1.0)

    verdicts = check_table(concatenated(earlier, whole_day()), SHANGHAI, DAY, DAY)

    assert {v.status for v in verdicts} == {Status.PASS}


def test_no_bars_at_all_fail() -> None:
    found = judged(empty_bars("A"), "data.gaps")

    assert found.status is Status.FAIL
    assert "no bars at all" in found.summary


def test_dates_beyond_the_calendar_cannot_be_judged() -> None:
    found = judged(bars_at("A", ["2031-03-04 01:31"]), "data.gaps")

    assert found.status is Status.ERROR
    assert "2026-12-31" in found.summary


def test_a_closed_stretch_has_no_tail() -> None:
    saturday = bars_at("A", ["2026-03-07 01:31"])
    found = judged(saturday, "data.tail", first=date(2026, 3, 7), last=date(2026, 3, 8))

    assert found.status is Status.SKIP


def test_what_the_generator_leaves_out_is_found() -> None:
    market = Market(halt=(time(10), time(10, 30)))
    bars = synthetic_bars("A", DAY, SHANGHAI, seed=1, market=market)

    found = judged(bars, "data.gaps")

    assert "30 of 240 bars" in found.summary
    assert "longest 30 bars from 2026-03-04 10:01 CST" in found.summary


def test_what_the_generator_makes_is_sound() -> None:
    days = SHANGHAI.sessions(date(2026, 1, 1), date(2026, 6, 30))
    bars = concatenated(*(synthetic_bars("600036.SH", d, SHANGHAI, seed=7) for d in days))

    statuses = {v.status for v in check_table(bars, SHANGHAI, date(2026, 1, 1), date(2026, 6, 30))}

    assert statuses == {Status.PASS}


def test_all_symbols_of_a_table_are_checked_unless_some_are_named(tmp_path: Path) -> None:
    table = BarTable(tmp_path, "t")
    with pytest.raises(DataError, match="no table t"):
        list(check_symbols(table, (), shanghai))
    for symbol in ("A", "B"):
        table.write(replace(whole_day(), symbol=symbol))

    assert [bars.symbol for bars, _ in check_symbols(table, (), shanghai)] == ["A", "B"]
    assert [len(found) for _, found in check_symbols(table, ["B"], shanghai)] == [8]


def test_a_symbol_is_one_line_where_all_is_well_and_what_to_look_at_where_not() -> None:
    good, gappy = whole_day(), without(*range(20))

    lines = [condensed(bars, check_table(bars, SHANGHAI, DAY, DAY)) for bars in (good, gappy)]

    assert [[v.rule for v in line] for line in lines] == [["data"], ["data.gaps"]]


@needs_real_data
def test_the_real_perpetual_has_no_gaps() -> None:
    path = REAL / "btc-perp-1m-2022-01.csv.gz"
    bars = read_bars(path, "BTC-PERP", zone="UTC", label="end")

    verdicts = check_table(bars, ALWAYS)

    assert {v.status for v in verdicts} == {Status.PASS, Status.SKIP}


@needs_real_data
def test_the_real_currency_pair_pauses_at_weekends() -> None:
    """30 117 quotes in the 41 761 minutes from 1 February 00:00 to 1 March 00:00, 111 gaps."""
    path = REAL / "gbpusd-1m-bid-2012.csv.gz"
    bars = read_bars(path, "GBPUSD", zone="UTC", label="start")

    strict = {v.rule: v for v in check_table(bars, ALWAYS)}
    patient = {v.rule: v for v in check_table(bars, ALWAYS, budget=QualityBudget(gap_fail=0.30))}

    assert strict["data.gaps"].status is Status.FAIL
    assert "11644 of 41761 bars are missing (27.88%) in 111 gaps" in (strict["data.gaps"].summary)
    assert patient["data.gaps"].status is Status.WARN
    assert strict["data.volume"].status is Status.WARN
    assert {strict[rule].status for rule in RULES[:4]} == {Status.PASS}
