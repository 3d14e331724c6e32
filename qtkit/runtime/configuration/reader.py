"""Reading a configuration: every value with its place, and all mistakes at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from qtkit.core.config.file_text import shortened
from qtkit.core.config.layers import (
    PREFIX,
    Given,
    Layer,
    argument_layer,
    dotenv_layer,
    environment_layer,
    merged,
    nested,
    toml_layer,
)
from qtkit.core.config.messages import shown, without_none
from qtkit.core.config.secret import holds_secret
from qtkit.core.config.toml import read_toml
from qtkit.core.errors import ConfigError
from qtkit.core.text import closest
from qtkit.runtime.configuration.keys import SECTIONS, ConfigKey, all_keys
from qtkit.runtime.configuration.models import AccountSettings, Configuration, RunSettings
from qtkit.runtime.settings import SessionSettings

__all__ = ["BESIDE", "CONFIG_FILE", "as_arguments", "read_configuration", "settings_of"]

CONFIG_FILE = "qtkit.toml"
BESIDE: Mapping[str, str] = {
    "session.calendar_overlay": "calendar_overlay.toml",
    "session.instruments": "instruments.toml",
}
"""Key -> the file beside a configuration that it names where nobody names another."""
_ENVIRONMENT_FILE = ".env"
_NONE = "none"
_NUMBERS = {int, float, Decimal}
_Model = TypeVar("_Model", bound=BaseModel)
_Values = Mapping[tuple[str, ...], Given]


def read_configuration(
    path: Path | str | None = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    parts: Mapping[str, Callable[[str], str]] | None = None,
    folder: Path | None = None,
) -> Configuration:
    """Return what a file, the `.env` beside it, the environment and arguments come to.

    Parameters
    ----------
    path
        A TOML file; None: arguments and defaults alone.
    arguments
        Dotted key -> value, such as ``{"session.seed": 7}``; they win.
    parts
        Dotted key -> what objects to a name that is given there; "" where it is of a part.
    folder
        Where `instruments.toml` and `calendar_overlay.toml` are taken from if nobody names others;
        None: the file's own, where there is a file.

    Raises
    ------
    ConfigError
        With every mistake: place, key, what was found, what was expected, the nearest known key.

    Notes
    -----
    Defaults < file < `.env` < environment (``QTKIT_SECTION__KEY``) < arguments.
    """
    layers = [] if path is None else list(_layers(Path(path)))
    written = [sentence for layer in layers[:1] for sentence in _written_secrets(layer)]
    layers.append(argument_layer(arguments or {}))
    mistakes = written + [sentence for layer in layers for sentence in layer.mistakes]
    place = Path(path).parent if folder is None and path is not None else folder
    values = merged([_beside(place), *layers])
    strangers = dict(_strangers(values))
    mistakes += strangers.values()
    known = {key: given for key, given in values.items() if key not in strangers}
    mistakes += _no_parts(known, parts or {})
    run = _made(RunSettings, known, mistakes)
    account = _made(AccountSettings, known, mistakes)
    settings = _made(SessionSettings, known, mistakes)
    if mistakes or run is None or account is None or settings is None:
        raise ConfigError(_all_of(mistakes))
    places = {".".join(key[:2]): given.place for key, given in known.items()}
    return Configuration(settings=settings, run=run, account=account, places=places)


def _layers(path: Path) -> Iterator[Any]:
    yield toml_layer(read_toml(path))
    yield dotenv_layer(path.with_name(_ENVIRONMENT_FILE), SECTIONS)
    yield environment_layer(SECTIONS)


def _beside(folder: Path | None) -> Layer:
    """Return the files of a folder that count without being named."""
    found = {key: folder / name for key, name in BESIDE.items()} if folder else {}
    return argument_layer({key: str(file) for key, file in found.items() if file.is_file()})


def _written_secrets(file: Layer) -> Iterator[str]:
    """Yield a sentence for each secret in a file that others read, too."""
    for path, given in file.values.items():
        key = all_keys().get(".".join(path[:2]))
        if key is None or given.value in ("", _NONE):
            continue
        if key.secret or holds_secret(given.value):
            name = f"{PREFIX}{key.section}__{key.name}".upper()
            yield (
                f"{given.place}: {key.title} is a secret or has one in it; "
                f"take it out and give it as {name}, in the environment or in .env"
            )


def _all_of(mistakes: list[str]) -> str:
    if len(mistakes) == 1:
        return mistakes[0]
    lines = "".join(f"\n  {sentence}" for sentence in mistakes)
    return f"the configuration has {len(mistakes)} mistakes:{lines}"


def as_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by their own names as arguments of `read_configuration`.

    Examples
    --------
    >>> as_arguments({"seed": 7, "risk": {"max_order_value": 5000}})
    {'session.seed': 7, 'risk.max_order_value': 5000}
    """
    titles = {key.path: title for title, key in all_keys().items() if key.model is SessionSettings}
    found: dict[str, Any] = {}
    for name, value in settings.items():
        inner = value if isinstance(value, Mapping) and (name,) not in titles else {"": value}
        for part, one in inner.items():
            path = (name, part) if part else (name,)
            found[titles.get(path, ".".join(path) if part else f"engine.{name}")] = one
    return found


