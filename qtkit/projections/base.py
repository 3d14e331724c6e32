"""A projection: a fold of a journal that covers whole topics; and the pass that feeds several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol

from qtkit.model.events import Entry, Event, Topic

__all__ = ["Handler", "Projection", "TopicFold", "project"]

Handler = Callable[[Any, Entry, Any], None]
"""Takes the projection, the journal's entry, and its event."""


class Projection(Protocol):
    """A fold of a journal.

    Attributes
    ----------
    covers
        Topics of which it says of every event whether it takes or ignores it.
    ignores
        The events of those topics that change nothing in it.
    handlers
        What it does with each event that it takes; events of other topics may be among them.
    """

    covers: ClassVar[frozenset[Topic]]
    ignores: ClassVar[frozenset[type[Event]]]
    handlers: ClassVar[Mapping[type[Event], Any]]

    def apply(self, entry: Entry) -> None:
        """Take the next entry of the journal into account."""


class TopicFold:
    """A projection whose handlers are methods of its own."""

    covers: ClassVar[frozenset[Topic]] = frozenset()
    ignores: ClassVar[frozenset[type[Event]]] = frozenset()
    handlers: ClassVar[Mapping[type[Event], Handler]] = {}

    def apply(self, entry: Entry) -> None:
        """Take the next entry of the journal into account."""
        handler = self.handlers.get(type(entry.event))
        if handler is not None:
            handler(self, entry, entry.event)


def project(entries: Iterable[Entry], *projections: Projection) -> None:
    """Fold a journal into several projections, in one pass.

    Parameters
    ----------
    entries
        The journal, from its first line.
    projections
        Each entry is applied to them in this order.
    """
    for entry in entries:
        for projection in projections:
            projection.apply(entry)
