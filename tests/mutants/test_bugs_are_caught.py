"""Each deliberate bug, put into a copy of the package, is caught by the tests that it names.

`make test` plants one bug for each file of tests that catches any, `make test-slow` all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.mutants.bug import Bug
from tests.mutants.bugs import BUGS

ROOT = Path(__file__).parents[2]
COPIED = ("qtkit", "tests", "examples")
FIRST_OF_ITS_FILE = {bug.caught_by[0].partition("::")[0]: bug for bug in reversed(BUGS)}.values()
PLANTED = [
    pytest.param(bug, id=bug.name, marks=() if bug in FIRST_OF_ITS_FILE else pytest.mark.slow)
    for bug in BUGS
]
FAILED = 1  # pytest's own code; 2 and above mean that nothing was tried


class Runner:
    """A copy of package and tests, and a warm process that runs tests on it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in COPIED:
            copytree(ROOT / name, place / name, ignore=ignore_patterns("mutants", "*.ipynb"))
        (place / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
        ours = ("COVERAGE_", "COV_", "PYTEST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm_runner.py"))],
            cwd=place,
            env={**kept, "PYTHONPATH": str(place)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, nodes: tuple[str, ...]) -> tuple[int, str]:
        """Run test nodes; return pytest's exit code and what it printed."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(nodes) + "\n")
        process.stdin.flush()
        code, text = json.loads(process.stdout.readline())
        return code, text

    def close(self) -> None:
        """Let the process go."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        process.wait(10)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    made = Runner(tmp_path_factory.mktemp("copy"))
    yield made
    made.close()


@pytest.fixture
def planted(runner: Runner, bug: Bug) -> Iterator[None]:
    """The bug is in the copy for the length of a test."""
    source = runner.place / bug.file
    before, facts = source.read_text(), source.stat()
    source.write_text(before.replace(bug.old, bug.new))
    os.utime(source, (facts.st_atime, facts.st_mtime + 60))  # no compiled file is of this minute
    yield
    source.write_text(before)
    os.utime(source, (facts.st_atime, facts.st_mtime))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_planted(bug: Bug) -> None:
    """Its old text stands in the source exactly once, and the new one is something else."""
    assert (ROOT / bug.file).read_text().count(bug.old) == 1
    assert bug.new != bug.old


def test_there_are_enough_bugs_and_each_has_a_name_of_its_own() -> None:
    assert len(BUGS) >= 25
    assert len({bug.name for bug in BUGS}) == len(BUGS)


@pytest.mark.parametrize(
    "bugs", [FIRST_OF_ITS_FILE, pytest.param(BUGS, marks=pytest.mark.slow)], ids=["first", "all"]
)
def test_without_a_bug_all_of_their_tests_pass(runner: Runner, bugs: Iterable[Bug]) -> None:
    nodes = tuple(sorted({node for bug in bugs for node in bug.caught_by}))
    code, text = runner.run(nodes)
    assert code == 0, text[-2000:]


@pytest.mark.parametrize("bug", PLANTED)
def test_a_bug_is_caught(runner: Runner, planted: None, bug: Bug) -> None:
    code, text = runner.run(bug.caught_by)
    assert code == FAILED, f"{bug.name} was not caught (code {code}):\n{text[-1500:]}"
