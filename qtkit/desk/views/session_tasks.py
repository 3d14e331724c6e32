"""Where a session stands, its tasks and their skips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from qtkit.core.render import Mark, mark
from qtkit.desk.event_text import sentence
from qtkit.desk.table_view import Column, TableView, facts, number_text
from qtkit.model.events import Entry
from qtkit.model.orders import OrderStatus
from qtkit.model.skip_reasons import GLOSSARY
from qtkit.projections.session_view import SessionView
from qtkit.projections.tasks import TaskStory

__all__ = ["as_of", "reasons", "schedule", "skips", "status", "story", "task", "tasks"]


def as_of(view: SessionView) -> str:
    """Return of when a view is: time, zone, journal line."""
    return f"{view.now:%Y-%m-%d %H:%M:%S} {view.zone.key} · journal line {view.last.seq}"


def status(view: SessionView, *, alive: bool = True) -> TableView:
    """Return where a session stands; `alive`: whether an engine writes its journal."""
    opening, state = view.opening, view.state
    day = state.today
    trading = f"{day}, {'a trading day' if state.day_open else 'the exchange is closed'}"
    rows: list[tuple[str, object]] = [
        ("mode", f"{opening.mode}, account {opening.account}"),
        ("strategy", f"{opening.strategy} on {', '.join(opening.symbols)}"),
        ("status", _standing(view, alive=alive)),
        ("date", trading if day else "none yet"),
        ("next task", _next_task(view)),
        ("tasks", _task_counts(view)),
        ("steps", _step_counts(view)),
        ("orders", _order_counts(view)),
        ("broker", _well("connected") if state.connected else _badly("not connected")),
        ("gate", _gate(view)),
        ("kill switch", _kill_switch(view)),
        ("last reconciliation", _last(view.judgements.reconciliation, view)),
        ("cash", f"{number_text(state.ledger.cash, 2)} {state.ledger.currency}"),
    ]
    return facts("status", *rows, day=day)


def _standing(view: SessionView, *, alive: bool) -> str:
    state = view.state
    since = f"since {_clock(view, view.status.since)}"
    if state.ended:
        return f"stopped {since}: {state.stop.reason if state.stop else 'ended'}"
    if not alive:
        return "crashed: the journal has no end and nobody writes it; the next start resumes it"
    if state.stop is not None:
        return f"stopping, asked for by {state.stop.by}"
    return f"{state.status} {since}"


def _clock(view: SessionView, at: datetime | None) -> str:
    if at is None:
        return "never"
    local = view.local(at)
    return f"{local:%H:%M:%S}" if local.date() == view.now.date() else f"{local:%m-%d %H:%M:%S}"


def _next_task(view: SessionView) -> str:
    coming = next(iter(_open_tasks(view)), None)
    return f"{coming.task} at {_clock(view, coming.when)}" if coming else "none today"


def _open_tasks(view: SessionView) -> Iterator[TaskStory]:
    if view.state.ended:
        return
    yield from (line for line in _todays(view) if line.is_open)


def _todays(view: SessionView) -> Iterator[TaskStory]:
    """Yield the date's tasks as they are due; one by hand stands where it was asked for."""
    lines = [view.tasks.stories[task_id] for task_id in view.tasks.today]
    yield from sorted(lines, key=_due)


def _due(line: TaskStory) -> datetime:
    return line.when


def _task_counts(view: SessionView) -> str:
    counted = Counter(line.standing for line in _todays(view))
    counts = (f"{count} {standing}" for standing, count in sorted(counted.items()))
    return ", ".join(counts) or "none today"


def _step_counts(view: SessionView) -> str:
    steps = [line for line in _todays(view) if line.task == "run_strategy"]
    counted = Counter(line.standing for line in steps)
    skipped = f", {counted['skipped']} skipped" if counted["skipped"] else ""
    return f"{len(view.decisions.today)} of {len(steps)} decided{skipped}"


def _order_counts(view: SessionView) -> str:
    open_now = view.state.ledger.orders.values()
    doubtful = sum(order.status is OrderStatus.DOUBTFUL for order in open_now)
    summary = f"{len(view.orders.records)} in all, {len(open_now)} open"
    return f"{summary}, {doubtful} in doubt" if doubtful else summary


def _gate(view: SessionView) -> str:
    if view.judgements.gate is None:
        return "not judged"
    event = view.judgements.gate.event
    stands = "open" if event.open else "shut"
    return f"{stands}, mode {event.mode}, judged {_clock(view, view.judgements.gate.at)}"


