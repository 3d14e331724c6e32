"""Tasks come due, wait, run, overrun, fail, are tried again: each by the clock and by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

import pytest

from qtkit.core.clock import ManualClock
from qtkit.core.errors import DataError, InvariantBroken
from qtkit.market.feeds.recorded import NotANumber, Silence
from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.testing import DAY, at, intent, local
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.task_queue import TaskKind
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, Strategy, View
from tests.trading.engine.engine_bench import BANK, STEEL, Bench, command, day_of


class Wrapped:
    """A strategy with something added to its decisions."""

    def __init__(self, inner: Strategy, before: Callable[[View], None]) -> None:
        self._inner, self._before = inner, before
        self.calls = 0

    def prepare(self, view: View) -> Prepared:
        """Pass on."""
        return self._inner.prepare(view)

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Do what was added, and pass on."""
        self.calls += 1
        self._before(view)
        return self._inner.decide(view, prepared)

    def on_fill(self, fill: Fill, view: View) -> None:
        """Pass on."""
        self._inner.on_fill(fill, view)

    def state(self) -> JsonObject:
        """Pass on."""
        return self._inner.state()

    def restore(self, state: JsonObject) -> None:
        """Pass on."""
        self._inner.restore(state)


def slow(seconds: float, *moments: str) -> Callable[[Strategy, ManualClock], Strategy]:
    """Return what makes decisions take a while, at some local times or always."""

    def wrap(inner: Strategy, clock: ManualClock) -> Strategy:
        def wait(view: View) -> None:
            if not moments or local(view.now)[:5] in moments:
                clock.advance(seconds)

        return Wrapped(inner, wait)

    return wrap


def raising(*moments: str, error: Exception | None = None) -> Callable[..., Strategy]:
    """Return what makes decisions raise at some local minutes."""

    def wrap(inner: Strategy, _clock: ManualClock) -> Strategy:
        def fail(view: View) -> None:
            if local(view.now)[:5] in moments:
                raise error or ZeroDivisionError("planted")

        return Wrapped(inner, fail)

    return wrap


def only_steps(bench: Bench) -> list[str]:
    """Return when decisions were taken."""
    return bench.when(ev.DecisionTaken)


# --- waiting for prices --------------------------------------------------------------------------


def test_a_step_waits_for_the_price_poll_of_its_moment() -> None:
    bench = day_of(work_seconds=lambda key: 0.7 if "093500" in key else 0.0).run("09:41")
    assert only_steps(bench) == ["09:35:00.700000", "09:40:00"]
    seen = bench.of(ev.DecisionTaken)[0].prices[0]
    assert local(seen.end) == "09:35:00"


def test_a_step_waits_no_longer_than_its_patience() -> None:
    bench = day_of(work_seconds=lambda key: 20.0 if "093500" in key else 0.0).run("09:41")
    assert only_steps(bench) == ["09:35:01", "09:40:00"]
    assert local(bench.of(ev.DecisionTaken)[0].prices[0].end) == "09:34:00"
    assert bench.told("acquire_live_price")[14] == "finished 09:35:20"


def test_the_last_step_of_a_segment_goes_before_the_close_however_slow_its_poll_is() -> None:
    bench = day_of(
        work_seconds=lambda key: 20.0 if "113000" in key else 0.0, start=at("11:20")
    ).run("11:31")
    assert only_steps(bench)[-1] == "11:30:01"
    assert bench.statuses()[-2:] == [
        ("11:30:01", "sleeping", "close_market"),
        ("11:31:00", "stopped", "stop"),
    ]
    assert bench.line(ev.DecisionTaken, -1) < bench.line(ev.StatusChanged, -2)
    assert bench.told("acquire_live_price")[-1] == "finished 11:30:20"


def test_the_step_at_the_close_of_the_morning_runs_and_what_it_buys_is_refused() -> None:
    """At 11:30:00 the exchange is closed: nothing leaves, and nothing is lost but the order."""
    bench = day_of(script={"11:30": [intent(BANK, 100)]}, start=at("11:26")).run("11:31")
    assert only_steps(bench) == ["11:30:00"]
    (refused,) = bench.of(ev.OrderRefused)
    assert [v.rule for v in refused.verdicts] == ["risk.trading_window"]


# --- overruns ------------------------------------------------------------------------------------


def test_a_poll_that_overruns_shows_as_prev_running() -> None:
    bench = day_of(work_seconds=lambda key: 90.0 if "093300" in key else 0.0).run("09:36")
    assert bench.skipped("acquire_live_price") == {"09:34:00": "prev_running"}
    assert bench.told("acquire_live_price")[6:9] == [
        "queued 09:33:00", "started 09:33:00", "skipped 09:34:00",
    ]  # fmt: skip
    assert bench.told("acquire_live_price")[9] == "finished 09:34:30"


