"""Settings as somebody asked for them, checked whole: all mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from qtkit.core.errors import ConfigError
from qtkit.market.feeds.settings import FeedSettings
from qtkit.trading.risk.settings import RiskSettings
from qtkit.trading.settings import SessionSettings

__all__ = ["settings_of"]

_MODELS: dict[str, type[BaseModel]] = {
    "": SessionSettings,
    "feed": FeedSettings,
    "risk": RiskSettings,
}


def settings_of(asked: Mapping[str, Any] | SessionSettings | None) -> SessionSettings:
    """Return a session's settings.

    Raises
    ------
    ConfigError
        With every mistake, and the nearest name for each name that does not exist.

    Examples
    --------
    >>> settings_of({"seeed": 7})
    Traceback (most recent call last):
    ...
    qtkit.core.errors.ConfigError: settings: there is no 'seeed', did you mean 'seed'?
    """
    if isinstance(asked, SessionSettings):
        return asked
    try:
        return SessionSettings.model_validate(dict(asked or {}))
    except ValidationError as mistakes:
        told = "; ".join(_sentence(mistake) for mistake in mistakes.errors(include_url=False))
        raise ConfigError(f"settings: {told}") from None


def _sentence(mistake: ErrorDetails) -> str:
    *parents, name = [str(part) for part in mistake["loc"]] or [""]
    path = ".".join([*parents, name])
    if mistake["type"] != "extra_forbidden":
        return f"{path} was {mistake['input']!r}: {mistake['msg']}"
    known = _MODELS[parents[-1] if parents else ""].model_fields
    near = get_close_matches(name, known, n=1)
    prefix = "".join(f"{parent}." for parent in parents)
    hint = f", did you mean '{prefix}{near[0]}'?" if near else f"; there are {', '.join(known)}"
    return f"there is no '{path}'{hint}"
