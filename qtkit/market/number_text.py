"""What a number is in text from outside: plain decimal digits, and finite."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["first_mistakes", "first_of", "is_number", "number_in", "numbers_in", "shortened"]

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
# Python itself also takes 1_0, full-width digits, inf and nan.
_STRANGE = re.compile(r"[^0-9eE+\-. ]")
_SHOWN = 3  # mistakes that one sentence names
_LONGEST = 40  # letters of a cell that a sentence shows


def number_in(cell: str) -> float:
    """Return the finite number that a cell says.

    Raises
    ------
    ValueError
        If it says none.

    Examples
    --------
    >>> number_in(" 1.5e2 ")
    150.0
    """
    text = cell.strip(" ")
    if not _NUMBER.fullmatch(text) or not math.isfinite(number := float(text)):
        raise ValueError(f"expected a finite number such as 37.52, found {shortened(cell)}")
    return number


def is_number(cell: str) -> bool:
    """Return whether a cell says a finite number.

    Examples
    --------
    >>> is_number("1e9"), is_number("1_0"), is_number("inf"), is_number("1e999")
    (True, False, False, False)
    """
    try:
        number_in(cell)
    except ValueError:
        return False
    return True


def numbers_in(cells: Sequence[str | None]) -> NDArray[np.float64] | str:
    """Return the numbers, an empty cell as NaN; or a sentence about the cells that say none."""
    given = [cell for cell in cells if cell is not None]
    if not _STRANGE.search("".join(given)):
        try:
            found = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
        except ValueError:
            found = np.full(1, np.inf)
        if not np.isinf(found).any():
            return found
    wrong = [row for row, cell in enumerate(cells) if cell is not None and not is_number(cell)]
    return f"{len(wrong)} cells are no finite numbers, {first_of(wrong, cells)}"


def first_of(rows: Sequence[int], cells: Sequence[str | None]) -> str:
    """Return the first wrong cells with their rows, counted from 1 below the header.

    Examples
    --------
    >>> first_of([1], ["1", "x"])
    "first 'x' in row 2"
    """
    named = [f"{shortened(cells[row])} in row {row + 1}" for row in rows[:_SHOWN]]
    return f"first {', '.join(named)}"


def first_mistakes(mistakes: Sequence[str]) -> str:
    """Return the first mistakes, and how many there are beyond.

    Examples
    --------
    >>> first_mistakes(["line 2 (x)"] * 5)
    'line 2 (x), line 2 (x), line 2 (x) and 2 more'
    """
    more = f" and {len(mistakes) - _SHOWN} more" if len(mistakes) > _SHOWN else ""
    return f"{', '.join(mistakes[:_SHOWN])}{more}"


def shortened(cell: object, show: Callable[[object], str] = repr) -> str:
    """Return a cell as a sentence shows it."""
    text = show(cell)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
