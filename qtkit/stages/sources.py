"""From whatever a person hands over to evidence."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Protocol, TypeGuard, runtime_checkable
from weakref import WeakKeyDictionary, finalize

from qtkit.core.errors import DataError
from qtkit.core.folders import OutputRoot, SessionFolder
from qtkit.evidence import Evidence, Scenario, Target
from qtkit.evidence.run_notes import RunNotes, write_run_notes

__all__ = [
    "SCENARIOS",
    "HasFolder",
    "Source",
    "evidence_of",
    "is_target",
    "name_of",
    "newest_session",
    "scenario_runs",
    "session_named",
]

_MODES = ("live", "paper", "shadow")
SCENARIOS = "QTKIT_SCENARIOS"  # environment variable: where scenarios are written, if anywhere


@runtime_checkable
class HasFolder(Protocol):
    """A session: whatever has a folder, and perhaps `facts` about its end."""

    @property
    def folder(self) -> SessionFolder:
        """Where it writes."""


Source = Evidence | SessionFolder | Path | str | HasFolder | Target


def is_target(source: Source) -> TypeGuard[Target]:
    """Whether a source is an engine on which scenarios may be run."""
    return hasattr(source, "run") and hasattr(source, "capabilities")


def evidence_of(source: Source) -> Evidence:
    """Return the evidence of a lone session.

    Raises
    ------
    DataError
        If the source is no session.
    """
    if isinstance(source, Evidence):
        return source
    if isinstance(source, SessionFolder):
        return Evidence.of_folder(_existing(source))
    if isinstance(source, str | Path):
        return Evidence.of_folder(_existing(SessionFolder(Path(source))))
    if isinstance(source, HasFolder):
        facts = getattr(source, "facts", None)
        return Evidence.of_folder(_existing(source.folder), facts=facts)
    raise DataError(
        f"a {type(source).__name__} cannot be judged; hand over a session, its folder, "
        "a journal's evidence or a target"
    )


def _existing(folder: SessionFolder) -> SessionFolder:
    if not folder.journal.parent.is_dir():
        raise DataError(
            f"{folder.path} is no session folder: it has no {folder.journal.parent.name}/ in it"
        )
    return folder


def name_of(source: Source, day: date | None) -> str:
    """Return what a report calls a source."""
    if isinstance(source, Evidence):
        name = source.folder.session_id if source.folder else "a journal"
    elif isinstance(source, str | Path):
        name = Path(source).name
    elif isinstance(source, SessionFolder):
        name = source.session_id
    else:
        name = source.folder.session_id if isinstance(source, HasFolder) else source.name
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
        capabilities=target.capabilities,
        known_defects=target.known_defects,
    )


def _new_folder(place: Path, name: str) -> SessionFolder:
    place.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = place / (name if number == 1 else f"{name}_{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
            continue
        folder = SessionFolder(path)
        folder.artifacts.mkdir()
        return folder


# --- sessions on disk ------------------------------------------------------------------------


def newest_session(root: OutputRoot) -> SessionFolder:
    """Return the newest session under a root.

    Raises
    ------
    DataError
        If there is none.
    """
    found = _sessions(root)
    if not found:
        raise DataError(
            f"there is no session under {root.path}; simulate one first "
            "(`qtkit simulate --help`), or name one with --session"
        )
    return max(found, key=lambda folder: (folder.session_id[:15], folder.session_id))


def session_named(root: OutputRoot, name: str) -> SessionFolder:
    """Return a session by its id, by the beginning of it, or by its folder.

    Raises
    ------
    DataError
        If there is none, or several begin like this.
    """
    if Path(name).is_dir():
        return SessionFolder(Path(name))
    found = [folder for folder in _sessions(root) if folder.session_id.startswith(name)]
    exact = [folder for folder in found if folder.session_id == name]
    if len(exact or found) == 1:
        return (exact or found)[0]
    known = ", ".join(sorted(f.session_id for f in found or _sessions(root))[-5:]) or "none"
    raise DataError(
        f"{'several sessions begin' if found else 'no session begins'} with {name!r} under "
        f"{root.path}; there are: {known}"
    )


def _sessions(root: OutputRoot) -> list[SessionFolder]:
    return [
        SessionFolder(path)
        for mode in _MODES
        if root.sessions(mode).is_dir()
        for path in root.sessions(mode).iterdir()
        if path.is_dir()
    ]
