"""Where a session stands, its tasks and their skips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from qtkit.core.render import Mark, mark
from qtkit.desk.event_text import sentence
from qtkit.desk.picture import Picture, TaskLine
from qtkit.desk.table_view import Column, View, facts, number_text
from qtkit.model.events import Entry
from qtkit.model.orders import OrderStatus
from qtkit.model.skip_reasons import GLOSSARY

__all__ = ["as_of", "reasons", "schedule", "skips", "status", "story", "task", "tasks"]


def as_of(picture: Picture) -> str:
    """Return of when a picture is: time, zone, journal line."""
    line = picture.last.seq if picture.last else 0
    return f"{picture.now:%Y-%m-%d %H:%M:%S} {picture.zone.key} · journal line {line}"


def status(picture: Picture, *, alive: bool = True) -> View:
    """Return where a session stands; `alive`: whether an engine writes its journal."""
    opening, state = picture.opening, picture.state
    day = state.today
    trading = f"{day}, {'a trading day' if state.day_open else 'the exchange is closed'}"
    rows: list[tuple[str, object]] = [
        ("mode", f"{opening.mode}, account {opening.account}"),
        ("strategy", f"{opening.strategy} on {', '.join(opening.symbols)}"),
        ("status", _standing(picture, alive=alive)),
        ("date", trading if day else "none yet"),
        ("next task", _next_task(picture)),
        ("tasks", _task_counts(picture)),
        ("steps", _step_counts(picture)),
        ("orders", _order_counts(picture)),
        ("broker", _well("connected") if state.connected else _badly("not connected")),
        ("gate", _gate(picture)),
        ("kill switch", _kill_switch(picture)),
        ("last reconciliation", _last(picture.reconciliation, picture)),
        ("cash", f"{number_text(state.ledger.cash, 2)} {state.ledger.currency}"),
    ]
    return facts("status", *rows, day=day)


def _standing(picture: Picture, *, alive: bool) -> str:
    state = picture.state
    since = f"since {_clock(picture, picture.since)}"
    if state.ended:
        return f"stopped {since}: {state.stop.reason if state.stop else 'ended'}"
    if not alive:
        return "crashed: the journal has no end and nobody writes it; the next start resumes it"
    if state.stop is not None:
        return f"stopping, asked for by {state.stop.by}"
    return f"{state.status} {since}"


def _clock(picture: Picture, at: datetime | None) -> str:
    if at is None:
        return "never"
    local = picture.local(at)
    return f"{local:%H:%M:%S}" if local.date() == picture.now.date() else f"{local:%m-%d %H:%M:%S}"


def _next_task(picture: Picture) -> str:
    coming = next(iter(_open_tasks(picture)), None)
    return f"{coming.task} at {_clock(picture, coming.due)}" if coming else "none today"


def _open_tasks(picture: Picture) -> Iterator[TaskLine]:
    if picture.state.ended:
        return
    yield from (line for line in _todays(picture) if line.is_open)


def _todays(picture: Picture) -> Iterator[TaskLine]:
    """Yield the date's tasks as they are due; one by hand stands where it was asked for."""
    lines = [picture.tasks[task_id] for task_id in picture.today]
    yield from sorted(lines, key=_due)


def _due(line: TaskLine) -> datetime:
    return line.due


def _task_counts(picture: Picture) -> str:
    counted = Counter(line.standing for line in _todays(picture))
    told = (f"{count} {standing}" for standing, count in sorted(counted.items()))
    return ", ".join(told) or "none today"


def _step_counts(picture: Picture) -> str:
    steps = [line for line in _todays(picture) if line.task == "run_strategy"]
    counted = Counter(line.standing for line in steps)
    skipped = f", {counted['skipped']} skipped" if counted["skipped"] else ""
    return f"{len(picture.decisions)} of {len(steps)} decided{skipped}"


def _order_counts(picture: Picture) -> str:
    open_now = picture.state.ledger.orders.values()
    doubtful = sum(order.status is OrderStatus.DOUBTFUL for order in open_now)
    told = f"{len(picture.orders)} in all, {len(open_now)} open"
    return f"{told}, {doubtful} in doubt" if doubtful else told


def _gate(picture: Picture) -> str:
    if picture.gate is None:
        return "not judged"
    event = picture.gate.event
    stands = "open" if event.open else "shut"
    return f"{stands}, mode {event.mode}, judged {_clock(picture, picture.gate.at)}"


