"""The evidence of a session, and the scenarios that an engine under inspection lives through."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import WeakKeyDictionary, finalize

from qtkit.core.errors import ConfigError
from qtkit.core.files import make_folder, new_folder
from qtkit.core.paths import SessionFolder
from qtkit.evidence import Evidence, Scenario, Target
from qtkit.evidence.run_notes import RunNotes, write_run_notes
from qtkit.evidence.session import Session
from qtkit.runtime.session_finder import existing

__all__ = [
    "SCENARIOS",
    "Judged",
    "evidence_of",
    "name_of",
    "scenario_runs",
]

SCENARIOS = "QTKIT_SCENARIOS"  # environment variable: where scenarios are written, if anywhere


Judged = Session | Evidence | Target
"""What a stage can judge: a session, its evidence alone, or an engine by its scenarios."""


def evidence_of(source: Session | Evidence) -> Evidence:
    """Return the evidence of a lone session.

    Raises
    ------
    ConfigError
        If it is neither.
    DataError
        If the session has no folder with a journal's place in it.
    """
    if isinstance(source, Evidence):
        return source
    if not isinstance(getattr(source, "folder", None), SessionFolder):
        raise ConfigError(
            f"a {type(source).__name__} cannot be judged; hand over a session, such as "
            "open_session('last') of qtkit.sessions.remote, its evidence or a target"
        )
    return Evidence.of_folder(existing(source.folder))


def name_of(source: Session | Evidence, day: date | None) -> str:
    """Return what a report calls a source."""
    folder = source.folder
    name = folder.session_id if folder else "a journal"
    return f"{name} on {day}" if day else name


# --- scenarios -------------------------------------------------------------------------------


class _Runs:
    """The scenarios that one target has been through, each once."""

    def __init__(self) -> None:
        self.found: dict[tuple[Scenario, Path | None], Evidence] = {}
        self._temporary: Path | None = None

    def place(self, root: Path | None) -> Path:
        """Return where scenarios are written."""
        if root is not None:
            return root / "scenarios"
        if named := os.environ.get(SCENARIOS):
            return Path(named)
        if self._temporary is None:
            self._temporary = Path(mkdtemp(prefix="qtkit-scenarios-"))
            finalize(self, rmtree, self._temporary, ignore_errors=True)
        return self._temporary


_RUNS: WeakKeyDictionary[Target, _Runs] = WeakKeyDictionary()


def scenario_runs(
    target: Target, scenarios: Sequence[Scenario], root: Path | None
) -> Mapping[str, Evidence]:
    """Return the evidence of scenarios by name; what a target has been through is not run again."""
    runs = _RUNS.setdefault(target, _Runs())
    by_name = {scenario.name: scenario for scenario in scenarios}
    found: dict[str, Evidence] = {}
    for scenario in scenarios:
        key = (scenario, root)
        if key not in runs.found:
            inputs = _inputs(runs, by_name.get(scenario.replays), root)
            runs.found[key] = _run(target, replace(scenario, inputs=inputs), runs.place(root))
        found[scenario.name] = runs.found[key]
    return found


def _inputs(runs: _Runs, replayed: Scenario | None, root: Path | None) -> Path | None:
    """Return the folder whose recorded inputs are to be fed in again."""
    if replayed is None:
        return None
    before = runs.found.get((replayed, root))
    return before.folder.path if before is not None and before.folder else None


def _run(target: Target, scenario: Scenario, place: Path) -> Evidence:
    """Run one scenario; a run that raises is evidence that nothing can be judged by."""
    folder = _new_folder(place, scenario.name)
    try:
        evidence = target.run(scenario, folder)
    except Exception as problem:  # noqa: BLE001 - a foreign engine may raise anything: error verdicts
        reason = f"scenario {scenario.name} raised {type(problem).__name__}: {problem}"
        evidence = Evidence.broken(reason, scenario=scenario)
    if evidence.folder is not None:
        write_run_notes(
            evidence.folder,
            RunNotes(
                facts=evidence.facts,
                capabilities=target.capabilities,
                known_defects=target.known_defects,
            ),
        )
    return replace(
        evidence,
        scenario=scenario,
        capabilities=evidence.capabilities & target.capabilities,
        known_defects=target.known_defects,
    )


def _new_folder(place: Path, name: str) -> SessionFolder:
    folder = SessionFolder(new_folder(place, name))
    make_folder(folder.artifacts)
    return folder
