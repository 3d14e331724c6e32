"""The parameters of a notebook: read from its tagged cell, and checked before anything runs."""

from __future__ import annotations

import ast
import json
import math
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, JsonValue, TypeAdapter, ValidationError

from qtkit.core.config.secret import holds_secret, is_secret_name
from qtkit.core.errors import ConfigError
from qtkit.core.plain_json import plain_json
from qtkit.core.text import closest

__all__ = ["Parameter", "checked", "declared", "parsed"]

_Read = TypeVar("_Read")

_TAG = "parameters"
_UNREADABLE = (ValueError, TypeError, RecursionError, MemoryError)  # what Python says of a text


def _iso(parse: type[date]) -> AfterValidator:
    """Return the check that a text is an ISO date or time."""

    def check(text: str) -> str:
        parse.fromisoformat(text)
        return text

    return AfterValidator(check)


_TYPES: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "list": list,
    "tuple": list,
    "dict": dict,
    "None": None,
    "Any": Any,
    "object": Any,
    "date": Annotated[str, _iso(date)],
    "datetime": Annotated[str, _iso(datetime)],
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name that the notebook lets the caller set.

    Attributes
    ----------
    name
        Its name.
    kind
        What it must be, as the notebook says it; empty when nothing is said.
    default
        The source of its default; empty when a value is required.
    accepts
        The type that values are checked against.
    """

    name: str
    kind: str
    default: str
    accepts: Any

    def takes(self, value: object) -> bool:
        """Whether a value is of the declared type and can be written down."""
        if not (_can_be_written(value) and _plain(value)):
            return False
        try:
            TypeAdapter(self.accepts).validate_python(value, strict=True)
        except ValidationError:
            return False
        return True

    def read(self, text: str) -> object:
        """Return what a word of the command line means for this parameter, or the word itself."""
        return next((value for value in _readings(text) if self.takes(value)), text)


def _can_be_written(value: object) -> bool:
    """Whether a value comes back from a record as it is: not too deep, too large or too long."""
    try:
        plain_json(value, "the value")
    except ValueError:
        return False
    return True


def _plain(value: object) -> bool:
    """Whether a value is JSON, with finite numbers."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(k, str) and _plain(v) for k, v in value.items())
    return value is None or isinstance(value, str | int)


def _readings(text: str) -> Iterable[object]:
    """Yield what a word can mean: JSON, a Python literal, the word itself."""
    with suppress(ValueError, RecursionError):
        yield json.loads(text)
    words: dict[str, object] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        yield words[text.lower()]
    with suppress(*_UNREADABLE, SyntaxError):
        yield _quietly(ast.literal_eval, text)
    yield text


def _quietly(read: Callable[[str], _Read], text: str) -> _Read:
    """Return what Python reads in a text; what it would warn about is judged by its value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return read(text)


def declared(cells: Sequence[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    """Return the parameters of a notebook, none when no cell is tagged ``parameters``.

    Parameters
    ----------
    cells
        The notebook's cells.

    Raises
    ------
    ConfigError
        If the tagged cell is not plain Python.
    """
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code" and _TAG in cell.get("metadata", {}).get("tags", ()):
            return _declared_in("".join(cell["source"]), number)
    return ()


def _declared_in(source: str, number: int) -> tuple[Parameter, ...]:
    """Return the parameters that one cell assigns; a name assigned twice counts as the last."""
    try:
        body = _quietly(ast.parse, source).body
        found = [parameter for node in body for parameter in _assigned(node)]
    except SyntaxError as mistake:
        raise ConfigError(
            f"cell {number}, tagged `{_TAG}`, line {mistake.lineno}: expected plain assignments "
            f"like `seed = 7`, found {(mistake.text or '').strip()!r}"
        ) from mistake
    except _UNREADABLE as mistake:
        raise ConfigError(
            f"cell {number}, tagged `{_TAG}`: expected plain assignments like `seed = 7`, found "
            f"what Python cannot read ({type(mistake).__name__}: {mistake})"
        ) from mistake
    return tuple({parameter.name: parameter for parameter in found}.values())


def _assigned(node: ast.stmt) -> Iterable[Parameter]:
    """Yield the parameters of one statement."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        default = "" if node.value is None else ast.unparse(node.value)
        yield Parameter(node.target.id, _kind(node.annotation), default, _type_of(node.annotation))
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                accepts, kind = _type_of_default(node.value)
                yield Parameter(target.id, kind, ast.unparse(node.value), accepts)


