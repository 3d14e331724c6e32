"""Sessions of known age, to see which of their logs are removed when logs expire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot
from qtkit.evidence.scenario import RotationSeen
from qtkit.model.events import Entry, OrderRefused
from qtkit.runtime.build import build
from qtkit.runtime.spec import SessionSpec
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.logs.settings import LogSettings

__all__ = ["Rotate", "rotation_seen"]

Rotate = Callable[[OutputRoot, int, datetime, bool], Sequence[Path]]
"""(where sessions are, days, now, whether to remove them) -> the logs that have expired."""

_MODE = "paper"
_TINY = LogSettings(rotate_megabytes=0.0003)  # so that a log of three lines has three parts
_LINES = 3
_SECOND = timedelta(seconds=1)


class _PowerLostHere(BaseException):
    """The session ends without an end."""


def rotation_seen(rotate: Rotate, plan: SessionSpec, days: int, place: Path) -> RotationSeen:
    """Let three sessions leave risk logs, let those of `days` expire, and see what goes.

    One session is old and has ended, one is as old and has not, one is younger.

    Parameters
    ----------
    rotate
        What removes expired logs.
    plan
        What the sessions trade, and the day of the young one.
    days
        How long logs are kept.
    place
        Where the sessions are written.
    """
    root = OutputRoot(place)
    old = plan.first_day - timedelta(days=days + 3)
    names = {
        kind: _refused_thrice(plan, root, day, loses_power=kind == "unfinished")
        for kind, day in (("old", old), ("unfinished", old), ("young", plan.first_day))
    }
    now = _start_of(plan) + timedelta(days=2)
    before = _logs(root)
    listed = [_name(root, path) for path in rotate(root, days, now, False)]
    after_preview = _logs(root)
    rotate(root, days, now, True)
    left = _logs(root)
    return RotationSeen(
        days=days,
        expired=tuple(sorted(n for n in before if n.startswith(names["old"] + "/"))),
        listed=tuple(sorted(listed)),
        removed_by_preview=tuple(sorted(before - after_preview)),
        removed=tuple(sorted(before - left)),
        left=tuple(sorted(left)),
    )


def _start_of(plan: SessionSpec) -> datetime:
    if plan.start is None:
        raise ConfigError("to see old logs go, a plan has to say when it starts")
    return plan.start


def _refused_thrice(plan: SessionSpec, root: OutputRoot, day: date, *, loses_power: bool) -> str:
    """Let a short session refuse three orders, and return its id."""
    moved = day - plan.first_day
    start = _start_of(plan) + moved + _SECOND * loses_power
    odd = {"symbol": plan.strategy.symbols[0], "quantity": "1"}
    asked = tuple(
        (start + _SECOND * n, Command(verb="buy", arguments=odd, by="scenario"))
        for n in range(1, _LINES + 1)
    )
    watching = _PowerGoes() if loses_power else None
    life = replace(
        plan,
        settings=plan.settings.model_copy(update={"logs": _TINY}),
        day=day,
        days=1,
        start=start,
        stop=start + _SECOND * (_LINES + 1),
        stop_reason="stop",
        commands=asked,
        journal_observer=watching,
    )
    run = build(life, root)
    with suppress(_PowerLostHere):
        run.run()
    return run.folder.session_id


class _PowerGoes:
    """Lets the power go with the last of the refusals."""

    def __init__(self) -> None:
        self._seen = 0

    def __call__(self, what: str, entry: Entry) -> None:
        self._seen += what == "written" and isinstance(entry.event, OrderRefused)
        if self._seen == _LINES:
            raise _PowerLostHere


def _logs(root: OutputRoot) -> set[str]:
    return set(_named_logs(root))


def _named_logs(root: OutputRoot) -> Iterator[str]:
    for path in root.sessions(_MODE).glob("*/artifacts/risk.log*"):
        yield _name(root, path)


def _name(root: OutputRoot, path: Path) -> str:
    """Return a log as session and file."""
    inside = path.relative_to(root.sessions(_MODE))
    return f"{inside.parts[0]}/{inside.name}"
