"""The journal's newest lines, filtered, and the story of one order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from qtkit.core.errors import ConfigError
from qtkit.core.text import nearest
from qtkit.desk import views
from qtkit.desk.event_text import sentence
from qtkit.desk.panels.panel import Panel
from qtkit.desk.panels.widgets import Choice, Element, Field, Kit
from qtkit.desk.report import Report
from qtkit.model.events import Entry

__all__ = ["JournalPanel"]

_SHOWN, _SEARCHED = 40, 20_000  # lines


class JournalPanel(Panel):
    """The tail of the journal as sentences."""

    name, title = "journal", "Journal"

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.only, self.order = "", ""

    def subject(self) -> Sequence[Report]:
        """Return the newest lines that the filter lets through, and an order's story."""
        view, watch = self.watch.view, self.watch
        found = list(islice(self._filtered(), _SHOWN))
        about = f"with {self.only!r} in them" if self.only else "all kinds"
        rows = [
            self.dated(
                f"The newest {len(found)} of {len(watch.session.entries())} lines, {about}."
            ),
            self.section("Lines, the newest first", views.story(view, found)),
        ]
        if self.order and (order := view.state.ledger.order(self.order)) is not None:
            rows.append(
                self.section(
                    f"Story of order {self.order}",
                    views.order_story(view, order, watch.session.entries()),
                )
            )
        return rows

    def _filtered(self) -> Iterator[Entry]:
        wanted = self.only.lower()
        for entry in islice(reversed(self.watch.session.entries()), _SEARCHED):
            if not wanted or wanted in f"{_kind(entry)} {sentence(entry.event)}".lower():
                yield entry

    def controls(self, kit: Kit) -> Sequence[Element]:
        """Return the filter and the list of orders."""
        return (
            kit.row(
                kit.field("only", "Only lines with", hint="a word, a symbol, a kind of event"),
                kit.button("filter", "Filter", self._filter),
                kit.choice("order", "Story of order", (), self._choose),
            ),
        )

    def adjust(self) -> None:
        """Offer the session's orders."""
        self.part("order", Choice).offer(("", *reversed(self.watch.view.orders.records)))

    def _filter(self) -> None:
        self.filter(self.part("only", Field).value)

    def filter(self, word: str) -> None:
        """Show only lines with a word in them; "" shows all."""
        self.only = word
        self.refresh()

    def _choose(self) -> None:
        chosen = self.part("order", Choice).value
        if chosen != self.order:
            self.story_of(chosen)

    def story_of(self, order_id: str) -> None:
        """Show an order's story; "" shows none.

        Raises
        ------
        ConfigError
            If there is no such order.
        """
        known = self.watch.view.orders.records
        if order_id and order_id not in known:
            raise ConfigError(f"there is no order {order_id!r}{nearest(order_id, known)}")
        self.order = order_id
        self.refresh()


def _kind(entry: Entry) -> str:
    return str(type(entry.event).__struct_config__.tag)
