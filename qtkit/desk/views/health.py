"""How well a session is: what it knows of itself, each with a mark."""

from __future__ import annotations

from datetime import datetime

from qtkit.core.render import Mark, mark
from qtkit.core.verdict import Status, Verdict
from qtkit.desk.event_text import sentence
from qtkit.desk.picture import Picture
from qtkit.desk.table_view import Column, View, number_text
from qtkit.desk.vitals import Vitals
from qtkit.model import events as ev
from qtkit.model.status import EngineStatus
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


def countdown(picture: Picture, now: datetime) -> str:
    """Return the next task of the day and how far it is."""
    if picture.state.ended:
        return "none: the session has ended"
    open_tasks = (picture.tasks[name] for name in picture.today)
    coming = next((line for line in open_tasks if line.is_open), None)
    if coming is None:
        return "none is left today"
    left = (coming.due - now).total_seconds()
    when = f"in {seconds_text(left)}" if left > 0 else "due now"
    return f"{coming.task} at {picture.local(coming.due):%H:%M:%S}, {when}"


def health(
    picture: Picture, vitals: Vitals, *, now: datetime, alive: bool, silent: bool = False
) -> View:
    """Return each sign of life with a mark.

    Parameters
    ----------
    now
        The session's clock.
    alive
        Whether an engine writes the journal.
    silent
        Whether its process has not told of it for too long.
    """
    rows = (
        _engine(picture, alive=alive, silent=silent),
        _feed(picture, vitals, now, _seconds(picture, "feed_silent_seconds")),
        _loop(picture, vitals, now, _seconds(picture, "pulse_budget_seconds")),
        _broker(picture, vitals),
        _gate(picture),
        _kill_switch(picture),
        _errors(vitals),
    )
    columns = (Column(name="what"), Column(name="standing"), Column(name="found"))
    return View(name="health", columns=columns, rows=rows)


def _word(status: str, word: str) -> Mark:
    shown = mark(status)
    return Mark(word, shown.symbol, shown.colour)


def _seconds(picture: Picture, setting: str) -> float:
    settings = picture.opening.settings
    return float(settings[setting] if setting in settings else declared_default(setting))


def _engine(picture: Picture, *, alive: bool, silent: bool) -> _Row:
    if picture.state.ended:
        return "engine", _word("skip", "ended"), "the session has ended, in order"
    if not alive:
        return "engine", _word("fail", "gone"), "nobody writes the journal; see session-crashed"
    if silent:
        return (
            "engine",
            _word("warn", "silent"),
            "no sign of life; if it hangs, see kill-switch",
        )
    return "engine", _word("ok", "alive"), f"it is {picture.state.status}"


def _age(picture: Picture, at: datetime, now: datetime) -> str:
    return f"{picture.local(at):%H:%M:%S}, {seconds_text((now - at).total_seconds())} ago"


def _feed(picture: Picture, vitals: Vitals, now: datetime, limit: float) -> _Row:
    trouble, bars = vitals.feed_trouble, vitals.bars
    if trouble is not None:
        return "feed", _word("fail", "failing"), sentence(trouble.event)
    if bars is None:
        return "feed", _word("pending", "silent"), "no bar has come yet"
    event: ev.PricesSeen = bars.event
    found = f"{event.bars:,} bars at {_age(picture, bars.at, now)}"
    if vitals.bars_left_out:
        found += f"; {vitals.bars_left_out:,} left out, sys.log has them"
    if picture.state.status is not EngineStatus.RUNNING:
        return "feed", _word("skip", "resting"), f"{found}; no market now"
    old = (now - bars.at).total_seconds() > limit
    word = _word("fail", "silent") if old else _word("ok", "fresh")
    return "feed", word, f"{found}; limit {seconds_text(limit)}"


def _loop(picture: Picture, vitals: Vitals, now: datetime, budget: float) -> _Row:
    if vitals.pulse is None:
        return "loop", _word("pending", "waiting"), "no pulse yet: one comes each minute"
    last: ev.LoopPulsed = vitals.pulse.event
    good = float(vitals.widest_gap) <= budget
    found = (
        f"last pulse at {_age(picture, vitals.pulse.at, now)}; largest gap "
        f"{number_text(last.largest_gap_seconds)} s, {number_text(vitals.widest_gap)} s in the "
        f"session, budget {budget:g} s"
    )
    return "loop", _word("ok", "steady") if good else _word("warn", "late"), found


def _broker(picture: Picture, vitals: Vitals) -> _Row:
    if vitals.broker is None:
        return "broker", _word("pending", "waiting"), "not asked yet"
    found = f"{sentence(vitals.broker.event)} at {picture.local(vitals.broker.at):%H:%M:%S}"
    good = picture.state.connected
    return "broker", _word("ok", "connected") if good else _word("fail", "not connected"), found


def _gate(picture: Picture) -> _Row:
    if picture.gate is None:
        return "gate", _word("pending", "not judged"), "it is judged at the start and each day"
    event: ev.GateJudged = picture.gate.event
    shut = "warn" if event.mode == "warn" else "fail"
    word = _word("ok", "open") if event.open else _word(shut, "shut")
    return "gate", word, sentence(event)


def _kill_switch(picture: Picture) -> _Row:
    if not picture.state.killed:
        return "kill switch", _word("ok", "off"), "orders may leave"
    why = sentence(picture.kill.event) if picture.kill else "set before this session"
    return "kill switch", _word("fail", "ON"), f"only reductions leave; {why}"


def _errors(vitals: Vitals) -> _Row:
    if not vitals.errors:
        return "errors", _word("ok", "none"), "no internal error"
    last = vitals.errors[-1]
    event: ev.InternalErrorRaised = last.event
    found = f"{len(vitals.errors)} internal; line {last.seq}: {event.where}: {event.error}"
    return "errors", _word("fail", "some"), found


def gate(picture: Picture) -> tuple[Verdict, ...]:
    """Return the verdicts of the gate's last judgement, what is not good first."""
    if picture.gate is None:
        return ()
    event: ev.GateJudged = picture.gate.event
    good = {Status.PASS, Status.SKIP}
    return tuple(sorted(event.verdicts, key=lambda verdict: verdict.status in good))