def settings_of(asked: Mapping[str, Any] | SessionSettings | None) -> SessionSettings:
    """Return a session's settings, checked whole, of what a program gives by their own names.

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
    if asked is None or isinstance(asked, SessionSettings):
        return asked or SessionSettings()
    by_path = {key.path: key for key in all_keys().values() if key.model is SessionSettings}
    try:
        return SessionSettings.model_validate(dict(asked))
    except ValidationError as problem:
        mistakes = problem.errors(include_url=False)
    told = "; ".join(dict.fromkeys(_about_a_name(mistake, by_path) for mistake in mistakes))
    raise ConfigError(f"settings: {told}")


def _about_a_name(mistake: ErrorDetails, by_path: Mapping[tuple[str, ...], ConfigKey]) -> str:
    location = tuple(str(part) for part in mistake["loc"])
    name = ".".join(location)
    if mistake["type"] == "extra_forbidden":
        beside = [".".join(p) for p in by_path if p[:-1] == location[:-1]]
        near = closest(name, beside)
        hint = f", did you mean '{near}'?" if near else f"; there are {', '.join(beside)}"
        return f"there is no '{name}'{hint}"
    key = _key_at(location, by_path)
    return f"{name} {_found(mistake, key)}" if key else _reason(mistake)


# --- names that are no keys --------------------------------------------------------------------


def _strangers(values: _Values) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each name that does not exist, with the sentence about it."""
    keys = all_keys()
    for key, given in values.items():
        if ".".join(key[:2]) in keys:
            continue
        yield key, f"{given.place}: {_unknown(key)}"


def _unknown(key: tuple[str, ...]) -> str:
    keys = all_keys()
    section, name = key[0], key[-1] if len(key) == 1 else key[1]
    found = shortened(".".join(key[:2]))
    elsewhere = [k.section for k in keys.values() if k.name == name]
    if len(key) == 1 and section in SECTIONS:
        return f"{section} is a section: write [{section}], and its keys below it"
    if elsewhere:
        return f"there is no key {found}; {name} belongs to [{elsewhere[0]}]"
    if len(key) > 1 and section not in SECTIONS:
        near = closest(section, SECTIONS)
        hint = f"did you mean [{near}]?" if near else f"there are {', '.join(SECTIONS)}"
        return f"there is no section [{shortened(section)}]; {hint}"
    title = _nearest(section, name, len(key))
    beside = ", ".join(k.name for k in keys.values() if k.section == section)
    hint = f"did you mean {title}?" if title else f"[{section}] has {beside}"
    return f"there is no key {found}; {hint}"


def _nearest(section: str, name: str, depth: int) -> str:
    """Return the known key that looks most like a name, those of its section first."""
    keys = all_keys().values()
    own = [k.name for k in keys if k.section == section]
    if depth > 1 and (near := closest(name, own)):
        return f"{section}.{near}"
    titles = {k.name: k.title for k in keys}
    found = closest(name, titles)
    return titles[found] if found else ""


def _no_parts(values: _Values, parts: Mapping[str, Callable[[str], str]]) -> Iterator[str]:
    """Yield each name of a part that there is not, with the sentence about it."""
    for path, given in values.items():
        title, name = ".".join(path), given.value
        if title in parts and isinstance(name, str) and (why := parts[title](name)):
            yield f"{given.place}: {title}: {why}"


# --- values that are wrong -----------------------------------------------------------------------


