"""JSON as it comes back from disk: what an outsider's object returns is made so, or refused."""

from __future__ import annotations

import math
from typing import Any

from qtkit.core.text import is_writable, shown

__all__ = ["DEEPEST", "MOST_VALUES", "plain_json", "plain_object"]

DEEPEST = 32  # objects and lists within each other
MOST_VALUES = 100_000  # texts, numbers, objects and lists, all together
_LARGEST = 2**63  # what every reader of JSON takes as a whole number


def plain_json(value: object, where: str) -> Any:  # noqa: ANN401 - JSON is any of six types
    """Return a value as JSON gives it back: dict, list, text, int, float, bool or None.

    Parameters
    ----------
    value
        Anything; tuples become lists, and numbers of other kinds become plain ones.
    where
        What the value is called in an error.

    Raises
    ------
    ValueError
        If it would not come back as the same value: a NaN, a key that is no text, a foreign
        object, half a surrogate pair, a whole number beyond 64 bits, more than `DEEPEST` levels
        or `MOST_VALUES` values. The place within the value is named.

    Examples
    --------
    >>> plain_json({"base": ("37.30", None)}, "the state")
    {'base': ['37.30', None]}
    """
    return _Walk().plain(value, where, 0)


def plain_object(value: object, where: str) -> dict[str, Any]:
    """Return a JSON object as it comes back from disk; raises as `plain_json`."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {shown(value)} ({type(value).__name__}), no object")  # noqa: TRY004
    found: dict[str, Any] = plain_json(value, where)
    return found


class _Walk:
    """One pass over a value, which counts what it has seen."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def plain(self, value: object, where: str, depth: int) -> Any:  # noqa: ANN401
        """Return one part of the value."""
        self._count += 1
        if self._count > MOST_VALUES:
            raise ValueError(f"{where} comes after {MOST_VALUES} values; expected fewer")
        if depth > DEEPEST:
            raise ValueError(f"{where[:80]}... is nested deeper than {DEEPEST} levels")
        if isinstance(value, dict):
            return {
                _key(key, where): self.plain(part, f"{where}[{key!r}]", depth + 1)
                for key, part in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.plain(part, f"{where}[{n}]", depth + 1) for n, part in enumerate(value)]
        return _leaf(value, where)


def _key(key: object, where: str) -> str:
    if type(key) is not str or not is_writable(key):
        raise ValueError(f"{where} has the key {shown(key)}; expected text that can be written")
    return key


def _leaf(value: object, where: str) -> str | float | None:
    """Return a value that has no parts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and is_writable(value):
        return str.__str__(value)
    if isinstance(value, int) and -_LARGEST <= value < _LARGEST:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    raise ValueError(
        f"{where} is {shown(value)} ({type(value).__name__}); expected text, a finite number, a "
        "whole number of at most 64 bits, true, false, nothing, or lists and objects of these"
    )
