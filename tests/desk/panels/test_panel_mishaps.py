"""What goes wrong in a handler is shown in the panel, and what comes from outside stays text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shutil import copytree
from threading import Thread
from typing import Any

import msgspec
import pytest

from qtkit.core.errors import ConfigError
from qtkit.core.paths import SessionFolder
from qtkit.desk.panels import (
    BookPanel,
    ChecklistPanel,
    ControlDesk,
    OperationsPanel,
    Panel,
    RiskPanel,
    SessionPanel,
    Watch,
    desk,
)
from qtkit.desk.panels.widgets import Element, Kit, Text
from qtkit.desk.report import Report
from qtkit.evidence.recorded import RecordedSession
from qtkit.evidence.session import CommandDone
from qtkit.model.events import Entry, GateJudged
from qtkit.projections.session_view import SessionView
from qtkit.sessions.local import LocalSession
from qtkit.stages import judge, stage_named

EVIL = "<script>alert(1)</script>"


class Clumsy(Panel):
    """A panel whose button has a mistake in it."""

    name, title = "clumsy", "Clumsy"

    def subject(self) -> Sequence[Report]:
        return (self.section(self.title, "fine so far"),)

    def controls(self, kit: Kit) -> Sequence[Element]:
        return (kit.row(kit.button("oops", "Oops", self._oops)),)

    def _oops(self) -> None:
        raise KeyError(EVIL)


def test_a_mistake_in_a_handler_shows_in_the_panel(rehearsal: LocalSession) -> None:
    panel = Clumsy(rehearsal).open()
    try:
        panel.press("oops")
        shown = panel.part("news", Text).html
    finally:
        panel.close()

    assert 'role="alert"' in shown
    assert "KeyError" in shown
    assert "mistake of the panel" in shown
    assert EVIL not in shown


def test_a_mistake_in_an_errand_shows_in_the_panel(rehearsal: LocalSession) -> None:
    panel = Clumsy(rehearsal).open()

    def fails() -> Report:
        raise ZeroDivisionError("by nought")

    panel.fetch("the impossible", fails)
    panel.errands.finish()
    try:
        assert "ZeroDivisionError: by nought" in panel.part("news", Text).html
        assert "asked for" not in panel.text()
    finally:
        panel.close()


def test_a_further_panel_stands_on_the_desk(rehearsal: LocalSession) -> None:
    control = desk(rehearsal, Clumsy)

    assert list(control.panels)[-1] == "clumsy"
    assert "fine so far" in control.text()


def test_a_panel_can_be_added_to_a_desk_that_is_open(rehearsal: LocalSession) -> None:
    control = ControlDesk(rehearsal).open()
    try:
        control.add(Clumsy)
        control.choose("Clumsy")
        panel = control.panels["clumsy"]
        assert panel.root.raw in control._stack.raw.children
        assert panel.root.raw.layout.display is None
        assert "fine so far" in panel.shown()
        panel.press("oops")
        assert "KeyError" in panel.shown()
        control.add(Clumsy)
        assert len(control._stack.raw.children) == len(control.panels)
    finally:
        control.close()


def test_buttons_pressed_on_many_threads_at_once_are_handled_one_by_one(
    rehearsal: LocalSession,
) -> None:
    """A kernel may handle clicks on a thread of its own, beside a cell that runs."""
    panel = OperationsPanel(rehearsal).open()
    before = sum(isinstance(e.event, GateJudged) for e in rehearsal.entries())
    presses = [Thread(target=panel.press, args=("gate",)) for _ in range(8)]
    try:
        for thread in presses:
            thread.start()
        for thread in presses:
            thread.join(30)
        assert "The gate is open" in panel.part("news", Text).html
        assert "asked for" not in panel.text()
    finally:
        panel.close()
    assert sum(isinstance(e.event, GateJudged) for e in rehearsal.entries()) == before + 8


def test_reports_of_a_session_that_was_left_are_not_shown_for_another(
    rehearsal: LocalSession, tmp_path: Path
) -> None:
    panel = ChecklistPanel(rehearsal)
    panel.begin()
    try:
        panel.run("0")
        panel.errands.finish()
        assert "0.1  ✓ pass" in panel.text()
        other = tmp_path / "elsewhere" / "paper_sessions" / "20260305_010000_paper_0123456"
        copytree(rehearsal.folder.path, other)
        panel.watch.attach(RecordedSession(SessionFolder(other)))
        assert "0.1  ✓ pass" not in panel.text()
        panel._keep(rehearsal.folder.session_id, [judge(stage_named("0"), rehearsal)], "0")
        assert "0.1  ✓ pass" not in panel.text()
    finally:
        panel.close()


def test_a_command_to_a_session_whose_process_is_gone_says_so(rehearsal: LocalSession) -> None:
    rehearsal.close()
    panel = RiskPanel(RecordedSession(rehearsal.folder)).open()
    try:
        panel.tick("sure")
        panel.press("kill")
        panel.errands.finish()
        assert "nobody listens for session" in panel.part("news", Text).html
    finally:
        panel.close()


def test_a_journal_that_cannot_be_trusted_is_told_where_somebody_looks(
    rehearsal: LocalSession,
) -> None:
    rehearsal.close()
    panel = BookPanel(RecordedSession(rehearsal.folder)).open()
    try:
        with rehearsal.folder.journal.open("ab") as file:
            file.write(b'{"not": "a line of ours"}\n')
        panel._follow()
        assert "journal.jsonl" in panel.part("news", Text).html
    finally:
        panel.close()


class Told(RecordedSession):
    """A session that is only told about."""

    def __init__(self, folder: SessionFolder, told: Sequence[Entry]) -> None:
        super().__init__(folder, SessionView.of(told))
        self._told = tuple(told)

    @property
    def view(self) -> SessionView:
        return self._view

    def entries(self, after: int = 0) -> tuple[Entry, ...]:
        return self._told[after:]

    def command(self, verb: str, *, by: str = "operator", **arguments: Any) -> CommandDone:  # noqa: ANN401
        raise ConfigError(f"{verb} {EVIL} by {by} with {arguments}")


@pytest.fixture
def evil(rehearsal: LocalSession) -> Told:
    """The session, with a symbol and an account that somebody made up."""
    entries = list(rehearsal.entries())
    opening = entries[0].event
    named = msgspec.structs.replace(opening, symbols=(EVIL,), strategy=EVIL, account=EVIL)
    entries[0] = msgspec.structs.replace(entries[0], event=named)
    return Told(rehearsal.folder, entries)


def test_a_symbol_from_outside_stays_text_everywhere(evil: Told) -> None:
    control = ControlDesk(evil)
    control.begin()
    try:
        book = control.panels["book"]
        book.fill("shares", "100")
        book.press("buy")
        shown = [panel.shown() for panel in control.panels.values()]
    finally:
        control.close()

    assert not [html for html in (control.html(), *shown) if "<script" in html]
    assert "&lt;script&gt;" in control.html()
    assert "&lt;script&gt;" in "".join(shown)
    assert f"buy {EVIL} by operator" in control.panels["book"].text()


def test_no_session_is_a_clear_mistake_of_who_asks(tmp_path: Path) -> None:
    panel = SessionPanel(Watch(root=tmp_path)).open()
    try:
        panel.press("attach")
        assert "no session yet" in panel.part("news", Text).html
        panel.press("reload")
    finally:
        panel.close()
    with pytest.raises(ConfigError, match="no session is chosen"):
        _ = panel.watch.session
