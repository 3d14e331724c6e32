"""JSON as it comes back from disk: what an outsider's object returns is made so, or refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qtkit.core.text import is_writable, shown

__all__ = ["DEEPEST", "MOST_VALUES", "plain_json", "plain_object"]

DEEPEST = 32  # objects and lists within each other
MOST_VALUES = 100_000  # texts, numbers, objects and lists, all together
_LONGEST_PATH = 100  # letters
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
    try:
        return _plain(value, _Room(DEEPEST, [MOST_VALUES]))
    except _Odd as odd:
        raise ValueError(f"{where}{odd.path()} {odd.why}") from None


def plain_object(value: object, where: str) -> dict[str, Any]:
    """Return a JSON object as it comes back from disk; raises as `plain_json`."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {shown(value)} ({type(value).__name__}), no object")  # noqa: TRY004
    if _has_plain_pairs(value) and len(value) <= MOST_VALUES:
        return dict(value)
    found: dict[str, Any] = plain_json(value, where)
    return found


def _has_plain_pairs(value: dict[object, object]) -> bool:
    """Whether keys and values come back as they are: most states have no others."""
    for key, part in value.items():
        if type(key) is not str or not key.isascii():
            return False
        if type(part) is bool or part is None:
            continue
        if type(part) is not str or not part.isascii():
            return False
    return True


class _Odd(Exception):
    """A part that is not JSON; the keys that lead to it are put in front on the way out."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why, self.keys = why, list[object]()

    def path(self) -> str:
        """Return where the part is, cut to a length."""
        text = "".join(f"[{key!r}]" for key in reversed(self.keys))
        return text if len(text) <= _LONGEST_PATH else f"{text[:_LONGEST_PATH]}..."


class _Room:
    """How many levels and values may still come."""

    __slots__ = ("_left", "_levels")

    def __init__(self, levels: int, left: list[int]) -> None:
        self._levels, self._left = levels, left

    def inside(self, value: Sequence[object] | dict[object, object]) -> _Room:
        """Return what is left within an object or a list."""
        self._left[0] -= len(value)
        if self._left[0] < 0:
            raise _Odd(f"comes after {MOST_VALUES} values; expected fewer")
        if not self._levels:
            raise _Odd(f"is nested deeper than {DEEPEST} levels")
        return _Room(self._levels - 1, self._left)


def _plain(value: object, room: _Room) -> Any:  # noqa: ANN401
    """Return one part of a value."""
    if isinstance(value, dict):
        return _object(value, room.inside(value))
    if isinstance(value, list | tuple):
        return _list(value, room.inside(value))
    return _leaf(value)


def _object(value: dict[object, object], room: _Room) -> dict[str, Any]:
    """Return an object; plain texts are taken over at once, for states are walked often."""
    found = dict[str, Any]()
    for key, part in value.items():
        if type(key) is not str or not (key.isascii() or is_writable(key)):
            raise _Odd(f"has the key {shown(key)}; expected text that can be written")
        if part is None or type(part) is bool or (type(part) is str and part.isascii()):
            found[key] = part
            continue
        try:
            found[key] = _plain(part, room)
        except _Odd as odd:
            odd.keys.append(key)
            raise
    return found


def _list(value: Sequence[object], room: _Room) -> list[Any]:
    found = list[Any]()
    for n, part in enumerate(value):
        try:
            found.append(_plain(part, room))
        except _Odd as odd:
            odd.keys.append(n)
            raise
    return found


def _leaf(value: object) -> str | float | None:
    """Return a part that has no parts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -_LARGEST <= value < _LARGEST:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, str):
        return _text(str.__str__(value))
    raise _Odd(
        f"is {shown(value)} ({type(value).__name__}); expected text, a finite number, a whole "
        "number of at most 64 bits, true, false, nothing, or lists and objects of these"
    )


def _text(text: str) -> str:
    if not text.isascii() and not is_writable(text):
        raise _Odd(f"is {shown(text)}; expected text that can be written")
    return text
