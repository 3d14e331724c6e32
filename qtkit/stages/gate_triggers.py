"""When a gate has to be judged, and where it was not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter

from qtkit.core.facts import Finding, finding
from qtkit.evidence import Evidence
from qtkit.model import events as ev
from qtkit.model.events import Entry

__all__ = ["GATE_FINDINGS", "unasked", "unjudged"]

GATE_FINDINGS = {
    "unasked": "the gate is off and was judged: {occasion}",
    "day_unjudged": "the day was prepared and the gate not judged",
    "overdue": "{task} began before the judgement due at {occasion}",
    "misnamed": "a judgement is called {occasion}, due was {due}",
}

_STEP = "run_strategy"


def unasked(evidence: Evidence) -> Iterator[Finding]:
    """Yield judgements of a gate that is off, where nobody asked."""
    for judged in evidence.of(ev.GateJudged):
        if judged.event.occasion != "demand":
            yield finding("unasked", judged.seq, occasion=judged.event.occasion)


_WATCHED = (
    ev.SessionStarted, ev.SessionResumed, ev.BrokerConnected, ev.CommandReceived,
    ev.CommandRefused, ev.GateJudged, ev.TaskStarted, ev.TaskFinished, ev.StopRequested,
)  # fmt: skip
_TRADING = frozenset({_STEP, "pre_open"})
_OF_TASKS = (ev.TaskStarted, ev.TaskFinished)


def unjudged(evidence: Evidence) -> Iterator[Finding]:
    """Yield occasions after which a step, or the day, began without a judgement.

    What is owed when a day begins comes from the days before it.
    """
    owed: dict[str, Entry] = {}
    for entry in _watched(evidence.session):
        judged = isinstance(entry.event, ev.GateJudged)
        if evidence.window.holds(entry.seq):
            yield from _misnamed(entry, owed) if judged else _overdue(entry, owed)
        if judged:
            owed.pop(entry.event.occasion, None)
        else:
            owed = _owed_after(entry, owed)


def _watched(evidence: Evidence) -> list[Entry]:
    """Return the entries that matter, in order: of the many tasks only steps and `pre_open`."""
    entries: list[Entry] = [
        entry
        for event in _WATCHED
        for entry in evidence.lines.get(event, ())
        if event not in _OF_TASKS or entry.event.task in _TRADING
    ]
    return sorted(entries, key=attrgetter("seq"))


def _overdue(entry: Entry, owed: Mapping[str, Entry]) -> Iterator[Finding]:
    event = entry.event
    if isinstance(event, ev.TaskFinished) and event.task == "pre_open" and "day" in owed:
        yield finding("day_unjudged", entry.seq)
    if isinstance(event, ev.TaskStarted) and event.task == _STEP:
        for due, since in owed.items():
            yield finding("overdue", since.seq, task=event.task_id, occasion=due)


def _owed_after(entry: Entry, owed: dict[str, Entry]) -> dict[str, Entry]:
    """Return the judgements that are due after an event, with what made them due."""
    event = entry.event
    if isinstance(event, ev.SessionResumed):
        return {"restart": entry}
    if isinstance(event, ev.StopRequested):
        return {}
    if isinstance(event, ev.CommandRefused):
        return {occasion: since for occasion, since in owed.items() if occasion != "demand"}
    if isinstance(event, ev.TaskStarted) and event.task == _STEP:
        return {}
    occasion = _occasion(event, owed)
    return owed if occasion is None else {**owed, occasion: entry}


def _occasion(event: ev.Event, owed: Mapping[str, Entry]) -> str | None:
    """Return the judgement that an event asks for."""
    if isinstance(event, ev.SessionStarted):
        return "start"
    if isinstance(event, ev.BrokerConnected):
        return None if {"start", "restart"} & owed.keys() else "reconnect"
    if isinstance(event, ev.CommandReceived):
        return "demand" if event.command == "gate" else None
    return "day" if isinstance(event, ev.TaskStarted) and event.task == "pre_open" else None


def _misnamed(judged: Entry, owed: Mapping[str, Entry]) -> Iterator[Finding]:
    """Yield a judgement that was taken on another occasion than it says."""
    occasion = judged.event.occasion
    if occasion != "prices" and occasion not in owed:
        yield finding("misnamed", judged.seq, occasion=occasion, due=list(owed) or "none")
