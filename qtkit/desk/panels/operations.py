"""What an operator asks for beside trading: judgements, tables, logs, snapshots."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtkit.core.errors import ConfigError
from qtkit.desk.commands.command_table import DESK_COMMANDS, DeskCommand
from qtkit.desk.event_text import sentence
from qtkit.desk.panels.book import newest
from qtkit.desk.panels.panel import Panel, command_button
from qtkit.desk.panels.widgets import Button, Element, Field, Kit, Tick
from qtkit.desk.report import Report
from qtkit.desk.table_view import facts
from qtkit.desk.views.snapshots import snapshots
from qtkit.evidence.session import OperableSession
from qtkit.model.events import Entry

__all__ = ["OperationsPanel"]

_ASKING = {word: DESK_COMMANDS[word] for word in ("gate", "reconcile", "diagnose", "refill")}


class OperationsPanel(Panel):
    """Gate, reconcile, diagnose, refill, snapshots and rotatelogs as buttons with their reports."""

    name, title = "operations", "Operations"

    def subject(self) -> Sequence[Report]:
        """Return what came of each operation last."""
        view = self.watch.view
        last = facts(
            "operations",
            ("gate", self._told(view.judgements.gate)),
            ("reconciliation", self._told(view.judgements.reconciliation)),
            ("diagnosis", self._told(view.judgements.diagnosis)),
        )
        return (self.dated(last),)

    def _told(self, entry: Entry | None) -> str:
        if entry is None:
            return "none yet"
        at = self.watch.view.local(entry.at)
        return f"{sentence(entry.event)} ({at:%H:%M:%S}, journal line {entry.seq})"

    def controls(self, kit: Kit) -> Sequence[Element]:
        """Return the buttons."""
        asking = [
            command_button(kit, word, self._asks(command)) for word, command in _ASKING.items()
        ]
        return (
            kit.row(*asking, kit.button("snapshots", "Snapshots", self._snapshots)),
            kit.row(
                kit.field("days", "Keep risk logs for days", value="30"),
                kit.tick("sure", "Really delete"),
                command_button(
                    kit, "rotatelogs", self._rotate, label="Rotate logs", style="warning"
                ),
            ),
        )

    def adjust(self) -> None:
        """Let be asked only where somebody answers."""
        is_there = self.watch.has_session and not self.watch.view.state.ended
        for name in _ASKING:
            self.part(name, Button).enable(on=is_there)

    def _asks(self, command: DeskCommand) -> Callable[[], None]:
        def ask() -> None:
            by = self.watch.by
            self.ask(command.word, lambda session: command.run(session, by))

        return ask

    def _snapshots(self) -> None:
        watch = self.watch
        found = snapshots(watch.view, watch.folder)
        report = self.section("snapshots, the newest first", *newest(found))
        self.fetch("snapshots", lambda: report, aside=False)

    def _rotate(self) -> None:
        typed, sure = self.part("days", Field).value, self.part("sure", Tick)
        if not typed.isdecimal():
            raise ConfigError(f"days: {typed or 'nothing'!r} is no whole number of days")
        days, really = int(typed), sure.value
        sure.set(on=False)

        def work(session: OperableSession) -> Report:
            return DESK_COMMANDS["rotatelogs"].run(session, "", days=days, really=really)

        self.ask("rotatelogs", work)
