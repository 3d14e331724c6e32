"""Text about things that may be hostile: it never raises, can always be written, and is short."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches

__all__ = ["closest", "error_text", "is_writable", "nearest", "sentence_of", "shown", "writable"]

_LONGEST = 200  # letters of a value that a sentence shows
_LONGEST_ERROR = 2_000  # letters of an error


def is_writable(text: str) -> bool:
    r"""Whether a text can be written as UTF-8: it has no half of a surrogate pair.

    Examples
    --------
    >>> is_writable("格力"), is_writable("\ud800")
    (True, False)
    """
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def writable(text: str) -> str:
    r"""Return a text as it can be written: what UTF-8 does not know stands there escaped.

    Examples
    --------
    >>> print(writable("half \ud800"))
    half \ud800
    """
    return text.encode(errors="backslashreplace").decode()


def shown(value: object, longest: int = _LONGEST) -> str:
    """Return how a value prints, cut to a length; one that cannot be printed is named by its type.

    Examples
    --------
    >>> shown([1, 2]), shown("x" * 50, 10)
    ('[1, 2]', "'xxxxxxx...")
    """
    name = type(value).__name__
    try:
        text = writable(repr(value))
    except Exception:  # noqa: BLE001 - a foreign __repr__ may raise anything
        return f"<a {name} that cannot be shown>"
    return text if len(text) <= longest else f"{text[: longest - 2]}..."


def sentence_of(error: BaseException) -> str:
    """Return what an error says, cut to a length; "" where that cannot be found out."""
    text = ""
    with suppress(Exception):
        text = writable(str(error))
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}..."


def error_text(error: BaseException) -> str:
    """Return kind and sentence of an error; one whose sentence cannot be made has its kind alone.

    Examples
    --------
    >>> error_text(ValueError("too few"))
    'ValueError: too few'
    """
    name, text = type(error).__name__, sentence_of(error)
    return f"{name}: {text}"


def closest(word: str, names: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the name that a mistyped word is closest to; "" where none is close.

    Examples
    --------
    >>> closest("seeed", ["seed", "step_minutes"]), closest("xyz", ["seed"])
    ('seed', '')
    """
    near = get_close_matches(word, list(names), n=1, cutoff=cutoff)
    return near[0] if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the hint that names what was probably meant.

    Examples
    --------
    >>> nearest("600063.SH", ["600036.SH", "000651.SZ"])
    "; did you mean '600036.SH'?"
    """
    names = list(known)
    near = closest(word, names)
    if near:
        return f"; did you mean {near!r}?"
    return f"; there are: {', '.join(names)}" if names else "; there are none"
