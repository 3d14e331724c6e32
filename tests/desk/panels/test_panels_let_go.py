"""A panel that is closed leaves nothing behind, and one that is open costs next to nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import Event

import pytest

from qtkit.core.clock import stopwatch
from qtkit.desk.panels import BookPanel, ControlDesk, HealthPanel, desk
from qtkit.desk.panels.background import BackgroundTasks
from qtkit.desk.panels.refresh_timer import RefreshTimer
from qtkit.desk.panels.widgets import Choice, Text
from qtkit.sessions.local import LocalSession


def _threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("qtkit-")}


def test_openings_leave_no_widget_and_no_thread(
    rehearsal: LocalSession, widgets: Callable[[], int]
) -> None:
    shown = desk(rehearsal)
    before, threads = widgets(), threading.active_count()

    for _ in range(20):
        shown.open()
        assert "qtkit-desk" in _threads()
        shown.close()

    assert widgets() == before
    assert threading.active_count() == threads
    assert not any(panel.is_open for panel in shown.panels.values())


def test_nothing_of_ours_is_observed_after_a_close(rehearsal: LocalSession) -> None:
    panel = BookPanel(rehearsal).open()
    choice = panel.part("open_order", Choice).raw

    panel.close()

    assert choice.comm is None
    assert not [
        handler
        for name in choice._trait_notifiers.get("value", {}).values()
        for handler in name
        if getattr(handler, "__module__", "").startswith("qtkit")
    ]


def test_a_cell_that_runs_again_closes_the_desk_it_showed(
    rehearsal: LocalSession, somebody_is_there: None
) -> None:
    first, second = desk(rehearsal), desk(rehearsal)
    first._repr_mimebundle_()

    second._repr_mimebundle_()

    assert not first.is_open
    assert second.is_open
    second.close()


def test_a_panel_that_runs_again_closes_the_one_it_showed(
    rehearsal: LocalSession, somebody_is_there: None
) -> None:
    first, second, other = BookPanel(rehearsal), BookPanel(rehearsal), HealthPanel(rehearsal)
    first._repr_mimebundle_()
    other._repr_mimebundle_()

    second._repr_mimebundle_()

    assert [panel.is_open for panel in (first, second, other)] == [False, True, True]
    second.close()
    other.close()


def test_what_has_not_changed_is_not_written_again(rehearsal: LocalSession) -> None:
    control = ControlDesk(rehearsal)
    control.begin()
    changes = list[object]()
    for panel in (control, *control.panels.values()):
        assert panel._kit is not None
        for part in panel._kit.parts.values():
            part.raw.observe(changes.append)
    try:
        control.watch.look()
        for panel in control.panels.values():
            panel.refresh()
        assert changes == []
    finally:
        control.close()


def test_only_the_panel_that_is_looked_at_follows(rehearsal: LocalSession) -> None:
    control = desk(rehearsal)
    control.begin()
    try:
        control.choose("Book")
        before = control.panels["health"].part("subject", Text).html
        rehearsal.command("pause")
        control.watch.look()
        control.refresh()
        assert control.panels["health"].part("subject", Text).html == before
        displays = {name: panel.root.raw.layout.display for name, panel in control.panels.items()}
        assert [name for name, display in displays.items() if display != "none"] == ["book"]
        control.choose("Health")
        assert "paused" in control.panels["health"].part("subject", Text).html
    finally:
        control.close()


def test_a_refresher_calls_until_it_is_stopped_and_not_more_than_five_times_a_second() -> None:
    called = Event()
    refresher = RefreshTimer(called.set, every=0.001)

    refresher.start()

    assert called.wait(5)
    refresher.stop()
    called.clear()
    assert not called.wait(0.5)
    assert refresher._every == 0.2


def test_an_errand_does_not_wait_for_another_that_hangs() -> None:
    errands, hang, done, elapsed = BackgroundTasks(), Event(), Event(), stopwatch()
    errands.send("slow", lambda: (hang.wait(10), None)[1])

    errands.send("kill", done.set)

    assert done.wait(5)
    assert elapsed() < 5
    hang.set()
    errands.finish()
    assert not [name for name in _threads() if name.startswith("qtkit-errand")]


@pytest.mark.parametrize("times", [2])
def test_a_panel_closed_twice_is_closed(rehearsal: LocalSession, times: int) -> None:
    panel = BookPanel(rehearsal).open()

    for _ in range(times):
        panel.close()

    assert not panel.is_open
