"""From whatever a person hands over to evidence."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from operator import itemgetter
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Protocol, TypeGuard, runtime_checkable
from weakref import WeakKeyDictionary, finalize

from qtkit.core.clock import wall_time
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.file_reader import plain_bytes
from qtkit.core.files import make_folder, new_folder
from qtkit.core.input_text import quoted
from qtkit.core.paths import OutputRoot, SessionFolder, has_lines
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
    "sessions_by_start",
]

_MODES = ("live", "paper", "shadow")
_LAST = "last"
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
        capabilities=evidence.capabilities & target.capabilities,
        known_defects=target.known_defects,
    )


def _new_folder(place: Path, name: str) -> SessionFolder:
    folder = SessionFolder(new_folder(place, name))
    make_folder(folder.artifacts)
    return folder


# --- sessions on disk ------------------------------------------------------------------------


def newest_session(root: OutputRoot) -> SessionFolder:
    """Return the session under a root that was started, or came back, last by the machine's time.

    A folder without a journal line is no session yet.

    Raises
    ------
    DataError
        If there is none.
    """
    for folder in sessions_by_start(root):
        if has_lines(folder):
            return folder
    raise DataError(
        f"there is no session under {root.path}; simulate one first "
        "(`qtkit simulate --help`), or name one with --session"
    )


def sessions_by_start(root: OutputRoot) -> list[SessionFolder]:
    """Return all sessions under a root, the one that was started last first."""
    latest = wall_time()
    ranked = [
        ((_started_at(folder, latest), folder.session_id), folder) for folder in _sessions(root)
    ]
    return [folder for _, folder in sorted(ranked, key=itemgetter(0), reverse=True)]


def _started_at(folder: SessionFolder, latest: datetime) -> datetime:
    """Return when a session was started last, by the machine's time then.

    Where its own files do not say it, or say a time that is still to come, it is the time of the
    oldest file that a start writes.
    """
    told = [_time_in(folder.metadata, "started_wall_time"), *_returns(folder)]
    starts = [at for at in told if at is not None and at <= latest]
    return max(starts, default=None) or _file_time(folder)


def _returns(folder: SessionFolder) -> list[datetime | None]:
    try:
        lines = plain_bytes(folder.returns, "").splitlines()
    except (OSError, DataError):
        return []
    return [_time_of(line, "at") for line in lines]


def _time_in(path: Path, name: str) -> datetime | None:
    # a pipe in its place is not waited for
    try:
        return _time_of(plain_bytes(path, ""), name)
    except (OSError, DataError):
        return None


def _time_of(raw: bytes, name: str) -> datetime | None:
    """Return an aware time out of a JSON object; None where there is none."""
    try:
        at = datetime.fromisoformat(json.loads(raw)[name])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return at if at.tzinfo else None


def _file_time(folder: SessionFolder) -> datetime:
    for path in (folder.metadata, folder.config, folder.journal, folder.path):
        with suppress(OSError):
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return datetime.min.replace(tzinfo=UTC)


def session_named(root: OutputRoot, name: str) -> SessionFolder:
    """Return a session by its id, by the beginning of it, by its folder, or the ``last`` one.

    Raises
    ------
    ConfigError
        If it is no name at all.
    DataError
        If there is none, or several begin like this.
    """
    if not name.strip():
        raise ConfigError(
            "a session is named by its id, the beginning of it, its folder, or `last`"
        )
    if name == _LAST:
        return newest_session(root)
    if name and _is_folder(name):
        return _existing(SessionFolder(Path(name)))
    found = [folder for folder in _sessions(root) if folder.session_id.startswith(name)]
    exact = [folder for folder in found if folder.session_id == name]
    if len(exact or found) == 1:
        return (exact or found)[0]
    known = ", ".join(sorted(f.session_id for f in found or _sessions(root))[-5:]) or "none"
    raise DataError(
        f"{'several sessions begin' if found else 'no session begins'} with {quoted(name)} under "
        f"{root.path}; there are: {known}"
    )


def _is_folder(name: str) -> bool:
    """Whether there is a folder of this name; what no file system takes is none."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):
        return False


def _sessions(root: OutputRoot) -> list[SessionFolder]:
    return [
        SessionFolder(path)
        for mode in _MODES
        if root.sessions(mode).is_dir()
        for path in root.sessions(mode).iterdir()
        if path.is_dir()
    ]
