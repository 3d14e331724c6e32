"""Whether a session that was cut off may go on: as it began, and not otherwise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from qtkit.core.errors import ConfigError, JournalCorrupt
from qtkit.core.paths import SessionFolder
from qtkit.journal import read_journal
from qtkit.model.events import SessionStarted
from qtkit.runtime.settings import SessionSettings
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["same_as_begun"]


def same_as_begun(unfinished: SessionFolder, spec: StrategySpec, asked: SessionSettings) -> None:
    """Make sure that a session which is resumed is asked for as its journal says it began.

    Raises
    ------
    ConfigError
        With every difference: name, the journal's value, and the one asked for now.
    """
    began = next(read_journal(unfinished.journal)).event
    if not isinstance(began, SessionStarted):
        raise JournalCorrupt(
            f"{unfinished.journal} does not begin with a session. See runbooks/journal-corrupt.md"
        )
    before = _named(began.strategy, began.symbols, began.exchange, _completed(began.settings))
    now = _named(spec.name, spec.symbols, spec.exchange, asked.for_journal(spec))
    names = [n for n in dict.fromkeys([*before, *now]) if before.get(n) != now.get(n)]
    if names:
        found = "; ".join(
            f"{n}: the journal has {_shown(before.get(n))}, asked for is {_shown(now.get(n))}"
            for n in names
        )
        raise ConfigError(
            f"session {unfinished.session_id} has not ended, and it goes on only as it began "
            f"({found}). Ask for it as it began, let it end in order, and begin the next session "
            "with the new settings"
        )


def _completed(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a journal's settings with the defaults of those that came with a later version."""
    known = {name: settings[name] for name in settings.keys() & SessionSettings.model_fields.keys()}
    try:
        return {**settings, **SessionSettings.model_validate(known).as_json()}
    except ValidationError:
        return settings


def _named(
    strategy: str, symbols: Sequence[str], exchange: str, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return what a session was asked for under dotted names, as a journal reads it back."""
    whole = {"strategy": strategy, "symbols": list(symbols), "exchange": exchange, **settings}
    found, waiting = dict[str, Any](), list(json.loads(json.dumps(whole)).items())
    while waiting:
        name, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}", part) for key, part in value.items()]
        else:
            found[name] = value
    return found


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value)
