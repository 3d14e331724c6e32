"""What whoever ran a scenario saw beside its journal, kept in the scenario's folder.

With it a scenario can be judged again from its folder alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from qtkit.core.errors import DataError
from qtkit.core.paths import SessionFolder, write_atomic
from qtkit.evidence.scenario import RunFacts
from qtkit.model.engine import ALL_CAPABILITIES, Capability

__all__ = ["RunNotes", "read_run_notes", "write_run_notes"]


class RunNotes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a journal cannot know, and what its engine can show at all."""

    format: Literal[1] = 1
    facts: RunFacts = RunFacts()
    capabilities: frozenset[Capability] = ALL_CAPABILITIES
    known_defects: Mapping[str, str] = {}


def write_run_notes(folder: SessionFolder, notes: RunNotes) -> None:
    """Write the notes into a scenario's folder."""
    write_atomic(folder.run_facts, msgspec.json.encode(notes, order="sorted"))


def read_run_notes(folder: SessionFolder) -> RunNotes:
    """Return the notes of a scenario; those of a session that nobody watched where there are none.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    try:
        return msgspec.json.decode(folder.run_facts.read_bytes(), type=RunNotes)
    except FileNotFoundError:
        return RunNotes()
    except (OSError, ValueError) as problem:
        raise DataError(
            f"{folder.run_facts} cannot be read ({problem}), and it alone knows what was seen "
            "beside the journal; run the scenario again"
        ) from None
