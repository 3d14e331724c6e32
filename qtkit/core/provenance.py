"""What a run ran on: the toolkit's version and commit, the interpreter, the installed packages."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

import qtkit

__all__ = ["Provenance", "commit_of", "package_folder", "surroundings", "toolkit_version"]

_PATIENCE = 10.0  # seconds for one git command


@dataclass(frozen=True, slots=True)
class Provenance:
    """Versions of everything that took part."""

    toolkit_version: str
    commit: str
    python: str
    environment: tuple[str, ...]


def surroundings() -> Provenance:
    """Return what this process runs on."""
    return Provenance(
        toolkit_version=toolkit_version(),
        commit=commit_of(package_folder()),
        python=platform.python_version(),
        environment=_environment(),
    )


def package_folder() -> Path:
    """Return the folder of the package that is running."""
    return Path(qtkit.__path__[0])


def toolkit_version() -> str:
    """Return the installed version; a bare checkout has none."""
    try:
        return version("qtkit")
    except PackageNotFoundError:
        return "0+checkout"


def _environment() -> tuple[str, ...]:
    """Return the installed packages as ``name==version``, sorted, each once."""
    found = set()
    for distribution in distributions():
        metadata = distribution.metadata
        if name := metadata["Name"]:
            found.add(f"{name.lower().replace('_', '-')}=={metadata['Version']}")
    return tuple(sorted(found))


def commit_of(folder: Path) -> str:
    """Return the commit of the repository that tracks a folder.

    Returns
    -------
    str
        The commit, with ``+dirty`` when tracked files were changed; empty when no repository tracks
        the folder or git is not installed.
    """
    if not _git(folder, "ls-files", "--", ".").strip():
        return ""
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    head = [line for line in status.splitlines() if line.startswith("# branch.oid ")]
    changed = any(not line.startswith("#") for line in status.splitlines())
    commit = head[0].split()[-1] if head else ""
    return f"{commit}+dirty" if commit and changed else commit


def _git(folder: Path, *words: str) -> str:
    """Return what a git command prints; empty when it fails."""
    command = ["git", "-C", str(folder), "--no-optional-locks", *words]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
