"""Where values come from: a TOML file, a `.env` file, the environment, arguments; later ones win.

A layer is flat: ``("engine", "step_minutes") -> Given``; a table's values stand under longer keys.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtkit.core.config.file_text import read_text, shortened
from qtkit.core.config.toml import Key, TomlFile
from qtkit.core.text import closest

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
_DEEPEST = 4  # parts of a name


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
    named = [(name, text) for name, text in os.environ.items() if _is_ours(name)]
    return _named([(name, text, f"environment {name}") for name, text in named], tuple(sections))


def dotenv_layer(path: Path, sections: Iterable[str]) -> Layer:
    """Return what a `.env` file says; a file that is not there says nothing.

    Raises
    ------
    ConfigError
        If it is there and cannot be read.
    """
    from dotenv.main import resolve_variables
    from dotenv.parser import parse_stream

    if not os.path.lexists(path):
        return Layer({})
    bindings = list(parse_stream(StringIO(read_text(path))))
    broken = tuple(f"{path.name} line {_line(b)}: expected NAME=VALUE" for b in bindings if b.error)
    if broken:
        return Layer({}, broken)
    texts = resolve_variables(((b.key, b.value) for b in bindings if b.key), override=True)
    return _named(
        [
            (b.key, texts[b.key], f"{path.name} line {_line(b)}")
            for b in bindings
            if b.key and (_is_ours(b.key) or _is_cut_off(b))
        ],
        tuple(sections),
    )


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX) and _BETWEEN in name


def _is_cut_off(binding: Binding) -> bool:
    """Return whether a sign for a comment stands within one of our names."""
    return binding.value is None and str(binding.key).upper().startswith(PREFIX)


def _line(binding: Binding) -> int:
    """Return the line of a name: what stands before it may begin with empty lines."""
    text = binding.original.string
    before = text[: len(text) - len(text.lstrip())]
    return binding.original.line + before.count("\n")


def _named(found: Iterable[tuple[str, str | None, str]], sections: tuple[str, ...]) -> Layer:
    """Return a layer of (name, text, place)."""
    values, mistakes, places = Values(), list[str](), dict[Key, str]()
    for name, text, place in sorted(found, key=lambda one: one[0].upper()):
        key = tuple(name[len(PREFIX) :].lower().split(_BETWEEN))
        mistake = _mistake(key, name.upper(), text, sections)
        if key in places:
            mistake = f"{shortened(name)} is given already, {places[key]}; keep one of the two"
        if mistake:
            mistakes.append(f"{place}: {mistake}")
            continue
        places[key] = place
        values.update((inner, Given(place, one)) for inner, one in _leaves(_decoded(text), key))
    return Layer(values, tuple(mistakes))


def _mistake(key: Key, name: str, text: str | None, sections: tuple[str, ...]) -> str:
    """Return what is wrong with a name or with what it is given; "" if nothing is."""
    if text is None:
        # read as nothing, it would take a limit away that the file before it has set
        return (
            f"{shortened(name)} has no value; write {shortened(name)}=VALUE, or take the line out"
        )
    if key[0] not in sections:
        near = closest(key[0], sections)
        hint = f"did you mean [{near}]?" if near else f"there are {', '.join(sections)}"
        section = shortened(key[0])
        return f"{shortened(name)} names a section [{section}] that does not exist; {hint}"
    if len(key) > _DEEPEST:
        return f"{shortened(name)} has {len(key)} parts, expected at most {_DEEPEST}"
    if not _is_text(text):
        return f"{shortened(name)} is no UTF-8 text"
    return ""


def _is_text(text: str) -> bool:
    """Return whether text can be written down: Python keeps odd bytes as lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _decoded(text: object) -> object:
    """Return a list or table that was written as JSON; other text stays what it is."""
    if isinstance(text, str) and text[:1] in {"[", "{"}:
        try:
            return json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            return text
    return text


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in the table twice")
    return found


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
