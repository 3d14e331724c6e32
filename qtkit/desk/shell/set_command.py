"""`set`: what may change in the shell while a session runs, and why the rest may not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from qtkit.core.errors import ConfigError
from qtkit.core.text import nearest
from qtkit.desk.commands.queries import report_of, watch
from qtkit.desk.report import Report
from qtkit.desk.shell.context import Seat
from qtkit.desk.table_view import facts
from qtkit.runtime.configuration.keys import all_keys

__all__ = ["SETTABLE", "set_for_the_shell"]


def set_for_the_shell(seat: Seat, key: str, values: Sequence[str]) -> Report:
    """Set something of this shell, and show what is set.

    Parameters
    ----------
    key
        Empty: only show.
    values
        What it is to be.

    Raises
    ------
    ConfigError
        If the key is fixed at the start of a session, or there is none of this name.
    """
    if key and key not in SETTABLE:
        raise ConfigError(_why_not(seat, key))
    if key:
        SETTABLE[key](seat, values)
    view = seat.session.view
    table = facts(
        "set",
        ("watch", ", ".join(seat.watched or view.opening.symbols)),
    )
    return report_of("set", view, table, "Everything else is fixed when a session starts.")


def _watch(seat: Seat, values: Sequence[str]) -> None:
    """Choose what `watch` shows; `all` is everything that the session trades."""
    if not values:
        raise ConfigError("name the symbols to watch, or write: set watch all")
    symbols = () if list(values) == ["all"] else tuple(values)
    watch(seat.session, symbols)
    seat.watched = symbols


SETTABLE: Mapping[str, Callable[[Seat, Sequence[str]], None]] = {"watch": _watch}


def _why_not(seat: Seat, key: str) -> str:
    settings = seat.session.view.settings
    name = key.removeprefix("live_")
    if key in all_keys() or name in settings or name.partition(".")[0] in settings:
        return (
            f"{key} is fixed when a session starts: stop it, change the setting and start again. "
            f"In a running session only {' and '.join(SETTABLE)} can be set"
        )
    return f"there is no setting {key!r}{nearest(key, [*SETTABLE, *all_keys(), *settings])}"
