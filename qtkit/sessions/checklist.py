"""What the smoke checklist is run on: our engine and a day of it, or a session that is there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from qtkit.adapters.embedded.target import EmbeddedEngine
from qtkit.core.paths import OutputRoot
from qtkit.reports.retention import expired_logs, rotate_logs
from qtkit.sessions.display import DisplayedSession
from qtkit.sessions.remote import open_session
from qtkit.sessions.simulation import simulate
from qtkit.stages import Judged
from qtkit.trading.strategy.loader import load_spec

__all__ = ["OUTPUTS", "Subject", "expired", "subject"]

OUTPUTS = "QTKIT_OUTPUTS"  # environment variable: where notebooks write, whatever they say


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged.

    Attributes
    ----------
    source
        Hand this to the stages: an engine, or one session.
    session
        The session that the record tells about.
    """

    source: Judged
    session: DisplayedSession


def outputs(root: str) -> OutputRoot:
    """Return where a notebook writes: under `root`, or where ``QTKIT_OUTPUTS`` says."""
    return OutputRoot(Path(os.environ.get(OUTPUTS) or root))


def subject(strategy: str, *, day: str, root: str, session: str = "") -> Subject:
    """Return what the checklist judges.

    Parameters
    ----------
    strategy
        A strategy's file.
    day
        Trading date to simulate, ``YYYY-MM-DD``.
    root
        Where sessions are written; the environment variable ``QTKIT_OUTPUTS`` wins.
    session
        Id, folder or account of a session to judge, or `last`; empty: simulate the day, and judge
        the engine by its scenarios.

    Raises
    ------
    ConfigError, DataError
        If something asked for is not there.
    """
    place = outputs(root)
    if session:
        found = open_session(session, root=place)
        return Subject(found, found)
    file = Path(strategy)
    spec = load_spec(file)
    lived = simulate(file, spec=spec, day=day, root=place)
    return Subject(EmbeddedEngine(spec, file, expired), lived)


def expired(root: OutputRoot, days: int, now: datetime, remove: bool) -> list[Path]:  # noqa: FBT001
    """Return the logs that have expired, and remove them if that is asked for."""
    found = expired_logs(root, days, now)
    return [log.path for log in (rotate_logs(found, now) if remove else found).logs]
