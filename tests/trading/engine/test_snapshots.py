"""Snapshots: prepared ahead, one for each step, kept on disk, refused when they are too old."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from qtkit.core.clock import ManualClock
from qtkit.core.errors import InvariantBroken, StrategyError
from qtkit.core.paths import SessionFolder
from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.runtime.settings import SessionSettings
from qtkit.testing import at, intent, local
from qtkit.trading.engine.session_files import FolderFiles
from qtkit.trading.engine.snapshots import prepared_json
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, Strategy, View
from tests.trading.engine.engine_bench import BANK, Bench, command, day_of

SPLIT: dict[str, Any] = {"split_strategy_prepare": True, "prepare_lead_seconds": 60}


class Counting:
    """A strategy that prepares the number of its preparation, and remembers what it decided on."""

    def __init__(self, clock: ManualClock, seconds: float = 0.0) -> None:
        self._clock, self._seconds = clock, seconds
        self.prepared = 0
        self.decided_on = list[object]()
        self.saw = list[float]()

    def prepare(self, view: View) -> Prepared:
        self._clock.advance(self._seconds)
        self.prepared += 1
        self.saw.append(view.price(BANK))
        return {"n": self.prepared, "closes": view.closes(BANK, 1).tolist()}

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        self.decided_on.append(prepared)
        return ()

    def on_fill(self, fill: Fill, view: View) -> None:
        """Nothing moves it."""

    def state(self) -> JsonObject:
        return {}

    def restore(self, state: JsonObject) -> None:
        """Nothing to take over."""


class Preparing(Counting):
    """Prepares what it is given."""

    def __init__(self, clock: ManualClock, value: object) -> None:
        super().__init__(clock)
        self._value = value

    def prepare(self, view: View) -> Prepared:
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


def kept_in(path: Path, bench: Bench) -> Bench:
    """Let an engine on the bench write its files into a folder."""
    folder = SessionFolder(path)
    folder.artifacts.mkdir(parents=True, exist_ok=True)
    bench.engine.context.files = FolderFiles(folder, ZoneInfo("Asia/Shanghai"))
    return bench


def counting(made: list[Counting], **parts: float) -> Callable[[Strategy, ManualClock], Strategy]:
    def wrap(_: Strategy, clock: ManualClock) -> Strategy:
        made.append(Counting(clock, **parts))
        return made[-1]

    return wrap


def split(**settings: object) -> dict[str, Any]:
    return {**SPLIT, **settings}


# --- one for each step ----------------------------------------------------------------------


def test_each_step_is_prepared_ahead_and_decided_from_its_own(tmp_path: Path) -> None:
    """Leads of a minute: 09:34, 09:39, 09:44; on disk under the date and the step's number."""
    made = list[Counting]()
    bench = kept_in(tmp_path, day_of(settings=split(), wrap=counting(made))).run("09:46")

    assert bench.when(ev.SnapshotTaken) == ["09:34:00", "09:39:00", "09:44:00"]
    assert [local(e.due) for e in bench.of(ev.SnapshotTaken)] == [
        "09:35:00", "09:40:00", "09:45:00",
    ]  # fmt: skip
    assert [p["n"] for p in made[0].decided_on if isinstance(p, dict)] == [1, 2, 3]
    digests = [e.digest for e in bench.of(ev.SnapshotTaken)]
    assert [e.snapshot for e in bench.of(ev.DecisionTaken)] == digests
    names = sorted(p.name for p in SessionFolder(tmp_path).snapshots.iterdir())
    assert names == [f"20260304-{n:04d}.json" for n in range(3)]
    told = json.loads((SessionFolder(tmp_path).snapshots / names[1]).read_text())
    assert told["prepared"] == made[0].decided_on[1]
    text = json.dumps(told["prepared"], sort_keys=True, separators=(",", ":"))
    assert told["digest"] == hashlib.sha256(text.encode()).hexdigest()
    assert told["task_id"] == "20260304-prepare_strategy-094000"
    assert told["taken_at"] == at("09:39").isoformat()


def test_no_price_of_now_is_seen_in_a_preparation() -> None:
    for settings in (split(), split(prepare_in_worker=True), {}):
        made = list[Counting]()
        day_of(settings=settings, wrap=counting(made)).run("09:46")

        assert len(made[0].saw) == 3
        assert all(price != price for price in made[0].saw), settings  # NaN: none  # noqa: PLR0124


