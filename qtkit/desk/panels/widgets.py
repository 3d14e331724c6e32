"""ipywidgets behind a typed front: it carries no types, and is imported when something shows.

Widgets are held, not inherited from. A `Kit` makes them for one panel under names, and lets go of
every one of them, its layout and its style, when the panel closes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

__all__ = ["Button", "Choice", "Element", "Field", "Kit", "Text", "Tick"]

_E = TypeVar("_E", bound="Element")
_STYLES = ("", "primary", "success", "info", "warning", "danger")


class Element:
    """Something that JupyterLab shows; `raw` is the widget."""

    def __init__(self, raw: Any) -> None:  # noqa: ANN401 - ipywidgets carries no types
        self.raw = raw

    def show(self, *, shown: bool) -> None:
        """Show it, or hide it without letting it go."""
        self.raw.layout.display = None if shown else "none"

    def hold(self, parts: Iterable[Element]) -> None:
        """Let a row or column hold these parts."""
        self.raw.children = tuple(part.raw for part in parts)


class Text(Element):
    """HTML that is replaced when it changes."""

    @property
    def html(self) -> str:
        """What stands there."""
        return str(self.raw.value)

    def write(self, html: str) -> None:
        """Replace what stands there, if it is something else."""
        if self.raw.value != html:
            self.raw.value = html


class Button(Element):
    """Something to press."""

    def press(self) -> None:
        """Do what a click does; a button that is off does nothing."""
        if not self.raw.disabled:
            self.raw.click()

    def enable(self, *, on: bool) -> None:
        """Let it be pressed, or not."""
        self.raw.disabled = not on

    @property
    def is_on(self) -> bool:
        """Whether it can be pressed."""
        return not self.raw.disabled


class Field(Element):
    """A line, or several, to type into."""

    @property
    def value(self) -> str:
        """What stands there, without spaces around it."""
        return str(self.raw.value).strip()

    def fill(self, text: str) -> None:
        """Type."""
        self.raw.value = text


class Tick(Element):
    """A box to tick."""

    @property
    def value(self) -> bool:
        """Whether it is ticked."""
        return bool(self.raw.value)

    def set(self, *, on: bool) -> None:
        """Tick it, or take the tick away."""
        self.raw.value = on


class Choice(Element):
    """One of several words."""

    @property
    def value(self) -> str:
        """The word that is chosen; "" where there is none."""
        return str(self.raw.value or "")

    def pick(self, word: str) -> None:
        """Choose a word that is offered."""
        self.raw.value = word

    def offer(self, words: Sequence[str]) -> None:
        """Offer other words; the chosen one stays chosen if it is still there."""
        if tuple(self.raw.options) == tuple(words):
            return
        chosen = self.raw.value
        with self.raw.hold_sync():
            self.raw.options = tuple(words)
            self.raw.value = chosen if chosen in words else (words[0] if words else None)


class Kit:
    """Makes the widgets of one panel, and lets go of them.

    Parameters
    ----------
    panel
        Its name: every widget has the class ``qtkit-<panel>-<name>``.
    guard
        Runs a handler: under the desk's lock, and so that its error is seen.
    """

    def __init__(self, panel: str, guard: Callable[[Callable[[], None]], None]) -> None:
        self._library: Any = import_module("ipywidgets")
        self._panel, self._guard = panel, guard
        self._made = list[Any]()
        self.parts = dict[str, Element]()

    def _kept(self, name: str, part: _E) -> _E:
        part.raw.add_class(f"qtkit-{self._panel}-{name}")
        self._made.append(part.raw)
        self.parts[name] = part
        return part

    def text(self, name: str) -> Text:
        """Return a place for HTML."""
        return self._kept(name, Text(self._library.HTML(layout={"width": "100%"})))

    def button(
        self, name: str, label: str, do: Callable[[], None], *, style: str = "", hint: str = ""
    ) -> Button:
        """Return a button; `style` is one of JupyterLab's, such as ``danger``."""
        raw = self._library.Button(
            description=label,
            button_style=style if style in _STYLES else "",
            tooltip=hint or label,
            layout={"width": "auto", "min_width": "7em"},
        )
        raw.on_click(lambda _: self._guard(do))
        return self._kept(name, Button(raw))

    def field(
        self,
        name: str,
        label: str,
        *,
        value: str = "",
        hint: str = "",
        lines: int = 1,
        do: Callable[[], None] | None = None,
    ) -> Field:
        """Return a field for text; `do` is called when Enter is pressed, or the field is left."""
        make = self._library.Text if lines == 1 else self._library.Textarea
        more: dict[str, object] = {"continuous_update": False}
        if lines > 1:
            more["rows"] = lines
        raw = make(
            value=value, description=label, placeholder=hint, **more, **self._described("26em")
        )
        return self._listening(self._kept(name, Field(raw)), do)

    def tick(self, name: str, label: str, do: Callable[[], None] | None = None) -> Tick:
        """Return a box to tick."""
        raw = self._library.Checkbox(description=label, indent=False, layout={"width": "auto"})
        return self._listening(self._kept(name, Tick(raw)), do)

    def choice(
        self,
        name: str,
        label: str,
        words: Sequence[str],
        do: Callable[[], None] | None = None,
    ) -> Choice:
        """Return a list to choose from."""
        raw = self._library.Dropdown(
            options=tuple(words), description=label, **self._described("26em")
        )
        return self._listening(self._kept(name, Choice(raw)), do)

    def switch(self, name: str, words: Sequence[str], do: Callable[[], None]) -> Choice:
        """Return words side by side, one of them chosen; they wrap in a narrow pane."""
        raw = self._library.ToggleButtons(
            options=tuple(words), style={"button_width": "auto"}, layout={"width": "100%"}
        )
        return self._listening(self._kept(name, Choice(raw)), do)

    def row(self, *parts: Element) -> Element:
        """Return parts side by side; they wrap in a narrow pane."""
        raw = self._library.HBox(
            [part.raw for part in parts],
            layout={"flex_flow": "row wrap", "align_items": "center", "width": "100%"},
        )
        return self._box(raw)

    def column(self, *parts: Element) -> Element:
        """Return parts one below the other."""
        return self._box(self._library.VBox([part.raw for part in parts], layout={"width": "100%"}))

    def _box(self, raw: Any) -> Element:  # noqa: ANN401 - ipywidgets carries no types
        self._made.append(raw)
        return Element(raw)

    def _described(self, width: str) -> Mapping[str, object]:
        return {
            "style": {"description_width": "initial"},
            "layout": {"width": width, "max_width": "100%"},
        }

    def _listening(self, part: _E, do: Callable[[], None] | None) -> _E:
        if do is not None:
            part.raw.observe(lambda _: self._guard(do), names="value")
        return part

    def close(self) -> None:
        """Let go of everything."""
        for raw in reversed(self._made):
            raw.unobserve_all()
            raw.layout.close()
            if raw.has_trait("style"):
                raw.style.close()
            raw.close()
        self._made.clear()
        self.parts.clear()
