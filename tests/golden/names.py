"""What a sentence says in numbers and names: tests hold to those, and its words may change."""

from __future__ import annotations

import re

_NAME = re.compile(
    r"'[^']*'|`[^`]*`|\"[^\"]*\""  # in quotes
    r"|[\w./:-]*\d[\w.,/:-]*"  # numbers, dates, ids
    r"|\w+(?:[._]\w+)+"  # names of keys and files
    r"|\b[A-Z]{2,}\b"
)


def names_in(text: str) -> list[str]:
    """Return numbers, quoted words and names of a text in their order.

    Examples
    --------
    >>> names_in("engine.on_stop was 'cancl'; order q000001 has 1,000 shares left.")
    ['engine.on_stop', "'cancl'", 'q000001', '1,000']
    """
    return [found.rstrip(".,:;") for found in _NAME.findall(text)]