@pytest.mark.parametrize("lead", [0, 5, 60, 300])
@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("worker", [False, True])
def test_no_lead_and_offset_lose_a_step(*, lead: int, offset: int, worker: bool) -> None:
    """48 steps on a Shanghai day: 09:35 to 11:30 and 13:05 to 15:00, or 14:59."""
    settings = split(
        prepare_lead_seconds=lead,
        strategy_snapshot_max_age_seconds=max(lead, 1),
        close_offset_minutes=offset,
        prepare_in_worker=worker,
        price_poll_minutes=5,
        max_price_age_seconds=400,
    )
    bench = day_of(settings=settings).run("15:05")

    decided = [local(d.due) for d in bench.of(ev.DecisionTaken)]
    assert len(decided) == 48
    assert (decided[0], decided[-1]) == ("09:35:00", "14:59:00" if offset else "15:00:00")
    assert bench.skipped() == {}
    first = {0: "09:35:00", 5: "09:34:55", 60: "09:34:00", 300: "09:30:00"}[lead]
    assert local(bench.of(ev.SnapshotTaken)[0].taken_at) == first


def test_several_snapshots_are_alive_when_the_lead_is_longer_than_the_step() -> None:
    """Steps of two minutes, prepared five ahead: three are ready before the first one runs."""
    made = list[Counting]()
    bench = day_of(
        settings=split(prepare_lead_seconds=300, strategy_snapshot_max_age_seconds=300,
                       step_minutes=2),
        wrap=counting(made),
    ).run("09:41")  # fmt: skip

    taken = [(local(e.taken_at), e.step) for e in bench.of(ev.SnapshotTaken)]
    assert taken[:4] == [("09:30:00", 0), ("09:30:00", 1), ("09:31:00", 2), ("09:33:00", 3)]
    assert [p["n"] for p in made[0].decided_on if isinstance(p, dict)] == [1, 2, 3, 4, 5]
    assert bench.skipped() == {}


def test_in_the_step_itself_nothing_is_kept() -> None:
    made = list[Counting]()
    bench = day_of(wrap=counting(made)).run("09:46")

    assert bench.of(ev.SnapshotTaken) == []
    assert [d.snapshot for d in bench.of(ev.DecisionTaken)] == ["", "", ""]
    assert made[0].prepared == 3


def test_the_next_day_has_its_own(tmp_path: Path) -> None:
    bench = kept_in(tmp_path, day_of(settings=split()))

    bench.run(at("09:36") + 24 * (at("10:00") - at("09:00")))

    days = {str(e.trading_date) for e in bench.of(ev.SnapshotTaken)}
    assert days == {"2026-03-04", "2026-03-05"}
    assert bench.skipped() == {}
    assert (SessionFolder(tmp_path).snapshots / "20260305-0000.json").exists()


# --- late, slow, failing --------------------------------------------------------------------


def test_a_slow_preparation_in_a_worker_leaves_its_step_without_one() -> None:
    """The worker takes 90 s; the step of 09:35 waits a second and goes without."""
    bench = day_of(
        settings=split(prepare_in_worker=True),
        work_seconds=lambda key: 90.0 if key.endswith("prepare_strategy-093500") else 0.0,
    ).run("09:41")

    assert bench.skipped() == {"09:35:00": "snapshot_missing"}
    assert [(local(e.due), s) for e, s in zip(
        bench.of(ev.SnapshotTaken), bench.when(ev.SnapshotTaken), strict=True)] == [
        ("09:35:00", "09:35:30"), ("09:40:00", "09:39:00"),
    ]  # fmt: skip


def test_a_step_waits_for_its_own_preparation_only() -> None:
    """09:40's preparation is at work when 09:35 is due: the lead is longer than the step."""
    bench = day_of(
        settings=split(prepare_in_worker=True, prepare_lead_seconds=300,
                       strategy_snapshot_max_age_seconds=300),
        work_seconds=lambda key: 30.0 if key.endswith("prepare_strategy-094000") else 0.0,
    ).run("09:41")  # fmt: skip

    assert [local(d.due) for d in bench.of(ev.DecisionTaken)] == ["09:35:00", "09:40:00"]
    assert bench.when(ev.DecisionTaken)[0] == "09:35:00"


