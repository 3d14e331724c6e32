"""Each button and field does what it says, and shows what the engine acknowledged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from qtkit.desk.panels import ControlDesk, desk
from qtkit.desk.panels.widgets import Button, Choice, Field, Text, Tick
from qtkit.evidence.recorded import RecordedSession
from qtkit.model.status import EngineStatus
from qtkit.sessions.local import LocalSession

CONTROLS = """
session: pause resume stop known attach reload strategy mode account new_account
session: feed place settings start
checklist: run_all judge save run_0 run_1 run_2 run_3 run_3_5 run_4_a run_4_b run_5_a run_5_b
checklist: run_5_c run_grid summary_0 summary_1 summary_2_4_b summary_5_a_b summary_11_5_c
checklist: tick_0 tick_1 tick_2_4_b tick_5_a_b tick_11_5_c
book: open_order cancel symbol shares limit buy sell
risk: why sure kill
schedule: task take_off
journal: only filter order
charts: which draw
runs: run show reload before compare notebooks again
operations: gate reconcile diagnose refill snapshots days sure rotatelogs
"""


@pytest.fixture
def control(rehearsal: LocalSession) -> Iterator[ControlDesk]:
    """A desk whose panels are open, and that looks for news only when it is told."""
    shown = desk(rehearsal, by="anna")
    shown.begin()
    yield shown
    shown.close()


def news(control: ControlDesk, panel: str) -> str:
    control.panels[panel].errands.finish()
    return control.panels[panel].part("news", Text).html


def has_journal(rehearsal: LocalSession, kind: str) -> bool:
    return any(type(entry.event).__struct_config__.tag == kind for entry in rehearsal.entries())


# --- session -----------------------------------------------------------------------------------


def test_pause_and_resume_follow_the_engine_not_the_finger(
    control: ControlDesk, rehearsal: LocalSession
) -> None:
    panel = control.panels["session"]
    assert not panel.part("resume", Button).is_on

    panel.press("pause")

    assert "status running → paused because of pause" in news(control, "session")
    assert "anna asked: pause" in news(control, "session")
    assert control.watch.view.state.status is EngineStatus.PAUSED
    assert panel.part("resume", Button).is_on
    assert not panel.part("pause", Button).is_on

    panel.press("resume")

    assert "status paused → running because of resume" in news(control, "session")
    assert panel.part("pause", Button).is_on


def test_a_stop_ends_the_session_and_switches_its_buttons_off(control: ControlDesk) -> None:
    panel = control.panels["session"]

    panel.press("stop")

    assert "by anna" in news(control, "session")
    assert control.watch.view.state.ended
    assert [panel.part(n, Button).is_on for n in ("pause", "resume", "stop")] == [False] * 3
    assert "none: the session has ended" in panel.text()


def test_a_session_of_the_list_is_attached_to(
    control: ControlDesk, rehearsal: LocalSession
) -> None:
    panel = control.panels["session"]
    assert panel.part("known", Choice).value == rehearsal.folder.session_id

    panel.press("attach")

    assert control.watch.folder.path == rehearsal.folder.path
    assert control.watch.asks_aside, "from now on it is one on disk"


def test_a_start_without_a_strategy_or_with_strange_settings_is_refused(
    control: ControlDesk,
) -> None:
    panel = control.panels["session"]
    panel.press("start")
    assert "strategy: name a strategy&#x27;s file" in news(control, "session")

    panel.fill("strategy", "grid.py")
    panel.fill("settings", "step_minutes =")
    panel.press("start")
    assert "such as seed = 7" in news(control, "session")


def test_a_start_that_fails_says_why(control: ControlDesk) -> None:
    panel = control.panels["session"]
    panel.fill("strategy", "not/there.py")
    panel.fill("settings", "seed = 7")
    panel.fill("new_account", "demo")
    panel.fill("mode", "paper")
    panel.fill("account", "a fresh one")
    panel.fill("feed", "csv")
    panel.fill("place", "bars.csv")

    panel.press("start")

    assert "not/there.py" in news(control, "session")
    assert "that did not work" in news(control, "session")


# --- book ----------------------------------------------------------------------------------------


def test_an_order_by_hand_is_booked_and_shown(
    control: ControlDesk, rehearsal: LocalSession
) -> None:
    book = control.panels["book"]
    book.fill("symbol", "601398.SH")
    book.fill("shares", "100")
    book.fill("limit", "5.60")

    book.press("buy")

    told = news(control, "book")
    assert "anna asked: buy symbol=601398.SH quantity=100" in told
    assert "buy 100 601398.SH at 5.60 or better" in told
    assert book.part("open_order", Choice).value == "q000005"

    book.press("cancel")

    assert "to cancel order q000005" in news(control, "book")
    rehearsal.advance(datetime(2026, 3, 4, 2, 31, tzinfo=UTC))
    control.watch.look()
    book.refresh()
    assert not book.part("cancel", Button).is_on


def test_a_sale_of_shares_of_today_is_refused_by_its_rule(control: ControlDesk) -> None:
    book = control.panels["book"]
    book.fill("shares", "100")

    book.press("sell")

    assert "risk.sellable" in news(control, "book")
    assert "risk.sellable" in control.panels["risk"].text()


@pytest.mark.parametrize("typed", ["", "many", "-5", "0", "NaN", "inf"])
def test_shares_that_are_no_number_above_0_go_nowhere(control: ControlDesk, typed: str) -> None:
    lines = len(control.watch.session.entries())
    book = control.panels["book"]
    book.fill("shares", typed)

    book.press("buy")

    assert "is no number above 0" in news(control, "book")
    control.watch.look()
    assert len(control.watch.session.entries()) == lines


# --- risk ----------------------------------------------------------------------------------------


def test_the_kill_switch_wants_a_confirmation_and_then_stops_the_next_order(
    control: ControlDesk, rehearsal: LocalSession
) -> None:
    risk, book = control.panels["risk"], control.panels["book"]
    assert not risk.part("kill", Button).is_on
    risk.press("kill")
    assert not has_journal(rehearsal, "kill_switch_set"), "a button that is off does nothing"

    risk.tick("sure")
    assert risk.part("kill", Button).is_on
    risk.fill("why", "a drill")
    risk.press("kill")

    assert "by anna: a drill" in news(control, "risk")
    assert "Kill switch · ON" in risk.text()
    assert not risk.part("sure", Tick).value, "the next kill asks again"
    book.fill("shares", "100")
    book.press("buy")
    assert "risk.kill_switch" in news(control, "book")
    assert "stopped by command" in risk.text()


def test_the_second_door_of_the_kill_switch_is_named(control: ControlDesk) -> None:
    text = control.panels["risk"].text()

    assert "handled after that cell" in text
    assert f"`qtkit kill {control.watch.folder.session_id} --mode paper --root " in text


def test_the_use_of_a_limit_is_that_of_the_largest_order(control: ControlDesk) -> None:
    """5 300 shares at 37.70 are 199 810 of 500 000 CNY: 40 %."""
    line = next(
        line for line in control.panels["risk"].text().splitlines() if "max_order_value" in line
    )

    assert "500,000 CNY" in line
    assert "largest order 199,810.0 CNY" in line
    assert "✓ ███░░░░░░░ 40 %" in line


# --- schedule ------------------------------------------------------------------------------------


def test_a_task_to_come_is_taken_off(control: ControlDesk) -> None:
    schedule = control.panels["schedule"]
    schedule.fill("task", "20260304-run_strategy-103500")

    schedule.press("take_off")

    assert "skipped as canceled" in news(control, "schedule")
    assert "20260304-run_strategy-103500" not in schedule.part("task", Choice).raw.options


# --- journal -------------------------------------------------------------------------------------


def test_the_journal_is_filtered_by_a_word(control: ControlDesk) -> None:
    journal = control.panels["journal"]
    journal.fill("only", "order_filled")

    journal.press("filter")

    assert "The newest 5 of " in journal.text()
    assert "bought 5,300 000651.SZ" in journal.text()
    assert "run_strategy came due" not in journal.text()


def test_the_story_of_an_order_is_told_from_request_to_fill(control: ControlDesk) -> None:
    journal = control.panels["journal"]

    journal.fill("order", "q000003")

    story = journal.text().partition("Story of order q000003")[2]
    assert story.index("reserved") < story.index("accepted by sim") < story.index("bought 32,400")


# --- charts --------------------------------------------------------------------------------------


def test_a_picture_is_drawn_when_it_is_asked_for(control: ControlDesk) -> None:
    panel = control.panels["charts"]
    assert "No picture" in panel.text()
    panel.fill("which", "grid lines with fills")

    panel.press("draw")

    assert "asked for" not in news(control, "charts")
    assert panel.part("picture", Text).html.startswith('<img alt="')
    assert "data:image/png;base64" in panel.html()
    assert "000651.SZ" in panel.text()


# --- operations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("button", "told"),
    [
        ("gate", "open, mode warn"),
        ("reconcile", "the broker&#x27;s"),
        ("diagnose", "local_pending_count"),
        ("refill", "refill"),
        ("snapshots", "no snapshot was taken"),
    ],
)
def test_an_operation_shows_its_report(control: ControlDesk, button: str, told: str) -> None:
    control.panels["operations"].press(button)

    assert told in news(control, "operations")
    assert "that did not work" not in news(control, "operations")


def test_logs_are_only_rotated_when_that_is_really_meant(control: ControlDesk) -> None:
    panel = control.panels["operations"]
    panel.fill("days", "thirty")
    panel.press("rotatelogs")
    assert "no whole number" in news(control, "operations")

    panel.fill("days", "0")
    panel.tick("sure")
    panel.press("rotatelogs")

    assert "rotatelogs" not in news(control, "operations").partition("that did not work")[2]
    assert not panel.part("sure", Tick).value


# --- checklist -----------------------------------------------------------------------------------


def test_a_stage_is_run_on_the_session_as_it_stands(control: ControlDesk) -> None:
    panel = control.panels["checklist"]

    panel.press("run_0")

    assert "Phase 0 passed" in news(control, "checklist")
    shown = panel.part("stage_0", Text).html
    assert shown.startswith("<details open>")
    assert "0.6" in shown
    assert "0.6  ✓ pass" in panel.text()


def test_all_stages_are_run_at_once_and_their_conclusions_shown(control: ControlDesk) -> None:
    panel = control.panels["checklist"]

    panel.press("run_all")

    news(control, "checklist")
    lines = panel.text().split("\n\n")[0].splitlines()[2:]
    assert [line.split()[0] for line in lines] == [
        "0", "1", "2", "3", "3.5", "4-A", "4-B", "5-A", "5-B", "5-C", "Grid",
    ]  # fmt: skip
    assert not [line for line in lines if "not run" in line]
    assert [line for line in lines if "✗" in line] == []


def test_summary_tick_and_record_are_on_disk(control: ControlDesk, rehearsal: LocalSession) -> None:
    panel = control.panels["checklist"]
    panel.fill("summary_0", "watched the start")
    panel.tick("tick_0")
    assert "watched the start (anna" in panel.text()

    panel.press("save")

    assert "written to" in news(control, "checklist")
    day = control.watch.view.state.today
    assert day is not None
    record = json.loads(rehearsal.folder.day_record(day).read_text())
    assert record["action_summaries"]["0"].startswith("watched the start (anna")
    assert record["ticks"]["0"].startswith("✓ anna")
    assert record["conclusion"] == "pending"
    assert "Sheet of 2026-03-04 · PENDING" in panel.text()

    panel.tick("tick_0", on=False)
    news(control, "checklist")
    saved = json.loads(rehearsal.folder.sheet.read_text())["days"]["2026-03-04"]["0"]
    assert saved["tick"] is None
    assert saved["summary"]["text"] == "watched the start"


def test_a_tick_that_somebody_else_sets_shows(
    control: ControlDesk, rehearsal: LocalSession
) -> None:
    from qtkit.reports.daily_sheet.notes import write_summary, write_tick

    at, day = datetime(2026, 3, 4, 8, tzinfo=UTC), control.watch.view.state.today
    assert day is not None
    write_tick(rehearsal.folder, day, "1", ticked=True, by="bea", at=at)
    write_summary(rehearsal.folder, day, "1", "stopped it", by="bea", at=at)
    panel = control.panels["checklist"]

    panel.refresh()

    assert panel.part("tick_1", Tick).value
    assert panel.part("summary_1", Field).value == "stopped it"
    assert "✓ bea 2026-03-04 08:00 UTC" in panel.text()


def test_the_day_is_judged_without_writing_a_record(
    control: ControlDesk, rehearsal: LocalSession
) -> None:
    control.panels["checklist"].press("judge")

    assert "nothing was written" in news(control, "checklist")
    assert not list(rehearsal.folder.artifacts.glob("record-*"))


# --- health --------------------------------------------------------------------------------------


def test_health_tells_a_shut_switch_and_a_process_that_is_gone(
    control: ControlDesk, rehearsal: LocalSession
) -> None:
    assert "engine       ✓ alive" in control.panels["health"].text()

    rehearsal.command("kill", why="a drill")
    rehearsal.close()  # without a stop: like a crash
    after = desk(RecordedSession(rehearsal.folder)).panels["health"].text()

    assert "kill switch  ✗ ON" in after
    assert "engine       ✗ gone" in after
    assert "380,605.24" not in after


def test_every_control_is_tried_here() -> None:
    """A control that is added needs a test: this list is what the tests above press and fill."""
    shown = ControlDesk()
    shown.begin()
    try:
        found = {
            f"{panel.name}.{name}"
            for panel in shown.panels.values()
            for name, part in _parts(panel).items()
            if not isinstance(part, Text)
        }
    finally:
        shown.close()

    assert found == {
        f"{panel}.{name}"
        for panel, _, names in (line.partition(": ") for line in CONTROLS.strip().splitlines())
        for name in names.split()
    }


def _parts(panel: object) -> dict[str, object]:
    kit = panel._kit  # type: ignore[attr-defined]
    return dict(kit.parts)


def test_decimals_of_the_book_are_exact(control: ControlDesk) -> None:
    assert control.watch.view.state.ledger.cash == Decimal("380605.24")
