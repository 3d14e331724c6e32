"""A value that nobody prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from pydantic import SecretStr

__all__ = ["MASK", "Secret"]

MASK = "**********"


class Secret(SecretStr):
    """Text that no log, record, journal, dump or error shows; `get_secret_value` alone reveals it.

    It stands in no attribute, so that what prints an object's attributes does not print it either,
    and it does not let itself be pickled.

    Examples
    --------
    >>> Secret("hunter2")
    Secret('**********')
    >>> f"{Secret('hunter2')}"
    '**********'
    """

    def __init__(self, secret_value: str) -> None:
        def reveal() -> str:
            return secret_value

        self._reveal: Callable[[], str] = reveal

    def get_secret_value(self) -> str:
        """Return the text itself: for the one call that needs it."""
        return self._reveal()

    def _display(self) -> str:
        return MASK if self._reveal() else ""

    def __len__(self) -> int:
        return len(self._reveal())

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled: hand over where it can be read instead")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self
