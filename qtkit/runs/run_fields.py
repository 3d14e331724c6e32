"""What a run record holds: closed, versioned, and refused when it contradicts itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from qtkit.core.verdict import Conclusion
from qtkit.reports.records import Closed, Difference, JsonObject, Recorded, StageRecord

__all__ = [
    "CellTiming",
    "MarkedCell",
    "RunError",
    "RunFields",
    "RunStatus",
    "SessionFacts",
    "conclusion_of",
    "digest_of",
]

Count = Annotated[int, Field(ge=0, strict=True)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


class RunStatus(StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    PASSED = "passed"
    BLOCKED = "blocked"
    PENDING = "pending"
    FAILED_CELL = "failed_cell"
    TIMED_OUT = "timed_out"
    KERNEL_DIED = "kernel_died"
    INTERRUPTED = "interrupted"
    INCOMPLETE = "incomplete"

    @property
    def exit_code(self) -> int:
        """What the shell sees."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    RunStatus.RUNNING: 5,
    RunStatus.PASSED: 0,
    RunStatus.BLOCKED: 1,
    RunStatus.PENDING: 5,
    RunStatus.FAILED_CELL: 1,
    RunStatus.TIMED_OUT: 6,
    RunStatus.KERNEL_DIED: 6,
    RunStatus.INTERRUPTED: 130,
    RunStatus.INCOMPLETE: 5,
}
_JUDGED = {RunStatus.PASSED, RunStatus.BLOCKED, RunStatus.PENDING}
_BROKEN = {RunStatus.FAILED_CELL, RunStatus.TIMED_OUT, RunStatus.KERNEL_DIED}


class CellTiming(Closed):
    """How long one cell took."""

    cell: Count  # position in the source notebook, from 0
    seconds: Seconds


class RunError(Closed):
    """What stopped a run, and where."""

    ename: str
    evalue: str
    cell: Count | None = None  # position in the source notebook, from 0
    source: str = ""  # first line of that cell


class MarkedCell(Closed):
    """A cell whose tag asks for something else than to be run and to succeed."""

    cell: Count  # position in the source notebook, from 0
    tag: str
    outcome: str  # what happened to it
    source: str = ""  # first line of the cell


class SessionFacts(Closed):
    """A session that the notebook ran or read."""

    session_id: str
    folder: str = ""
    journal_digest: str = ""
    details: JsonObject = Field(default_factory=dict)
    claimed: str = ""  # why it is not on disk as it was shown; "" if it is


class RunFields(Recorded):
    """What was run, on what, and how it came out."""

    format: Literal[2] = 2
    run_id: str
    status: RunStatus
    conclusion: Conclusion | None = None  # None: the notebook judged nothing
    started: AwareDatetime
    finished: AwareDatetime | None = None
    attempt: Annotated[int, Field(ge=1, strict=True)] = (
        1  # runs since the last good one, this one included
    )

    notebook: str  # file name
    notebook_digest: str
    parameters: JsonObject = Field(default_factory=dict)
    cells: Count = 0
    cells_run: Count = 0
    timings: tuple[CellTiming, ...] = ()
    marked: tuple[MarkedCell, ...] = ()
    error: RunError | None = None

    python: str
    environment: tuple[str, ...]  # name==version
    environment_digest: str

    sessions: tuple[SessionFacts, ...] = ()

    previous: str = ""  # run id of the last good run
    differences: tuple[Difference, ...] = ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> RunFields:
        """Refuse a record that contradicts itself, all contradictions at once."""
        if wrong := list(_contradictions(self)):
            raise ValueError("; ".join(wrong))
        return self


def _contradictions(record: RunFields) -> Iterable[str]:
    """Yield what cannot be true together."""
    status = record.status
    yield from _contradictions_of_time(record)
    if record.cells_run > record.cells:
        yield f"{record.cells_run} cells ran, but the notebook has {record.cells}"
    if status in _JUDGED and record.cells_run != record.cells:
        yield f"{status} with {record.cells_run} of {record.cells} cells run"
    if status in _BROKEN and record.error is None:
        yield f"{status} without an error"
    if status in _JUDGED and record.error is not None:
        yield f"{status} with an error ({record.error.ename})"
    if record.conclusion != conclusion_of(record.stages):
        yield f"conclusion {record.conclusion} is not what the stages add up to"
    if status in _JUDGED and str(status) != str(record.conclusion or Conclusion.PASSED):
        yield f"status {status} with conclusion {record.conclusion}"
    if record.environment_digest != digest_of(record.environment):
        yield "the environment digest is not that of the environment"
    if record.differences and not record.previous:
        yield "differences without a previous run"


def _contradictions_of_time(record: RunFields) -> Iterable[str]:
    """Yield what is wrong with start and end."""
    if (record.finished is None) != (record.status is RunStatus.RUNNING):
        yield f"status {record.status} with finishing time {record.finished}"
    if record.finished is not None and record.finished < record.started:
        yield f"finished {record.finished.isoformat()} before it started"


def conclusion_of(stages: Iterable[StageRecord]) -> Conclusion | None:
    """Return what the stages add up to; None when there are none.

    A report that is only claimed never counts as passed.
    """
    found = {_counted(stage) for stage in stages}
    worst = (Conclusion.BLOCKED, Conclusion.PENDING, Conclusion.PASSED)
    return next((c for c in worst if c in found), None)


def _counted(stage: StageRecord) -> Conclusion:
    """Return what a report counts as."""
    passed = stage.conclusion is Conclusion.PASSED
    return Conclusion.PENDING if stage.claimed and passed else stage.conclusion


def digest_of(lines: Iterable[str]) -> str:
    """Return the sha256 over lines.

    Examples
    --------
    >>> digest_of(["numpy==2.4.6"])[:7]
    '7242524'
    """
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
