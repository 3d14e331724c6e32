"""Where values come from: a TOML file, a `.env` file, the environment, arguments; later ones win.

A layer is flat: ``("engine", "step_minutes") -> Given``; a table's values stand under longer keys.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtkit.core.config.toml import Key, TomlFile

if TYPE_CHECKING:
    from dotenv.parser import Binding

__all__ = [
    "PREFIX",
    "Given",
    "Layer",
    "argument_layer",
    "dotenv_layer",
    "environment_layer",
    "merged",
    "nested",
    "toml_layer",
]

PREFIX = "QTKIT_"
_BETWEEN = "__"


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and where somebody gave it; what a log shows of it is the place alone."""

    place: str
    value: Any = field(repr=False)


Values = dict[Key, Given]


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says.

    Attributes
    ----------
    mistakes
        Sentences about names that cannot be keys at all.
    """

    values: Values
    mistakes: tuple[str, ...] = ()


def toml_layer(file: TomlFile) -> Layer:
    """Return what a TOML file says."""
    return Layer({key: Given(file.place(key), value) for key, value in _leaves(file.values)})


def argument_layer(arguments: Mapping[str, Any]) -> Layer:
    """Return what a caller says, by dotted keys such as ``session.seed``."""
    return Layer(
        {
            tuple(name.split(".")): Given(f"argument {name}", value)
            for name, value in arguments.items()
        }
    )


def environment_layer(sections: Iterable[str]) -> Layer:
    """Return what the environment says: ``QTKIT_SECTION__KEY``, upper or lower case."""
    from pydantic_settings import EnvSettingsSource

    known = tuple(sections)
    found = EnvSettingsSource(_model(known))()
    places = {name.upper(): f"environment {name}" for name in os.environ}
    return _told(found, places, known)


def dotenv_layer(path: Path, sections: Iterable[str]) -> Layer:
    """Return what a `.env` file says; a file that is not there says nothing."""
    from dotenv.parser import parse_stream
    from pydantic_settings import DotEnvSettingsSource

    if not path.is_file():
        return Layer({})
    known = tuple(sections)
    with path.open(encoding="utf-8") as file:
        bindings = list(parse_stream(file))
    broken = tuple(f"{path.name} line {_line(b)}: expected NAME=VALUE" for b in bindings if b.error)
    if broken:
        return Layer({}, broken)
    source = DotEnvSettingsSource(
        _model(known), env_file=path, env_file_encoding="utf-8", dotenv_filtering="only_existing"
    )
    places = {b.key.upper(): f"{path.name} line {_line(b)}" for b in bindings if b.key}
    return _told(source(), places, known)


def _line(binding: Binding) -> int:
    """Return the line of a name: what stands before it may begin with empty lines."""
    text = binding.original.string
    before = text[: len(text) - len(text.lstrip())]
    return binding.original.line + before.count("\n")


def _model(sections: tuple[str, ...]) -> Any:  # noqa: ANN401 - a class that pydantic makes
    """Return a model of sections whose values are taken as they are: text."""
    from pydantic import create_model
    from pydantic_settings import BaseSettings, SettingsConfigDict

    class Environment(BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix=PREFIX,
            env_nested_delimiter=_BETWEEN,
            enable_decoding=False,
            extra="ignore",
        )

    fields: dict[str, Any] = {name: (dict[str, Any], {}) for name in sections}
    return create_model("Sections", __base__=Environment, **fields)


def _told(found: Mapping[str, Any], places: Mapping[str, str], sections: tuple[str, ...]) -> Layer:
    values = Values()
    for key, value in _leaves(found):
        place = places[PREFIX + _BETWEEN.join(key).upper()]
        values.update((inner, Given(place, one)) for inner, one in _leaves(_decoded(value), key))
    return Layer(values, tuple(_strangers(places, sections)))


def _strangers(places: Mapping[str, str], sections: tuple[str, ...]) -> Iterator[str]:
    """Yield a sentence for each name that looks like a key of ours and names no section."""
    for name, place in sorted(places.items()):
        section = name.removeprefix(PREFIX).partition(_BETWEEN)[0].lower()
        if name.startswith(PREFIX) and _BETWEEN in name and section not in sections:
            near = get_close_matches(section, sections, n=1)
            hint = f"; did you mean [{near[0]}]?" if near else f"; there are {', '.join(sections)}"
            yield f"{place}: {name} names a section [{section}] that does not exist{hint}"


def _decoded(text: object) -> object:
    """Return a list or table that was written as JSON; other text stays what it is."""
    if isinstance(text, str) and text[:1] in {"[", "{"}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _leaves(found: object, above: Key = ()) -> Iterator[tuple[Key, object]]:
    if isinstance(found, Mapping) and found:
        for name, value in found.items():
            yield from _leaves(value, (*above, str(name)))
    elif above:
        yield above, found


def merged(layers: Iterable[Layer]) -> Values:
    """Return the values of all layers; a later one replaces what it names, and nothing else."""
    found = Values()
    for layer in layers:
        for key, given in layer.values.items():
            for other in [k for k in found if _overlap(k, key)]:
                del found[other]
            found[key] = given
    return found


def _overlap(one: Key, other: Key) -> bool:
    shorter = min(len(one), len(other))
    return len(one) != len(other) and one[:shorter] == other[:shorter]


def nested(values: Mapping[Key, Any]) -> dict[str, Any]:
    """Return flat keys as tables in tables.

    Examples
    --------
    >>> nested({("risk", "max_order_value"): 5, ("seed",): 7})
    {'risk': {'max_order_value': 5}, 'seed': 7}
    """
    tables: dict[str, Any] = {}
    for key, value in values.items():
        table = tables
        for name in key[:-1]:
            table = table.setdefault(name, {})
        table[key[-1]] = value
    return tables
