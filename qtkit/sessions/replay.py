"""A live session fed by a day that is over: a real process, and a market that hurries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError
from qtkit.sessions.remote import RemoteSession
from qtkit.trading.strategy.loader import load_spec

__all__ = ["replayed_session"]

_KINDS = {".csv": "csv", ".parquet": "parquet"}


def replayed_session(
    strategy: Path | str,
    *,
    day: date | str,
    at: str = "09:25",
    speed: float = 30.0,
    bars: Path | str | None = None,
    root: Path | str = "outputs",
    new_account: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> RemoteSession:
    """Start a session in a process of its own on a day that is over, and attach to it.

    Parameters
    ----------
    strategy
        A strategy's file.
    day
        Trading date to live through.
    at
        Time on the exchange's wall at which the session begins, ``HH:MM``.
    speed
        Market seconds in one second of the machine.
    bars
        A CSV or Parquet file with the day's bars; None: generated ones.
    root
        Where everything is written.
    new_account
        Name of an account to be made; None: one of this session alone.
    settings
        What else differs from the defaults.

    Raises
    ------
    ConfigError, DataError
        If something asked for is impossible; nothing was started.
    SessionUnreachable
        If the process does not come to life in time.
    """
    zone = exchange_calendar(load_spec(Path(strategy)).exchange).zone
    begins = datetime.combine(_date(day), _time(at), tzinfo=zone)
    feed = {**_source(bars), "start": begins.isoformat(), "speed": speed}
    asked = {**(settings or {}), "feed": {**feed, **(settings or {}).get("feed", {})}}
    return RemoteSession.start(strategy, root=root, new_account=new_account, settings=asked)


def _date(day: date | str) -> date:
    try:
        return date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError:
        raise ConfigError(f"{day!r} is no date; expected YYYY-MM-DD, such as 2026-03-04") from None


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no time; expected HH:MM, such as 09:25") from None


def _source(bars: Path | str | None) -> dict[str, Any]:
    """Return the feed's part: bars of a file that has the whole day come when they have ended."""
    if bars is None:
        return {"kind": "synthetic"}
    file = Path(bars)
    kind = _KINDS.get(file.suffix.lower())
    if kind is None:
        raise ConfigError(f"{file.name} is no file of bars; expected {' or '.join(_KINDS)}")
    return {"kind": kind, "path": str(file)}
