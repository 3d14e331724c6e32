"""A TOML file with the line of every key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.config.file_text import read_text
from qtkit.core.errors import ConfigError

__all__ = ["Key", "TomlFile", "read_toml"]

Key = tuple[str, ...]
"""A key with its tables, outermost first."""

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""+'
    r"|'''.*?'''+"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n|[\[\]{}=]|[^\[\]{}=\n\"'\#]+",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What a file says, and where.

    Attributes
    ----------
    values
        Tables in tables; decimal numbers are exact.
    lines
        Key with its tables -> line, counted from 1; tables of a list have their number.
    """

    name: str
    values: Mapping[str, Any]
    lines: Mapping[Key, int]

    def place(self, key: Key) -> str:
        """Return where a key stands, or what it stands in."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return f"{self.name} line {self.lines[key[:length]]}"
        return self.name


def read_toml(path: Path) -> TomlFile:
    """Read a file.

    Raises
    ------
    ConfigError
        If there is none, or it is no TOML; the line is named.
    """
    text = read_text(path)
    try:
        values = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{path.name} is no TOML: {problem}") from None
    except RecursionError:
        raise ConfigError(f"{path.name} is no TOML: its brackets are nested too deep") from None
    except ValueError:
        raise ConfigError(f"{path.name} is no TOML: a number in it has too many digits") from None
    return TomlFile(path.name, values, dict(_key_lines(text)))


def _key_lines(text: str) -> Iterator[tuple[Key, int]]:
    """Yield the keys of a sound file with their lines; of inline tables the outer key alone.

    The tables of a ``[[list]]`` have their number, counted from 0, behind its name.
    """
    table: Key = ()
    numbers = dict[Key, int]()  # list of tables -> its newest
    for line, statement in _statements(text):
        if statement.startswith("["):
            table = _numbered(_names(statement.strip("[]")), numbers)
            if statement.startswith("[["):
                if table not in numbers:
                    yield table, line
                numbers[table] = numbers.get(table, -1) + 1
                table = (*table, str(numbers[table]))
            yield table, line
        else:
            yield (*table, *_names(statement)), line


def _numbered(names: Key, numbers: Mapping[Key, int]) -> Key:
    """Return a table's name with the numbers of the lists that it stands in."""
    found: Key = ()
    for place, name in enumerate(names):
        found = (*found, name)
        if found in numbers and place < len(names) - 1:
            found = (*found, str(numbers[found]))
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, head) of each statement: ``[table]``, or a key without its value."""
    line, first, depth = 1, 1, 0
    head: list[str] = []
    in_value = False
    for part in _TOKEN.findall(text):
        if part == "\n" and depth == 0:
            if "".join(head).strip():
                yield first, "".join(head).strip()
            head, in_value, first = [], False, line + 1
        elif part == "=" and depth == 0:
            in_value = True
        elif not in_value and not part.startswith("#"):
            head.append(part)
        depth += (part in {"[", "{"}) - (part in {"]", "}"})
        line += part.count("\n")
    if "".join(head).strip():
        yield first, "".join(head).strip()


def _names(key: str) -> Key:
    """Return the parts of a dotted key, quotes taken off."""
    found: Any = tomllib.loads(f"{key} = 0")
    names = []
    while isinstance(found, dict):
        ((name, found),) = found.items()
        names.append(name)
    return tuple(names)
