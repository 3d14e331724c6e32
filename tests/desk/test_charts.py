"""Pictures hold the facts, say them as text too, and leave nothing behind."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D

from qtkit.core.errors import DataError
from qtkit.desk import charts
from qtkit.desk.charts.chart import BLUE, GREEN, GREY, ORANGE, PALETTE, RED
from qtkit.evidence import Evidence
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.runtime.backtest import BacktestResult
from tests.stages.parts import BY_ID, NEXT_DAY, A, row, session_started, skipped, task_id
from tests.stages.story import Story, healthy_day, startup, with_pulses


@pytest.fixture(scope="module")
def day() -> Evidence:
    return healthy_day().evidence()


@pytest.fixture(scope="module")
def disturbed() -> Evidence:
    """Until 11:30: one step done, one poll skipped, one step skipped, the rest is to come."""
    story = startup().task(BY_ID[task_id("pre_open", "09:15")])
    story.add("10:30", skipped(BY_ID[task_id("acquire_live_price", "10:30")], "paused"))
    story.add("10:30", skipped(BY_ID[task_id("run_strategy", "10:30")], "paused"))
    story.add("11:30", skipped(BY_ID[task_id("run_strategy", "11:30")], "feed_silent"))
    return with_pulses(story, until="11:30").evidence(running=True)


def backtest_of(*equity: str) -> BacktestResult:
    """Return a backtest that began with 100 000 and closed its days like this."""
    days = tuple(date(2026, 3, 4 + n) for n in range(len(equity)))
    return BacktestResult(
        strategy="by hand",
        days=days,
        steps=0,
        entries=tuple(Story().add("09:00", session_started()).entries()),
        closing=Book(cash=Decimal(0), currency="CNY"),
        equity=dict(zip(days, map(Decimal, equity), strict=True)),
        opening_cash=Decimal(100_000),
    )


def line(axes: Axes, label: str) -> Line2D:
    (found,) = [drawn for drawn in axes.lines if drawn.get_label() == label]
    return found


def points(drawn: Line2D) -> list[tuple[float, float]]:
    drawn_at: Any = (drawn.get_xdata(), drawn.get_ydata())
    return [(float(x), round(float(y), 6)) for x, y in zip(*drawn_at, strict=True)]


def said_by(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


# --- equity ------------------------------------------------------------------------------------


def test_a_sessions_equity_is_cash_and_positions_at_each_poll(day: Evidence) -> None:
    """E.g. at 11:30: 601 004.33 + 5 300 * 37.20 + 5 000 * 40.10 = 998 664.33."""
    above, below = charts.equity(day).figure().axes

    assert points(line(above, "equity")) == [
        (0.0, 1_000_000.0),
        (1.0, 998_664.33),
        (2.0, 998_703.75),
        (3.0, 998_743.75),
    ]
    assert [y for _, y in points(line(below, "drawdown"))] == [0.0, -0.133567, -0.129625, -0.125625]
    assert above.get_title(loc="left") == "equity, CNY"
    assert [text.get_text() for text in below.get_xticklabels()] == [
        "10:30", "11:30", "14:00", "15:00",
    ]  # fmt: skip


def test_the_equity_text_tells_the_same_facts(day: Evidence) -> None:
    assert str(charts.equity(day)) == (
        "Equity and drawdown · live_grid_multi · 2026-03-04\n"
        "  what          when                         value\n"
        "  first         2026-03-04 10:30  1,000,000.00 CNY\n"
        "  last          2026-03-04 15:00    998,743.75 CNY\n"
        "  change                                    -0.13%\n"
        "  highest       2026-03-04 10:30  1,000,000.00 CNY\n"
        "  lowest        2026-03-04 11:30    998,664.33 CNY\n"
        "  deepest fall  2026-03-04 11:30            0.13 %\n"
        "  points                                         4"
    )


def test_a_backtests_equity_is_its_opening_cash_and_each_close() -> None:
    """99 495 after 100 500 is 1 % below."""
    chart = charts.equity(backtest_of("100500", "99495", "101000"))
    above, below = chart.figure().axes

    assert [y for _, y in points(line(above, "equity"))] == [100_000, 100_500, 99_495, 101_000]
    assert [y for _, y in points(line(below, "drawdown"))] == [0.0, 0.0, -1.0, 0.0]
    assert "deepest fall  2026-03-05          1.00 %" in str(chart)
    assert [text.get_text() for text in below.get_xticklabels()] == ["03-04", "03-05", "03-06"]


def test_a_session_that_has_seen_no_price_has_no_curve() -> None:
    chart = charts.equity(startup().evidence(running=True))

    assert str(chart).splitlines()[1] == "  no price was seen"
    assert chart.png()


# --- the schedule --------------------------------------------------------------------------------


def test_each_task_stands_at_its_time_in_its_row(day: Evidence) -> None:
    (axes,) = charts.schedule(day).figure().axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    drawn = points(line(axes, "done 15"))

    assert names == [
        "pre_open", "open_market", "acquire_live_price", "run_strategy", "close_market",
        "post_close", "refill",
    ]  # fmt: skip
    assert [round(x, 4) for x, y in drawn if y == names.index("run_strategy")] == [
        10.5, 11.5, 14.0, 14.9833,
    ]  # fmt: skip
    assert [x for x, y in drawn if y == names.index("refill")] == [15.5]


def test_a_running_day_shows_what_is_skipped_by_reason_and_what_is_to_come(
    disturbed: Evidence,
) -> None:
    figure = charts.schedule(disturbed).figure()
    (axes,) = figure.axes

    assert said_by(figure) == [
        "done 1",
        "not yet due 11",
        "skipped: feed_silent 1",
        "skipped: paused 2",
    ]
    assert points(line(axes, "skipped: paused 2")) == [(10.5, 2.0), (10.5, 3.0)]
    assert len({drawn.get_marker() for drawn in axes.lines if drawn.get_label() != ""}) == 4


def test_the_schedules_text_counts_each_task(disturbed: Evidence) -> None:
    shown = [line.split() for line in str(charts.schedule(disturbed)).splitlines()]

    assert " ".join(shown[0]) == "Schedule · live_grid_multi · 2026-03-04 · Asia/Shanghai"
    assert " ".join(shown[4]) == "acquire_live_price 10:30 15:00 4 0 0 0 3 paused 1"
    assert " ".join(shown[5]) == "run_strategy 10:30 14:59 4 0 0 0 2 feed_silent 1, paused 1"


def test_the_last_day_is_shown_and_another_one_on_demand() -> None:
    tomorrow = (row("pre_open", "09:15", day=NEXT_DAY),)
    story = healthy_day()
    later = ev.ScheduleBuilt(
        trading_date=NEXT_DAY,
        digest="0" * 64,
        tasks=tomorrow,
        caught_up_to=tomorrow[0].due,
    )
    story.cut(story.find(ev.StopRequested)).add(tomorrow[0].due, later)
    evidence = story.evidence(running=True)

    assert "2026-03-05" in charts.schedule(evidence).heading
    assert "2026-03-04" in charts.schedule(evidence, day=date(2026, 3, 4)).heading
    with pytest.raises(DataError, match="no schedule of 2026-03-06"):
        charts.schedule(evidence, day=date(2026, 3, 6))


def test_a_journal_without_a_schedule_has_no_picture_of_one() -> None:
    with pytest.raises(DataError, match="has no schedule: look again"):
        charts.schedule(Story().add("09:00", session_started()).evidence())


# --- skips ---------------------------------------------------------------------------------------


def test_skips_are_bars_by_reason_and_task(disturbed: Evidence) -> None:
    figure = charts.skips(disturbed).figure()
    (axes,) = figure.axes
    bars = [(bar.get_y() + 0.3, bar.get_x(), bar.get_width()) for bar in axes.patches]  # type: ignore[attr-defined]

    assert [text.get_text() for text in axes.get_yticklabels()] == ["feed_silent", "paused"]
    assert [tuple(round(part, 6) for part in bar) for bar in bars] == [
        (0.0, 0.0, 0.0), (1.0, 0.0, 1.0),  # acquire_live_price
        (0.0, 0.0, 1.0), (1.0, 1.0, 1.0),  # run_strategy
    ]  # fmt: skip
    assert said_by(figure) == ["acquire_live_price 1", "run_strategy 2"]


def test_the_text_of_skips_is_their_table_or_says_that_there_are_none(
    disturbed: Evidence, day: Evidence
) -> None:
    assert [line.split() for line in str(charts.skips(disturbed)).splitlines()[2:]] == [
        ["reason", "acquire_live_price", "run_strategy"],
        ["feed_silent", "1"],
        ["paused", "1", "1"],
    ]
    assert str(charts.skips(day)).splitlines()[1] == "  no task was skipped"


# --- slippage ------------------------------------------------------------------------------------


def test_each_fill_is_held_against_the_quote_of_its_request(day: Evidence) -> None:
    """0.01 of 37.50 is 2.67 basis points, 0.02 are 5.33, 0.01 of 40.00 is 2.5; 37.19 is better."""
    figure = charts.slippage(day).figure()
    (axes,) = figure.axes

    assert [(x, round(y, 3)) for x, y in points(line(axes, "buy 4"))] == [
        (1.0, 2.667),
        (2.0, 5.333),
        (3.0, 2.5),
        (4.0, -2.688),
    ]
    assert said_by(figure) == ["buy 4", "mean 2.9 bps"]


def test_the_text_of_slippage_lists_fills_and_the_mean_by_value(day: Evidence) -> None:
    """(2.667 * 112 530 + 5.333 * 86 296 + 2.5 * 200 050 - 2.688 * 18 595) / 417 471 = 2.90."""
    shown = str(charts.slippage(day)).splitlines()

    assert shown[2].split() == [
        "1", "2026-03-04", "10:31:00", "000651.SZ", "+3,000", "37.50", "37.51", "2.7",
    ]  # fmt: skip
    assert shown[-1] == "  4 bought, 0 sold; mean by value 2.9 bps, above 0 it cost us money"


def test_a_fill_whose_order_saw_no_price_is_in_the_text_alone() -> None:
    story = healthy_day().edit(ev.OrderRequested, {"quote": None}, order_id="q3")
    chart = charts.slippage(story.evidence())

    assert len(points(line(chart.figure().axes[0], "buy 3"))) == 3
    assert str(chart).splitlines()[5].split()[-2:] == ["+500", "37.19"]


def test_a_day_without_fills_says_so() -> None:
    chart = charts.slippage(startup().evidence())

    assert str(chart).splitlines()[1] == "  nothing was filled"
    assert chart.figure().axes[0].get_title(loc="left") == "nothing was filled"


# --- the grid ------------------------------------------------------------------------------------


def test_the_grid_shows_prices_base_and_fills_of_each_symbol(day: Evidence) -> None:
    first, second = charts.grid_lines(day).figure().axes

    assert [y for _, y in points(line(first, "price"))] == [37.5, 37.2, 37.25, 37.3]
    assert points(line(first, "base")) == [(1.0, 37.51), (2.0, 37.21), (3.0, 37.21)]
    assert [y for _, y in points(line(first, "next lines"))] == [37.81, 37.51, 37.51]
    assert points(line(first, "buy")) == [(1.0, 37.51), (1.0, 37.52), (2.0, 37.19)]
    assert second.get_title(loc="left") == "600036.SH, a line every 0.30"


def test_the_text_of_the_grid_tells_base_and_fills(day: Evidence) -> None:
    heading, title, *fills = str(charts.grid_lines(day, A)).splitlines()

    assert heading == "Grid lines and fills · live_grid_multi · 2026-03-04"
    assert title == (
        "000651.SZ: prices 37.20 to 37.50, last 37.30; base 37.51 at first, 37.21 at last, 1 move; "
        "a line every 0.30"
    )
    assert fills == [
        "  executed             shares  price  line",
        "  2026-03-04 10:31:00  +3,000  37.51  initial",
        "  2026-03-04 10:32:00  +2,300  37.52  initial",
        "  2026-03-04 13:01:00    +500  37.19  line 37.21",
    ]


def test_a_symbol_without_a_grid_is_refused_with_those_that_have_one(day: Evidence) -> None:
    with pytest.raises(DataError, match=r"no grid of 601398\.SH .* there are: 000651\.SZ, 600036"):
        charts.grid_lines(day, "601398.SH")


def test_a_grid_that_has_not_begun_has_no_base() -> None:
    story = healthy_day()
    story.cut(story.find(ev.StrategySaved)).add(
        "10:32", ev.StrategySaved(state={A: {"base": None, "grid": "0.30"}})
    )
    chart = charts.grid_lines(story.evidence(running=True))

    assert "no base yet" in str(chart)
    assert chart.png()


# --- all of them ---------------------------------------------------------------------------------

EVERY: dict[str, Callable[[Any], charts.Chart]] = {
    "equity": charts.equity,
    "schedule": charts.schedule,
    "skips": charts.skips,
    "slippage": charts.slippage,
    "grid_lines": charts.grid_lines,
}


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_the_same_facts_make_the_same_small_picture(
    make: Callable[[Any], charts.Chart], day: Evidence
) -> None:
    first = make(day).png()

    assert first == make(healthy_day().evidence()).png()
    assert first.startswith(b"\x89PNG")
    assert not any(chunk in first for chunk in (b"tEXt", b"iTXt", b"tIME"))
    assert len(first) < 60_000


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_a_picture_has_no_background(make: Callable[[Any], charts.Chart], day: Evidence) -> None:
    pixels = imread(BytesIO(make(day).png()))

    assert {float(pixels[y, x, 3]) for y in (0, -1) for x in (0, -1)} == {0.0}


def test_a_notebook_gets_the_picture_its_text_and_a_text_for_those_who_cannot_see_it(
    day: Evidence,
) -> None:
    chart = charts.skips(day)
    data, metadata = chart._repr_mimebundle_()

    assert sorted(data) == ["image/png", "text/plain"]
    assert data["text/plain"] == str(chart) == repr(chart)
    assert metadata == {"image/png": {"alt": chart.heading}}
    assert chart.html().startswith(
        '<img alt="Skipped tasks by reason · live_grid_multi · 2026-03-04" src="data:image/png;'
    )


def test_what_comes_from_outside_is_escaped() -> None:
    named = session_started()
    story = Story().add("09:00", named).edit(ev.SessionStarted, {"strategy": "<script>"})

    assert (
        '<img alt="Skipped tasks by reason · &lt;script&gt;'
        in charts.skips(story.evidence()).html()
    )


def _light(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, two: str) -> float:
    dark, light = sorted((_light(one), _light(two)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["#ffffff", "#111111"])
def test_words_and_marks_stand_out_in_both_themes(theme: str) -> None:
    """WCAG 2.2 asks for 3 to 1 where something is drawn; words get 4."""
    assert _contrast(GREY, theme) > 4
    assert all(_contrast(c, theme) > 3 for c in (BLUE, GREEN, ORANGE, RED, *PALETTE))


def _figures() -> int:
    gc.collect()
    return sum(isinstance(thing, Figure) for thing in gc.get_objects())


def test_pictures_leave_nothing_behind(day: Evidence) -> None:
    from matplotlib._pylab_helpers import Gcf

    chart = charts.skips(day)
    before = _figures()
    for _ in range(20):
        chart.png()

    assert _figures() == before
    assert Gcf.get_all_fig_managers() == []
