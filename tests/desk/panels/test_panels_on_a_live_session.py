"""Panels on a session that really runs in a process of its own, fed by a day that is over."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from qtkit.core.clock import cpu_seconds, stopwatch
from qtkit.desk.panels import ControlDesk, Watch, desk
from qtkit.desk.panels.widgets import Button, Text
from qtkit.model import events as ev
from qtkit.sessions.remote import RemoteSession

GRID = Path(__file__).parents[3] / "examples" / "live_grid_multi.py"
SETTINGS = """
seed = 7
[feed]
start = "2026-03-04T09:33:00+08:00"
speed = 30
"""
_WATCHED = 5.0  # seconds


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlDesk]:
    """A desk without a session, whose start button is pressed; the first prices have come."""
    shown = desk(Watch(root=tmp_path_factory.mktemp("live")))
    shown.open()
    panel = shown.panels["session"]
    panel.fill("strategy", str(GRID))
    panel.fill("new_account", "demo")
    panel.fill("settings", SETTINGS)
    panel.press("start")
    panel.errands.finish(90)
    session = RemoteSession(shown.watch.folder)
    _until(lambda: any(isinstance(e.event, ev.PricesSeen) for e in session.entries()), 60)
    yield shown
    shown.close()
    if session.is_running:
        session.stop()


def _until(true: Callable[[], object], seconds: float = 60) -> None:
    elapsed = stopwatch()
    while not true():
        assert elapsed() < seconds
        Event().wait(0.05)


def _news(control: ControlDesk, panel: str) -> str:
    control.panels[panel].errands.finish()
    return control.panels[panel].part("news", Text).html


def test_the_session_that_was_started_is_followed(control: ControlDesk) -> None:
    assert "started 20260304_0133" in _news(control, "session")
    assert control.watch.signs.alive

    line = control._kit.parts["line"] if control._kit else None
    assert isinstance(line, Text)
    before = line.html
    _until(lambda: line.html != before)

    assert "Asia/Shanghai" in line.html
    assert "demo" in control.panels["session"].text()
    assert control.watch.view.opening.settings["seed"] == 7


def test_a_live_session_costs_a_desk_less_than_three_percent_of_a_core(
    control: ControlDesk,
) -> None:
    """At thirty times the speed of the market, whichever panel is looked at."""
    used = lasted = 0.0
    for panel in control.panels.values():
        control.choose(panel.title)
        elapsed, before = stopwatch(), cpu_seconds()
        Event().wait(_WATCHED / len(control.panels))
        used += cpu_seconds() - before
        lasted += elapsed()

    assert used / lasted < 0.03


def test_a_button_returns_at_once_and_shows_the_answer_when_it_is_there(
    control: ControlDesk,
) -> None:
    panel = control.panels["session"]
    elapsed = stopwatch()

    panel.press("pause")

    assert elapsed() < 1
    assert "status running → paused because of pause" in _news(control, "session")
    assert panel.part("resume", Button).is_on
    panel.press("resume")
    assert "status paused → running because of resume" in _news(control, "session")


def test_a_process_that_hangs_is_told_from_one_that_lives(
    control: ControlDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qtkit.evidence.recorded._SILENT", 3.0)
    health = control.panels["health"]
    control.choose("Health")
    pid = RemoteSession(control.watch.folder).status()["pid"]

    os.kill(pid, signal.SIGSTOP)
    try:
        _until(lambda: "it hangs, see kill-switch" in health.part("subject", Text).html)
    finally:
        os.kill(pid, signal.SIGCONT)

    _until(lambda: "no sign of life" not in health.part("subject", Text).html)


def test_killed_and_stopped_from_the_desk(control: ControlDesk) -> None:
    risk, book, session = (control.panels[name] for name in ("risk", "book", "session"))
    control.choose("Risk")
    risk.tick("sure")
    risk.press("kill")
    assert "on, by operator" in _news(control, "risk")
    control.choose("Book")
    book.fill("shares", "100")
    book.press("buy")
    assert "risk.kill_switch" in _news(control, "book")

    session.press("stop")

    assert "for by operator" in _news(control, "session")
    _until(lambda: control.watch.view.state.ended and not control.watch.signs.alive)
    assert "the session has ended" in session.text()
