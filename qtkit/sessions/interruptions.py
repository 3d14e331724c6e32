"""Simulated sessions that were cut off, and the request that each of them began with."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.locks import is_locked
from qtkit.core.paths import OutputRoot, SessionFolder, lock_of
from qtkit.journal import read_journal
from qtkit.model.events import JsonObject, SessionEnded
from qtkit.runtime.session_finder import sessions_by_start
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SIMULATED
from qtkit.trading.strategy.loader import source_digest

__all__ = ["cut_off_account"]


def cut_off_account(
    root: OutputRoot,
    file: Path,
    *,
    day: date,
    days: int,
    settings: SessionSettings,
    new_account: str | None,
    accepting: bool = False,
) -> str | None:
    """Return the account of a session that the same request began and that was cut off.

    The same request: this strategy's file with this content, dates, settings and account.

    Parameters
    ----------
    file
        The strategy's.
    new_account
        The account that is to be made; None: one of the session alone.
    accepting
        Whether its code and its settings may be others.

    Raises
    ------
    ConfigError
        If changes are accepted, and there is no such session.
    """
    asked: JsonObject = {
        "kind": SIMULATED,
        "by_hand": False,
        "strategy_file": file.name,
        "day": str(day),
        "days": days,
        "start": None,
        "stop": None,
        "account": new_account,
        "commands": [],
    }
    if not accepting:
        asked["asked_settings"] = settings.model_dump(mode="json", exclude_unset=True)
    for folder in _sessions_of(root, settings.mode, asked):
        metadata = _object(folder.metadata)
        code = metadata.get("code_fingerprint")
        same_code = isinstance(code, dict) and code.get("strategy") == source_digest(file)
        if (accepting or same_code) and _is_cut_off(folder):
            return str(metadata.get("account"))
    if accepting:
        raise ConfigError(
            f"no session of {file.name} on {day} was cut off, so that there are no changes to "
            "accept; name its account with --account, or leave --accept-changes out"
        )
    return None


def _sessions_of(root: OutputRoot, mode: str, asked: JsonObject) -> Iterator[SessionFolder]:
    """Yield the sessions that were asked for like this, the newest first."""
    for folder in sessions_by_start(root):
        if folder.path.parent != root.sessions(mode):
            continue
        config = _object(folder.config)
        if all(config.get(key, _MISSING) == value for key, value in asked.items()):
            yield folder


_MISSING = object()


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_cut_off(folder: SessionFolder) -> bool:
    """Whether a session has begun, has not ended, and nobody writes it."""
    if is_locked(lock_of(folder.journal)):
        return False
    try:
        last = next(iter(deque(read_journal(folder.journal), maxlen=1)), None)
    except (OSError, DataError):
        return False
    return last is not None and not isinstance(last.event, SessionEnded)
