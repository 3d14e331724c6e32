"""How well a session is: what it knows of itself, each with a mark."""

from __future__ import annotations

from datetime import datetime

from qtkit.core.render import Mark, mark
from qtkit.core.verdict import Status, Verdict
from qtkit.desk.event_text import sentence
from qtkit.desk.table_view import Column, TableView, number_text
from qtkit.model import events as ev
from qtkit.model.status import EngineStatus
from qtkit.projections.health import LifeSigns
from qtkit.projections.session_view import SessionView
from qtkit.runtime.settings import declared_default

__all__ = ["countdown", "gate", "health", "seconds_text"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_Row = tuple[object, ...]


def seconds_text(seconds: float) -> str:
    """Return a duration for people.

    Examples
    --------
    >>> seconds_text(7.4), seconds_text(192), seconds_text(7260), seconds_text(200_000)
    ('7 s', '3 min 12 s', '2 h 1 min', '2 d 7 h')
    """
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def countdown(view: SessionView, now: datetime) -> str:
    """Return the next task of the day and how far it is."""
    if view.state.ended:
        return "none: the session has ended"
    open_tasks = (view.tasks.stories[name] for name in view.tasks.today)
    coming = next((line for line in open_tasks if line.is_open), None)
    if coming is None:
        return "none is left today"
    left = (coming.when - now).total_seconds()
    when = f"in {seconds_text(left)}" if left > 0 else "due now"
    return f"{coming.task} at {view.local(coming.when):%H:%M:%S}, {when}"


def health(view: SessionView, signs: LifeSigns) -> TableView:
    """Return each sign of life with a mark: what the journal tells, and what is seen outside."""
    rows = (
        _engine(view, signs),
        _feed(view, signs.now, _seconds(view, "feed_silent_seconds")),
        _loop(view, signs.now, _seconds(view, "pulse_budget_seconds")),
        _broker(view),
        _gate(view),
        _kill_switch(view, signs),
        _errors(view),
    )
    columns = (Column(name="what"), Column(name="standing"), Column(name="found"))
    return TableView(name="health", columns=columns, rows=rows)


def _word(status: str, word: str) -> Mark:
    shown = mark(status)
    return Mark(word, shown.symbol, shown.colour)


def _seconds(view: SessionView, setting: str) -> float:
    settings = view.settings
    return float(settings[setting] if setting in settings else declared_default(setting))


def _engine(view: SessionView, signs: LifeSigns) -> _Row:
    if view.state.ended:
        return "engine", _word("skip", "ended"), "the session has ended, in order"
    if not signs.alive:
        return "engine", _word("fail", "gone"), "nobody writes the journal; see session-crashed"
    if signs.silent:
        return (
            "engine",
            _word("warn", "silent"),
            f"process {signs.pid} tells no sign of life; if it hangs, see kill-switch",
        )
    return "engine", _word("ok", "alive"), f"it is {view.state.status}"


def _age(view: SessionView, at: datetime, now: datetime) -> str:
    return f"{view.local(at):%H:%M:%S}, {seconds_text((now - at).total_seconds())} ago"


def _feed(view: SessionView, now: datetime, limit: float) -> _Row:
    trouble, bars = view.health.feed_trouble, view.health.bars
    if trouble is not None:
        return "feed", _word("fail", "failing"), sentence(trouble.event)
    if bars is None:
        return "feed", _word("pending", "silent"), "no bar has come yet"
    event: ev.PricesSeen = bars.event
    found = f"{event.bars:,} bars at {_age(view, bars.at, now)}"
    if view.health.bars_left_out:
        found += f"; {view.health.bars_left_out:,} left out, sys.log has them"
    if view.state.status is not EngineStatus.RUNNING:
        return "feed", _word("skip", "resting"), f"{found}; no market now"
    old = (now - bars.at).total_seconds() > limit
    word = _word("fail", "silent") if old else _word("ok", "fresh")
    return "feed", word, f"{found}; limit {seconds_text(limit)}"


def _loop(view: SessionView, now: datetime, budget: float) -> _Row:
    pulse, widest = view.health.pulse, view.health.widest_gap
    if pulse is None:
        return "loop", _word("pending", "waiting"), "no pulse yet: one comes each minute"
    last: ev.LoopPulsed = pulse.event
    good = float(widest) <= budget
    found = (
        f"last pulse at {_age(view, pulse.at, now)}; largest gap "
        f"{number_text(last.largest_gap_seconds)} s, {number_text(widest)} s in the "
        f"session, budget {budget:g} s"
    )
    return "loop", _word("ok", "steady") if good else _word("warn", "late"), found


def _broker(view: SessionView) -> _Row:
    if view.health.broker is None:
        return "broker", _word("pending", "waiting"), "not asked yet"
    found = f"{sentence(view.health.broker.event)} at {view.local(view.health.broker.at):%H:%M:%S}"
    good = view.state.connected
    return "broker", _word("ok", "connected") if good else _word("fail", "not connected"), found


def _gate(view: SessionView) -> _Row:
    if view.judgements.gate is None:
        return "gate", _word("pending", "not judged"), "it is judged at the start and each day"
    event: ev.GateJudged = view.judgements.gate.event
    shut = "warn" if event.mode == "warn" else "fail"
    word = _word("ok", "open") if event.open else _word(shut, "shut")
    return "gate", word, sentence(event)


def _kill_switch(view: SessionView, signs: LifeSigns) -> _Row:
    if signs.kill_file and not view.state.killed:
        return "kill switch", _word("fail", "ON"), "the kill file is there: no order passes it"
    if not view.state.killed:
        return "kill switch", _word("ok", "off"), "orders may leave"
    why = (
        sentence(view.judgements.kill.event) if view.judgements.kill else "set before this session"
    )
    return "kill switch", _word("fail", "ON"), f"only reductions leave; {why}"


def _errors(view: SessionView) -> _Row:
    if not view.health.errors:
        return "errors", _word("ok", "none"), "no internal error"
    last = view.health.errors[-1]
    event: ev.InternalErrorRaised = last.event
    found = f"{len(view.health.errors)} internal; line {last.seq}: {event.where}: {event.error}"
    return "errors", _word("fail", "some"), found


def gate(view: SessionView) -> tuple[Verdict, ...]:
    """Return the verdicts of the gate's last judgement, what is not good first."""
    if view.judgements.gate is None:
        return ()
    event: ev.GateJudged = view.judgements.gate.event
    good = {Status.PASS, Status.SKIP}
    return tuple(sorted(event.verdicts, key=lambda verdict: verdict.status in good))
