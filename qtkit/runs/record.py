"""The record of one headless run: what it holds, how it is shown, named, and read back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePath

from pydantic import JsonValue

from qtkit.reports.records import (
    Closed,
    Difference,
    RecordedVerdict,
    StageRecord,
    sealed_json,
    unsealed,
)
from qtkit.runs.report import record_bundle
from qtkit.runs.run_fields import (
    CellTiming,
    MarkedCell,
    RunError,
    RunFields,
    RunStatus,
    SessionFacts,
    conclusion_of,
    digest_of,
)

__all__ = [
    "CellTiming",
    "Closed",
    "Difference",
    "MarkedCell",
    "RecordedVerdict",
    "RunError",
    "RunRecord",
    "RunStatus",
    "SessionFacts",
    "StageRecord",
    "conclusion_of",
    "digest_of",
    "is_named_rightly",
    "record_json",
    "record_of",
    "run_id_of",
]

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


class RunRecord(RunFields):
    """What was run, on what, and how it came out."""

    def __str__(self) -> str:
        return f"run {self.run_id}: {self.status}, {self.cells_run} of {self.cells} cells"

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        """Show the record in a notebook."""
        return record_bundle(self)


def run_id_of(
    notebook: str, digest: str, parameters: Mapping[str, JsonValue], started: datetime
) -> str:
    """Return ``YYYYMMDD_HHMMSS_<notebook>_<hash7>``; the hash is of parameters and notebook."""
    what = json.dumps(dict(parameters), sort_keys=True) + digest
    name = _UNSAFE.sub("-", PurePath(notebook).stem)[:40]
    return f"{started:%Y%m%d_%H%M%S}_{name}_{hashlib.sha256(what.encode()).hexdigest()[:7]}"


def is_named_rightly(record: RunRecord) -> bool:
    """Whether a record's id is that of its notebook, parameters and start."""
    right = run_id_of(record.notebook, record.notebook_digest, record.parameters, record.started)
    return re.fullmatch(re.escape(right) + r"(_\d+)?", record.run_id) is not None


def record_json(record: RunRecord) -> str:
    """Return a record as the text of ``record.json``."""
    return sealed_json(record)


def record_of(text: str, where: str) -> RunRecord:
    """Return the record that a text holds.

    Raises
    ------
    DataError
        If it is no record of format 2, with all mistakes, or if it was altered.
    """
    what = f"{where}: this is no run record of format 2"
    return unsealed(RunRecord, text, what, "Run the notebook again; the folder can be deleted")
