"""One pass over a journal: what evidence holds, and what it says of a damaged one."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.clock import ManualClock
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import SessionFolder
from qtkit.evidence import ALL_CAPABILITIES, Capability, Evidence, RunFacts
from qtkit.evidence.evidence import ends_on_a_line
from qtkit.evidence.status_spans import spans_of, status_at
from qtkit.journal import FileJournal
from qtkit.model import events as ev
from tests.stages.parts import DAY, at, task_id
from tests.stages.story import healthy_day


def test_lines_are_sorted_by_class_and_merged_again_in_order() -> None:
    story = healthy_day()
    evidence = story.evidence()

    assert [e.event.order_id for e in evidence.of(ev.OrderRequested)] == ["q1", "q2", "q3"]
    assert list(evidence.merged()) == story.entries()
    both = [e.seq for e in evidence.merged(ev.OrderRequested, ev.OrderFilled)]
    assert both == sorted(both)
    assert len(both) == 7
    assert list(evidence.merged(ev.OrderLost)) == []


def test_first_and_last_of_a_class() -> None:
    evidence = healthy_day().evidence()

    first, last = evidence.first(ev.TaskQueued), evidence.last(ev.TaskQueued)

    assert first is not None
    assert last is not None
    assert (first.event.task, last.event.task) == ("pre_open", "refill")
    assert evidence.first(ev.OrderLost) is None


def test_settings_come_from_the_first_line() -> None:
    evidence = healthy_day({"max_wait_seconds": "30"}).evidence()

    assert evidence.number("max_wait_seconds") == 30
    assert evidence.number("pulse_budget_seconds") == 5
    with pytest.raises(ConfigError, match=r"setting retries"):
        evidence.number("retries")


def test_without_a_first_line_there_is_no_calendar() -> None:
    evidence = Evidence.of_entries(())

    assert evidence.settings == {}
    assert evidence.until is None
    with pytest.raises(DataError, match="no session_started line"):
        _ = evidence.calendar


def test_holes_and_times_that_run_backwards_are_noted() -> None:
    entries = healthy_day().entries()
    del entries[3]
    entries[5] = type(entries[5])(seq=7, at=at("07:00"), event=entries[5].event)

    whole = Evidence.of_entries(entries).whole

    assert [line for line, _ in whole.faults[:2]] == [5, 7]


def test_a_damaged_journal_is_evidence_up_to_the_damage(tmp_path: Path) -> None:
    folder = healthy_day().folder(tmp_path / "s")
    lines = folder.journal.read_text().splitlines(keepends=True)
    folder.journal.write_text("".join([*lines[:9], lines[10]]))

    evidence = Evidence.of_folder(folder)

    assert evidence.whole.entries == 9
    assert "line 10: the chain is broken" in evidence.whole.corrupt


def test_a_folder_without_a_journal_is_evidence_too(tmp_path: Path) -> None:
    evidence = Evidence.of_folder(SessionFolder(tmp_path))

    assert "there is no journal" in evidence.whole.corrupt
    assert not evidence.running


def test_a_held_lock_means_that_the_session_runs(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / "s")
    journal = FileJournal(folder.journal, ManualClock(at("09:00")))
    journal.append(healthy_day().moments[0][1])

    running = Evidence.of_folder(folder)
    found = [(running.running, running.locked)]
    journal.close()
    after = Evidence.of_folder(folder)
    found.append((after.running, after.locked))

    assert found == [(True, True), (False, False)]


def test_capabilities_follow_from_what_is_there(tmp_path: Path) -> None:
    lone = healthy_day().evidence()
    folder = Evidence.of_folder(healthy_day().folder(tmp_path / "s"), facts=RunFacts())

    assert lone.capabilities == ALL_CAPABILITIES - {Capability.SYS_LOG, Capability.FILES}
    assert folder.capabilities == ALL_CAPABILITIES


def test_json_files_are_read_or_refused(tmp_path: Path) -> None:
    evidence = healthy_day().evidence()
    good, bad, odd = (tmp_path / name for name in ("good.json", "bad.json", "odd.json"))
    good.write_text(json.dumps({"a": 1}))
    bad.write_text("{")
    odd.write_text("[]")

    assert evidence.json_file(good) == {"a": 1}
    assert evidence.json_file(tmp_path / "none.json") is None
    with pytest.raises(DataError, match=r"bad.json is damaged: no JSON"):
        evidence.json_file(bad)
    with pytest.raises(DataError, match=r"odd.json .* list, expected an object"):
        evidence.json_file(odd)


def test_a_file_ends_on_a_line_or_in_half_of_one(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    found = []
    for text in ("", "a\n", "a\nb"):
        path.write_text(text)
        found.append(ends_on_a_line(path))

    assert found == [True, True, False]


def test_one_date_keeps_the_session_and_no_other_dates_status() -> None:
    story = healthy_day()
    thursday = DAY + timedelta(days=1)
    story.moments.insert(
        -1, (at("15:31"), ev.LoopPulsed(trading_date=thursday, largest_gap_seconds=Decimal(0)))
    )

    alone = story.evidence().of_day(thursday)

    assert alone.of(ev.StatusChanged) == []
    assert len(alone.of(ev.LoopPulsed)) == 1
    assert alone.started is not None
    assert alone.of(ev.TaskQueued) == []


# --- what lines add up to -------------------------------------------------------------------------


def test_a_task_has_a_story() -> None:
    story = healthy_day()
    evidence = story.evidence()

    step = evidence.tasks[task_id("run_strategy", "11:30")]

    assert (step.task, step.fate, step.attempts, step.at_start) == (
        "run_strategy", "finished", 1, False,
    )  # fmt: skip
    assert step.lines == tuple(
        story.line(kind, task_id=step.task_id)
        for kind in (ev.TaskQueued, ev.TaskStarted, ev.TaskFinished)
    )
    assert len(evidence.tasks) == 15


def test_a_downtime_lasts_from_the_last_line_to_the_return() -> None:
    story = healthy_day()
    place = story.find(ev.TaskQueued, due=at("14:00"))
    back = ev.SessionResumed(entries=place, torn_bytes=0, doubtful=())
    story.insert(place, back, when="13:59:50")
    story.moments[place - 1] = (at("13:59:10"), story.moments[place - 1][1])

    (down,) = story.evidence().downtimes

    assert (down.since, down.until) == (at("13:59:10"), at("13:59:50"))
    assert down.holds(at("13:59:30"))
    assert not down.holds(at("14:00"))


def test_statuses_are_stretches_and_a_crash_cuts_them() -> None:
    story = healthy_day()
    place = story.find(ev.TaskQueued, due=at("14:00"))
    back = ev.SessionResumed(entries=place, torn_bytes=0, doubtful=())
    story.insert(place, back, when="14:00")
    story.moments[place - 1] = (at("13:58"), story.moments[place - 1][1])
    evidence = story.evidence()

    running = [s for s in spans_of(evidence) if s.status == "running"]

    assert [(s.since, s.until) for s in running] == [
        (at("09:30"), at("11:30")),
        (at("13:00"), at("13:58")),
        (at("14:00"), at("15:00")),
    ]
    assert status_at(evidence, 1) == "stopped"
    assert status_at(evidence, place) == "running"
