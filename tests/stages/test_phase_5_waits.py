"""Phases 5-A, 5-B and 5-C where nothing is there yet, and on parts of a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence
from qtkit.model import events as ev
from tests.stages.parts import CHECKS, DAY
from tests.stages.phase_5_stories import (
    PHASE_5,
    SPLIT_ON,
    blocked_day,
    cured_day,
    refused_day,
    snapshot_files,
    split_day,
)
from tests.stages.story import Story, startup

LONE_5 = tuple(c for c in PHASE_5 if not CHECKS[c].scenarios)


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("check_id", LONE_5)
def test_phase_5_passes_nothing_on_an_empty_journal(
    *, check_id: str, running: bool, tmp_path: Path
) -> None:
    empty = Evidence.of_entries((), running=running, folder=SessionFolder(tmp_path / "s"))

    assert CHECKS[check_id](empty).status is Status.PENDING


@pytest.mark.parametrize("check_id", [c for c in LONE_5 if c not in {"5-B.5", "5-C.8"}])
def test_phase_5_waits_on_a_session_that_has_just_started(check_id: str, tmp_path: Path) -> None:
    mode = {"5-B.3": "block", "5-B.2": "warn"}.get(check_id, "off")
    story = startup(settings={**SPLIT_ON, "startup_gate_mode": mode})
    if check_id == "5-B.3":
        story.drop(ev.ScheduleBuilt)
    folder = SessionFolder(tmp_path / "s")
    folder.artifacts.mkdir(parents=True)
    folder.sys_log.write_text("".join(f"{line}\n" for line in story.log()))
    for log in (folder.trade_log, folder.risk_log):
        log.write_text("datetime,fill_id\n" if log == folder.trade_log else "")
    young = Evidence.of_entries(story.entries(), running=True, folder=folder)

    expected = Status.PASS if check_id == "5-C.5" else Status.PENDING
    assert CHECKS[check_id](young).status is expected, CHECKS[check_id](young)


def test_5_c_3_a_log_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    story = refused_day()
    folder = story.folder(tmp_path / "s")
    folder.risk_log.write_text("")
    running = Evidence.of_entries(story.entries(), running=True, folder=folder)

    assert CHECKS["5-C.3"](running).status is Status.PENDING


def test_one_date_of_a_session_passes_phase_5(tmp_path: Path) -> None:
    folder = snapshot_files(split_day().folder(tmp_path / "s"))
    alone = Evidence.of_folder(folder).of_day(DAY)

    for check_id in LONE_5:
        found = CHECKS[check_id](alone)
        assert found.status in {Status.PASS, Status.SKIP}, found


@pytest.mark.parametrize("day", [split_day(), blocked_day(), cured_day()], ids=["a", "b", "c"])
def test_phase_5_raises_on_no_beginning_of_a_day(day: Story) -> None:
    entries = day.entries()
    for place in range(len(entries) + 1):
        evidence = Evidence.of_entries(entries[:place], running=True)
        bad = [v for c in LONE_5 if (v := CHECKS[c](evidence)).status in {"error", "fail"}]
        assert bad == [], place