def test_a_preparation_that_holds_the_engine_up_makes_its_own_snapshot_old() -> None:
    """Begun at 09:34:55 for 30 s: at 09:35:25 the snapshot is 30 s old, and 20 s are allowed."""
    made = list[Counting]()
    bench = day_of(
        settings=split(prepare_lead_seconds=5, strategy_snapshot_max_age_seconds=20,
                       late_after_seconds=60),
        wrap=counting(made, seconds=30.0),
    ).run("09:38")  # fmt: skip

    (skip,) = [s for s in bench.of(ev.TaskSkipped) if s.task == "run_strategy"]
    assert (skip.skip_reason, skip.detail) == (
        "snapshot_stale", "the snapshot is 30 s old, allowed are 20 s",
    )  # fmt: skip


def slow_poll(key: str) -> float:
    return 50.0 if key.endswith("acquire_live_price-093500") else 0.0


def test_a_slow_poll_and_a_long_patience_make_a_snapshot_old() -> None:
    """Prepared at 09:34, waited for prices until 09:35:50: 110 s, and 100 s are allowed."""
    bench = day_of(
        settings=split(strategy_snapshot_max_age_seconds=100, price_wait_seconds=60),
        work_seconds=slow_poll,
    ).run("09:37")

    (skip,) = [s for s in bench.of(ev.TaskSkipped) if s.task == "run_strategy"]
    assert (skip.skip_reason, skip.detail) == (
        "snapshot_stale", "the snapshot is 110 s old, allowed are 100 s",
    )  # fmt: skip


def test_a_limit_that_equals_the_lead_refuses_nothing() -> None:
    """A second to start, at most: waiting for a poll of 0.4 s makes nothing stale."""
    bench = day_of(
        settings=split(strategy_snapshot_max_age_seconds=60),
        work_seconds=lambda key: 0.4 if "acquire" in key else 0.0,
    ).run("09:41")

    assert bench.skipped() == {}
    assert len(bench.of(ev.DecisionTaken)) == 2


@pytest.mark.parametrize("worker", [False, True])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "JSON of finite numbers"),
        ({1, 2}, "JSON of finite numbers"),
        (ZeroDivisionError("no"), "ZeroDivisionError: no"),
    ],
)
def test_a_preparation_that_fails_is_a_failed_task_and_the_loop_lives_on(
    *, worker: bool, value: object, told: str
) -> None:
    bench = day_of(
        settings=split(prepare_in_worker=worker),
        wrap=lambda _, clock: Preparing(clock, value),
    ).run("09:41")

    failures = bench.of(ev.TaskFailed)
    assert [f.task for f in failures] == ["prepare_strategy", "prepare_strategy"]
    assert all(told in f.error and f.dead_letter for f in failures)
    assert bench.skipped() == {"09:35:00": "snapshot_missing", "09:40:00": "snapshot_missing"}
    assert bench.of(ev.SessionEnded)


def test_a_preparation_is_skipped_while_trading_is_paused() -> None:
    bench = day_of(
        settings=split(),
        commands=(command("09:33", "pause"), command("09:37", "resume")),
    ).run("09:41")

    assert bench.skipped("prepare_strategy") == {"09:34:00": "paused"}
    assert bench.skipped() == {"09:35:00": "paused"}


def test_an_operators_step_has_no_snapshot_of_its_own() -> None:
    bench = day_of(
        settings=split(), commands=(command("09:36", "run_task", task="run_strategy"),)
    ).run("09:37")

    (skip,) = [s for s in bench.of(ev.TaskSkipped) if s.task == "run_strategy"]
    assert skip.skip_reason == "snapshot_missing"


# --- after a power cut ------------------------------------------------------------------------


def ends_of(bench: Bench, kind: type[ev.Event]) -> int:
    """Return the line of the first preparation's event of a class."""
    return next(
        e.seq
        for e in bench.entries
        if isinstance(e.event, kind) and getattr(e.event, "task", "") == "prepare_strategy"
    )


def second_life(
    tmp_path: Path,
    moment: str,
    keep: Callable[[Bench], int],
    **settings: Any,  # noqa: ANN401
) -> tuple[Bench, list[Counting]]:
    """Live until 09:38, lose power, and come back; return the life that follows."""
    before = kept_in(tmp_path, day_of(settings=split(**settings), wrap=counting([]))).run("09:38")
    made = list[Counting]()
    after = before.again(moment, keep=keep(before), wrap=counting(made))
    return kept_in(tmp_path, after), made


