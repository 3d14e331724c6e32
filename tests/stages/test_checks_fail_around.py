"""Mistakes that stand in files, in what a stop left behind, or in what a scenario did not do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace as changed
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from qtkit.core.clock import ManualClock
from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status, Verdict
from qtkit.evidence import Evidence, RunFacts, Scenario
from qtkit.journal import FileJournal
from qtkit.model import events as ev
from qtkit.model.engine import SkipMeaning
from qtkit.stages import scenarios
from qtkit.trading.engine.description import engine_description
from tests.stages.parts import (
    BY_ID,
    CHECKS,
    A,
    at,
    book,
    is_found,
    open_order,
    price,
    session_started,
    skipped,
    status,
    task_id,
)
from tests.stages.story import Story, healthy_day, stopped_at_lunch

Damage = Callable[[SessionFolder], object]


def failed_on(check_id: str, evidence: Evidence) -> Verdict:
    verdict = CHECKS[check_id](evidence)
    assert verdict.status is Status.FAIL, verdict
    assert verdict.fix
    return verdict


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def log_without(folder: SessionFolder, part: str) -> None:
    kept = [row for row in folder.sys_log.read_text().splitlines() if part not in row]
    folder.sys_log.write_text("\n".join(kept) + "\n")


def turned(folder: SessionFolder) -> None:
    rows = folder.sys_log.read_text().splitlines()
    rows[5], rows[6] = rows[6], rows[5]
    folder.sys_log.write_text("\n".join(rows) + "\n")


def resumed_in_between(folder: SessionFolder) -> None:
    rows = folder.sys_log.read_text().splitlines()
    rows.insert(9, "2026-03-04T10:31:01+08:00 | INFO | s | session_resumed entries=3")
    folder.sys_log.write_text("\n".join(rows) + "\n")


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


DAMAGE: list[tuple[str, str, Damage]] = [
    ("0.5", "half_a_line", lambda f: add(f.journal, '{"seq":')),
    ("0.5", "corrupt", lambda f: f.journal.write_text(
        f.journal.read_text().replace('"kind":"schedule_built"', '"kind":"?"'))),
    ("0.5", "empty", lambda f: f.journal.write_text("")),
    ("0.6", "no_log", lambda f: f.sys_log.unlink()),
    ("0.6", "differs 11", lambda f: log_without(f, "task_queued task=run_strategy")),
    ("0.6", "lacks 1", lambda f: log_without(f, "because=stop")),
    ("0.6", "differs", turned),
    ("0.6", "surplus", lambda f: add(
        f.sys_log, "2026-03-04T15:31:01+08:00 | INFO | s | task_queued task=x task_id=x\n")),
    ("0.6", "returns 1", resumed_in_between),
    ("1.1", "status_file terminal False", lambda f: rewrite(f.status, terminal=False)),
    ("1.1", "status_file status running", lambda f: rewrite(f.status, status="running")),
    ("1.1", "status_file status_reason", lambda f: rewrite(f.status, status_reason="")),
    ("1.1", "status_file finished_at", lambda f: rewrite(f.status, finished_at=None)),
    ("1.1", "finished_early", lambda f: rewrite(
        f.status, finished_at="2026-03-04T00:00:00+00:00")),
    ("1.1", "no_status_file", lambda f: f.status.unlink()),
    ("1.3", "half_a_line sys.log", lambda f: add(f.sys_log, "2026-03")),
    ("1.3", "half_a_line trade.log", lambda f: f.trade_log.write_text("torn")),
    ("1.4", "kept_ended q3",
     lambda f: rewrite(f.break_point, open_orders=["q3"])),
    ("1.5", "none", lambda f: f.break_point.unlink()),
    ("1.5", "state", lambda f: rewrite(f.break_point, strategy_state={})),
    ("1.5", "differs cash 1", lambda f: rewrite(
        f.break_point, book={"cash": "1", "positions": [], "open_orders": []})),
    ("1.5", "open_orders q3", lambda f: rewrite(f.break_point, open_orders=["q3"])),
    ("1.5", "killed True False", lambda f: rewrite(f.break_point, killed=True)),
    ("1.5", "next_order 3 4", lambda f: rewrite(f.break_point, next_order=3)),
    ("4-A.4", "trouble 39", lambda f: add(
        f.sys_log, "Traceback (most recent call last):\n")),
    ("4-A.4", "trouble", lambda f: add(
        f.sys_log, "2026-03-04T15:31:01+08:00 | ERROR | s | internal_error where=loop\n")),
    ("4-B.3", "differ paused 0 1", lambda f: add(
        f.sys_log,
        "2026-03-04T15:31:01+08:00 | INFO | s | task_skipped task_id=x skip_reason=paused\n")),
    ("4-B.3", "no_log", lambda f: f.sys_log.unlink()),
]  # fmt: skip


@pytest.mark.parametrize(("check_id", "expected", "damage"), DAMAGE)
def test_a_damaged_folder_is_found(
    check_id: str, expected: str, damage: Damage, tmp_path: Path
) -> None:
    folder = healthy_day().folder(tmp_path / "s")
    damage(folder)

    assert is_found(failed_on(check_id, Evidence.of_folder(folder)), expected)


def test_other_checks_cannot_be_judged_on_a_corrupt_journal(tmp_path: Path) -> None:
    folder = healthy_day().folder(tmp_path / "s")
    folder.journal.write_text(folder.journal.read_text().replace("sleeping", "snoring", 1))

    verdict = CHECKS["0.2"](Evidence.of_folder(folder))

    assert verdict.status is Status.ERROR
    assert "the chain is broken" in verdict.summary


def test_a_lock_that_is_still_held_is_found(tmp_path: Path) -> None:
    folder = healthy_day().folder(tmp_path / "s")
    holder = FileJournal(folder.journal, ManualClock(at("15:32")))
    try:
        evidence = Evidence.of_folder(folder)
        assert is_found(failed_on("1.2", evidence), "locked")
        assert is_found(failed_on("1.3", evidence), "locked")
    finally:
        holder.close()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            RunFacts(threads_alive=("qtkit-worker_0",), open_files=()),
            "threads qtkit-worker_0",
        ),
        (RunFacts(threads_alive=(), open_files=("sys.log",)), "files sys.log"),
        (RunFacts(threads_alive=(), open_files=(), stop_seconds=10.5), "slow 10.5"),
    ],
)
def test_what_a_stop_left_behind_is_found(facts: RunFacts, expected: str) -> None:
    assert is_found(failed_on("1.2", healthy_day().evidence(facts=facts)), expected)


def test_a_wrong_ending_is_found() -> None:
    scenario = Scenario(name="s", sentence="", stop_at=at("12:00").time(), stop_reason="SIGTERM")

    evidence = stopped_at_lunch().evidence(scenario=scenario)

    assert is_found(failed_on("1.1", evidence), "other_scenario SIGTERM stop")


def test_an_order_open_at_the_broker_alone_is_found() -> None:
    story = stopped_at_lunch()
    story.edit(ev.AccountReconciled, {"broker_open_orders": ("q3",)})

    assert is_found(failed_on("1.4", story.evidence()), "at_the_broker q3")


def test_a_doubtful_order_is_no_kept_order(tmp_path: Path) -> None:
    doubtful = replace(open_order("q3", A, 500, "20631.19"), status="doubtful")
    story = stopped_at_lunch(settings={"on_stop": "keep"}, keep=(doubtful,))
    story.moments[story.find(ev.OrderAccepted, order_id="q3")] = (
        at("11:30"),
        ev.OrderDoubted(trading_date=at("09:00").date(), order_id="q3", reason="no answer"),
    )

    evidence = Evidence.of_folder(story.folder(tmp_path / "s"))

    assert is_found(failed_on("1.4", evidence), "doubtful q3")


def successor(**changes: object) -> ev.SessionStarted:
    """Return how a good next session begins after the stop at lunch."""
    story = stopped_at_lunch()
    end = story.moments[-1][1]
    saved = story.moments[story.find(ev.StrategySaved, -1)][1]
    good = {
        "opening": getattr(end, "closing"),  # noqa: B009 - an event of a known kind
        "strategy_state": getattr(saved, "state"),  # noqa: B009
        "next_order": 4,
        "predecessor": "abc",
    }
    return replace(session_started(), **{**good, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"opening": book("601004.34", 5300, 5000)}, "other_book cash 601004.34"),
        ({"opening": book("601004.33", 5300, 4900)}, "other_book positions"),
        ({"strategy_state": {}}, "other_state"),
        ({"next_order": 3}, "numbers_repeat 3"),
        ({"killed": True}, "other_switch True"),
        ({"predecessor": ""}, "no_predecessor"),
    ],
)
def test_a_restart_that_forgets_is_found(
    changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    folder = stopped_at_lunch().folder(tmp_path / "s")
    good = Evidence.of_folder(folder, facts=RunFacts(successor=successor()))
    assert CHECKS["1.5"](good).status is Status.PASS, CHECKS["1.5"](good)

    bad = Evidence.of_folder(folder, facts=RunFacts(successor=successor(**changes)))

    assert is_found(failed_on("1.5", bad), expected)


def test_a_restart_that_did_not_happen_is_found(tmp_path: Path) -> None:
    scenario = Scenario(name="s", sentence="", restart=True)
    folder = stopped_at_lunch().folder(tmp_path / "s")

    assert is_found(failed_on("1.5", Evidence.of_folder(folder, scenario=scenario)), "no_restart")


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (lambda s: s.drop(ev.DayClosed), "early 0"),
        (lambda s: s.drop(ev.AccountReconciled), "unreconciled"),
        (lambda s: s.moments.__setitem__(
            s.find(ev.TaskCancelled, task="post_close"),
            (at("12:00"), skipped(BY_ID[task_id("post_close", "15:15")], "already_done"))),
         "counts_as_done"),
    ],
)  # fmt: skip
def test_books_left_open_at_a_stop_are_found(plant: Callable[[Story], Any], expected: str) -> None:
    story = stopped_at_lunch()
    plant(story)
    story.moments = [
        (w, replace(e, trading_date=e.trading_date or at("09:00").date())) for w, e in story.moments
    ]

    assert is_found(failed_on("1.6", story.evidence()), expected)


def test_a_second_stop_that_writes_is_found() -> None:
    scenario = Scenario(name="s", sentence="", stop_twice=True)

    wrote = stopped_at_lunch().evidence(scenario=scenario, facts=RunFacts(second_stop_lines=2))
    uncounted = stopped_at_lunch().evidence(scenario=scenario)

    assert is_found(failed_on("1.6", wrote), "second_stop 2")
    assert is_found(failed_on("1.6", uncounted), "uncounted")


def test_an_early_closing_before_the_open_is_found() -> None:
    story = healthy_day()
    story.cut(story.find(ev.TaskQueued, task="open_market"))
    story.add(
        "09:29",
        ev.StopRequested(by="me", reason="stop"),
        ev.DayClosed(early=True, book=book("1000000", 0, 0)),
        status("sleeping", "stopped", "stop"),
        ev.SessionEnded(reason="stop", closing=book("1000000", 0, 0)),
    )

    assert is_found(failed_on("1.6", story.evidence()), "closed_unopened")


def test_a_fill_that_was_told_and_dropped_is_found() -> None:
    facts = RunFacts(delivered_fills=("f-q1-1", "f-q1-2", "f-q2-1", "f-q3-1", "f-9"))

    assert is_found(failed_on("2.5", healthy_day().evidence(facts=facts)), "dropped f-9")


def test_a_fill_that_nobody_told_is_found() -> None:
    facts = RunFacts(delivered_fills=("f-q1-1", "f-q1-2", "f-q2-1"))

    assert is_found(failed_on("4-A.1", healthy_day().evidence(facts=facts)), "never_told f-q3-1")


@pytest.mark.parametrize(
    ("check_id", "scenario", "expected"),
    [
        ("2.5", scenarios.FAILING_STRATEGY, "none_raised"),
        ("2.5", scenarios.UNBOOKABLE_FILL, "none_unmatched"),
        ("3.5.4", scenarios.EARLY_FILLS_REPEATED, "unrecorded"),
        ("G.3", scenarios.NOT_A_NUMBER, "none_refused"),
        ("G.3", changed(scenarios.NO_DATA, feed_faults=(
            changed(scenarios.NO_DATA.feed_faults[0], symbol=A),)), "not_aside"),
    ],
)  # fmt: skip
def test_a_scenario_without_effect_is_found(
    check_id: str, scenario: Scenario, expected: str
) -> None:
    assert is_found(failed_on(check_id, healthy_day().evidence(scenario=scenario)), expected)


def test_a_feed_that_was_to_be_slow_and_was_not_proves_nothing() -> None:
    verdict = CHECKS["2.4"](healthy_day().evidence(scenario=scenarios.SLOW_FEED))

    assert verdict.status is Status.PENDING


def test_symbols_with_data_have_to_go_on() -> None:
    story = healthy_day()
    scenario = changed(
        scenarios.NO_DATA, feed_faults=(changed(scenarios.NO_DATA.feed_faults[0], symbol=A),)
    )
    story.edit(ev.DecisionTaken, {"prices": (price("600036.SH", "40", "10:30"),), "aside": (A,)})
    story.moments = [(w, e) for w, e in story.moments if not isinstance(e, ev.OrderRequested)]

    assert is_found(failed_on("G.3", story.evidence(scenario=scenario)), "did_not_go_on")


@pytest.mark.parametrize(("meaning", "advice"), [("", "Resume."), ("It was paused.", " ")])
def test_a_glossary_that_does_not_explain_is_found(meaning: str, advice: str) -> None:
    poor = SkipMeaning(name="paused", meaning=meaning, what_to_do=advice)
    engine = msgspec.structs.replace(engine_description(), skip_reasons=(poor,))
    story = healthy_day().edit(ev.SessionStarted, {"engine": engine})
    story.insert(story.find(ev.StopRequested), skipped(BY_ID[task_id("refill", "15:30")], "paused"))

    assert is_found(failed_on("4-B.2", story.evidence()), "no_advice paused")


def test_skips_that_are_missing_in_the_log_before_a_crash_are_found(tmp_path: Path) -> None:
    story = healthy_day()
    steps = [BY_ID[task_id("run_strategy", due)] for due in ("14:00", "14:59")]
    place = story.find(ev.StopRequested)
    story.insert(
        place,
        *(skipped(step, "paused") for step in steps),
        ev.SessionResumed(entries=place + 2, torn_bytes=0, doubtful=()),
    )
    folder = story.folder(tmp_path / "s")
    log_without(folder, "skip_reason")

    assert is_found(failed_on("4-B.3", Evidence.of_folder(folder)), "missing 2")


def test_a_market_task_on_a_closed_day_is_found() -> None:
    """New Year's day in China, 2026-02-17."""
    closed = at("09:00").date().replace(month=2, day=17)
    story = Story(
        [
            (at("09:00", closed), session_started()),
            (at("09:00", closed), ev.DayStarted(trading_date=closed, open=False)),
            (
                at("09:00", closed),
                ev.ScheduleBuilt(
                    trading_date=closed,
                    digest="e",
                    tasks=(replace(BY_ID[task_id("open_market", "09:30")],
                                   due=at("09:30", closed)),),
                    caught_up_to=at("09:00", closed),
                ),
            ),
        ]
    )  # fmt: skip

    assert is_found(failed_on("3.5", story.evidence()), "row_too_many open_market")
    story.edit(ev.ScheduleBuilt, {"tasks": ()})
    assert CHECKS["3.5"](story.evidence()).status is Status.PASS


