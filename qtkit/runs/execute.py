"""Execute a notebook headlessly and tell the truth about it.

The record is written as ``running`` before anything starts and again when the run is over, whatever
ended it; in between, the executed copy is saved after every cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from qtkit.core.clock import wall_time
from qtkit.core.paths import OutputRoot, RunFolder, write_atomic
from qtkit.core.provenance import surroundings
from qtkit.core.verdict import Conclusion
from qtkit.runs.cell_monitor import CELL_KEY, EXPECTED, KernelRun, Watch
from qtkit.runs.notebook_outputs import gather
from qtkit.runs.parameters import checked
from qtkit.runs.progress import progress_for
from qtkit.runs.record import (
    MarkedCell,
    RunError,
    RunRecord,
    RunStatus,
    StageRecord,
    conclusion_of,
    digest_of,
    record_json,
    run_id_of,
)
from qtkit.runs.record_diff import compare
from qtkit.runs.report import record_page
from qtkit.runs.run_store import keep_named_scenarios, last_good, still_running, tries_since
from qtkit.runs.signals import StopSignals, stop_signals
from qtkit.runs.source import SKIPPED, Source, read_source, without_slow_import
from qtkit.runs.verification import Verifier, marked_sessions

__all__ = ["RunInterrupted", "execute"]

_MARKER = "papermill-error-cell-tag"


class RunInterrupted(KeyboardInterrupt):
    """The operator stopped a run; its record is written.

    Attributes
    ----------
    record
        The record.
    """

    def __init__(self, record: RunRecord) -> None:
        super().__init__(f"run {record.run_id} was interrupted")
        self.record = record


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be run."""

    source: Source
    values: dict[str, JsonValue]
    stages: frozenset[str]  # those that have to be judged


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the kernel's part of a run ended, before anybody looks at the verdicts."""

    status: RunStatus | None  # None: every cell ran, the verdicts decide
    error: RunError | None = None


def execute(
    notebook: Path,
    parameters: Mapping[str, object] | None = None,
    *,
    root: OutputRoot,
    stages: Sequence[str] = (),
    timeout: float | None = None,
    time_limit: float | None = None,
    progress: bool = False,
    own_process: bool = False,
) -> RunRecord:
    """Run a notebook on a fresh kernel of this interpreter, and return its record.

    Parameters
    ----------
    notebook
        The notebook; its cells run in its own folder, as they do in JupyterLab.
    parameters
        Values for names that its cell tagged ``parameters`` declares.
    root
        Where the run's folder is made, under ``run_records/``.
    stages
        Ids of the stages that the notebook has to judge; without one of them it is incomplete.
    timeout
        Seconds one cell may take; None is for ever.
    time_limit
        Seconds the whole run may take; None is for ever.
    progress
        Whether to tell the progress on standard error.
    own_process
        Whether SIGINT and SIGTERM are ours to handle (a command line), or the caller's.

    Returns
    -------
    RunRecord
        What is in ``record.json``.

    Raises
    ------
    ConfigError
        If notebook or parameters do not fit, with all mistakes; nothing was started then.
    RunInterrupted
        If the operator stopped it; the record is written, and the exception carries it.
    """
    source = read_source(notebook)
    values = checked(source.parameters, parameters or {}, source.name)
    with stop_signals(install=own_process) as stop:
        record = _recorded(
            _Wanted(source, values, frozenset(stages)),
            root,
            stop,
            timeout=timeout,
            time_limit=time_limit,
            progress=progress,
        )
    if record.status is RunStatus.INTERRUPTED:
        raise RunInterrupted(record)
    return record


