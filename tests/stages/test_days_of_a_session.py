"""One day of a session of several: judged by what belongs to it, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from qtkit.cli.check import check
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence, RunFacts
from qtkit.evidence.status_spans import spans_of
from qtkit.model import events as ev
from qtkit.model.events import Event
from tests.stages.parts import CHECKS, SETTINGS, A, accepted, at, book, request, status
from tests.stages.phase_5_stories import gate, refusal
from tests.stages.several_days import DAYS, three_days
from tests.stages.story import CASH_AT_NIGHT, Story

FIRST, SECOND, LAST = DAYS
LONE = tuple(c for c in CHECKS if not CHECKS[c].scenarios)
OF_THE_START = ("0.1",)
OF_THE_END = ("1.1", "1.2", "1.3", "1.4", "1.5", "1.6")
OF_EACH_DAY = (
    "0.2", "0.3", "0.4", "0.5", "0.6", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3.4", "3.5",
    "3.5.7", "4-A.4", "4-B.1", "4-B.2", "4-B.3", "4-B.5", "5-A.2", "5-B.2", "5-B.4", "5-C.4",
    "5-C.5", "5-C.6", "5-C.7", "G.1", "G.3", "G.4",
)  # fmt: skip


def put(story: Story, day: date, when: str, *events: Event) -> Story:
    """Put events in at a time of a day."""
    moment = at(when, day)
    place = sum(each <= moment for each, _ in story.moments)
    dated = [(moment, _dated(event, day)) for event in events]
    story.moments[place:place] = dated
    return story


def _dated(event: Event, day: date) -> Event:
    return replace(event, trading_date=day)


def command(verb: str) -> ev.CommandReceived:
    return ev.CommandReceived(command=verb, arguments={}, by="me")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return Evidence.of_folder(three_days().folder(tmp_path_factory.mktemp("days") / "s"))


# --- healthy days ----------------------------------------------------------------------------


@pytest.mark.parametrize("day", [None, *DAYS])
def test_nothing_fails_on_a_healthy_day(whole: Evidence, day: date | None) -> None:
    judged = whole if day is None else whole.of_day(day)

    found = {c: CHECKS[c](judged) for c in LONE}

    assert [v for v in found.values() if v.status in {Status.FAIL, Status.ERROR}] == []
    assert [c for c in OF_EACH_DAY if found[c].status is not Status.PASS] == []


@pytest.mark.parametrize(
    ("ids", "home"), [(OF_THE_START, FIRST), (OF_THE_END, LAST)], ids=["start", "end"]
)
def test_start_and_end_are_judged_on_their_own_day_alone(
    whole: Evidence, ids: tuple[str, ...], home: date
) -> None:
    for check_id in ids:
        found = {day: CHECKS[check_id](whole.of_day(day)) for day in DAYS}

        assert {d for d, v in found.items() if "this day" not in v.summary} == {home}
        assert all(v.status is Status.SKIP for d, v in found.items() if d != home)


def test_a_day_without_the_end_is_not_held_up_by_it(tmp_path: Path) -> None:
    folder = OutputRoot(tmp_path).new_session("paper", "20260304_010000_paper_abcdefg")
    three_days().folder(folder.path)

    def judged(*words: str) -> int:
        return CliRunner().invoke(check, [*words, "--root", str(tmp_path)]).exit_code

    assert judged("0", "1", "2", "--day", str(FIRST)) == 0
    assert judged("1", "--day", str(FIRST)) == 5
    assert judged("0", "1", "2", "--day", str(LAST)) == 0


def test_a_running_session_is_over_on_the_days_behind_it() -> None:
    story = three_days()
    story.cut(story.find(ev.TaskQueued, task="open_market", trading_date=LAST))
    running = story.evidence(running=True)

    found = {c: CHECKS[c](running.of_day(SECOND)).status for c in ("2.1", "4-A.4", "5-B.4")}

    assert set(found.values()) == {Status.PASS}
    assert CHECKS["1.1"](running.of_day(SECOND)).status is Status.SKIP
    assert CHECKS["1.1"](running.of_day(LAST)).status is Status.PENDING
    assert CHECKS["2.1"](running.of_day(LAST)).status is Status.PENDING


def test_a_crash_belongs_to_the_day_that_it_came_on() -> None:
    story = three_days()
    crashed = story.cut(story.find(ev.TaskQueued, task="open_market", trading_date=LAST)).evidence()

    assert CHECKS["1.1"](crashed.of_day(SECOND)).status is Status.SKIP
    assert CHECKS["1.1"](crashed.of_day(LAST)).status is Status.FAIL


# --- faults of the day judged, and of another one ----------------------------------------------


def _sold_and_left_open(story: Story, day: date) -> None:
    wanted = request("q9", _price(), 100, "4126.00", "line", 2)
    put(story, day, "14:00", wanted, accepted("q9"))


def _price() -> ev.LastPrice:
    return ev.LastPrice(symbol=A, end=at("14:00"), close=Decimal("37.25"))


def _edit(kind: type[Event], changes: dict[str, object], **fields: object) -> Callable[..., Any]:
    return lambda s, day: s.edit(kind, changes, trading_date=day, **fields)


def _drop(kind: type[Event], **fields: object) -> Callable[..., Any]:
    return lambda s, day: s.drop(kind, trading_date=day, **fields)


def _silent(story: Story, day: date, since: str = "13:05", until: str = "14:05") -> None:
    story.moments = [
        (w, e)
        for w, e in story.moments
        if not (isinstance(e, ev.LoopPulsed) and at(since, day) <= w <= at(until, day))
    ]


def _with_anothers_id(story: Story, day: date) -> None:
    wanted = request("q9", _price(), 100, "4126.00", "line", 2)
    put(story, day, "14:00", wanted, replace(accepted("q9"), broker_order_id="b-q1"))


def _twice_at_once(story: Story, day: date) -> None:
    for order_id in ("q8", "q9"):
        put(story, day, "14:00", request(order_id, _price(), 100, "4126.00", "line", 2))


def _stays_shut(story: Story, day: date) -> None:
    put(story, day, "13:30", command("gate"), gate("demand", cash="1 yuan off"))
    put(story, day, "13:40", command("gate"), replace(gate("demand"), open=False))


FAULTS: list[tuple[str, Callable[[Story, date], object]]] = [
    ("0.2", _edit(ev.StatusChanged, {"because": "pause"}, because="open_market")),
    ("0.2", _drop(ev.StatusChanged, because="open_market")),
    ("0.3", _drop(ev.StatusChanged, because="open_market")),
    ("0.3", lambda s, d: put(s, d, "13:30", command("pause"))),
    ("0.3", lambda s, d: put(s, d, "13:30", status("running", "sleeping", "close_market"))),
    ("0.4", _silent),
    ("0.4", _drop(ev.TaskFinished, task="refill")),
    ("2.1", _drop(ev.TaskFinished, task="refill")),
    ("2.3", _drop(ev.TaskFinished, task="run_strategy")),
    ("3.4", _drop(ev.DecisionTaken)),
    ("3.5", _edit(ev.DayStarted, {"open": False})),
    ("4-A.2", _sold_and_left_open),
    ("4-B.1", _drop(ev.TaskFinished, task="refill")),
    ("5-B.4", _drop(ev.GateJudged, occasion="day")),
    ("5-B.5", _stays_shut),
    ("5-C.1", _with_anothers_id),
    ("G.2", _twice_at_once),
    ("5-B.4", lambda s, d: put(s, d, "13:30", command("gate"))),
    ("5-B.4", lambda s, d: put(s, d, "13:30", gate("reconnect"))),
]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(("check_id", "plant"), FAULTS)
def test_a_fault_is_found_on_its_own_day_and_on_no_other(
    check_id: str, plant: Callable[[Story, date], object], day: date
) -> None:
    story = three_days()
    plant(story, day)
    evidence = story.evidence()

    found = {d: CHECKS[check_id](evidence.of_day(d)).status for d in DAYS}

    assert CHECKS[check_id](evidence).status is Status.FAIL
    assert {d for d, s in found.items() if s is Status.FAIL} == {day}


@pytest.mark.parametrize("day", DAYS)
def test_a_whole_day_without_a_pulse_is_found_on_that_day_alone(day: date) -> None:
    story = three_days()
    _silent(story, day, "00:00", "23:59")

    found = {d: CHECKS["0.4"](story.evidence().of_day(d)).status for d in DAYS}

    assert {d for d, s in found.items() if s is Status.FAIL} == {day}


def _without(folder: SessionFolder, part: str) -> None:
    kept = [row for row in folder.sys_log.read_text().splitlines() if part not in row]
    folder.sys_log.write_text("\n".join(kept) + "\n")


def _say(folder: SessionFolder, day: date, text: str) -> None:
    """Put a line into sys.log, after the schedule of a day."""
    rows = folder.sys_log.read_text().splitlines()
    place = next(i for i, row in enumerate(rows) if f"schedule_built day={day}" in row) + 1
    rows[place:place] = text.splitlines()
    folder.sys_log.write_text("\n".join(rows) + "\n")


DAMAGE: list[tuple[str, Callable[[SessionFolder, date], object]]] = [
    ("0.6", lambda f, d: _without(f, f"task_queued task=refill task_id={d:%Y%m%d}")),
    ("4-A.4", lambda f, d: _say(f, d, "Traceback (most recent call last):")),
    ("4-A.4", lambda f, d: _say(f, d, f"{d}T10:00:00+08:00 | ERROR | s | internal_error where=x")),
    ("4-B.3", lambda f, d: _say(
        f, d, f"{d}T10:00:00+08:00 | INFO | s | task_skipped task_id=x skip_reason=paused")),
]  # fmt: skip


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(("check_id", "damage"), DAMAGE)
def test_a_fault_in_the_log_is_found_on_its_own_day_and_on_no_other(
    check_id: str, damage: Callable[[SessionFolder, date], object], day: date, tmp_path: Path
) -> None:
    folder = three_days().folder(tmp_path / "s")
    damage(folder, day)
    evidence = Evidence.of_folder(folder)

    found = {d: CHECKS[check_id](evidence.of_day(d)).status for d in DAYS}

    assert {d for d, s in found.items() if s is Status.FAIL} == {day}


@pytest.mark.parametrize("day", DAYS)
def test_a_closing_without_a_reconciliation_is_found_on_its_own_day(
    day: date, tmp_path: Path
) -> None:
    story = three_days()
    other = book(str(Decimal(CASH_AT_NIGHT) + 1), 5800, 5000)
    story.edit(ev.DayClosed, {"book": other}, trading_date=day)
    evidence = Evidence.of_folder(story.folder(tmp_path / "s"))

    found = {d: CHECKS["5-C.7"](evidence.of_day(d)).status for d in DAYS}

    assert {d for d, s in found.items() if s is Status.FAIL} == {day}


@pytest.mark.parametrize("day", DAYS)
def test_a_refusal_that_is_not_in_the_log_is_found_on_its_own_day(
    day: date, tmp_path: Path
) -> None:
    story = three_days()
    for each in DAYS:
        put(story, each, "14:00", refusal())
    folder = story.folder(tmp_path / "s")
    rows = [r for r in folder.risk_log.read_text().splitlines() if not r.startswith(f"{day}")]
    folder.risk_log.write_text("\n".join(rows) + "\n")
    evidence = Evidence.of_folder(folder)

    found = {d: CHECKS["5-C.3"](evidence.of_day(d)).status for d in DAYS}

    assert {d for d, s in found.items() if s is Status.FAIL} == {day}


def test_a_refusal_too_many_in_the_log_is_found_on_its_own_day(tmp_path: Path) -> None:
    story = three_days()
    for each in DAYS:
        put(story, each, "11:00", refusal())
    folder = story.folder(tmp_path / "s")
    logged = folder.risk_log.read_text().splitlines()
    folder.risk_log.write_text("\n".join([*logged, logged[1].replace("T11:00", "T14:00")]) + "\n")
    evidence = Evidence.of_folder(folder)

    found = {d: CHECKS["5-C.3"](evidence.of_day(d)).status for d in DAYS}

    assert {d for d, s in found.items() if s is Status.FAIL} == {SECOND}


def test_a_fill_that_was_dropped_is_of_no_day_and_told_of_the_last() -> None:
    story = three_days()
    told = (*(e.fill_id for _, e in story.moments if isinstance(e, ev.OrderFilled)), "f-lost")
    evidence = story.evidence(facts=RunFacts(delivered_fills=told))

    found = {d: CHECKS["2.5"](evidence.of_day(d)).status for d in DAYS}

    assert {d for d, s in found.items() if s is Status.FAIL} == {LAST}


# --- what the days before hand over -------------------------------------------------------------


def test_an_order_that_ends_on_the_next_day_has_its_outcome() -> None:
    story = three_days()
    _sold_and_left_open(story, SECOND)
    ended = ev.OrderCancelled(order_id="q9", quantity=Decimal(100), reason="expired")
    put(story, LAST, "09:20", ended)

    found = {d: CHECKS["4-A.2"](story.evidence().of_day(d)).status for d in DAYS[:2]}

    assert set(found.values()) == {Status.PASS}


def test_a_task_that_ends_after_midnight_belongs_to_the_day_of_its_schedule() -> None:
    story = three_days()
    place = story.find(ev.TaskFinished, task="refill", trading_date=FIRST)
    _, done = story.moments.pop(place)
    night = story.find(ev.ScheduleBuilt, trading_date=SECOND) + 1
    story.moments.insert(night, (at("00:00", SECOND), _dated(done, SECOND)))
    slow = {**SETTINGS, "startup_gate_mode": "warn", "first_refill_seconds": 90_000}
    story.edit(ev.SessionStarted, {"settings": slow})
    evidence = story.evidence()

    for day in DAYS[:2]:
        found = {c: CHECKS[c](evidence.of_day(day)).status for c in ("0.4", "2.1", "4-B.1")}
        assert set(found.values()) == {Status.PASS}
    assert len(evidence.of_day(FIRST).tasks) == len(evidence.of_day(SECOND).tasks) == 15


def test_a_pause_is_carried_into_the_next_day() -> None:
    story = three_days()
    put(story, FIRST, "15:40", command("pause"), status("sleeping", "paused", "pause"))
    put(story, SECOND, "08:00", command("resume"), status("paused", "sleeping", "resume"))
    alone = story.evidence().of_day(SECOND)

    spans = [(s.status, s.since) for s in spans_of(alone)]

    assert spans[:2] == [("paused", at("00:00", SECOND)), ("sleeping", at("08:00", SECOND))]
    assert CHECKS["0.2"](alone).status is Status.PASS
    assert CHECKS["0.3"](alone).status is Status.PASS


def test_a_status_that_the_day_before_did_not_leave_is_found() -> None:
    story = three_days()
    story.drop(ev.StatusChanged, trading_date=FIRST, because="close_market", number=1)
    evidence = story.evidence()

    assert CHECKS["0.2"](evidence.of_day(SECOND)).status is Status.FAIL


def test_a_return_on_one_day_owes_the_next_ones_nothing() -> None:
    story = three_days()
    back = ev.SessionResumed(entries=0, torn_bytes=0, doubtful=())
    put(story, SECOND, "13:50", back, ev.BrokerConnected(broker_name="sim"), gate("restart"))
    story.edit(ev.SessionResumed, {"entries": story.find(ev.SessionResumed)})
    evidence = story.evidence()

    found = {d: {c: CHECKS[c](evidence.of_day(d)).status for c in OF_LINES} for d in DAYS}

    assert [c for d in DAYS for c, s in found[d].items() if s is not Status.PASS] == []


OF_LINES = ("0.2", "0.3", "0.4", "0.5", "2.1", "2.3", "3.4", "3.5", "5-B.2", "5-B.4", "5-C.6")


def test_a_judgement_owed_overnight_is_missed_in_the_morning() -> None:
    story = put(three_days(), FIRST, "15:20", command("gate"))
    evidence = story.evidence()

    found = {d: CHECKS["5-B.4"](evidence.of_day(d)).status for d in DAYS}

    assert {d for d, s in found.items() if s is Status.FAIL} == {SECOND}


def test_the_end_of_the_books_is_judged_on_the_day_of_the_stop(tmp_path: Path) -> None:
    folder = three_days().folder(tmp_path / "s")
    folder.break_point.unlink()
    evidence = Evidence.of_folder(folder)

    found = {d: CHECKS["1.5"](evidence.of_day(d)).status for d in DAYS}

    assert found == {FIRST: Status.SKIP, SECOND: Status.SKIP, LAST: Status.FAIL}
