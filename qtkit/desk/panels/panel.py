"""One panel: sections that show rows, controls that ask, and what the engine acknowledged."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from qtkit.core.errors import ConfigError, QtkitError
from qtkit.desk import views
from qtkit.desk.commands.command_table import DESK_COMMANDS
from qtkit.desk.panels.base import Screen
from qtkit.desk.panels.session_watch import Watch
from qtkit.desk.panels.widgets import Button, Choice, Element, Field, Kit, Text, Tick
from qtkit.desk.report import Part, Report
from qtkit.evidence.session import OperableSession, Session

__all__ = ["Panel", "command_button"]

_E = TypeVar("_E", bound=Element)
_NONE_YET = "No session yet: start one in the session panel, or attach to one."


class Panel(Screen):
    """One subject of a session.

    Parameters
    ----------
    session
        A session, or the `Watch` that several panels share.
    """

    needs_session = True  # whether there is nothing to show without one

    def __init__(self, session: Session | Watch | None = None) -> None:
        super().__init__(session)
        self._problem = ""
        self._asked = list[str]()
        self._answer: Report | None = None

    # --- what it tells -------------------------------------------------------------------------

    def sections(self) -> Sequence[Report]:
        """Return what it shows now: its subject, then what came of the last thing asked for."""
        return (*self._subject(), *self._news())

    def _subject(self) -> Sequence[Report]:
        if self.needs_session and not self.watch.has_session:
            return (self.section(self.title, _NONE_YET),)
        return self.subject()

    @abstractmethod
    def subject(self) -> Sequence[Report]:
        """Return what it is about; there is a session, unless it needs none."""

    def section(self, heading: str, *parts: Part) -> Report:
        """Return a section."""
        return Report(name=self.name, heading=heading, parts=parts)

    def dated(self, *parts: Part) -> Report:
        """Return a section that says of when it is, in the exchange's zone."""
        return self.section(f"{self.title} · {views.as_of(self.watch.view)}", *parts)

    def _news(self) -> Sequence[Report]:
        """Return what was asked for, what came of it, and what went wrong."""
        found = [
            self.section(f"… asked for: {what}", "No answer has come.") for what in self._asked
        ]
        if self._answer is not None:
            found.append(self.section(f"answered · {self._answer.heading}", *self._answer.parts))
        if self._problem:
            found.append(self.section("✗ that did not work", self._problem))
        return found

    # --- where it shows ------------------------------------------------------------------------

    def build(self, kit: Kit) -> Element:
        """Make the widgets: the controls, what came of the last thing asked, and the subject."""
        return kit.column(*self.controls(kit), kit.text("news"), kit.text("subject"))

    def controls(self, kit: Kit) -> Sequence[Element]:
        """Return the panel's controls; none by default."""
        return ()

    def refresh(self) -> None:
        """Write what is known now into the widgets."""
        if self.is_open:
            self.part("subject", Text).write("".join(s.html() for s in self._subject()))
            self.write_news()
            self.adjust()

    def write_news(self) -> None:
        """Write what came of the last thing asked for, where a screen reader announces it."""
        news = "".join(section.html() for section in self._news())
        role = "alert" if self._problem else "status"
        self.part("news", Text).write(f'<div role="{role}">{news}</div>')

    def adjust(self) -> None:
        """Let the controls follow; nothing by default."""

    # --- asking --------------------------------------------------------------------------------

    def ask(self, what: str, work: Callable[[OperableSession], Report]) -> None:
        """Ask the session for something; its answer is shown when it is there.

        A running session is asked on a thread of its own, so that a handler returns at once.
        """
        session = self.watch.counterpart()
        self.fetch(what, lambda: work(session), aside=self.watch.asks_aside)

    def fetch(self, what: str, work: Callable[[], Report | None], *, aside: bool = True) -> None:
        """Do something slow, and show its report."""
        self._asked.append(what)
        self._answer, self._problem = None, ""
        self.refresh()

        def errand() -> None:
            answer, problem = _tried(work)
            self.guarded(lambda: self._answered(what, answer, problem))

        if aside:
            self.errands.send(self.name, errand)
        else:
            errand()

    def _answered(self, what: str, answer: Report | None, problem: str) -> None:
        self._asked.remove(what)
        self._answer, self._problem = answer or self._answer, problem
        self.watch.look()
        self.refresh()
        self.answered()

    def answered(self) -> None:
        """Do what is left when an answer is there; nothing by default."""

    def trouble(self, sentence: str) -> None:
        """Show what went wrong."""
        self._problem = sentence
        if self.is_open:
            self.write_news()

    # --- its controls, by name -----------------------------------------------------------------

    def part(self, name: str, kind: type[_E]) -> _E:
        """Return a widget by its name.

        Raises
        ------
        ConfigError
            If the panel is not open, or has none of this name and kind.
        """
        found = self._kit.parts.get(name) if self._kit else None
        if not isinstance(found, kind):
            there = ", ".join(self._kit.parts) if self._kit else "nothing: it is closed"
            raise ConfigError(f"{self.name} has no {kind.__name__} {name!r}; it has {there}")
        return found

    def press(self, name: str) -> None:
        """Press a button, as a click does."""
        self.part(name, Button).press()

    def fill(self, name: str, value: str) -> None:
        """Type into a field, or choose a word of a list."""
        found = self.part(name, Element)
        if isinstance(found, Choice):
            found.pick(value)
        else:
            self.part(name, Field).fill(value)

    def tick(self, name: str, *, on: bool = True) -> None:
        """Tick a box, or take the tick away."""
        self.part(name, Tick).set(on=on)

    def shown(self) -> str:
        """Return the HTML that stands in its widgets now."""
        parts = self._kit.parts.values() if self._kit else ()
        return "".join(part.html for part in parts if isinstance(part, Text))


def _tried(work: Callable[[], Report | None]) -> tuple[Report | None, str]:
    """Return the report, or why there is none."""
    try:
        return work(), ""
    except (QtkitError, OSError) as problem:
        return None, str(problem)
    except Exception as problem:  # noqa: BLE001 - an errand's error has nobody else to show it
        return None, f"{type(problem).__name__}: {problem}; this is a mistake of the panel"


def command_button(
    kit: Kit, word: str, do: Callable[[], None], *, label: str = "", style: str = ""
) -> Button:
    """Return the button of a desk's command: what it says and explains stands in their table."""
    command = DESK_COMMANDS[word]
    return kit.button(word, label or command.label, do, style=style, hint=command.help)
