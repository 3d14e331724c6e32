"""What a setting may be, in words that people read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, SecretStr
from pydantic.fields import FieldInfo

from qtkit.core.config.file_text import shortened
from qtkit.core.config.secret import MASK, masked

__all__ = ["expectation", "is_secret", "may_be_none", "shown", "without_none"]

_WORDS: dict[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "text",
    datetime: "a time with its zone, such as 2026-03-04T09:30:00+08:00",
    AwareDatetime: "a time with its zone, such as 2026-03-04T09:30:00+08:00",
    time: "a time HH:MM",
}
_PLURALS: dict[object, str] = {str: "texts", int: "whole numbers"}
_BOUNDS = (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most"))


def expectation(field: FieldInfo) -> str:
    """Return what a field accepts.

    Examples
    --------
    >>> from pydantic import Field
    >>> expectation(FieldInfo.from_annotated_attribute(int | None, Field(default=None, ge=1)))
    'a whole number, at least 1, or none'
    """
    words = ", ".join([_kind(without_none(field.annotation)), *_bounds(field)])
    return f"{words}, or none" if may_be_none(field) else words


def _kind(annotation: object) -> str:
    """Return what a type is called."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        return "a secret text"
    if origin is Literal:
        return "one of " + ", ".join(str(choice) for choice in inner)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "one of " + ", ".join(str(choice.value) for choice in annotation)
    if origin is tuple:
        return f"a list of {_each(inner[0])}"
    if origin is dict:
        return f"a table of {_each(inner[1])}"
    return _WORDS.get(annotation, str(getattr(annotation, "__name__", annotation)))


def _each(annotation: object) -> str:
    return "pairs" if get_origin(annotation) is tuple else _PLURALS.get(annotation, "values")


def without_none(annotation: object) -> object:
    """Return a type without its None."""
    if get_origin(annotation) in {Union, UnionType}:
        left = [kind for kind in get_args(annotation) if kind is not NoneType]
        return left[0] if len(left) == 1 else annotation
    return annotation


def may_be_none(field: FieldInfo) -> bool:
    """Return whether none is a value of a field."""
    return NoneType in get_args(field.annotation)


def is_secret(field: FieldInfo) -> bool:
    """Return whether nobody may see a field's value."""
    kind = without_none(field.annotation)
    return isinstance(kind, type) and issubclass(kind, SecretStr)


def _bounds(field: FieldInfo) -> Iterator[str]:
    for limit in field.metadata:
        for name, word in _BOUNDS:
            if (bound := getattr(limit, name, None)) is not None:
                yield f"{word} {bound:,}"


def shown(value: Any, *, secret: bool = False) -> str:  # noqa: ANN401 - whatever was given
    """Return a value as a sentence shows it: not too long, and a secret not at all.

    Examples
    --------
    >>> shown("hunter2", secret=True), shown("x"), shown(None)
    ('**********', '"x"', 'none')
    """
    if secret or isinstance(value, SecretStr):
        return MASK
    return shortened(masked(_plain(value)))


def _plain(value: Any) -> str:  # noqa: ANN401 - whatever was given
    if value is None or value == ():
        return "none"
    if isinstance(value, str | bool | dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
