"""Two journals side by side, and the story of one order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from qtkit.journal import compare, story
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.testing import entries_of
from tests.journal.journal_lines import NINE, note, stop


def entries(*events: ev.Event) -> list[Entry]:
    return entries_of((NINE, event) for event in events)


def test_equal_journals_are_equal() -> None:
    found = compare(entries(note(1), note(2)), entries(note(1), note(2)))
    assert found.equal
    assert str(found) == "the journals are equal: 2 entries"


def test_the_first_difference_is_named_with_its_fields() -> None:
    found = compare(entries(note(1), stop("one")), entries(note(1), stop("two"), note(3)))
    assert not found.equal
    assert (found.same, found.fields) == (1, ("reason",))
    text = str(found)
    assert text.startswith(
        "the journals part after 1 equal entries in reason\n  left   2  2026-03-04 01:00:00"
    )
    assert '"reason":"one"' in text
    assert '"reason":"two"' in text


def test_another_time_and_another_kind_are_differences() -> None:
    late = [Entry(seq=1, at=NINE + timedelta(seconds=1), event=stop("x"))]
    assert compare(entries(note(1)), late).fields == ("at", "kind")
    assert compare(entries(stop("x")), late).fields == ("at",)


@pytest.mark.parametrize("swap", [False, True])
def test_a_journal_that_ends_first_differs_in_length(swap: bool) -> None:  # noqa: FBT001 - parametrised
    pair = [entries(note(1)), entries(note(1), note(2))]
    left, right = reversed(pair) if swap else pair
    found = compare(left, right)
    assert (found.same, found.fields) == (1, ("length",))
    assert "(ended)" in str(found)


def test_both_sides_are_read_as_streams() -> None:
    """Nothing behind the first difference is asked for."""

    def one() -> Iterator[Entry]:
        yield from entries(note(1), note(2))
        raise AssertionError

    assert compare(one(), entries(note(1), note(3))).same == 1


def test_an_orders_story_is_every_line_that_names_it() -> None:
    lost = ev.OrderLost(order_id="q1", reason="restart")
    other = ev.OrderLost(order_id="q2", reason="restart")
    cancelled = ev.OrderCancelled(order_id="q1", quantity=Decimal(5), reason="cancelled")
    told = story(entries(note(1), lost, other, cancelled), "q1")
    assert [(e.seq, e.event) for e in told] == [(2, lost), (4, cancelled)]
