"""Settings as somebody asked for them, checked whole: all mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtkit.runtime.configuration.reader import check_settings
from qtkit.runtime.settings import SessionSettings

__all__ = ["settings_of"]


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
    return asked if isinstance(asked, SessionSettings) else check_settings(asked or {})