def test_a_step_that_overruns_shows_as_prev_running() -> None:
    bench = day_of(wrap=slow(400, "09:35")).run("09:46")
    assert only_steps(bench) == ["09:41:40", "09:45:00"]
    assert bench.skipped() == {"09:40:00": "prev_running"}


def test_a_row_of_the_same_kind_that_still_waits_shows_as_already_queued() -> None:
    """A failing poll of 0.9 s is tried every 1.9 s: at 09:33:00 it waits since 09:32:59.8."""
    away = Silence(start=at("09:32"), end=at("09:34"), fails=True)
    bench = day_of(
        feed_faults=[away],
        settings={"retries": {"acquire_live_price": 100}},
        work_seconds=lambda key: 0.9 if "acquire" in key else 0.0,
    ).run("09:33:30")
    assert bench.skipped("acquire_live_price") == {"09:33:00": "already_queued"}


def test_polls_that_a_long_step_held_up_are_missed() -> None:
    bench = day_of(wrap=slow(125, "09:35")).run("09:40:30")
    missed = bench.skipped("acquire_live_price")
    assert missed == {"09:36:00": "missed"}  # 09:37 is found 5 s late: in time


@pytest.mark.parametrize(("late", "missed"), [(10.0, False), (10.5, True)])
def test_what_is_found_late_is_missed_beyond_the_limit(late: float, missed: bool) -> None:  # noqa: FBT001
    bench = day_of(wrap=slow(60 + late, "09:35")).run("09:40:30")
    assert (bench.skipped("acquire_live_price") == {"09:36:00": "missed"}) is missed


def test_the_limit_for_lateness_is_a_setting() -> None:
    bench = day_of(wrap=slow(100, "09:35"), settings={"late_after_seconds": 45}).run("09:40:30")
    assert not bench.skipped("acquire_live_price")


def test_the_pulse_tells_how_late_the_loop_came() -> None:
    bench = day_of(wrap=slow(75, "09:35")).run("09:38")
    gaps = [
        (local(e.at), e.event.largest_gap_seconds)
        for e in bench.entries
        if isinstance(e.event, ev.LoopPulsed)
    ]
    assert [(t, str(g)) for t, g in gaps if g] == [("09:36:15", "75.000")]


# --- failures ------------------------------------------------------------------------------------


def test_a_failing_poll_is_tried_again_after_a_second_and_told_each_time() -> None:
    away = Silence(start=at("09:32"), end=at("09:32:01"), fails=True)
    bench = day_of(feed_faults=[away]).run("09:34")
    assert bench.told("acquire_live_price")[3:9] == [
        "queued 09:32:00", "started 09:32:00", "failed 09:32:00",
        "started 09:32:01", "finished 09:32:01", "queued 09:33:00",
    ]  # fmt: skip
    (failed,) = bench.of(ev.TaskFailed)
    assert (failed.attempt, failed.dead_letter) == (1, False)
    assert failed.error.startswith("DataError: the feed")
    assert bench.of(ev.FeedFailed)[0].error == failed.error


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_after_its_retries_a_task_is_a_dead_letter_and_the_loop_lives_on(retries: int) -> None:
    away = Silence(start=at("09:32"), end=at("09:32:30"), fails=True)
    bench = day_of(feed_faults=[away], settings={"retries": {"acquire_live_price": retries}}).run(
        "09:34"
    )
    failures = [(f.attempt, f.dead_letter) for f in bench.of(ev.TaskFailed)]
    assert failures == [(n, n == retries + 1) for n in range(1, retries + 2)]
    assert bench.told("acquire_live_price")[-1] == "finished 09:33:00"
    said = [fields["dead_letter"] for verb, fields in bench.said if verb == "task_failed"]
    assert said == [dead for _, dead in failures]


def test_a_step_that_raises_is_tried_again_and_the_next_one_runs() -> None:
    bench = day_of(wrap=raising("09:35")).run("09:41")
    failures = [(f.attempt, f.dead_letter) for f in bench.of(ev.TaskFailed)]
    assert failures == [(1, False), (2, True)]
    assert "ZeroDivisionError: planted" in bench.of(ev.TaskFailed)[0].error
    assert only_steps(bench) == ["09:40:00"]


def test_a_retry_that_works_is_one_decision() -> None:
    stumbled: list[datetime] = []

    def once(inner: Strategy, _: ManualClock) -> Strategy:
        def stumble(view: View) -> None:
            if not stumbled:
                stumbled.append(view.now)
                raise LookupError("once")

        return Wrapped(inner, stumble)

    bench = day_of(script={"09:35": [intent(BANK, 100)]}, wrap=once).run("09:39")
    assert only_steps(bench) == ["09:35:01"]
    assert len(bench.of(ev.OrderRequested)) == 1


