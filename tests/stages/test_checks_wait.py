"""Where the evidence is not there: pending or skipped with the reason, never passed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status, Verdict, fail
from qtkit.evidence import Capability, Evidence
from qtkit.model import events as ev
from qtkit.stages import all_stages
from qtkit.stages.check import check
from tests.stages.parts import BY_ID, CHECKS, at, begun, skipped, task_id
from tests.stages.phase_5_stories import PHASE_5
from tests.stages.story import Story, healthy_day, startup, stopped_at_lunch, with_pulses
from tests.stages.test_checks_hold import LONE

COMPARING = ("3.1", "3.2", "3.3", "4-A.6", "4-B.4")
# of sessions that came back: tests/runtime/test_returns.py
RETURNING = ("1.7",)
HEALTHY = healthy_day()


def verdict(check_id: str, evidence: Evidence) -> Verdict:
    return CHECKS[check_id](evidence)


def test_every_check_of_the_stages_is_tested_here() -> None:
    assert sorted((*LONE, *COMPARING, *PHASE_5, *RETURNING)) == sorted(CHECKS)
    assert len(CHECKS) == sum(len(stage.checks) for stage in all_stages())


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("check_id", LONE)
def test_nothing_passes_on_an_empty_journal(
    *, check_id: str, running: bool, tmp_path: Path
) -> None:
    folder = SessionFolder(tmp_path / "s")
    empty = Evidence.of_entries((), running=running, folder=folder)

    allowed = {Status.PENDING} if running else {Status.PENDING, Status.FAIL, Status.ERROR}
    assert verdict(check_id, empty).status in allowed


@pytest.mark.parametrize("check_id", [c for c in LONE if c not in {"0.2", "0.3", "0.5", "3.5"}])
def test_a_session_that_has_just_started_is_pending(check_id: str, tmp_path: Path) -> None:
    story = with_pulses(startup(), until="09:05")
    folder = SessionFolder(tmp_path / "s")
    folder.artifacts.mkdir(parents=True)
    folder.sys_log.write_text("".join(f"{line}\n" for line in story.log()))
    young = Evidence.of_entries(story.entries(), running=True, folder=folder)

    expected = {"0.6": Status.PASS, "4-B.3": Status.PASS}.get(check_id, Status.PENDING)
    assert verdict(check_id, young).status is expected, verdict(check_id, young)


@pytest.mark.parametrize("check_id", [*LONE, *COMPARING])
def test_an_engine_that_shows_nothing_is_skipped_with_the_reason(check_id: str) -> None:
    mute = Evidence.of_entries(HEALTHY.entries(), capabilities=frozenset())

    found = verdict(check_id, mute)

    assert found.status is Status.SKIP
    assert "does not show" in found.summary


@pytest.mark.parametrize("check_id", COMPARING)
def test_a_lone_session_skips_what_compares_runs(check_id: str) -> None:
    found = verdict(check_id, HEALTHY.evidence())

    assert found.status is Status.SKIP
    assert "needs scenarios" in found.summary


@pytest.mark.parametrize("check_id", ["G.1", "G.2", "G.3", "G.4"])
@pytest.mark.parametrize("parameters", [None, {}, {"x": {"fast": 10}}, {"x": 1}])
def test_another_strategy_is_no_grid(check_id: str, parameters: object) -> None:
    story = healthy_day({"strategy_parameters": parameters})

    found = verdict(check_id, story.evidence())

    assert found.status is Status.SKIP
    assert "is not a grid" in found.summary


def test_threads_cannot_be_seen_in_a_journal() -> None:
    found = verdict("1.2", HEALTHY.evidence())

    assert found.status is Status.SKIP
    assert "threads" in found.summary


def test_a_task_at_work_is_waited_for() -> None:
    story = healthy_day()
    story.cut(story.find(ev.TaskFinished, task_id=task_id("run_strategy", "14:00")))

    assert verdict("0.4", story.evidence(running=True)).status is Status.PENDING
    assert verdict("2.1", story.evidence(running=True)).status is Status.PENDING


def test_a_task_that_vanished_from_a_running_session_is_found() -> None:
    story = healthy_day()
    story.moments = [
        (w, e)
        for w, e in story.moments
        if getattr(e, "task_id", "") != task_id("run_strategy", "10:30") and w < at("12:00")
    ]

    found = verdict("2.1", story.evidence(running=True))

    assert found.status is Status.FAIL
    assert "was due at 2026-03-04 10:30:00 and vanished" in found.summary


def test_an_order_at_work_is_waited_for_and_a_doubtful_one_not_for_long() -> None:
    story = healthy_day()
    story.cut(story.find(ev.TaskFinished, task_id=task_id("run_strategy", "11:30")))
    open_still = verdict("4-A.2", story.evidence(running=True))
    story.drop(ev.OrderAccepted, order_id="q3")
    young = verdict("4-A.2", story.evidence(running=True))
    story.add("11:33", ev.LoopPulsed(largest_gap_seconds=Decimal(0)))
    old = verdict("4-A.2", story.evidence(running=True))

    assert open_still.status is Status.PENDING
    assert young.status is Status.PENDING
    assert old.status is Status.FAIL
    assert "q3 (requested)" in old.summary


def test_shares_of_skips_are_told_and_pending_while_it_runs() -> None:
    story = healthy_day({"skip_share_limit": 0.5})
    step = BY_ID[task_id("run_strategy", "14:00")]
    story.cut(story.find(ev.TaskQueued, task_id=step.task_id))
    story.add("14:00", skipped(step, "paused"))

    for check_id in ("2.6", "4-B.5"):
        found = verdict(check_id, story.evidence(running=True))
        assert found.status is Status.PENDING
        assert "run_strategy: paused 1" in found.summary


def test_the_log_may_lag_behind_while_it_runs(tmp_path: Path) -> None:
    story = healthy_day()
    step = BY_ID[task_id("run_strategy", "14:00")]
    story.cut(story.find(ev.TaskQueued, task_id=step.task_id))
    folder = SessionFolder(tmp_path / "s")
    folder.artifacts.mkdir(parents=True)
    folder.sys_log.write_text("".join(f"{line}\n" for line in story.log()))
    story.add("14:00", skipped(step, "paused"))
    running = Evidence.of_entries(story.entries(), folder=folder, running=True)

    assert verdict("0.6", running).status is Status.PASS
    assert verdict("4-B.3", running).status is Status.PENDING


def test_a_stop_before_anything_was_due_leaves_the_story_open() -> None:
    story = startup("08:00")

    assert verdict("0.1", story.evidence()).status is Status.PENDING


def test_a_refill_of_nothing_proves_nothing() -> None:
    story = healthy_day()
    story.edit(ev.TablesRefilled, {"tables": ()})

    assert verdict("G.4", story.evidence()).status is Status.PENDING


def test_a_check_that_raises_is_an_error_with_its_name() -> None:
    @check("9.9", "Always raises")
    def divides(_: Evidence) -> Verdict:
        raise ZeroDivisionError("by nothing")

    found = divides(HEALTHY.evidence())

    assert found.status is Status.ERROR
    assert found.summary == "check 9.9 raised ZeroDivisionError: by nothing"


def test_a_setting_that_is_no_number_is_an_error() -> None:
    found = verdict("0.4", healthy_day({"max_wait_seconds": [60]}).evidence())

    assert found.status is Status.ERROR
    assert "max_wait_seconds must be a number, was [60]" in found.summary


def test_a_date_beyond_the_calendar_is_an_error() -> None:
    story = healthy_day()
    story.edit(ev.SessionStarted, {"exchange": "NOWHERE"})

    found = verdict("0.3", story.evidence())

    assert found.status is Status.ERROR
    assert "NOWHERE" in found.summary


def test_a_known_defect_is_named_and_stays_a_failure() -> None:
    @check("9.8", "Never holds", needs={Capability.ORDERS})
    def never(_: Evidence) -> Verdict:
        return fail("it does not hold", fix="none")

    evidence = Evidence(
        lines={}, whole=HEALTHY.evidence().whole, known_defects={"9.8": "upstream-7"}
    )

    assert never(evidence).status is Status.FAIL
    assert never(evidence).known_defect == "upstream-7"


def errors(evidence: Evidence, *, and_failures: bool) -> list[Verdict]:
    bad = {Status.ERROR, Status.FAIL} if and_failures else {Status.ERROR}
    return [found for judge in CHECKS.values() if (found := judge(evidence)).status in bad]


@pytest.mark.parametrize("day", [HEALTHY, stopped_at_lunch()], ids=["whole", "stopped"])
@pytest.mark.parametrize("running", [True, False])
def test_no_check_raises_on_any_beginning_of_a_good_day(*, day: Story, running: bool) -> None:
    """After every line: no error, and while the session runs nothing fails either."""
    entries = day.entries()

    for place in range(len(entries) + 1):
        evidence = Evidence.of_entries(entries[:place], running=running)
        assert errors(evidence, and_failures=running) == [], place


def test_no_check_raises_wherever_the_session_comes_back() -> None:
    """A return after every line of the day that ends at lunch."""
    day = stopped_at_lunch()

    for place in range(1, len(day.moments)):
        story = Story(day.moments)
        back = ev.SessionResumed(
            trading_date=at("09:00").date(), entries=place, torn_bytes=0, doubtful=()
        )
        story.moments.insert(place, (story.moments[place - 1][0], back))
        assert errors(story.evidence(), and_failures=False) == [], place


def test_a_journal_that_no_engine_describes_shows_nothing() -> None:
    story = Story([(at("09:15"), e) for e in begun(BY_ID[task_id("pre_open", "09:15")])])

    assert verdict("0.1", story.evidence()).status is Status.SKIP
    assert verdict("0.3", story.evidence()).status is Status.SKIP
