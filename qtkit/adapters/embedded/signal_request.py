"""What the process of a scenario that ends by a signal is asked, and what it answers."""

from __future__ import annotations

from pathlib import Path

import msgspec

from qtkit.core.paths import SessionFolder
from qtkit.evidence.scenario import RunFacts, Scenario

__all__ = ["Request", "facts_of", "request_json"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is asked to live through."""

    scenario: Scenario
    source: str
    folder: str


def request_json(scenario: Scenario, source: Path, folder: SessionFolder) -> bytes:
    """Return a request as the child reads it."""
    request = Request(
        scenario=scenario, source=str(source.resolve()), folder=str(folder.path.resolve())
    )
    return msgspec.json.encode(request, enc_hook=str)


def facts_of(answer: bytes) -> RunFacts:
    """Return what the child saw."""
    return msgspec.json.decode(answer, type=RunFacts)
