"""Who sits at a desk, and what they set for themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from qtkit.evidence.session import OperableSession

__all__ = ["JSON", "Seat", "Shown"]

JSON = "qtkit.desk.json"  # key of a click context: whether JSON was asked for


class _HasForms(Protocol):
    """A report: text by `str`, JSON for programs."""

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""


Shown = _HasForms | str


@dataclass(slots=True)
class Seat:
    """One operator at one session.

    Attributes
    ----------
    by
        The operator's name, as the journal has it.
    watched
        What `watch` shows; empty: everything the session trades.
    left
        Whether they said `bye`.
    """

    session: OperableSession
    by: str = "operator"
    watched: tuple[str, ...] = ()
    left: bool = False
