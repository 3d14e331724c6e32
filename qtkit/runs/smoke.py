"""The main job: the smoke checklist, run headlessly, told in one screen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot, RunFolder
from qtkit.core.provenance import package_folder
from qtkit.core.render import mark, text_report
from qtkit.runs.execute import execute
from qtkit.runs.record import RunRecord
from qtkit.runs.record_diff import differences_table
from qtkit.runs.report import (
    claims_table,
    error_sentence,
    marked_table,
    open_findings,
    stages_table,
)
from qtkit.runs.source import read_source
from qtkit.stages import all_stages

__all__ = ["find_checklist", "smoke", "smoke_text"]

_NAME = Path("notebooks") / "smoke_checklist.ipynb"
_ROOT = "root"  # a parameter of this name tells the notebook where to write


def find_checklist() -> Path:
    """Return the checklist's notebook: in the working folder, or beside the package.

    Raises
    ------
    ConfigError
        If it is in neither, with the places.
    """
    places = [Path.cwd(), package_folder().parent, package_folder()]
    for place in places:
        if (place / _NAME).is_file():
            return place / _NAME
    looked = ", ".join(str(place / _NAME) for place in places)
    raise ConfigError(f"the smoke checklist was not found, looked for {looked}: use --notebook")


def smoke(
    root: OutputRoot,
    *,
    notebook: Path | None = None,
    parameters: Mapping[str, object] | None = None,
    progress: bool = False,
    own_process: bool = False,
) -> RunRecord:
    """Run the smoke checklist and return its record; one that leaves out a stage is incomplete.

    Parameters
    ----------
    root
        Where the run's folder is made; also handed to the notebook, if it has a parameter ``root``.
    notebook
        The checklist; found by itself when not given.
    parameters
        Values for the notebook's parameters.
    progress
        Whether to tell the progress on standard error.
    own_process
        Whether SIGINT and SIGTERM are ours to handle.
    """
    checklist = notebook or find_checklist()
    given = dict(parameters or {})
    if any(p.name == _ROOT for p in read_source(checklist).parameters):
        given.setdefault(_ROOT, str(root.path.resolve()))
    return execute(
        checklist,
        given,
        root=root,
        stages=[stage.id for stage in all_stages()],
        progress=progress,
        own_process=own_process,
    )


def smoke_text(record: RunRecord, root: OutputRoot) -> str:
    """Return what `qtkit smoke` prints: stages, what is not good, the conclusion, the paths."""
    folder = RunFolder(root.run_records / record.run_id)
    paths = [
        ("executed notebook", str(folder.notebook)),
        ("record", str(folder.record)),
        *(("session folder", session.folder) for session in record.sessions),
    ]
    changed = f"Changed since the last good run {record.previous}"
    return text_report(
        f"Smoke checklist · {mark(record.status)}",
        stages_table(record) if record.stages else "  no stage was judged",
        claims_table(record),
        marked_table(record),
        open_findings(record),
        error_sentence(record),
        differences_table(record.differences, changed) if record.differences else "",
        f"\nConclusion: {record.conclusion or record.status}",
        *(f"  {name:<18} {path}" for name, path in paths),
    )
