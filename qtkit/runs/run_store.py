"""The runs of an output folder: reading one, listing all, finding the last good one."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import rmtree

from pydantic import JsonValue

from qtkit.core.advice import command, root_words
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.file_reader import plain_bytes
from qtkit.core.paths import OutputRoot, RunFolder
from qtkit.core.render import Table, mark
from qtkit.runs.record import RunRecord, RunStatus, is_named_rightly, record_of

__all__ = [
    "Listed",
    "find_run",
    "keep_named_scenarios",
    "last_good",
    "list_runs",
    "read_record",
    "runner_is_gone",
    "runs_table",
    "still_running",
    "tries_since",
]


# records of runs that are over never change: a sweep reads each once
_READ: dict[tuple[Path, int, int, int], RunRecord] = {}


@dataclass(frozen=True, slots=True)
class Listed:
    """One folder of the listing: a record, or what is wrong with it."""

    folder: RunFolder
    record: RunRecord | None
    damage: str = ""

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.folder.run_id


def read_record(folder: RunFolder) -> RunRecord:
    """Return the record of a run.

    Raises
    ------
    DataError
        If it is missing, damaged, or belongs to another run.
    """
    try:
        seen = folder.record.stat()
        key = (folder.path, seen.st_mtime_ns, seen.st_size, seen.st_ino)
        if key in _READ:
            return _READ[key]
        text = plain_bytes(folder.record, "").decode()
    except (OSError, UnicodeDecodeError, DataError) as mistake:
        raise DataError(
            f"run {folder.run_id}: record.json cannot be read ({type(mistake).__name__}). "
            "Run the notebook again; the folder can be deleted"
        ) from mistake
    record = record_of(text, f"run {folder.run_id}: record.json")
    if record.run_id != folder.run_id:
        raise DataError(
            f"run {folder.run_id}: record.json is that of run {record.run_id}; "
            "the folder was copied or renamed"
        )
    if not is_named_rightly(record):
        raise DataError(
            f"run {folder.run_id}: record.json names another notebook, other parameters or another "
            "start than its id: it was altered. Run the notebook again; the folder can be deleted"
        )
    if record.status is not RunStatus.RUNNING:
        _READ[key] = record
    return record


def list_runs(root: OutputRoot) -> tuple[Listed, ...]:
    """Return all runs, the newest first; a damaged folder is listed as damaged."""
    if not root.run_records.is_dir():
        return ()
    folders = [RunFolder(path) for path in root.run_records.iterdir() if path.is_dir()]
    runs = [_listed(folder) for folder in folders]
    return tuple(sorted(runs, key=_age, reverse=True))


def _listed(folder: RunFolder) -> Listed:
    """Return one folder's entry."""
    try:
        return Listed(folder, read_record(folder))
    except DataError as damage:
        return Listed(folder, None, str(damage))


def _age(run: Listed) -> tuple[str, str]:
    """Return what runs are sorted by; an id starts with the second of its start."""
    started = run.record.started.isoformat() if run.record else ""
    return run.run_id[:15], started


def find_run(root: OutputRoot, run_id: str) -> RunFolder:
    """Return a run's folder by its id, by an unambiguous beginning, or ``last``.

    Raises
    ------
    ConfigError
        If no run, or more than one, is meant.
    """
    ids = [run.run_id for run in list_runs(root)]
    if run_id == "last" and ids:
        return RunFolder(root.run_records / ids[0])
    found = [name for name in ids if name == run_id] or [n for n in ids if n.startswith(run_id)]
    if len(found) != 1 or not run_id:
        meant = f"means {len(found)} runs: {', '.join(found[:5])}" if found else "is unknown"
        raise ConfigError(
            f"run {run_id!r} {meant}; {command('runs', 'list', *root_words(root.path))} shows the "
            f"{len(ids)} runs under {root.path}"
        )
    return RunFolder(root.run_records / found[0])


def _same(record: RunRecord, notebook: str, parameters: Mapping[str, JsonValue]) -> bool:
    """Whether a record is a run of the same notebook with the same parameters."""
    return record.notebook == notebook and record.parameters == dict(parameters)


def last_good(
    root: OutputRoot,
    notebook: str,
    parameters: Mapping[str, JsonValue],
    *,
    before: datetime | None = None,
) -> RunRecord | None:
    """Return the newest passed run of the same notebook with the same parameters.

    Parameters
    ----------
    root
        Where to look.
    notebook
        The notebook's file name.
    parameters
        The values that were injected.
    before
        Only runs that started before this time count.
    """
    for run in list_runs(root):
        record = run.record
        if (
            record
            and record.status is RunStatus.PASSED
            and _same(record, notebook, parameters)
            and (before is None or record.started < before)
        ):
            return record
    return None


def tries_since(root: OutputRoot, notebook: str, parameters: Mapping[str, JsonValue]) -> int:
    """Return how many runs of the same notebook and parameters came after the last good one."""
    tries = 0
    for run in list_runs(root):
        if run.record is None or not _same(run.record, notebook, parameters):
            continue
        if run.record.status is RunStatus.PASSED:
            break
        tries += 1
    return tries


def runs_table(runs: tuple[Listed, ...]) -> Table:
    """Return the listing for people."""
    columns = ("run", "status", "conclusion", "cells", "seconds", "attempt", "stopped by")
    return Table("", columns, tuple(_row(run) for run in runs), align="lllrrrl")


def _row(run: Listed) -> tuple[object, ...]:
    """Return one run's row."""
    record = run.record
    if record is None:
        return run.run_id, mark("damaged"), "", "", "", "", run.damage
    seconds = (record.finished - record.started).total_seconds() if record.finished else None
    stopped = record.error.ename if record.error else ""
    if runner_is_gone(record, run.folder):
        stopped = "its runner is gone"
    return (
        run.run_id,
        mark(record.status),
        mark(record.conclusion) if record.conclusion else "",
        f"{record.cells_run}/{record.cells}",
        "" if seconds is None else f"{seconds:.1f}",
        record.attempt,
        stopped,
    )


def keep_named_scenarios(folder: RunFolder, record: RunRecord) -> None:
    """Remove the scenarios of a run but those that a finding points to."""
    if not folder.scenarios.is_dir():
        return
    findings = " ".join(f"{v.summary} {v.fix}" for s in record.stages for v in s.verdicts)
    for path in folder.scenarios.iterdir():
        if not re.search(re.escape(str(path.resolve())) + r"(?![\w-])", findings):
            rmtree(path, ignore_errors=True)
    with suppress(OSError):
        folder.scenarios.rmdir()


@contextmanager
def still_running(folder: RunFolder) -> Iterator[None]:
    """Hold the run's folder, so that everybody can see that its runner is alive."""
    handle = os.open(folder.path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def runner_is_gone(record: RunRecord, folder: RunFolder) -> bool:
    """Whether a record says `running`, but nobody runs it: the runner was killed."""
    if record.status is not RunStatus.RUNNING:
        return False
    try:
        handle = os.open(Path(folder.path), os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