def _well(word: str) -> Mark:
    return Mark(word, mark("ok").symbol, mark("ok").colour)


def _badly(word: str) -> Mark:
    return Mark(word, mark("fail").symbol, mark("fail").colour)


def _kill_switch(picture: Picture) -> Mark:
    if not picture.state.killed:
        return _well("off")
    if picture.kill is None:
        return _badly("ON, since before this session")
    event = picture.kill.event
    when = _clock(picture, picture.kill.at)
    return _badly(f"ON by {event.by} at {when}: {event.why or 'no reason'}")


def _last(entry: Entry | None, picture: Picture) -> str:
    if entry is None:
        return "none yet"
    return f"{_clock(picture, entry.at)}, {sentence(entry.event)}"


# --- tasks -----------------------------------------------------------------------------------

_TASK_COLUMNS = (
    Column(name="due"),
    Column(name="task"),
    Column(name="step", right=True),
    Column(name="standing"),
    Column(name="why"),
    Column(name="task id"),
)


def _task_row(picture: Picture, line: TaskLine) -> tuple[object, ...]:
    why = ": ".join(part for part in (line.reason, line.detail) if part)
    due = picture.local(line.due)
    return due, line.task, line.step, line.standing, why, line.task_id


def schedule(picture: Picture, *, whole_day: bool = False) -> View:
    """Return the date's tasks that are still to run; with `whole_day` all of them."""
    lines = _todays(picture) if whole_day else _open_tasks(picture)
    return _task_view(picture, lines, "schedule", "nothing is left on today's schedule")


def tasks(picture: Picture, *, standing: str = "", name: str = "") -> View:
    """Return the date's tasks that came due, the newest last.

    Parameters
    ----------
    standing
        Only those that stand so: queued, running, finished, skipped, failed, cancelled.
    name
        Only tasks of this name.
    """
    lines = (line for line in _todays(picture) if line.standing != "scheduled")
    wanted = [line for line in lines if standing in {"", line.standing} and name in {"", line.task}]
    return _task_view(picture, wanted, "tasks", "no such task has come due today")


def _task_view(picture: Picture, lines: Iterable[TaskLine], name: str, empty: str) -> View:
    rows = tuple(_task_row(picture, line) for line in lines)
    return View(name=name, columns=_TASK_COLUMNS, rows=rows, empty=empty, day=picture.now.date())


def task(picture: Picture, line: TaskLine) -> View:
    """Return everything about one task."""
    return facts(
        "task",
        ("task", line.task),
        ("step", line.step),
        ("due", picture.local(line.due)),
        ("standing", line.standing),
        ("attempts", line.attempt),
        ("skip reason", line.reason or None),
        ("detail", line.detail or None),
        day=picture.now.date(),
    )


def story(picture: Picture, entries: Iterable[Entry], *, title: str = "") -> View:
    """Return journal lines as sentences."""
    rows = tuple((e.seq, picture.local(e.at), sentence(e.event)) for e in entries)
    columns = (Column(name="line", right=True), Column(name="time"), Column(name="what happened"))
    return View(
        name="lines",
        title=title,
        columns=columns,
        rows=rows,
        empty="nothing came of it",
        day=picture.now.date(),
    )


def skips(picture: Picture) -> View:
    """Return how often each task of the session was skipped, by reason."""
    found = Counter(
        (line.task, line.reason) for line in picture.tasks.values() if line.standing == "skipped"
    )
    rows = tuple((task, reason, times) for (task, reason), times in sorted(found.items()))
    columns = (Column(name="task"), Column(name="skip reason"), Column(name="times", right=True))
    title = "Skipped in this session"
    return View(name="skips", title=title, columns=columns, rows=rows, empty="no task was skipped")


def reasons(picture: Picture) -> View:
    """Return the glossary of skip reasons, with how often each occurred in the session."""
    found = Counter(line.reason for line in picture.tasks.values())
    rows = tuple((r.name, found[r.name], r.meaning, r.what_to_do) for r in GLOSSARY.values())
    columns = (
        Column(name="reason"),
        Column(name="times", right=True),
        Column(name="what it means"),
        Column(name="what to do"),
    )
    return View(name="reasons", columns=columns, rows=rows)
