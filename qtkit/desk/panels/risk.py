"""The risk rules with their use, what they refused, and the kill switch."""

from __future__ import annotations

from collections.abc import Sequence

from qtkit.core.advice import kill_command, lift_command
from qtkit.core.errors import ConfigError
from qtkit.desk import commands, views
from qtkit.desk.panels.book import newest
from qtkit.desk.panels.panel import Panel, command_button
from qtkit.desk.panels.widgets import Button, Element, Field, Kit, Tick
from qtkit.desk.report import Report
from qtkit.desk.views.risk import rules
from qtkit.runtime.session_finder import account_of

__all__ = ["RiskPanel"]


class RiskPanel(Panel):
    """Rules, refusals and the kill switch."""

    name, title = "risk", "Risk"

    def subject(self) -> Sequence[Report]:
        """Return rules, refusals and how the kill switch stands."""
        view = self.watch.view
        return (
            self.dated(rules(view)),
            self.section("Refusals, the newest first", *newest(views.refusals(view))),
            self.section(f"Kill switch · {'ON' if view.state.killed else 'off'}", self._doors()),
        )

    def _doors(self) -> str:
        account = account_of(self.watch.folder)
        return (
            "With the switch on only orders that reduce a position leave, after a restart too. A "
            "button that is pressed while a cell runs is handled after that cell: the second door "
            f"is {kill_command(account)} in a terminal, and it waits for nobody. The switch is "
            f"lifted by {lift_command(account)} and nothing else."
        )

    def controls(self, kit: Kit) -> Sequence[Element]:
        """Return the kill switch: a reason, a box to confirm, and the button."""
        return (
            kit.row(
                kit.field("why", "Reason", hint="for the journal"),
                kit.tick("sure", "Yes, stop trading on this account", self.adjust),
                command_button(kit, "kill", self._kill, label="KILL", style="danger"),
            ),
        )

    def adjust(self) -> None:
        """Let the button be pressed only while the box is ticked and the session runs."""
        is_there = self.watch.has_session and not self.watch.view.state.ended
        self.part("kill", Button).enable(on=is_there and self.part("sure", Tick).value)

    def _kill(self) -> None:
        sure = self.part("sure", Tick)
        if not sure.value:
            raise ConfigError("the kill switch asks for a confirmation: tick the box first")
        why, by = self.part("why", Field).value, self.watch.by
        sure.set(on=False)
        self.ask("kill", lambda session: commands.kill(session, why=why, by=by))
