"""No machine, no address and no secret is in the repository, and nothing half done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.repository.places import ROOT, text_files

# Written in two parts, so that this file does not find itself.
MACHINE_PATHS = re.compile(
    r"(?<![\w.$}~*>)-])/" + r"(?:home|root|Users|work|opt|mnt|tmp|private)/[\w.]+"
)
ADDRESSES = re.compile(
    r"index[-_]" + r"url|extra[-_]" + r"index|find[-_]" + r"links|pypi\.org/" + r"simple"
    r"|python" + r"hosted\.org|--" + r"index[ =]|trusted-" + r"host",
    re.IGNORECASE,
)
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY|AKIA" + r"[0-9A-Z]{16}|gh[pousr]_" + r"\w{30,}"
    r"|xox[bap]-" + r"\w{10,}|sk-" + r"[A-Za-z0-9]{32,}|eyJ" + r"[\w-]{20,}\.eyJ"
)
MARKS = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def _found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {match.group()}"
        for path, text in text_files().items()
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
    ]


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert _found(MACHINE_PATHS) == []


def test_no_file_carries_the_address_of_a_package_index() -> None:
    assert _found(ADDRESSES) == []


def test_no_file_carries_a_secret() -> None:
    assert _found(SECRETS) == []


def test_nothing_is_marked_as_half_done() -> None:
    assert _found(MARKS) == []


def test_the_lock_is_names_and_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!+]+", line)] == []
    assert lines == sorted(set(lines), key=str.lower)


def test_each_declared_dependency_is_locked_in_a_version_that_satisfies_it() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    locked = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    )
    versions = {canonicalize_name(name): version for name, version in locked.items()}
    wrong = [
        str(requirement)
        for requirement in map(Requirement, _declared())
        if versions.get(canonicalize_name(requirement.name)) is None
        or versions[canonicalize_name(requirement.name)] not in requirement.specifier
    ]

    assert wrong == []


def _declared() -> list[str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


@pytest.mark.parametrize("name", ["Makefile", ".ci/run", ".ci/install", ".ci/steps", ".ci/crash"])
def test_the_scripts_that_build_it_are_there(name: str) -> None:
    assert (ROOT / name).is_file()


def test_continuous_integration_can_start_its_script() -> None:
    script = ROOT / ".ci" / "run"

    assert script.stat().st_mode & 0o111 == 0o111
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")


def test_no_notebook_cell_defines_branches_or_loops() -> None:
    """A checklist is read by people: logic lives in the library, where it is tested."""
    import json

    found = [
        f"{path}: {line.strip()}"
        for path, text in text_files().items()
        if path.suffix == ".ipynb" and path.parts[0] == "notebooks"
        for cell in json.loads(text)["cells"]
        if cell["cell_type"] == "code"
        for line in "".join(cell["source"]).splitlines()
        if re.match(r"\s*(?:def|if|for|while|class|async|try|with)\b", line)
    ]

    assert found == []


def test_test_modules_have_names_of_their_own() -> None:
    """Two test files of one name hide each other's results."""
    names = [path.name for path in map(Path, text_files()) if path.name.startswith("test_")]

    assert sorted(names) == sorted(set(names))