def _well(word: str) -> Mark:
    return Mark(word, mark("ok").symbol, mark("ok").colour)


def _badly(word: str) -> Mark:
    return Mark(word, mark("fail").symbol, mark("fail").colour)


def _kill_switch(view: SessionView) -> Mark:
    if not view.state.killed:
        return _well("off")
    if view.judgements.kill is None:
        return _badly("ON, since before this session")
    event = view.judgements.kill.event
    when = _clock(view, view.judgements.kill.at)
    return _badly(f"ON by {event.by} at {when}: {event.why or 'no reason'}")


def _last(entry: Entry | None, view: SessionView) -> str:
    if entry is None:
        return "none yet"
    return f"{_clock(view, entry.at)}, {sentence(entry.event)}"


# --- tasks -----------------------------------------------------------------------------------

_TASK_COLUMNS = (
    Column(name="due"),
    Column(name="task"),
    Column(name="step", right=True),
    Column(name="standing"),
    Column(name="why"),
    Column(name="task id"),
)


def _task_row(view: SessionView, line: TaskStory) -> tuple[object, ...]:
    why = ": ".join(part for part in (line.reason, line.detail) if part)
    due = view.local(line.when)
    return due, line.task, line.step, line.standing, why, line.task_id


def schedule(view: SessionView, *, whole_day: bool = False) -> TableView:
    """Return the date's tasks that are still to run; with `whole_day` all of them."""
    lines = _todays(view) if whole_day else _open_tasks(view)
    return _task_view(view, lines, "schedule", "nothing is left on today's schedule")


def tasks(view: SessionView, *, standing: str = "", name: str = "") -> TableView:
    """Return the date's tasks that came due, the newest last.

    Parameters
    ----------
    standing
        Only those that stand so: queued, running, finished, skipped, failed, cancelled.
    name
        Only tasks of this name.
    """
    lines = (line for line in _todays(view) if line.standing != "scheduled")
    wanted = [line for line in lines if standing in {"", line.standing} and name in {"", line.task}]
    return _task_view(view, wanted, "tasks", "no such task has come due today")


def _task_view(view: SessionView, lines: Iterable[TaskStory], name: str, empty: str) -> TableView:
    rows = tuple(_task_row(view, line) for line in lines)
    return TableView(name=name, columns=_TASK_COLUMNS, rows=rows, empty=empty, day=view.now.date())


def task(view: SessionView, line: TaskStory) -> TableView:
    """Return everything about one task."""
    return facts(
        "task",
        ("task", line.task),
        ("step", line.step),
        ("due", view.local(line.when)),
        ("standing", line.standing),
        ("attempts", line.attempts),
        ("skip reason", line.reason or None),
        ("detail", line.detail or None),
        day=view.now.date(),
    )


def story(view: SessionView, entries: Iterable[Entry], *, title: str = "") -> TableView:
    """Return journal lines as sentences."""
    rows = tuple((e.seq, view.local(e.at), sentence(e.event)) for e in entries)
    columns = (Column(name="line", right=True), Column(name="time"), Column(name="what happened"))
    return TableView(
        name="lines",
        title=title,
        columns=columns,
        rows=rows,
        empty="nothing came of it",
        day=view.now.date(),
    )


def skips(view: SessionView) -> TableView:
    """Return how often each task of the session was skipped, by reason."""
    found = Counter(
        (line.task, line.reason)
        for line in view.tasks.stories.values()
        if line.standing == "skipped"
    )
    rows = tuple((task, reason, times) for (task, reason), times in sorted(found.items()))
    columns = (Column(name="task"), Column(name="skip reason"), Column(name="times", right=True))
    title = "Skipped in this session"
    return TableView(
        name="skips", title=title, columns=columns, rows=rows, empty="no task was skipped"
    )


def reasons(view: SessionView) -> TableView:
    """Return the glossary of skip reasons, with how often each occurred in the session."""
    found = Counter(line.reason for line in view.tasks.stories.values())
    rows = tuple((r.name, found[r.name], r.meaning, r.what_to_do) for r in GLOSSARY.values())
    columns = (
        Column(name="reason"),
        Column(name="times", right=True),
        Column(name="what it means"),
        Column(name="what to do"),
    )
    return TableView(name="reasons", columns=columns, rows=rows)
