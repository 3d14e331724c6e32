"""An engine under inspection, as the checklist asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from qtkit.core.paths import SessionFolder
from qtkit.evidence.evidence import Evidence
from qtkit.evidence.scenario import Scenario
from qtkit.model.engine import Capability

__all__ = ["Target"]


@runtime_checkable
class Target(Protocol):
    """An engine under inspection."""

    name: str
    capabilities: frozenset[Capability]
    known_defects: Mapping[str, str]  # check id -> name of a defect known upstream

    def run(self, scenario: Scenario, folder: SessionFolder) -> Evidence:
        """Live through a scenario, write what the engine writes into `folder`, and tell."""
