"""A configuration as people read it: every value with its origin, and every key explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtkit.core.config.messages import shown
from qtkit.core.errors import ConfigError
from qtkit.core.render import Table
from qtkit.core.text import closest
from qtkit.runtime.configuration.keys import ConfigKey, all_keys
from qtkit.runtime.configuration.models import AccountSettings, Configuration, RunSettings
from qtkit.runtime.configuration.vendor_key_names import names_elsewhere

__all__ = ["configuration_json", "configuration_table", "explained"]

_DEFAULT = "default"


def configuration_table(configuration: Configuration) -> Table:
    """Return every key with its value and where that came from; secrets are masked."""
    rows = tuple(
        (key.title, _text(key, configuration), configuration.places.get(key.title, _DEFAULT))
        for key in all_keys().values()
    )
    return Table("Configuration", ("key", "value", "from"), rows)


def configuration_json(configuration: Configuration) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "format": 1,
        "type": "configuration",
        "keys": {
            title: {"value": value, "from": origin}
            for title, value, origin in configuration_table(configuration).rows
        },
    }


def _text(key: ConfigKey, configuration: Configuration) -> str:
    value = _value_of(key, configuration)
    return shown(value, secret=key.secret and value is not None)


def _value_of(key: ConfigKey, configuration: Configuration) -> object:
    models = {RunSettings: configuration.run, AccountSettings: configuration.account}
    found: object = models.get(key.model, configuration.settings)
    for name in key.path:
        found = getattr(found, name)
    return found


def explained(title: str) -> str:
    """Return what a key means, for people.

    Parameters
    ----------
    title
        ``section.key``, or the key alone where one section has it.

    Raises
    ------
    ConfigError
        If there is no such key, or several.
    """
    key = _named(title)
    facts = {
        "meaning": key.meaning,
        "allowed": key.allowed,
        "unit": key.unit or "none",
        "default": shown(key.default),
        "environment": f"QTKIT_{key.section}__{key.name}".upper(),
        "changes": "at the start of a session only" if key.start_only else "while a session runs",
        "elsewhere": ", ".join(names_elsewhere(key.title)) or "no counterpart",
    }
    width = max(map(len, facts))
    lines = (f"  {name:<{width}}  {fact}" for name, fact in facts.items())
    return "\n".join((f"[{key.section}] {key.name}", *lines))


def _named(title: str) -> ConfigKey:
    keys: Mapping[str, ConfigKey] = all_keys()
    found = [key for key in keys.values() if title in {key.title, key.name}]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(
            f"several sections have a key {title!r}: {', '.join(key.title for key in found)}; "
            "name one of them"
        )
    near = closest(title, [*keys, *(key.name for key in keys.values())])
    hint = f"did you mean {near!r}?" if near else "`qtkit config show` lists them all"
    raise ConfigError(f"there is no key {title!r}; {hint}")