def _recorded(
    wanted: _Wanted,
    root: OutputRoot,
    stop: StopSignals,
    *,
    timeout: float | None,
    time_limit: float | None,
    progress: bool,
) -> RunRecord:
    """Run, with a record before and after."""
    source, values, started = wanted.source, wanted.values, wall_time()
    facts = _known_before(source, values, root, started)
    folder = root.new_run(run_id_of(source.name, source.digest, values, started))
    facts["run_id"] = folder.run_id
    write_atomic(folder.record, record_json(RunRecord(status=RunStatus.RUNNING, **facts)))
    progress_bar = progress_for(len(source.cells), wanted=progress)
    watch = Watch(source.cells, progress_bar, timeout=timeout, time_limit=time_limit)
    good = last_good(root, source.name, values)
    with still_running(folder):
        cells, ending = _run(source, values, folder, watch, stop)
        stop.disarm()
        progress_bar.close()
        facts["marked"] = tuple(_marked(source, watch))
        record = _compared(_known_after(facts, cells, watch, ending, wanted.stages), good)
        keep_named_scenarios(folder, record)
        write_atomic(folder.record, record_json(record))
        write_atomic(folder.report, record_page(record))
    return record


def _known_before(
    source: Source, values: dict[str, JsonValue], root: OutputRoot, started: datetime
) -> dict[str, Any]:
    """Return the fields that are known before anything runs."""
    on = surroundings()
    return {
        "started": started,
        "attempt": tries_since(root, source.name, values) + 1,
        "notebook": source.name,
        "notebook_digest": source.digest,
        "parameters": values,
        "cells": len(source.cells),
        "toolkit_version": on.toolkit_version,
        "commit": on.commit,
        "python": on.python,
        "environment": on.environment,
        "environment_digest": digest_of(on.environment),
    }


def _known_after(
    facts: dict[str, Any],
    cells: list[Any],
    watch: Watch,
    ending: _Ending,
    wanted: frozenset[str],
) -> RunRecord:
    """Return the record of a run that is over, its reports judged again."""
    gathered = gather(cells)
    stages = Verifier().stages(gathered.stages, gathered.sessions)
    missing = sorted(wanted - {stage.stage for stage in stages})
    status, error = _judged(ending, gathered.unreadable, missing, stages)
    return RunRecord(
        **facts,
        **gathered.facts,
        status=status,
        error=error,
        conclusion=conclusion_of(stages),
        finished=max(wall_time(), facts["started"]),
        cells_run=len(watch.completed),
        timings=tuple(watch.timings),
        sessions=marked_sessions(gathered.sessions),
        stages=stages,
    )


def _compared(record: RunRecord, good: RunRecord | None) -> RunRecord:
    """Return a record with what changed since the last good run, known before this one began."""
    if good is None:
        return record
    differences = compare(good, record).differences
    return record.model_copy(update={"previous": good.run_id, "differences": differences})


def _judged(
    ending: _Ending,
    unreadable: Sequence[str],
    missing: Sequence[str],
    stages: Sequence[StageRecord],
) -> tuple[RunStatus, RunError | None]:
    """Return status and error: a report that lacks or cannot be read leaves a run incomplete."""
    if ending.status is not None:
        return ending.status, ending.error
    if unreadable:
        return RunStatus.INCOMPLETE, RunError(
            ename="ReportUnreadable", evalue="; ".join(unreadable)
        )
    found = conclusion_of(stages)
    if missing and found is not Conclusion.BLOCKED:
        evalue = f"stages that were not judged: {', '.join(missing)}"
        return RunStatus.INCOMPLETE, RunError(ename="StagesMissing", evalue=evalue)
    return RunStatus.PASSED if found is None else RunStatus(str(found)), None


def _marked(source: Source, watch: Watch) -> Iterator[MarkedCell]:
    """Yield the cells whose tags ask for something else than to be run and to succeed."""
    for tag in (SKIPPED, EXPECTED):
        for n in source.tagged(tag):
            ran = "ran and raised nothing" if n in watch.completed else "was not run"
            outcome = f"raised {watch.raised[n]}" if n in watch.raised else ran
            yield MarkedCell(cell=n, tag=tag, outcome=outcome, source=source.line_of(n))


# --- the kernel's part -----------------------------------------------------------------------


