"""Why a task does not run."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Objection"]


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a task does not run."""

    reason: str  # of the glossary
    detail: str
