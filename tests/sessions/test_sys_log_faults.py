"""Faults planted in the file of sys.log are seen by the checks that read it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence
from qtkit.stages import judge, stage_named
from tests.sessions.test_recorded_inputs import lived, plan

_Lines = list[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> SessionFolder:
    """Return two days in New York."""
    return lived(plan(), tmp_path_factory.mktemp("day")).folder


def of_tasks(lines: _Lines) -> list[int]:
    return [number for number, line in enumerate(lines) if " task_queued " in line]


def missing(lines: _Lines) -> _Lines:
    place = of_tasks(lines)[5]
    return lines[:place] + lines[place + 1 :]


def doubled(lines: _Lines) -> _Lines:
    place = of_tasks(lines)[5]
    return [*lines[:place], lines[place], *lines[place:]]


def altered(lines: _Lines) -> _Lines:
    place = of_tasks(lines)[5]
    other = lines[place].replace("task_id=2026", "task_id=2025")
    return [*lines[:place], other, *lines[place + 1 :]]


def out_of_order(lines: _Lines) -> _Lines:
    one, two = of_tasks(lines)[5:7]
    changed = [*lines]
    changed[one], changed[two] = changed[two], changed[one]
    return changed


def status(folder: SessionFolder) -> Status:
    report = judge(stage_named("0"), Evidence.of_folder(folder))
    return report.verdict("0.6").status


def test_the_log_as_it_was_written_passes(folder: SessionFolder) -> None:
    assert status(folder) is Status.PASS


@pytest.mark.parametrize("fault", [missing, doubled, altered, out_of_order])
def test_a_fault_in_the_file_is_seen(
    folder: SessionFolder, fault: Callable[[_Lines], _Lines]
) -> None:
    whole = folder.sys_log.read_text()
    lines = fault(whole.splitlines(keepends=True))
    try:
        folder.sys_log.write_text("".join(lines))
        found = status(folder)
    finally:
        folder.sys_log.write_text(whole)

    assert found is Status.FAIL