def _run(
    source: Source,
    values: dict[str, JsonValue],
    folder: RunFolder,
    watch: Watch,
    stop: StopSignals,
) -> tuple[list[Any], _Ending]:
    """Execute the copy; return its cells as far as they got, and how it ended."""
    copy = source.copy()
    run = KernelRun(folder.notebook, source.path.parent, dict(values), watch, folder.scenarios)
    mistake: BaseException | None = None
    try:
        stop.arm()
        write_atomic(folder.notebook, copy)
        _on_a_kernel(run)
    except (KeyboardInterrupt, Exception) as raised:  # noqa: BLE001 - the record tells it
        mistake = raised
    stop.disarm()
    ending = _ending(watch, run.last_words, mistake, interrupted=stop.seen > 0)
    if run.executed is None:
        write_atomic(folder.notebook, copy)
        return [], ending
    return _saved(run.executed, folder, watch, ending), ending


def _on_a_kernel(run: KernelRun) -> None:
    """Execute a copy; the notebook machinery is imported only now."""
    with without_slow_import():
        from qtkit.runs.kernel import run_notebook

    run_notebook(run)


def _ending(
    watch: Watch, last_words: str, mistake: BaseException | None, *, interrupted: bool
) -> _Ending:
    """Return how a run ended, by what we saw and not by what papermill wrote down."""
    if interrupted or isinstance(mistake, KeyboardInterrupt):
        return _broken(RunStatus.INTERRUPTED, watch, "KeyboardInterrupt", "stopped by the operator")
    if cut := _cut_short(watch, last_words, mistake):
        return cut
    if watch.left_early:
        error = watch.broken_by("SystemExit", "a cell left the notebook with sys.exit(0)")
        return _Ending(RunStatus.INCOMPLETE, error)
    if watch.error is not None:
        return _Ending(RunStatus.FAILED_CELL, watch.error)
    if len(watch.completed) == len(watch.cells):
        return _Ending(None)
    name = type(mistake).__name__ if mistake else "CellsNotRun"
    left = ", ".join(str(n) for n in watch.cells if n not in watch.completed)
    evalue = str(mistake or f"cells that were not run: {left}")
    return _broken(RunStatus.INCOMPLETE, watch, name, evalue)


def _cut_short(watch: Watch, last_words: str, mistake: BaseException | None) -> _Ending | None:
    """Return the ending of a run whose kernel died or was out of time; None for others."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    never_ready = isinstance(mistake, RuntimeError) and not watch.started
    if isinstance(mistake, CellTimeoutError) or (never_ready and watch.over_limit):
        return _broken(RunStatus.TIMED_OUT, watch, "Timeout", _overrun(watch, str(mistake)))
    if isinstance(mistake, DeadKernelError) or never_ready:
        lines = [line for line in last_words.splitlines() if line.strip()]
        evalue = f"{mistake}: {lines[-1]}" if lines else str(mistake)
        return _broken(RunStatus.KERNEL_DIED, watch, "KernelDied", evalue)
    return None


def _broken(status: RunStatus, watch: Watch, ename: str, evalue: str) -> _Ending:
    """Return an ending at the cell that ran."""
    return _Ending(status, watch.broken_by(ename, evalue))


def _overrun(watch: Watch, evalue: str) -> str:
    """Return which limit was hit."""
    if watch.over_limit:
        return f"the run took longer than its time limit of {watch.time_limit:g} s"
    if "execution timed out" in evalue:
        return f"the cell took longer than {watch.timeout:g} s"
    return evalue.splitlines()[0]


def _saved(notebook: Any, folder: RunFolder, watch: Watch, ending: _Ending) -> list[Any]:  # noqa: ANN401
    """Write the executed copy once more, with papermill's account of the cells put right."""
    v4: Any = import_module("nbformat.v4")
    if ending.status is None:
        notebook.cells = [c for c in notebook.cells if _MARKER not in c.metadata.get("tags", ())]
    notebook.metadata.papermill["exception"] = ending.status is not None
    for cell in notebook.cells:
        position = cell.metadata.get(CELL_KEY)
        if position is not None and position not in watch.completed:
            failed = position == watch.current or position in watch.raised
            status = "failed" if failed else "pending"
            cell.metadata.papermill.update(status=status, exception=status == "failed")
    write_atomic(folder.notebook, v4.writes(notebook))
    cells: list[Any] = notebook.cells
    return cells
