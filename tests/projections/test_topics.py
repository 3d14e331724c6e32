"""A projection says of every event of its topics whether it takes it; nothing is forgotten."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

import qtkit.projections
from qtkit.evidence.audit_ledger import AuditLedger
from qtkit.ledger.ledger import Ledger
from qtkit.model.events import ALL_EVENTS, SessionStarted, Topic
from qtkit.projections.base import TopicFold
from qtkit.projections.session_view import SessionView


def _projections() -> list[Any]:
    """Return every class of the room that covers a topic, and the two ledgers."""
    names = [module.name for module in iter_modules(qtkit.projections.__path__)]
    values = [v for n in names for v in vars(import_module(f"qtkit.projections.{n}")).values()]
    found = {v for v in values if isinstance(v, type) and getattr(v, "covers", None)}
    return sorted({*found, Ledger, AuditLedger}, key=lambda projection: projection.__name__)


def _undecided(projection: type[TopicFold]) -> set[str]:
    """Return the events of its topics that a projection neither takes nor ignores."""
    own = {event for event in ALL_EVENTS if event.topic in projection.covers}
    return {event.__name__ for event in own - projection.handlers.keys() - projection.ignores}


@pytest.mark.parametrize("projection", _projections(), ids=lambda p: p.__name__)
def test_every_event_of_a_topic_is_taken_or_ignored(projection: type[TopicFold]) -> None:
    assert _undecided(projection) == set()


@pytest.mark.parametrize("projection", _projections(), ids=lambda p: p.__name__)
def test_nothing_is_both_taken_and_ignored_nor_ignored_beside_the_topics(
    projection: type[TopicFold],
) -> None:
    assert projection.ignores & projection.handlers.keys() == set()
    assert {event.topic for event in projection.ignores} <= projection.covers


def test_all_topics_are_covered_beside_the_engine_s_own_state() -> None:
    view = SessionView()
    covered = {topic for fold in (view.status, *view.folds) for topic in fold.covers}

    assert covered == set(Topic)


def test_an_event_that_nobody_thought_of_is_named() -> None:
    class Gates(TopicFold):
        covers = frozenset({Topic.GATE})
        handlers = {SessionStarted: lambda *_: None}  # noqa: RUF012

    assert _undecided(Gates) == {"GateJudged"}