def _made(model: type[_Model], values: _Values, mistakes: list[str]) -> _Model | None:
    """Return a model made of the values that are its own; what is wrong goes to the mistakes."""
    keys = [key for key in all_keys().values() if key.model is model]
    asked: dict[tuple[str, ...], object] = {}
    odd = list[str]()
    for key in keys:
        for path, given in values.items():
            if path[:2] == (key.section, key.name):
                if sentences := list(_misread(key, path, given)):
                    odd += sentences
                else:
                    asked[key.path + path[2:]] = _value(key, given.value)
    mistakes += odd
    try:
        made = model.model_validate(nested(asked))
    except ValidationError as problem:
        found = problem.errors(include_url=False)
    else:
        return None if odd else made
    wrong = {tuple(str(part) for part in mistake["loc"]) for mistake in found}
    sound = {path: value for path, value in asked.items() if not _is_within(path, wrong)}
    found += [mistake for mistake in _mistakes_in(model, sound) if mistake not in found]
    mistakes += dict.fromkeys(_sentence(mistake, keys, values) for mistake in found)
    return None


def _is_within(path: tuple[str, ...], wrong: set[tuple[str, ...]]) -> bool:
    return any(path[: len(one)] == one or one[: len(path)] == path for one in wrong)


def _mistakes_in(
    model: type[BaseModel], asked: dict[tuple[str, ...], object]
) -> list[ErrorDetails]:
    """Return what is wrong between values that are right one by one."""
    try:
        model.model_validate(nested(asked))
    except ValidationError as problem:
        return problem.errors(include_url=False)
    return []


def _value(key: ConfigKey, value: object) -> object:
    is_none = key.may_be_none and isinstance(value, str) and value.lower() == _NONE
    kind = without_none(key.field.annotation)
    # Python counts true as 1, and 1E+999999 digit by digit; as text they are no whole numbers.
    is_odd = (isinstance(value, bool) and kind in _NUMBERS) or (
        isinstance(value, Decimal) and kind is int
    )
    return None if is_none else str(value).lower() if is_odd else value


def _misread(key: ConfigKey, path: tuple[str, ...], given: Given) -> Iterator[str]:
    """Yield a sentence about a value that a model would take, and that says something else."""
    if given.value is not None and _is_odd(without_none(key.field.annotation), given.value):
        name, unit = shortened(".".join(path)), f" ({key.unit})" if key.unit else ""
        found = shown(given.value, secret=key.secret)
        yield f"{given.place}: {name} was {found}; expected {key.allowed}{unit}"


def _is_odd(kind: object, value: object) -> bool:
    """Whether a value is ``1_0`` for a number, or anything but true and false for a choice."""
    if kind is bool:
        return str(value).lower() not in {"true", "false"}
    inner = get_args(kind)[-1:] if get_origin(kind) is dict else (kind,)
    is_text = isinstance(value, str) and bool(_NUMBERS.intersection(inner))
    return is_text and ("_" in str(value) or not str(value).isascii())


def _sentence(mistake: ErrorDetails, keys: list[ConfigKey], values: _Values) -> str:
    location = tuple(str(part) for part in mistake["loc"])
    key = _key_at(location, {key.path: key for key in keys})
    if key is None:
        beside = [key for key in keys if key.path[: len(location)] == location]
        return f"{_places_in(_reason(mistake), beside, values)}: {_reason(mistake)}"
    rest = location[len(key.path) :]
    place = _place((key.section, key.name, *rest), values)
    name = shortened(".".join((key.title, *(part for part in rest if not part.isdigit()))))
    return f"{place}: {name} {_found(mistake, key)}"


def _key_at(
    location: tuple[str, ...], by_path: Mapping[tuple[str, ...], ConfigKey]
) -> ConfigKey | None:
    return next((by_path[location[:n]] for n in (2, 1) if location[:n] in by_path), None)


def _found(mistake: ErrorDetails, key: ConfigKey) -> str:
    """Return what was found and what was expected."""
    value = shown(mistake["input"], secret=key.secret)
    if mistake["type"] == "value_error":
        return f"was {value}: {_reason(mistake)}"
    unit = f" ({key.unit})" if key.unit else ""
    return f"was {value}; expected {key.allowed}{unit}"


def _reason(mistake: ErrorDetails) -> str:
    return mistake["msg"].removeprefix("Value error, ")


def _place(key: tuple[str, ...], values: _Values) -> str:
    """Return where a key was given, or what it stands in."""
    about = (
        given.place
        for other, given in values.items()
        if other[: len(key)] == key or key[: len(other)] == other
    )
    return next(about, "the configuration")


def _places_in(sentence: str, keys: list[ConfigKey], values: _Values) -> str:
    """Return where the keys that a sentence names were given."""
    words = set(re.findall(r"\w+", sentence))
    titles = {(key.section, key.name) for key in keys if key.name in words}
    found = [given.place for path, given in values.items() if path[:2] in titles]
    return ", ".join(dict.fromkeys(found)) or "the configuration"
