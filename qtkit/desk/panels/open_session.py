"""The session that a notebook's desk is opened on."""

from __future__ import annotations

import os
from pathlib import Path

from qtkit.core.errors import ConfigError
from qtkit.desk.panels.base import is_headless
from qtkit.evidence.session import OperableSession
from qtkit.sessions.checklist import OUTPUTS
from qtkit.sessions.remote import open_session
from qtkit.sessions.replay import replayed_session
from qtkit.sessions.simulation import simulate

__all__ = ["session_to_watch"]

_WAYS = ("auto", "replay", "simulate")


def session_to_watch(
    strategy: str,
    *,
    day: str,
    how: str = "auto",
    session: str = "",
    at: str = "09:25",
    speed: float = 30.0,
    root: str = "outputs",
) -> OperableSession:
    """Return a session for the desk: one that is there, or a new one.

    Parameters
    ----------
    strategy
        A strategy's file.
    day
        Trading date, ``YYYY-MM-DD``.
    how
        ``replay``: a live session in a process of its own, fed by the day; ``simulate``: the whole
        day at once; ``auto``: replay where somebody can press buttons, simulate headlessly.
    session
        Id, folder or account of a session that is there, or `last`; empty: a new one.
    at, speed
        Where a replay begins, and how much faster than the machine's its time runs.
    root
        Where sessions are written; the environment variable ``QTKIT_OUTPUTS`` wins.

    Raises
    ------
    ConfigError, DataError
        If something asked for is impossible; nothing was started.
    """
    if how not in _WAYS:
        raise ConfigError(f"how was {how!r}; expected {', '.join(_WAYS)}")
    place = Path(os.environ.get(OUTPUTS) or root)
    if session:
        return open_session(session, root=place)
    if how == "simulate" or (how == "auto" and is_headless()):
        return simulate(strategy, day=day, root=place)
    return replayed_session(strategy, day=day, at=at, speed=speed, root=place)