def _kind(annotation: ast.expr) -> str:
    """Return an annotation as people read it, quotes removed."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation)


def _type_of_default(value: ast.expr) -> tuple[Any, str]:
    """Return the type that a default implies, and its name; anything goes for ``None``."""
    try:
        literal = ast.literal_eval(value)
    except _UNREADABLE:
        return Any, ""
    name = type(literal).__name__
    return (Any, "") if literal is None or name not in _TYPES else (_TYPES[name], name)


def _type_of(node: ast.expr) -> Any:  # noqa: ANN401 - a type form, which Python cannot name
    """Return the type that an annotation means; one we do not know accepts anything."""
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str(text)):
            with suppress(SyntaxError):
                return _type_of(ast.parse(text, mode="eval").body)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _TYPES.get(name, Any)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union((left, right))
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inside):
            return _generic(name, inside.elts if isinstance(inside, ast.Tuple) else [inside])
    return Any


def _union(parts: Sequence[ast.expr]) -> Any:  # noqa: ANN401 - as above
    """Return the union of what annotations mean."""
    kinds = [_type_of(part) for part in parts]
    return Any if Any in kinds else reduce(operator.or_, (_noned(kind) for kind in kinds))


def _noned(kind: Any) -> Any:  # noqa: ANN401 - as above
    """Return a kind that can stand in a union."""
    return type(None) if kind is None else kind


def _generic(name: str, parts: Sequence[ast.expr]) -> Any:  # noqa: ANN401 - as above
    """Return what ``name[parts]`` means."""
    values = tuple(part.value for part in parts if isinstance(part, ast.Constant))
    kind: Any = Any
    match name, parts:
        case "Optional", [inner]:
            kind = _union((inner, ast.Constant(None)))
        case "Union", _:
            kind = _union(parts)
        case "Literal", _:
            kind = Literal[values] if values else Any
        case (("list" | "List" | "Sequence"), [inner]):
            kind = list[_type_of(inner)]  # type: ignore[misc]
        case (("dict" | "Dict" | "Mapping"), [key, inner]):
            kind = dict[_type_of(key), _type_of(inner)]  # type: ignore[misc]
        case (("tuple" | "Tuple"), _):
            kind = list
    return kind


def parsed(parameters: Sequence[Parameter], pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return the values that the words of a command line mean, each read by its declared type."""
    known = {parameter.name: parameter for parameter in parameters}
    return {name: known[name].read(text) if name in known else text for name, text in pairs}


def checked(
    parameters: Sequence[Parameter], values: Mapping[str, object], notebook: str
) -> dict[str, JsonValue]:
    """Return the values that may be injected.

    Parameters
    ----------
    parameters
        What the notebook declares.
    values
        What the caller gives.
    notebook
        Its name, for the message.

    Raises
    ------
    ConfigError
        With every mistake at once: unknown names, wrong types, missing values, secrets.
    """
    known = {parameter.name: parameter for parameter in parameters}
    wrong = [
        *(mistake for name, value in values.items() if (mistake := _mistake(known, name, value))),
        *(
            f"{name} is required ({p.kind or 'any value'})"
            for name, p in known.items()
            if not p.default and name not in values
        ),
    ]
    if wrong:
        lines = "".join(f"\n  - {mistake}" for mistake in wrong)
        raise ConfigError(f"{notebook}: the parameters do not fit, nothing was started:{lines}")
    return dict(values)  # type: ignore[arg-type]


def _mistake(known: Mapping[str, Parameter], name: str, value: object) -> str:
    """Return what is wrong with one value; empty when nothing is."""
    if is_secret_name(name) or holds_secret(value):
        return (
            f"{name} looks like a secret or has one in it, and parameters are written into the "
            "executed notebook and the record: put it into the environment or `.env` instead"
        )
    if name not in known:
        return f"{name} is unknown{_nearest(name, known)}"
    if not known[name].takes(value):
        kind = known[name].kind or "a plain finite value"
        return f"{name} must be {kind}, was {value!r} ({type(value).__name__})"
    return ""


def _nearest(name: str, known: Iterable[str]) -> str:
    """Return the suggestion that follows an unknown name."""
    names = sorted(known)
    if not names:
        return f": no cell of the notebook is tagged `{_TAG}`, so it takes none"
    near = closest(name, names)
    return f", did you mean {near}?" if near else f", it takes {', '.join(names)}"