def test_a_half_day_in_new_york_ends_at_one(tmp_path: Path) -> None:
    """2026-11-27, the day after Thanksgiving: 09:30 to 13:00, EST (UTC-5)."""
    day = at("09:00").date().replace(month=11, day=27)
    hours = [("open_market", 14, 30), ("close_market", 18, 0), ("pre_open", 14, 15),
             ("post_close", 18, 15)]  # fmt: skip
    bars = [(16, 0), (17, 30)]  # one step every 90 minutes; none at the close at 18:00
    # prices are asked for at the close as well: its bar is shorter
    rows = [*hours, *(("acquire_live_price", *b) for b in (*bars, (18, 0)))]
    tasks = tuple(
        ev.PlannedTask(task_id=f"{task}{h}{m}", task=task, due=_utc(day, h, m))
        for task, h, m in rows
    ) + tuple(
        ev.PlannedTask(task_id=f"s{h}", task="run_strategy", due=_utc(day, h, m), step=n)
        for n, (h, m) in enumerate(bars)
    )
    minutes = {"step_minutes": 90, "price_poll_minutes": 90}
    started = replace(session_started(minutes), exchange="XNYS")
    built = ev.ScheduleBuilt(
        trading_date=day, digest="e", tasks=tasks, caught_up_to=_utc(day, 14, 0)
    )
    begun = ev.DayStarted(trading_date=day, open=True)
    story = Story([(_utc(day, 14, 0), e) for e in (started, begun, built)])

    assert CHECKS["3.5"](story.evidence()).status is Status.PASS, CHECKS["3.5"](story.evidence())
    late = tuple(replace(t, due=_utc(day, 21, 0)) if t.task == "close_market" else t for t in tasks)
    story.edit(ev.ScheduleBuilt, {"tasks": late})
    assert is_found(failed_on("3.5", story.evidence()), "row_missing 2026-11-27 close_market")


def _utc(day: date, hour: int, minute: int) -> datetime:
    return at("08:00", day).replace(hour=hour, minute=minute)