def test_a_snapshot_is_read_back_from_disk_after_a_power_cut(tmp_path: Path) -> None:
    """The power goes at 09:34 when the preparation is finished; back at 09:34:30."""
    after, made = second_life(tmp_path, "09:34:30", lambda b: ends_of(b, ev.TaskFinished))

    after.run("09:36")

    (decision,) = after.of(ev.DecisionTaken)
    (taken,) = after.of(ev.SnapshotTaken)
    assert decision.snapshot == taken.digest
    assert (made[0].prepared, made[0].decided_on) == (0, [{"n": 1, "closes": [10.0]}])
    assert after.skipped() == {}


@pytest.mark.parametrize("worker", [False, True])
def test_a_preparation_that_was_kept_and_not_finished_is_not_done_again(
    tmp_path: Path, *, worker: bool
) -> None:
    after, made = second_life(
        tmp_path, "09:34:30", lambda b: b.line(ev.SnapshotTaken), prepare_in_worker=worker
    )

    after.run("09:36")

    assert len(after.of(ev.SnapshotTaken)) == 1
    assert [f.task for f in after.of(ev.TaskFinished)].count("prepare_strategy") == 1
    assert made[0].prepared == 0
    assert after.skipped() == {}


@pytest.mark.parametrize("worker", [False, True])
def test_a_preparation_that_was_cut_short_is_made_up_for(tmp_path: Path, *, worker: bool) -> None:
    """Its step is still to come, so it is prepared on the return, 30 s late."""
    after, made = second_life(
        tmp_path, "09:34:30", lambda b: ends_of(b, ev.TaskStarted), prepare_in_worker=worker
    )

    after.run("09:36")

    assert after.when(ev.SnapshotTaken) == ["09:34:30"]
    assert made[0].prepared == 1
    assert len(after.of(ev.DecisionTaken)) == 1


def test_a_start_between_a_preparation_and_its_step_makes_up_for_it() -> None:
    """Started at 09:34:30 with a lead of a minute."""
    bench = day_of(settings=split(), start=at("09:34:30")).run("09:36")

    assert bench.when(ev.SnapshotTaken) == ["09:34:30"]
    assert bench.skipped() == {}


def test_a_preparation_whose_step_is_past_is_missed(tmp_path: Path) -> None:
    after, _ = second_life(tmp_path, "09:36", lambda b: ends_of(b, ev.TaskQueued))

    after.run("09:37")

    assert after.skipped("prepare_strategy") == {"09:34:00": "restart"}
    assert after.skipped() == {"09:35:00": "missed"}


@pytest.mark.parametrize("damage", ["{", '{"prepared": 1}', "[]", '{"step": 0}', None])
def test_a_damaged_snapshot_counts_as_none(tmp_path: Path, damage: str | None) -> None:
    """What cannot be read back, or is not what the journal says, is not decided from."""
    after, _ = second_life(tmp_path, "09:34:59", lambda b: ends_of(b, ev.TaskFinished))
    file = SessionFolder(tmp_path).snapshots / "20260304-0000.json"
    if damage is None:
        file.unlink()
    else:
        file.write_text(damage)

    after.run("09:36")

    (skip,) = [s for s in after.of(ev.TaskSkipped) if s.task == "run_strategy"]
    assert skip.skip_reason == "snapshot_missing"
    assert "cannot be read back" in skip.detail


# --- what it rests on -------------------------------------------------------------------------


def test_what_a_worker_brings_must_be_a_snapshot() -> None:
    bench = day_of(settings=split())

    with pytest.raises(InvariantBroken, match="snapshot, was str"):
        bench.engine._snapshots.take("hello")


def test_only_finite_json_can_be_kept() -> None:
    plain = prepared_json({"b": 1, "a": (None, 2.5)})
    assert json.dumps(plain) == '{"b": 1, "a": [null, 2.5]}'
    with pytest.raises(StrategyError, match="finite numbers"):
        prepared_json(float("inf"))


def test_a_limit_below_the_lead_is_refused() -> None:
    with pytest.raises(ValidationError, match="be at least prepare_lead_seconds"):
        SessionSettings(prepare_lead_seconds=60, strategy_snapshot_max_age_seconds=59)


def test_orders_are_the_same_with_and_without_the_split() -> None:
    script = {"09:35": [intent(BANK, 200)], "09:40": [intent(BANK, 300)]}
    off, on = (day_of(script=script, settings=s).run("09:50") for s in ({}, split()))

    assert [o.quantity for o in off.of(ev.OrderRequested)] == [200, 300]
    assert off.of(ev.OrderRequested) == on.of(ev.OrderRequested)
    assert off.of(ev.OrderFilled) == on.of(ev.OrderFilled)