def test_an_order_too_large_to_calculate_with_is_refused_and_the_others_leave() -> None:
    bench = day_of(script={"09:35": [intent(BANK, 100), intent(STEEL, 10**32)]}).run("09:39")
    (refused,) = bench.of(ev.OrderRefused)
    assert [v.rule for v in refused.verdicts] == ["risk.arithmetic"]
    assert [o.symbol for o in bench.of(ev.OrderFilled)] == [BANK]


@pytest.mark.parametrize(
    ("intent", "told"),
    [
        ("buy some", "Intent values, was 'buy some'"),
        (Intent(symbol=BANK, quantity=100, because="an int"), "quantity is 100 (int)"),  # type: ignore[arg-type]
        (Intent(symbol=BANK, quantity=1.5, because="a float"), "quantity is 1.5 (float)"),  # type: ignore[arg-type]
        (Intent(symbol=7, quantity=Decimal(1), because=""), "symbol is 7"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_proper_intent_is_refused_by_name(intent: Intent, told: str) -> None:
    bench = day_of(script={"09:35": [intent]}).run("09:37")
    assert told in bench.of(ev.TaskFailed)[0].error
    assert not bench.of(ev.DecisionTaken)


def test_a_step_that_was_decided_is_never_decided_twice() -> None:
    """Something raises after the decision stands in the journal: the retry decides nothing."""
    bench = day_of(script={"09:35": [intent(BANK, 100)]})

    def broken(*_: object, **__: object) -> None:
        raise LookupError("planted")

    bench.engine._orders.place = broken  # type: ignore[method-assign]
    bench.run("09:39")
    assert only_steps(bench) == ["09:35:00"]
    assert [f.dead_letter for f in bench.of(ev.TaskFailed)] == [False]
    assert bench.told("run_strategy")[-3:] == [
        "failed 09:35:00",
        "started 09:35:01",
        "finished 09:35:01",
    ]


def test_a_refill_that_raises_is_tried_once_more() -> None:
    def refill(day: object) -> ev.TablesRefilled:
        raise DataError("the source is away")

    bench = day_of(refill=refill, start=at("15:20")).run("15:32")
    assert [(f.task, f.dead_letter) for f in bench.of(ev.TaskFailed)] == [
        ("refill", False),
        ("refill", True),
    ]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (ValueError("a"), "StrategyError: decide raised ValueError: a"),
        (KeyError("b"), "StrategyError: decide raised KeyError: 'b'"),
        (RuntimeError("c"), "StrategyError: decide raised RuntimeError: c"),
    ],
)
def test_whatever_a_strategy_raises_is_named(kind: Exception, told: str) -> None:
    bench = day_of(wrap=raising("09:35", error=kind), settings={"retries": {}}).run("09:36")
    (failed,) = bench.of(ev.TaskFailed)
    assert failed.error == told
    assert failed.dead_letter


def test_a_decision_that_moves_the_strategys_state_is_refused() -> None:
    class Restless(Wrapped):
        def state(self) -> JsonObject:
            return {"calls": self.calls}

    bench = day_of(wrap=lambda inner, _: Restless(inner, lambda _view: None)).run("09:36")
    assert "decide changed what state() returns" in bench.of(ev.TaskFailed)[0].error
    assert not bench.of(ev.DecisionTaken)


@pytest.mark.parametrize("state", [{"x": float("nan")}, {"x": float("inf")}, {"x": {1, 2}}])
def test_a_state_that_is_no_json_of_finite_numbers_is_refused(state: JsonObject) -> None:
    class Odd(Wrapped):
        def state(self) -> JsonObject:
            return state

    bench = day_of(wrap=lambda inner, _: Odd(inner, lambda _view: None))
    bench.engine.start()
    while bench.clock.now() < at("09:36"):
        bench.clock.set(bench.engine.turn() or at("09:36"))
    assert "JSON object of finite" in bench.of(ev.TaskFailed)[0].error


# --- what keeps a step out -----------------------------------------------------------------------


def test_without_any_price_a_step_stands_aside_and_says_so() -> None:
    """The feed is there and delivers nothing usable: both symbols' bars are no numbers."""
    odd = [NotANumber(symbol=s, end=at(f"09:{m}")) for s in (BANK, STEEL) for m in range(31, 36)]
    bench = day_of(feed_faults=odd).run("09:41")
    assert bench.skipped() == {"09:35:00": "no_fresh_price"}
    assert [p.refused for p in bench.of(ev.PricesSeen)][:6] == [2, 2, 2, 2, 2, 0]
    assert only_steps(bench) == ["09:40:00"]


def test_a_symbol_without_a_price_stands_aside_and_the_others_go_on() -> None:
    odd = [NotANumber(symbol=BANK, end=at(f"09:{m}")) for m in range(31, 36)]
    bench = day_of(feed_faults=odd).run("09:36")
    (decision,) = bench.of(ev.DecisionTaken)
    assert decision.aside == (BANK,)
    assert [p.symbol for p in decision.prices] == [STEEL]


@pytest.mark.parametrize("bad", [0.0, -1.0, float("inf")])
def test_a_price_that_is_not_positive_and_finite_never_reaches_a_decision(bad: float) -> None:
    bench = day_of(prices={BANK: lambda n: bad if 0 < n < 5 else 10.0, STEEL: 8.0}).run("09:41")
    first, second = bench.of(ev.DecisionTaken)
    assert first.aside == (BANK,)
    assert second.aside == ()
    assert [p.refused for p in bench.of(ev.PricesSeen)][:6] == [0, 1, 1, 1, 1, 0]


def test_a_feed_that_is_silent_for_long_is_named_by_trading_time() -> None:
    quiet = Silence(start=at("09:36"), end=at("10:30"))
    bench = day_of(feed_faults=[quiet]).run("09:51")
    assert only_steps(bench) == ["09:35:00"]
    assert bench.skipped() == {
        "09:40:00": "no_fresh_price",
        "09:45:00": "feed_silent",
        "09:50:00": "feed_silent",
    }
    details = [s.detail for s in bench.of(ev.TaskSkipped)]
    assert details[1] == "no bar for 600 s of trading"


def test_before_the_open_and_at_lunch_no_feed_is_silent() -> None:
    quiet = Silence(start=at("11:30:30"), end=at("13:06"))
    bench = day_of(feed_faults=[quiet], start=at("11:26")).run("13:11")
    assert bench.skipped()["13:05:00"] == "no_fresh_price"  # five minutes of trading, not 95


def test_prices_go_stale_by_trading_time() -> None:
    """At 09:38 the bar of 09:35 is 180 s old and good, at 09:39 it is stale."""
    quiet = Silence(start=at("09:36"), end=at("10:30"))
    bench = day_of(feed_faults=[quiet], settings={"step_minutes": 1}).run("09:41")
    assert only_steps(bench)[-1] == "09:38:00"
    assert bench.skipped()["09:39:00"] == "no_fresh_price"


def test_at_one_oclock_nothing_is_stale_yet() -> None:
    quiet = Silence(start=at("11:30:30"), end=at("14:00"))
    bench = day_of(feed_faults=[quiet], settings={"step_minutes": 1}, start=at("11:28")).run(
        "13:10"
    )
    after_lunch = [t for t in only_steps(bench) if t > "12"]
    assert after_lunch == ["13:01:00", "13:02:00", "13:03:00"]


def test_yesterdays_close_is_no_price_of_today() -> None:
    quiet = Silence(start=at("09:00", DAY.replace(day=5)), end=at("23:00", DAY.replace(day=5)))
    bench = day_of(feed_faults=[quiet], start=at("14:50")).run(at("09:36", DAY.replace(day=5)))
    steps = [s for s in bench.of(ev.TaskSkipped) if s.trading_date != DAY]
    assert [(s.task, s.skip_reason) for s in steps] == [("run_strategy", "no_fresh_price")]


def test_a_paused_engine_skips_polls_and_steps() -> None:
    bench = day_of(commands=[command("09:33:30", "pause"), command("09:36:30", "resume")]).run(
        "09:41"
    )
    assert bench.skipped() == {"09:35:00": "paused"}
    assert bench.skipped("acquire_live_price") == {f"09:3{m}:00": "paused" for m in (4, 5, 6)}
    assert only_steps(bench) == ["09:40:00"]


def test_a_step_that_waits_when_the_pause_comes_is_skipped_too() -> None:
    bench = day_of(
        work_seconds=lambda key: 20.0 if "093500" in key else 0.0,
        commands=[command("09:35:00.5", "pause")],
    ).run("09:36")
    assert bench.skipped() == {"09:35:00": "paused"}


# --- what can only be a bug ----------------------------------------------------------------------


def test_a_task_kind_without_work_is_a_bug() -> None:
    bench = day_of()
    bench.engine._tasks._kinds["pre_open"] = TaskKind()
    with pytest.raises(InvariantBroken, match="neither acts nor"):
        bench.run("09:16")


def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    bench = day_of()
    context: EngineContext = bench.engine.context
    bench.engine._tasks._workers.submit("nobody", lambda: 1)
    bench.run("09:10")
    assert context.state.ended
    assert not bench.of(ev.TaskFailed)
