"""What a notebook shows of a session: live where somebody looks, one view where nobody does."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Self
from weakref import WeakValueDictionary

from qtkit.core.errors import ConfigError, QtkitError
from qtkit.core.render import mimebundle
from qtkit.desk.panels.background import BackgroundTasks
from qtkit.desk.panels.refresh_timer import RefreshTimer
from qtkit.desk.panels.session_watch import Watch
from qtkit.desk.panels.widgets import Element, Kit
from qtkit.desk.report import Report
from qtkit.evidence.session import Session

__all__ = ["Screen", "is_headless"]

_OPEN: WeakValueDictionary[tuple[str, str], Screen] = WeakValueDictionary()
_HEADLESS, _LAB = "QTKIT_HEADLESS", "JPY_SESSION_NAME"  # environment variables


def is_headless() -> bool:
    """Return whether nobody can press a button: only JupyterLab names its sessions."""
    return os.environ.get(_HEADLESS, "") not in {"", "0"} or not os.environ.get(_LAB)


class Screen(ABC):
    """A panel, or a desk of several.

    Its text and its HTML tell the same. As the last expression of a cell it shows live in
    JupyterLab, and as HTML that stands still where the notebook runs headlessly.

    Parameters
    ----------
    session
        A session, or the `Watch` that several panels share.
    """

    name = "screen"
    title = ""

    def __init__(self, session: Session | Watch | None = None) -> None:
        self.watch = session if isinstance(session, Watch) else Watch(session)
        self.errands = BackgroundTasks()
        self._kit: Kit | None = None
        self._root: Element | None = None
        self._refresher: RefreshTimer | None = None

    # --- what it tells -------------------------------------------------------------------------

    @abstractmethod
    def sections(self) -> Sequence[Report]:
        """Return what it shows now."""

    def text(self) -> str:
        """Return what it shows, for a terminal."""
        with self.watch.lock:
            self.watch.look()
            return "\n\n".join(str(section) for section in self.sections())

    def html(self) -> str:
        """Return what it shows as HTML that stands still."""
        with self.watch.lock:
            self.watch.look()
            return "".join(section.html() for section in self.sections())

    def as_json(self) -> dict[str, object]:
        """Return what it shows for programs."""
        with self.watch.lock:
            self.watch.look()
            sections = [section.as_json() for section in self.sections()]
        return {**self._label(), "sections": sections}

    def _label(self) -> dict[str, object]:
        watch = self.watch
        session_id = watch.folder.session_id if watch.has_session else None
        return {"format": 1, "type": "panel", "name": self.name, "session_id": session_id}

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'open' if self.is_open else 'closed'})"

    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        bundle = mimebundle(self.text(), self.html(), self._label())
        if is_headless():
            return bundle
        shown = self.open().root.raw._repr_mimebundle_(**options)
        return {**shown, "text/plain": bundle["text/plain"], "text/html": bundle["text/html"]}

    # --- where it shows ------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether it is shown and follows the session."""
        return self._kit is not None

    @property
    def root(self) -> Element:
        """What JupyterLab shows.

        Raises
        ------
        ConfigError
            If it is closed.
        """
        if self._root is None:
            raise ConfigError(f"{self.name} is closed and has no widgets; open() makes them")
        return self._root

    def open(self) -> Self:
        """Show it and follow the session; one that is open stays as it is.

        Another of its kind that this process shows of the same session is closed: a cell that is
        run again shows a new one in the old one's place.
        """
        where = str(self.watch.folder.path) if self.watch.has_session else ""
        before = _OPEN.get((self.name, where))
        if before is not None and before is not self:
            before.close()
        _OPEN[self.name, where] = self
        with self.watch.lock:
            if self._kit is None:
                self.begin()
                self._refresher = RefreshTimer(self._follow)
                self._refresher.start()
        return self

    def begin(self) -> Element:
        """Make the widgets, and show what there is."""
        self._kit = Kit(self.name, self.guarded)
        self._root = self.build(self._kit)
        self.watch.look()
        self.refresh()
        return self._root

    @abstractmethod
    def build(self, kit: Kit) -> Element:
        """Make the widgets."""

    @abstractmethod
    def refresh(self) -> None:
        """Let the widgets show what is known now; only while it is open."""

    def close(self) -> None:
        """Stop following, and let every widget go."""
        refresher, self._refresher = self._refresher, None
        if refresher is not None:
            refresher.stop()
        with self.watch.lock:
            if self._kit is not None:
                self._kit.close()
            self._kit = self._root = None

    # --- what keeps it going -------------------------------------------------------------------

    def _follow(self) -> None:
        """Look for news; called by the refresher."""

        def look() -> None:
            if self.watch.look() and self.is_open:
                self.refresh()

        self.guarded(look)

    def guarded(self, do: Callable[[], None]) -> None:
        """Run a handler: one at a time, and what goes wrong is shown, for nobody else would."""
        with self.watch.lock:
            try:
                do()
            except (QtkitError, OSError) as problem:
                self.trouble(str(problem))
            except Exception as problem:  # noqa: BLE001 - an unseen error is worse than any
                self.trouble(f"{type(problem).__name__}: {problem}; this is a mistake of the panel")

    @abstractmethod
    def trouble(self, sentence: str) -> None:
        """Show what went wrong."""
